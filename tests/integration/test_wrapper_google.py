"""Google's SDK, new and old, in every mode: spans say what the server answered, one an exchange."""

from dataclasses import replace
from typing import Any

import pytest

import wrapper_google_genai_modes as google_modes
from providers.google import FINISH
from providers.server import Providers
from wrapper_driving import Mode
from wrapper_matrix import addresses_of, holds, names_of, ran_by
from wrapper_venvs import OLDEST_OPENTELEMETRY

MODES = google_modes.MODES
VERSIONS = {
    "newest": (),
    "1.45": ("google-genai==1.45.0", *OLDEST_OPENTELEMETRY),
    "1.5": ("google-genai==1.5.0", *OLDEST_OPENTELEMETRY),
}
SILENT = {"1.45": ["stream-failing"], "1.5": ["stream-failing"]}
"""Modes whose errors a version hands on as chunks: the span alone says them, in the provider's words."""


@pytest.fixture(scope="module", params=VERSIONS)
def ran(request: pytest.FixtureRequest, providers: Providers) -> dict[str, Any]:
    """Run all modes of a version once."""
    return ran_by("google-genai", request.param, VERSIONS[request.param], addresses_of(providers, MODES, request.param))


@pytest.mark.parametrize("name", names_of(MODES))
def test_a_span_says_what_the_server_answered(ran: dict[str, Any], providers: Providers, name: str) -> None:
    mode = MODES[name.partition("/")[0]]
    if name not in ran["runs"]:
        assert mode.needs
        assert ran["of"] != "newest"
        return
    raised = {"error.type": ran["runs"][name]["raised"] or None}
    if name.partition("/")[0] in SILENT.get(ran["of"], ()):
        mode, raised = replace(mode, raises=""), {"error.type": "503"}
    port = {"server.port": int(providers.address.rpartition(":")[2])}
    holds(ran, providers, name, mode, port | raised | expected(mode))


def expected(mode: Mode) -> dict[str, Any]:
    """Return the attributes of a call that the last answer amounts to; 0 tokens of a kind are not said there."""
    said = mode.said
    usage = {
        "gen_ai.usage.input_tokens": said.input,
        "gen_ai.usage.output_tokens": said.output,
        "gen_ai.usage.cache_read.input_tokens": said.cache_read or None,
        "gen_ai.usage.reasoning.output_tokens": said.reasoning or None,
    }
    if "gen_ai.usage.input_tokens" in mode.says:
        usage = dict.fromkeys(usage)
    return {
        "gen_ai.operation.name": mode.operation,
        "gen_ai.provider.name": "gcp.vertex_ai" if mode.client == "vertex" else "gcp.gemini",
        "gen_ai.request.model": "gemini-x",
        "server.address": "127.0.0.1",
        "gen_ai.response.id": said.id,
        "gen_ai.response.model": said.model,
        "gen_ai.response.finish_reasons": [FINISH[said.finish]],
        "http.request.resend_count": None,
        **usage,
        **mode.says,
    }
