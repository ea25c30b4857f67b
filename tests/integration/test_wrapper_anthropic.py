"""Anthropic's SDK, new and old, in every mode: spans say what the server answered, one a call."""

from typing import Any

import pytest

import wrapper_anthropic_modes as anthropic_modes
from providers.anthropic import FINISH
from providers.server import Providers
from wrapper_driving import Mode
from wrapper_matrix import addresses_of, holds, names_of, ran_by
from wrapper_venvs import OLDEST_OPENTELEMETRY

MODES = anthropic_modes.MODES
VERSIONS = {
    "newest": (),
    "0.75": ("anthropic==0.75.0", *OLDEST_OPENTELEMETRY),
    "0.40": ("anthropic==0.40.0", "httpx==0.27.2", *OLDEST_OPENTELEMETRY),
}


@pytest.fixture(scope="module", params=VERSIONS)
def ran(request: pytest.FixtureRequest, providers: Providers) -> dict[str, Any]:
    """Run all modes of a version once."""
    return ran_by("anthropic", request.param, VERSIONS[request.param], addresses_of(providers, MODES, request.param))


@pytest.mark.parametrize("name", names_of(MODES))
def test_a_span_says_what_the_server_answered(ran: dict[str, Any], providers: Providers, name: str) -> None:
    mode = MODES[name.partition("/")[0]]
    if name not in ran["runs"]:
        assert mode.needs
        assert ran["of"] != "newest"
        return
    holds(ran, providers, name, mode, expected(mode) | {"server.port": int(providers.address.rpartition(":")[2])})


def expected(mode: Mode) -> dict[str, Any]:
    """Return the attributes of a call that the last answer amounts to: its input contains what is cached."""
    said = mode.said
    usage = {
        "gen_ai.usage.input_tokens": said.input,
        "gen_ai.usage.output_tokens": said.output,
        "gen_ai.usage.cache_read.input_tokens": said.cache_read,
        "gen_ai.usage.cache_write.input_tokens": said.cache_write,
    }
    if "gen_ai.usage.input_tokens" in mode.says:
        usage = dict.fromkeys(usage)
    elif said.reasoning:
        usage["gen_ai.usage.reasoning.output_tokens"] = said.reasoning
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-x",
        "server.address": "127.0.0.1",
        "gen_ai.response.id": said.id,
        "gen_ai.response.model": said.model or None,
        "gen_ai.response.finish_reasons": [FINISH[said.finish]],
        "http.request.resend_count": None,
        **usage,
        **mode.says,
    }
