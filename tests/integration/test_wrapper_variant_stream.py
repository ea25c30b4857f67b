"""What `spanpulse.variant` sends is read by the stream: nothing becomes a dead letter, users and variants are right."""

import json
from typing import Any

from opentelemetry.sdk.trace import TracerProvider

from assignment_vectors import APPLICATION
from logevents import normalise
from normalising import normalised
from spanpulse._context import context
from spanpulse._experiments import variant
from spanpulse._privacy import Content, mask_known
from spanpulse._processor import Processor
from wrapper_scoring import own_state

WEIGHTS = {"a": 50, "b": 50}
NOW = 4_000_000_000_000  # ms; later than any clock of a test


def test_exposures_and_marks_arrive() -> None:
    users = [f"user-{number}" for number in range(20)]
    expected = APPLICATION.variants("greeting", users, WEIGHTS)
    with own_state(Content()) as sent:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(Processor(sent.state, 1.0))
        tracer = provider.get_tracer("app")
        for user in users:
            with context(user_id=user):
                variant("logged", user, WEIGHTS)
                with tracer.start_as_current_span("request"):
                    variant("greeting", user, WEIGHTS)
                    tracer.start_span("chat gpt-5", attributes={"gen_ai.operation.name": "chat"}).end()
        sent.records()
        traces, logs = ([each.body for each in sent._receiver.taken(kind)] for kind in ("traces", "logs"))
    spans = normalised(traces, received_at=NOW)
    assert not spans.rejected
    marks = sorted(
        (str(user), dict(pairs)["greeting"])  # type: ignore[arg-type]
        for name, user, pairs in spans.rows("name", "user_id", "experiments")
        if name == "chat gpt-5"
    )
    assert marks == sorted(zip(users, expected, strict=True))
    events = [event for text in spans.column("events") if text for event in json.loads(str(text))]
    assert sorted(map(exposed, events)) == sorted(zip(APPLICATION.hashes(users), expected, strict=True))
    read = normalise(*logs, received_ms=NOW)
    assert (read.columns.size, read.rejected) == (len(users), [])
    assert (read.texts, read.scores) == ([], [])


def exposed(event: dict[str, Any]) -> tuple[str, str]:
    told = event["attributes"]
    assert (event["name"], told["feature_flag.key"]) == ("feature_flag.evaluation", "greeting")
    return told["feature_flag.context.id"], told["feature_flag.result.variant"]


def test_a_hash_that_looks_like_a_card_stays_as_it_is() -> None:
    users = (f"user-{number}" for number in range(100_000))
    user = next(user for user in users if "<CARD>" in mask_known(str(APPLICATION.hashes([user])[0])))
    with own_state(Content()) as sent:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(Processor(sent.state, 1.0))
        with provider.get_tracer("app").start_as_current_span("request"):
            variant("greeting", user, WEIGHTS)
        sent.records()
        (event,) = sent._receiver.spans[0].events
    told = {each.key: each.value.string_value for each in event.attributes}
    assert told["feature_flag.context.id"] == APPLICATION.hashes([user])[0]
