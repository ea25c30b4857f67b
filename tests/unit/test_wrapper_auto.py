"""What `spanpulse-instrument` takes in front of a command, and what it says of one that it cannot run."""

from pathlib import Path

import pytest

from spanpulse._auto import main, take_settings, usage


@pytest.mark.parametrize(
    ("words", "variables", "command"),
    [
        (["--service-name", "shop", "python", "app.py"], {"SPANPULSE_SERVICE_NAME": "shop"}, ["python", "app.py"]),
        (["--timeout=3", "--", "python"], {"SPANPULSE_TIMEOUT": "3"}, ["python"]),
        (["--baggage", "python", "-m", "shop"], {"SPANPULSE_BAGGAGE": "true"}, ["python", "-m", "shop"]),
        (["--threads", "false", "python"], {"SPANPULSE_THREADS": "false"}, ["python"]),
        (["--disabled=off", "python"], {"SPANPULSE_DISABLED": "off"}, ["python"]),
    ],
)
def test_options_are_settings(words: list[str], variables: dict[str, str], command: list[str]) -> None:
    environ: dict[str, str] = {}
    assert take_settings(words, environ) == command
    assert environ == variables


@pytest.mark.parametrize("words", [["--no-such", "x"], ["-x"], ["--endpoint"]])
def test_an_option_that_is_none_is_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match=words[0]):
        take_settings(words, {})


def test_what_a_setting_may_be_is_told() -> None:
    lines = {line.split()[0]: line for line in usage().splitlines() if line.startswith("  --")}
    assert lines["--protocol"].endswith(": http/protobuf, grpc")
    assert lines["--timeout"].endswith("of one attempt to send, s")


def test_a_script_in_place_of_a_command_is_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (script := tmp_path / "app.py").write_text("", "utf-8")
    script.chmod(0o600)
    assert main([str(script)]) == 126
    assert main([str(tmp_path / "other.py")]) == 127
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith(f"; is `python {script}` meant?")
    assert said[1].endswith("other.py` meant?")
