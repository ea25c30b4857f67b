"""Where spans go by the settings, and that nothing heavy is imported for it."""

import subprocess
import sys

import pytest

from doctor_servers import site
from spanpulse import _log
from spanpulse._export import Batch, transport_of
from spanpulse._export._choose import base_of, headers_of
from spanpulse._settings import Settings


@pytest.mark.parametrize(
    ("endpoint", "base"),
    [
        ("http://h:4318", "http://h:4318"),
        ("http://h:4318/", "http://h:4318"),
        ("https://h/otlp/v1/traces", "https://h/otlp"),
        ("https://h/v1/logs/", "https://h"),
        (" https://[::1]:4317 ", "https://[::1]:4317"),
        ("localhost:4317", "http://localhost:4317"),
        ("127.0.0.2:4317", "http://127.0.0.2:4317"),
        ("[::1]:4317", "http://[::1]:4317"),
        ("collector:4317", "https://collector:4317"),
    ],
)
def test_an_address_is_read_as_it_is_meant(endpoint, base):
    assert base_of(endpoint) == base


@pytest.mark.parametrize("endpoint", ["", "ftp://h", "http://", "http://h:port", "http://h:0", "http://h:99999"])
def test_what_is_no_address_is_told_when_it_is_set(endpoint):
    with pytest.raises(ValueError, match="the endpoint must be an address such as"):
        transport_of(Settings.read({}, exporter="otlp", endpoint=endpoint))


@pytest.mark.parametrize("name", ["certificate", "client_certificate", "client_key"])
def test_a_file_that_is_not_there_is_told_when_it_is_set(name, tmp_path, caplog):
    transport_of(Settings.read({}, exporter="otlp", endpoint="https://h", **{name: str(tmp_path / "ca.pem")}))
    assert f"{name}: there is no file {tmp_path / 'ca.pem'}" in caplog.text


def test_without_tls_certificates_are_not_looked_for(tmp_path, caplog):
    none = str(tmp_path / "none.pem")
    with site(lambda _: (200, "", b"")) as plain:
        settings = Settings.read(
            {}, endpoint=f"http://127.0.0.1:{plain.port}", certificate=none, client_certificate=none
        )
        transport = transport_of(settings)()
        transport.send(Batch("traces", b"", 1, b"key"))
        transport.close()
    assert caplog.text == ""


def test_an_extra_that_is_missing_is_told_when_it_is_set(monkeypatch, caplog):
    monkeypatch.setattr(_log, "_said", set())
    monkeypatch.setitem(sys.modules, "aiokafka", None)
    transport_of(Settings(kafka_brokers="h:9092"))
    assert caplog.messages == ['nothing can be sent to Kafka before: pip install "spanpulse[kafka]"']


def test_the_key_comes_before_a_header_of_the_same_name():
    settings = Settings.read({}, api_key="k", headers="Authorization=Basic%20x,x-a=1,broken")
    assert headers_of(settings) == {"authorization": "Bearer k", "x-a": "1"}
    assert headers_of(Settings.read({}, headers="Authorization=Basic%20x")) == {"authorization": "Basic x"}


@pytest.mark.parametrize(
    "headers", ["authorization Bearer geheim", "a=geheim%0Ax", "gehe im=1", "a=geheim\u20ac", "=geheim"]
)
def test_what_is_no_header_is_left_out_and_not_repeated(headers, caplog):
    assert headers_of(Settings.read({}, headers=f"x-a=1,{headers}")) == {"x-a": "1"}
    assert "gehe" not in caplog.text


def test_a_key_from_a_file_has_no_end_of_a_line():
    assert headers_of(Settings.read({}, api_key="geheim\n")) == {"authorization": "Bearer geheim"}
    with pytest.raises(ValueError, match="api_key") as error:
        Settings.read({}, api_key="geheim\nX-Other: 1")
    assert "geheim" not in str(error.value)


def test_nothing_is_imported_before_something_is_sent():
    code = """
import sys
from spanpulse._export import Exporter, transport_of
from spanpulse._settings import Settings
for told in ({"endpoint": "http://h:1"}, {"endpoint": "http://h:1", "protocol": "grpc"}, {"kafka_brokers": "h:1"}):
    settings = Settings.read({}, **told)
    Exporter(transport_of(settings), settings, None, print)
print(*{name.partition(".")[0] for name in sys.modules})
"""
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "spanpulse" in loaded
    assert not loaded & {"requests", "urllib3", "grpc", "aiokafka", "google", "numpy", "pydantic"}
