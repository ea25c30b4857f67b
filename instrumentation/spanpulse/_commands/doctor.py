"""Check the set-up of an application: send one span and see it arrive.

Run it where the application runs, with its environment. It prints a line for each step, with what to do next where one
fails, and ends with code 0 only if none did; 2 for options that do not exist. Not guaranteed: that what an application
says in `spanpulse.instrument(...)` is what was checked; options stand in for it.
"""

import argparse
import ipaddress
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from spanpulse._commands._step import Step, failed, left_out
from spanpulse._settings import Settings

__all__ = ["run"]

PAGE: Final = "http://127.0.0.1:8642"
WITHIN_S: Final = 30.0
SIGNS: Final = {"ok": "ok", "note": "note", "failed": "FAILED", "skipped": "-"}


def run(arguments: list[str]) -> int:
    """Run `spanpulse doctor` and return its exit code."""
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as end:  # help was asked for, or an option is wrong
        return int(end.code or 0)
    steps = []
    for step in _steps(options):
        steps.append(step)
        if not options.json:
            _print_step(step)
    is_fine = not any(step.finding == "failed" for step in steps)
    if options.json:
        _print(json.dumps({"ok": is_fine, "steps": [step.told() for step in steps]}, indent=2))
    else:
        _print("all is fine" if is_fine else "something is wrong: see above")
    return 0 if is_fine else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="spanpulse doctor", description="Check the set-up of an application.")
    parser.add_argument("--endpoint", help="address of OTLP, instead of SPANPULSE_ENDPOINT")
    parser.add_argument("--protocol", help="http/protobuf or grpc, instead of SPANPULSE_PROTOCOL")
    parser.add_argument("--page", help=f"address of the page (where the receiver is on this machine: {PAGE})")
    parser.add_argument("--within", type=_seconds, default=WITHIN_S, help="how long the span may take to be stored, s")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _seconds(text: str) -> float:
    if not 0 < (given := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return given


def _steps(options: argparse.Namespace) -> Iterator[Step]:
    """Take the steps, one after the other; what cannot go on ends them."""
    from spanpulse._commands import _installed  # noqa: PLC0415 -- not for `--help`

    read, settings = _installed.check_settings({"endpoint": options.endpoint, "protocol": options.protocol})
    yield read
    if settings is None:
        return
    settings = _with_default(settings)
    yield from _installed.check_clients(settings)
    yield _installed.check_content(settings)
    yield from _installed.check_sampling()
    yield from _installed.check_spill(settings)
    destination = _installed.check_destination(settings)
    yield destination
    if destination.finding == "ok":
        yield from _delivered(settings, options)


def _with_default(settings: Settings) -> Settings:
    """Return settings that say where spans go, as `instrument` would have it."""
    from spanpulse._instrument import DEFAULT_ENDPOINTS  # noqa: PLC0415

    if settings.endpoint or settings.sends == "kafka":
        return settings
    return replace(settings, endpoint=DEFAULT_ENDPOINTS[settings.protocol])


def _delivered(settings: Settings, options: argparse.Namespace) -> Iterator[Step]:
    """Reach the receiver, send a span, and look for it."""
    from spanpulse._commands import _deliver  # noqa: PLC0415

    reached = _reached(settings)
    yield from reached
    if any(step.finding == "failed" for step in reached):
        return
    span = _deliver.marked_span()
    sent = _deliver.check_sending(settings, span)
    yield sent
    if sent.finding == "failed":
        return
    page = options.page or (PAGE if _is_here(settings) else "")
    if not page:
        yield left_out("arrival", "acknowledged, and not looked up: --page URL names the page of the receiver")
    elif not (address := _address_of(page)):
        yield failed("arrival", f"{page} is no address", "give --page http://host:port")
    else:
        yield _deliver.check_arrival(span, address, options.within, asked_for=bool(options.page))


def _address_of(page: str) -> str:
    """Return the address that is meant, which may go without `http://` as that of OTLP may; "" for none."""
    from spanpulse._export._choose import base_of  # noqa: PLC0415

    try:
        return base_of(page)
    except ValueError:
        return ""


def _reached(settings: Settings) -> list[Step]:
    if settings.sends == "kafka":
        from spanpulse._commands._reach_kafka import check_brokers  # noqa: PLC0415

        return [check_brokers(settings)]
    from spanpulse._commands._reach import check_reach  # noqa: PLC0415
    from spanpulse._export._choose import base_of  # noqa: PLC0415

    return check_reach(settings, base_of(settings.endpoint))


def _is_here(settings: Settings) -> bool:
    """Tell whether all that spans are sent to is on this machine."""
    from spanpulse._export._choose import base_of  # noqa: PLC0415

    places = settings.kafka_brokers.split(",") if settings.sends == "kafka" else [base_of(settings.endpoint)]
    hosts = [urlsplit(place if "://" in place else f"//{place.strip()}").hostname or "" for place in places]
    return all(host == "localhost" or _is_loopback(host) for host in hosts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _print_step(step: Step) -> None:
    _print(f"{SIGNS[step.finding]:<7} {step.name}: {step.said}")
    if step.advice:
        _print(f"{'':<7} -> {step.advice}")


def _print(line: Any) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
