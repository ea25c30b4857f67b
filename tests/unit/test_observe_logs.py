"""Log lines: whole JSON, no secrets, no floods."""

import io
import json
import logging

import pytest

from spanpulse_stream.observe import configure_logging
from spanpulse_stream.observe._logs import LONGEST_TEXT, MOST_TEMPLATES, JsonFormatter, RepeatLimit, TextFormatter


@pytest.fixture
def stream():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    made = io.StringIO()
    yield made
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("spanpulse.test", logging.WARNING, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


def test_a_line_is_one_json_object(stream):
    configure_logging("info", "auto", stream)
    logging.getLogger("spanpulse.test").info("took %d\nmessages", 3, extra={"partition": 1, "path": io})
    logging.getLogger("spanpulse.test").debug("not shown")
    [line] = lines(stream)
    assert line["message"] == "took 3\nmessages"
    assert (line["level"], line["logger"], line["partition"]) == ("info", "spanpulse.test", 1)
    assert str(line["time"]).endswith("+00:00")


def test_an_exception_is_a_field(stream):
    configure_logging("info", "json", stream)
    try:
        int("broken")
    except ValueError:
        logging.getLogger("spanpulse.test").exception("it failed")
    [line] = lines(stream)
    assert str(line["exception"]).endswith("'broken'")


def test_text_for_a_person(stream):
    configure_logging("info", "text", stream)
    logging.getLogger("spanpulse.test").warning("disk is low", extra={"free": 12})
    assert stream.getvalue().endswith("warning disk is low free=12\n")


def test_libraries_speak_from_warning_upwards(stream):
    for name in ("uvicorn.error", "faust.app", "aiokafka.consumer"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    configure_logging("debug", "json", stream)
    for name in ("uvicorn.error", "faust.app", "aiokafka.consumer", "spanpulse"):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("trouble of %s", name)
    assert [line["logger"] for line in lines(stream) if line["message"] == "chatter"] == ["spanpulse"]
    assert len(lines(stream)) == 5


def test_what_asks_a_server_that_is_away_is_silent(stream):
    configure_logging("debug", "json", stream)
    for name in ("urllib3.connectionpool", "clickhouse_connect.driver"):
        logging.getLogger(name).warning("Retrying after connection broken: /?query=SELECT")
        logging.getLogger(name).error("trouble")
    assert [line["message"] for line in lines(stream)] == ["trouble"] * 2


@pytest.mark.parametrize(
    "text",
    [
        "authorization: Bearer s3cr3t-key",
        "{'x-api-key': 's3cr3t-key'}",
        "X-API-Key: s3cr3t-key",
        "api_key=s3cr3t-key&x=1",
    ],
)
@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_keys_are_masked(text, formatter):
    assert "s3cr3t" not in formatter.format(record("got %s", text))
    assert "s3cr3t" not in formatter.format(record("got", header=text))


def test_long_texts_are_cut_and_keep_their_end():
    text = json.loads(JsonFormatter().format(record("a" * 100_000 + " the end")))["message"]
    assert len(text) < LONGEST_TEXT + 100
    assert text.endswith("the end")


def test_repeats_are_thinned_and_counted():
    now = [0.0]
    limit = RepeatLimit(lambda: now[0], burst=2, per_seconds=10)
    assert [limit.filter(record("lost %d", number)) for number in range(6)] == [True, True, False, False, False, False]
    assert limit.filter(record("another"))
    now[0] = 10
    after = record("lost %d", 7)
    assert limit.filter(after)
    assert after.repeated == 4
    assert json.loads(JsonFormatter().format(after))["repeated"] == 4
    assert "4 more like this" in TextFormatter().format(after)


def test_the_memory_of_repeats_is_bounded():
    limit = RepeatLimit(lambda: 0.0)
    for number in range(MOST_TEMPLATES * 3):
        limit.filter(record(f"template {number}"))
    assert len(limit._seen) == MOST_TEMPLATES


def test_configuring_twice_does_not_double_lines(stream):
    configure_logging("info", "json", stream)
    configure_logging("info", "json", stream)
    logging.getLogger("spanpulse.test").info("once")
    assert len(lines(stream)) == 1
