"""OpenAI's SDK, new and old, in every mode: spans say what the server answered, one a call."""

from typing import Any

import pytest

import wrapper_openai_modes as openai_modes
from providers.openai import FINISH
from providers.server import Providers
from wrapper_driving import Mode
from wrapper_matrix import addresses_of, holds, names_of, ran_by
from wrapper_venvs import OLDEST_OPENTELEMETRY

MODES = openai_modes.MODES
VERSIONS = {
    "newest": (),
    "2.8": ("openai==2.8.1", *OLDEST_OPENTELEMETRY),
    "1.40": ("openai==1.40.8", "httpx==0.27.2", *OLDEST_OPENTELEMETRY),
}


@pytest.fixture(scope="module", params=VERSIONS)
def ran(request: pytest.FixtureRequest, providers: Providers) -> dict[str, Any]:
    """Run all modes of a version once."""
    return ran_by("openai", request.param, VERSIONS[request.param], addresses_of(providers, MODES, request.param))


@pytest.mark.parametrize("name", names_of(MODES))
def test_a_span_says_what_the_server_answered(ran: dict[str, Any], providers: Providers, name: str) -> None:
    mode = MODES[name.partition("/")[0]]
    if name not in ran["runs"]:
        assert mode.needs
        assert ran["of"] == "1.40"
        return
    holds(ran, providers, name, mode, expected(mode) | {"server.port": int(providers.address.rpartition(":")[2])})


def expected(mode: Mode) -> dict[str, Any]:
    """Return the attributes of a call that the last answer amounts to."""
    said, operation = mode.said, mode.operation
    is_response = mode.run.__name__.startswith("responses")
    reason = ("max_output_tokens" if said.finish == "length" else "completed") if is_response else FINISH[said.finish]
    usage = {
        "gen_ai.usage.input_tokens": said.input,
        "gen_ai.usage.output_tokens": said.output,
        "gen_ai.usage.cache_read.input_tokens": said.cache_read,
        "gen_ai.usage.reasoning.output_tokens": said.reasoning,
    }
    if operation == "embeddings":
        usage = {"gen_ai.usage.input_tokens": said.input, "gen_ai.usage.output_tokens": None}
    if "gen_ai.usage.input_tokens" in mode.says:
        usage = dict.fromkeys(usage)
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "azure.ai.openai" if mode.client else "openai",
        "gen_ai.request.model": "gpt-x",
        "server.address": "127.0.0.1",
        "gen_ai.response.id": None if operation == "embeddings" else said.id,
        "gen_ai.response.model": said.model or None,
        "gen_ai.response.finish_reasons": None if operation == "embeddings" or not said.model else [reason],
        "http.request.resend_count": None,
        **usage,
        **mode.says,
    }
