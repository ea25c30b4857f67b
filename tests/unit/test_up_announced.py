"""What `spanpulse up` prints once it is ready works as it is printed."""

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from spanpulse_stream.commands._serve import announce
from spanpulse_stream.process import exporter_variables
from spanpulse_stream.settings import load_settings


def announced(host: str, **values: str) -> str:
    settings = load_settings(environ={f"SPANPULSE_{name.upper()}": value for name, value in values.items()}).settings
    addresses = {"otlp_http": f"{host}:4318", "otlp_grpc": f"{host}:4317", "web": f"{host}:8642"}
    process: Any = SimpleNamespace(
        addresses=addresses,
        version="1",
        folder=SimpleNamespace(path=Path("data")),
        settings=settings,
        exporter_variables=exporter_variables(addresses["otlp_http"], keys=bool(settings.api_keys)),
    )
    console = Console(width=200)
    with console.capture() as captured:
        announce(process, console)
    return captured.get()


def test_on_loopback_the_address_is_enough() -> None:
    text = announced("127.0.0.1")
    assert "export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318\n" in text
    assert "http://127.0.0.1:8642/  (" in text
    assert "HEADERS" not in text


def test_where_keys_are_asked_for_the_header_is_named() -> None:
    assert "export OTEL_EXPORTER_OTLP_HEADERS=x-api-key=KEY\n" in announced("10.1.2.3", api_keys=f"acme:{'0' * 64}")


@pytest.mark.parametrize(("every", "here"), [("0.0.0.0", "127.0.0.1"), ("[::]", "[::1]")])
def test_nobody_is_told_to_send_to_every_address(every: str, here: str) -> None:
    text = announced(every)
    assert f"export OTEL_EXPORTER_OTLP_ENDPOINT=http://{socket.gethostname()}:4318\n" in text
    assert f"http://{here}:8642/  (" in text


def test_the_page_is_named_with_its_prefix_and_a_slash() -> None:
    assert "http://127.0.0.1:8642/watch/llm/  (" in announced("127.0.0.1", web_root_path="/watch/llm")
