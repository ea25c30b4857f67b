"""The page listens beyond this machine with a token alone; its settings are checked before anything starts."""

import pytest

from spanpulse_stream.gateway import BindingRefused, check_page_binding
from spanpulse_stream.settings import SettingsError, load_settings


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "spanpulse.example.com"])
def test_an_open_address_needs_a_token(host: str) -> None:
    with pytest.raises(BindingRefused, match="SPANPULSE_WEB_TOKEN"):
        check_page_binding(host, token=False)
    check_page_binding(host, token=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    check_page_binding(host, token=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("WEB_TOKEN", "short"), ("WEB_HOSTS", "https://a.example.com"), ("WEB_HOSTS", "a b")),
        *(
            ("WEB_ROOT_PATH", "prefix"),
            ("WEB_ROOT_PATH", "/prefix/"),
            ("WEB_ROOT_PATH", "/../x"),
            ("WEB_ROOT_PATH", "/"),
        ),
    ],
)
def test_a_bad_setting_is_named_and_a_secret_is_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={f"SPANPULSE_{name}": value})
    assert name.lower() in str(caught.value)
    assert name != "WEB_TOKEN" or value not in str(caught.value)


def test_good_settings_are_taken() -> None:
    found = load_settings(
        environ={
            "SPANPULSE_WEB_TOKEN": "a-token-of-some-length",
            "SPANPULSE_WEB_HOSTS": "a.example.com,b",
            "SPANPULSE_WEB_ROOT_PATH": "/watch/llm",
        }
    ).settings
    assert found.web_hosts == ("a.example.com", "b")
    assert found.web_root_path == "/watch/llm"
    assert "a-token" not in repr(found)
