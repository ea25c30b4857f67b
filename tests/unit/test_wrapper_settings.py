"""Settings of the wrapper: ours before OpenTelemetry's, what is given before both, and nothing wrong ends a program."""

from dataclasses import fields
from pathlib import Path

import pytest

from spanpulse import _log
from spanpulse._settings import Settings
from spanpulse_stream.settings import Settings as ServerSettings
from spanpulse_stream.settings import load_settings
from spanpulse_stream.settings._load import OF_APPLICATIONS
from wrapper_setting_rows import rows


@pytest.fixture(autouse=True)
def _unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_log, "_said", set())


def test_defaults_are_safe() -> None:
    settings = Settings.read({})
    assert settings == Settings()
    assert settings.send_content == "masked"
    assert not settings.baggage
    assert settings.sends == ""
    assert not settings.says_where({})


@pytest.mark.parametrize(
    ("environ", "name", "value"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1"}, "endpoint", "http://a:1"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "SPANPULSE_ENDPOINT": "http://b:1"}, "endpoint", "http://b:1"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:1/v1/traces"},
            "endpoint",
            "http://c:1/v1/traces",
        ),
        ({"OTEL_SDK_DISABLED": "true"}, "disabled", True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1"}, "sends", "none"),
        ({"OTEL_TRACES_EXPORTER": "none", "SPANPULSE_ENDPOINT": "http://a:1"}, "sends", "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1"}, "sends", "otlp"),
        ({"SPANPULSE_DISABLED": "no", "OTEL_SDK_DISABLED": "true"}, "disabled", False),
        ({"SPANPULSE_SKIP": "openai, litellm"}, "skip", ("openai", "litellm")),
        ({"SPANPULSE_MASK_PATTERNS": r"a{2,3}"}, "mask_patterns", (r"a{2,3}",)),
        ({"SPANPULSE_MASK_PATTERNS": r"[abc]+"}, "mask_patterns", (r"[abc]+",)),
        ({"SPANPULSE_MASK_PATTERNS": '["a", "b"]'}, "mask_patterns", ("a", "b")),
        ({"SPANPULSE_QUEUE_BYTES": "1000"}, "queue_bytes", 1000),
        ({"SPANPULSE_FLUSH_EVERY": "9"}, "flush_every", 0.5),
        ({"SPANPULSE_EXIT_TIMEOUT": "1e300"}, "exit_timeout", 86_400.0),
        ({"SPANPULSE_TIMEOUT": "1e300"}, "timeout", 86_400.0),
        ({"SPANPULSE_SEND_CONTENT": "OFF"}, "send_content", "off"),
        ({"SPANPULSE_KAFKA_SECURITY_PROTOCOL": "sasl_ssl"}, "kafka_security_protocol", "SASL_SSL"),
        ({"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "false"}, "send_content", "off"),
        ({"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT"}, "send_content", "off"),
        (
            {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "false", "SPANPULSE_SEND_CONTENT": "full"},
            "send_content",
            "full",
        ),
    ],
)
def test_variables(environ: dict[str, str], name: str, value: object) -> None:
    assert getattr(Settings.read(environ), name) == value


def test_a_variable_that_cannot_be_read_is_named_once_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    environ = {"SPANPULSE_PROTOCOL": "http", "SPANPULSE_QUEUE_BYTES": "many", "SPANPULSE_TIMEOUT": "inf"}
    for _ in range(2):
        assert Settings.read(environ) == Settings()
    told = [record.message for record in caplog.records]
    assert len(told) == 3
    assert any("SPANPULSE_PROTOCOL" in each and "'http/protobuf', 'grpc'" in each for each in told)
    assert "SPANPULSE_QUEUE_BYTES is ignored: 'many' is no whole number" in told


@pytest.mark.parametrize(
    ("variable", "text"), [("SEND_CONTENT", "no"), ("MASK_PATTERNS", "("), ("MASK_PATTERNS", '["a", "("]')]
)
def test_no_text_leaves_where_what_may_leave_cannot_be_read(
    variable: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    environ = {f"SPANPULSE_{variable}": text}
    assert Settings.read(environ) == Settings(send_content="off")
    assert f"SPANPULSE_{variable}" in caplog.text
    if variable == "MASK_PATTERNS":
        assert Settings.read(environ, send_content="full").send_content == "off", "it would leave without that mask"
    given = {variable.lower(): {"SEND_CONTENT": "full", "MASK_PATTERNS": ["b"]}[variable]}
    assert Settings.read(environ, **given) == Settings(**given)


def test_what_is_given_comes_first_and_is_checked() -> None:
    environ = {"SPANPULSE_SEND_CONTENT": "off"}
    assert Settings.read(environ, send_content="full").send_content == "full"
    assert Settings.read(environ, send_content=None).send_content == "off"
    with pytest.raises(ValueError, match="send_content is 'some'; it may be 'masked', 'full', 'off'"):
        Settings.read(environ, send_content="some")
    with pytest.raises(TypeError, match="no_such"):
        Settings.read(environ, no_such=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", "10"),
        ("timeout", True),
        ("timeout", float("nan")),
        ("exit_timeout", float("inf")),
        ("queue_bytes", 1.5),
        ("disabled", 1),
        ("skip", "openai"),
        ("mask_patterns", "ab+"),
        ("mask_patterns", ["("]),
    ],
)
def test_a_value_of_another_kind_is_refused_at_once(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        Settings.read({}, **{name: value})


def test_a_path_and_a_list_are_as_good() -> None:
    settings = Settings.read({}, spill_dir=Path("/tmp"), skip=["openai"], timeout=3)
    assert (settings.spill_dir, settings.skip, settings.timeout) == ("/tmp", ("openai",), 3)


def test_secrets_are_in_no_repr() -> None:
    settings = Settings(api_key="geheim-1", headers="a=geheim-2", kafka_sasl_password="geheim-3")
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize(
    ("environ", "sends", "ours"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1"}, "otlp", False),
        ({"SPANPULSE_ENDPOINT": "http://a:1"}, "otlp", True),
        ({"SPANPULSE_ENDPOINT": "http://a:1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:1"}, "otlp", True),
        ({"SPANPULSE_KAFKA_BROKERS": "a:1"}, "kafka", True),
        ({"SPANPULSE_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1"}, "otlp", True),
        ({"SPANPULSE_EXPORTER": "none", "SPANPULSE_ENDPOINT": "http://a:1"}, "none", True),
    ],
)
def test_where_spans_go(environ: dict[str, str], sends: str, ours: bool) -> None:
    settings = Settings.read(environ)
    assert settings.sends == sends
    assert settings.says_where(environ) == ours


def test_a_server_that_runs_in_the_same_shell_knows_the_variables_of_applications() -> None:
    variables = {f"SPANPULSE_{each.name.upper()}" for each in fields(Settings)}
    servers = {f"SPANPULSE_{name.upper()}" for name in ServerSettings.model_fields}
    assert variables - servers == OF_APPLICATIONS
    same = {name for name in variables & servers if not name.startswith("SPANPULSE_KAFKA_")}
    assert not same, "one name has one meaning"
    load_settings(environ=dict.fromkeys(OF_APPLICATIONS, "1"))


def test_every_setting_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/instrument.md").read_text("utf-8")
    table = text.partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    assert [line for line in table.splitlines() if line.startswith("|")] == list(rows())
