"""What `spanpulse doctor` says of settings, clients and texts."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import openai._base_client
import pytest

from spanpulse._commands import _installed
from spanpulse._commands._installed import (
    check_clients,
    check_content,
    check_destination,
    check_sampling,
    check_settings,
    check_spill,
)
from spanpulse._commands._step import Step
from spanpulse._settings import Settings
from spanpulse_stream.settings import Settings as OfServer

KEY = "a-very-secret-key"


def read(environ: dict[str, str], **given: Any) -> Step:
    return check_settings(given, environ)[0]


def test_the_variables_that_count_are_named_and_their_values_are_not() -> None:
    step, settings = check_settings({}, {"SPANPULSE_API_KEY": KEY, "OTEL_SERVICE_NAME": "shop", "HOME": "/"})
    assert (step.finding, step.said) == ("ok", "OTEL_SERVICE_NAME, SPANPULSE_API_KEY")
    assert settings is not None
    assert settings.api_key == KEY
    assert read({}).said == "none is set, all have their defaults"


def test_what_cannot_be_used_is_told() -> None:
    assert "SPANPULSE_TIMEOUT is ignored" in read({"SPANPULSE_TIMEOUT": "never, doctor"}).said
    assert read({}, protocol="carrier pigeon").said.startswith("protocol is 'carrier pigeon'; it may be ")
    assert read({"SPANPULSE_ENDPIONT": "x"}).said == "SPANPULSE_ENDPIONT is no setting: SPANPULSE_ENDPOINT is"
    assert read({"OTEL_SDK_DISABLED": "true"}).advice == "unset it, or nothing is instrumented"


def test_variables_of_the_server_are_no_misspelt_ones() -> None:
    environ = {f"SPANPULSE_{name.upper()}": "" for name in OfServer.model_fields}
    assert read(environ).finding == "ok"


def test_clients_are_told_with_their_versions_and_left_as_they_were() -> None:
    before = dict(vars(openai._base_client.SyncAPIClient))
    found = {step.name: step for step in check_clients(Settings())}
    assert found["client openai"].said.startswith(f"openai {version('openai')} is watched")
    assert vars(openai._base_client.SyncAPIClient) == before
    assert check_clients(Settings(skip=("openai",)))[0].said.endswith("is left alone, as SPANPULSE_SKIP says")


def test_a_client_of_another_shape_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(openai._base_client, "SyncAPIClient")
    step = check_clients(Settings())[0]
    assert step.finding == "note"
    assert step.said.startswith(f"openai {version('openai')} cannot be watched (")


def test_another_instrumentor_of_a_client_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    others = ["openinference-instrumentation-openai", "opentelemetry_instrumentation_openai_v2", "of-openai-agents"]
    monkeypatch.setattr(_installed, "_other_instrumentors", lambda: others)
    found = {step.name: step for step in check_clients(Settings())}
    assert f"unless {others[0]}, {others[1]} watches it" in found["client openai"].said
    assert "steps aside" not in found["client anthropic"].said


def test_without_a_client_it_says_where_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_installed, "_is_installed", lambda _: False)
    (step,) = check_clients(Settings())
    assert (step.finding, step.advice) == ("note", "run this where the application runs, in its environment")


def test_a_client_that_is_none_is_named() -> None:
    step = check_clients(Settings(skip=("openai", "openi")))[0]
    assert (step.finding, step.said[:27]) == ("note", "SPANPULSE_SKIP names openi,")


@pytest.mark.parametrize(
    ("environ", "findings"),
    [
        ({}, []),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_on"}, []),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, ["note"]),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, ["note"]),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, ["failed"]),
    ],
)
def test_a_sampler_that_keeps_not_all_is_told(environ: dict[str, str], findings: list[str]) -> None:
    assert [step.finding for step in check_sampling(environ)] == findings


def test_a_folder_that_takes_no_files_is_told(tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    folders = {"": [], tmp_path / "made" / "later": ["ok"], file: ["failed"], file / "below": ["failed"]}
    for folder, findings in folders.items():
        assert [step.finding for step in check_spill(Settings(spill_dir=folder))] == findings  # type: ignore[arg-type]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", ["masked", "full", "off"])
def test_what_becomes_of_texts_is_told(content: str) -> None:
    step = check_content(Settings(send_content=content))
    assert step.finding == "ok"
    assert ("16,384 characters" in step.said) == (content != "off")


def test_a_pattern_that_is_none_is_told() -> None:
    step, settings = check_settings({}, {"SPANPULSE_MASK_PATTERNS": "("})
    assert (step.finding, step.advice) == ("failed", "correct the variable")
    assert "SPANPULSE_MASK_PATTERNS is unusable, so that no texts leave" in step.said
    assert settings is not None
    assert "do not leave" in check_content(settings).said


def test_where_spans_go_is_told_without_secrets() -> None:
    address = f"https://someone:{KEY}@spanpulse.example.org:4318/v1/traces"
    told = check_destination(Settings(endpoint=address, api_key=KEY)).said
    assert told == "OTLP over HTTP to https://spanpulse.example.org:4318, with a key"
    kafka = check_destination(Settings(kafka_brokers="a:1,b:2", kafka_sasl_password=KEY)).said
    assert kafka == "Kafka at a:1,b:2, topic spanpulse.otlp, PLAINTEXT"
    assert check_destination(Settings(exporter="none")).finding == "failed"
    assert check_destination(Settings(exporter="kafka")).finding == "failed"
    assert check_destination(Settings(endpoint="ftp://x")).finding == "failed"
