"""Settings: order of preference, sources, and errors that name the key."""

from pathlib import Path

import pytest

from setting_rows import rows
from spanpulse_stream.settings import SettingsError, load_settings


def test_defaults_need_no_file_and_no_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load_settings(environ={})
    assert loaded.settings.host == "127.0.0.1"
    assert set(loaded.sources.values()) == {"default"}


def test_a_gateway_answers_before_an_sdk_gives_up() -> None:
    """SDKs wait ten seconds for an answer: one that comes then has nobody who reads it and its Retry-After."""
    assert load_settings(environ={}).settings.kafka_timeout <= 8


def test_every_setting_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/settings.md").read_text("utf-8")
    assert [line for line in text.splitlines() if line.startswith("|")] == list(rows())


def test_command_line_beats_environment_beats_file(tmp_path: Path) -> None:
    file = tmp_path / "spanpulse.toml"
    file.write_text('web = 1\notlp_http = 1\ncontent = "truncate 100"\n')
    loaded = load_settings(
        {"web": 3, "otlp_grpc": None}, file=file, environ={"SPANPULSE_WEB": "2", "SPANPULSE_OTLP_HTTP": "2"}
    )
    assert (loaded.settings.web, loaded.settings.otlp_http, loaded.settings.content) == (3, 2, "truncate 100")
    assert loaded.sources["web"] == "command line"
    assert loaded.sources["otlp_http"] == "SPANPULSE_OTLP_HTTP"
    assert loaded.sources["content"] == str(file)
    assert loaded.sources["otlp_grpc"] == "default"


def test_a_list_is_separated_by_commas_and_stays_secret() -> None:
    loaded = load_settings(environ={"SPANPULSE_API_KEYS": "a:00, b:11"})
    assert [key.get_secret_value() for key in loaded.settings.api_keys] == ["a:00", "b:11"]
    assert "a:00" not in repr(loaded.settings)


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"SPANPULSE_WBE": "1"}, ["SPANPULSE_WBE", "SPANPULSE_WEB"]),
        ({"SPANPULSE_WEB": "many"}, ["web", "SPANPULSE_WEB"]),
        ({"SPANPULSE_DATA": ""}, ["data (from SPANPULSE_DATA) is empty"]),
        ({"SPANPULSE_WEB": "70000"}, ["web", "65535"]),
        ({"SPANPULSE_CONTENT": "truncate"}, ["content"]),
    ],
)
def test_a_bad_variable_is_named(environ: dict[str, str], names: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=environ)
    assert all(name in str(caught.value) for name in names)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CONTENT", "truncate", "must be full, none, or truncate N"),
        ("WEB_TOKEN", "short", "must be 16 to 512 characters long"),
        ("WEB_HOSTS", "https://a.example.com", "without scheme and port"),
        ("WEB_ROOT_PATH", "/prefix/", "without a slash at its end"),
        ("CORS_ORIGINS", "app.example.com", "origins like https://"),
    ],
)
def test_what_a_text_must_be_is_said_in_words(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"{name.lower()}.*(SPANPULSE_{name}).*{said}") as caught:
        load_settings(environ={f"SPANPULSE_{name}": value})
    assert "pattern" not in str(caught.value)
    assert "items" not in str(caught.value)


@pytest.mark.parametrize(
    ("broker", "why"),
    [
        ("a..b:9092", "1 to 63 characters"),
        (".b:9092", "1 to 63 characters"),
        ("b..:9092", "1 to 63 characters"),
        (".:9092", "1 to 63 characters"),
        (f"{'x' * 64}.example:9092", "1 to 63 characters"),
        (f"example.{'x' * 64}:9092", "1 to 63 characters"),
        ("kafka:65536", "above 65535"),
        ("[::1]:70000", "above 65535"),
        (f"{'x.' * 127}:9092", "must be host:port"),
    ],
)
def test_an_address_that_no_broker_can_have_is_refused(broker: str, why: str) -> None:
    with pytest.raises(SettingsError, match=rf"kafka_brokers \(from SPANPULSE_KAFKA_BROKERS\): .*{why}") as caught:
        load_settings(environ={"SPANPULSE_KAFKA_BROKERS": f"kafka-1:9092,{broker}"})
    assert broker in str(caught.value) or "must be" in why


@pytest.mark.parametrize("broker", ["a_b-c.example.:9092", f"{'x' * 63}.example:1", "10.0.0.1:65535", "[::1]:9092"])
def test_an_address_that_a_broker_can_have_is_taken(broker: str) -> None:
    assert load_settings(environ={"SPANPULSE_KAFKA_BROKERS": f"b:1,{broker}"}).settings.kafka_brokers[1] == broker


@pytest.mark.parametrize("content", ["wbe = 1", "web = ", "data = ''", "web = true\nkeep = 'some'", "\xff"])
def test_a_bad_file_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "spanpulse.toml"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingsError) as caught:
        load_settings(file=file, environ={})
    assert str(file) in str(caught.value)


def test_a_missing_file_that_was_named_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={"SPANPULSE_CONFIG": str(tmp_path / "none.toml")})
    assert str(caught.value) == f"{tmp_path / 'none.toml'}: No such file or directory"


def test_variables_that_are_no_settings_pass() -> None:
    assert load_settings(environ={"SPANPULSE_REQUIRE": "strace", "OTHER": "1"}).settings.web > 0


def test_a_list_that_is_no_json_is_named_and_never_shown() -> None:
    with pytest.raises(SettingsError, match="SPANPULSE_API_KEYS") as raised:
        load_settings(environ={"SPANPULSE_API_KEYS": '["acme:plain:secret-secret-secret"'})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("key", ["web", "partitions", "otlp_http"])
def test_a_switch_is_no_number(key: str, tmp_path: Path) -> None:
    file = tmp_path / "spanpulse.toml"
    file.write_text(f"{key} = true\n")
    with pytest.raises(SettingsError, match=f"{key} .*is true"):
        load_settings(file=file, environ={})


def test_variables_are_checked_in_any_case() -> None:
    with pytest.raises(SettingsError, match="unknown variable spanpulse_fooo"):
        load_settings(environ={"spanpulse_fooo": "1"})
