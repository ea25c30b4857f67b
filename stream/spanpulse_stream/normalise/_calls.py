"""What only calls have: models, response id, streaming and the time to the first token.

Some emitters hold these in the request's parameters or in the raw response alone; those are read as JSON, for the
spans that lack something.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spanpulse_stream.columns import Numbers, Words
from spanpulse_stream.decode import ValueKind
from spanpulse_stream.normalise._accept import Times
from spanpulse_stream.normalise._anomalies import Anomaly
from spanpulse_stream.normalise._classify import Nature
from spanpulse_stream.normalise._events import Events
from spanpulse_stream.normalise._json import parsed
from spanpulse_stream.normalise._numbers import read_floats
from spanpulse_stream.normalise._resolved import LONGEST_WORD, Resolved
from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects import DIALECTS

__all__ = ["Models", "call_durations", "first_token", "read_models", "read_stream", "response_ids"]

_LONGEST_WAIT_S: Final = 86_400.0
_ROUNDED_NS: Final = 10**6  # what emitters that write ms may be late by
_TRUTH: Final = {"true": 1, "false": 0, "1": 1, "0": 0}


@dataclass(frozen=True, slots=True)
class Models:
    """Columns of model names."""

    request: Words
    response: Words


def read_models(
    resolved: Resolved, parameters: dict[int, dict[str, Any]], responses: dict[int, dict[str, Any]]
) -> Models:
    """Return the models; one that is named once only is the response's if there was a response.

    ``parameters`` and ``responses``: what was asked for and what was answered, by span, where attributes lack it.
    """
    request, request_length = resolved.word_places(Slot.REQUEST_MODEL)
    response, response_length = resolved.word_places(Slot.RESPONSE_MODEL)
    pool = resolved.spans.pool
    for column, lengths, objects in ((request, request_length, parameters), (response, response_length, responses)):
        for row, said in objects.items():
            model = said.get("model")
            if lengths[row] < 0 and isinstance(model, str) and 0 < len(model) <= LONGEST_WORD // 4:
                column[row], lengths[row] = pool.add(model.encode())
    if resolved.found[Slot.MODEL]:
        offset, length = resolved.word_places(Slot.MODEL)
        answered = np.logical_or.reduce(
            [resolved.has(slot) for slot in (Slot.OUTPUT_TOKENS, Slot.INPUT_TOKENS, Slot.USAGE, Slot.OUTPUT)]
        )
        for column, lengths, where in (
            (response, response_length, answered & (response_length < 0)),
            (request, request_length, ~answered & (request_length < 0)),
        ):
            column[where], lengths[where] = offset[where], length[where]
    return Models(pool.words(request, request_length), pool.words(response, response_length))


def read_objects(resolved: Resolved, slot: Slot, where: NDArray[np.bool_]) -> dict[int, dict[str, Any]]:
    """Return what a slot of JSON objects says, for those spans of a mask that have one."""
    out: dict[int, dict[str, Any]] = {}
    if resolved.found[slot]:
        for row in np.flatnonzero(where & resolved.has(slot)).tolist():
            value = resolved.value(slot, row)
            value = parsed(value) if isinstance(value, str) else value
            if isinstance(value, dict):
                out[row] = value
    return out


def response_ids(resolved: Resolved, responses: dict[int, dict[str, Any]]) -> pa.Array:
    """Return the ids of responses; ``responses`` holds raw ones by span."""
    offset, length = resolved.word_places(Slot.RESPONSE_ID)
    pool = resolved.spans.pool
    for row, response in responses.items():
        identity = response.get("id")
        if length[row] < 0 and isinstance(identity, str) and 0 < len(identity) <= LONGEST_WORD // 4:
            offset[row], length[row] = pool.add(identity.encode())
    return pool.strings(offset, length)


def read_stream(resolved: Resolved, parameters: dict[int, dict[str, Any]]) -> Numbers:
    """Return whether the response was streamed, as far as the emitter says so."""
    out = Numbers.absent(resolved.spans.size)
    slot = Slot.STREAM
    if resolved.found[slot]:
        index, values = resolved.winner[slot], resolved.spans.decoded.attributes.value
        out.valid[:] = (index >= 0) & (values.kind[index] == ValueKind.BOOL)
        out.values[:] = np.where(out.valid, values.number[index], 0)
        for row in np.flatnonzero((index >= 0) & ~out.valid).tolist():
            truth = _TRUTH.get(str(resolved.value(slot, row)).strip().lower())
            out.values[row], out.valid[row] = truth or 0, truth is not None
        resolved.take(slot, out.valid)
    for row, said in parameters.items():
        if not out.valid[row] and isinstance(said.get("stream"), bool):
            out.values[row], out.valid[row] = said["stream"], True
    return out


def first_token(
    resolved: Resolved, nature: Nature, events: Events, start: NDArray[np.int64], duration: Numbers, stream: Numbers
) -> Numbers:
    """Return ns from a call's start to its first token. Fills in ``stream`` where that alone tells.

    A call that did not stream has none, whatever its emitter says. ``start`` and ``duration`` are those of the calls,
    in ns; what comes after the end by less than emitters round is at the end.
    """
    seconds = read_floats(resolved, Slot.FIRST_TOKEN_S)
    milliseconds = read_floats(resolved, Slot.FIRST_TOKEN_MS)
    seconds = np.where(np.isnan(seconds), milliseconds / 1000, seconds)
    moments = _moments(resolved)
    for row, moment in {**events.first_token, **moments}.items():
        if np.isnan(seconds[row]):
            seconds[row] = (moment - int(start[row])) / 1e9
    told = resolved.has(Slot.FIRST_TOKEN_S) | resolved.has(Slot.FIRST_TOKEN_MS) | ~np.isnan(seconds)
    wanted = nature.is_call & told & ~(stream.valid & (stream.values == 0))
    sound = wanted & (seconds >= 0) & (seconds <= _LONGEST_WAIT_S)
    nanoseconds = np.rint(np.where(sound, seconds, 0) * 1e9).astype(np.int64)
    bounded = duration.valid & ~np.array([each.ends_before_streams for each in DIALECTS])[resolved.spans.dialect]
    sound &= ~bounded | (nanoseconds <= duration.values + _ROUNDED_NS)
    nanoseconds = np.where(bounded, np.minimum(nanoseconds, duration.values), nanoseconds)
    resolved.spans.anomalies.note(Anomaly.FIRST_TOKEN_OUT_OF_RANGE, wanted & ~sound)
    streamed = sound & ~np.array([each.times_whole_responses for each in DIALECTS])[resolved.spans.dialect]
    stream.values[streamed & ~stream.valid] = 1
    stream.valid[streamed] = True
    for slot in (Slot.FIRST_TOKEN_S, Slot.FIRST_TOKEN_MS, Slot.FIRST_TOKEN_TIME):
        resolved.take(slot, sound)
    return Numbers(np.where(sound, nanoseconds, 0), sound)


def call_durations(resolved: Resolved, nature: Nature, times: Times) -> Numbers:
    """Return the durations in ns; a call whose span ends where it starts takes as long as its emitter says."""
    if not resolved.found[Slot.DURATION_S]:
        return times.duration
    seconds = read_floats(resolved, Slot.DURATION_S)
    told = nature.is_call & times.duration.valid & (times.duration.values == 0)
    told &= (seconds > 0) & (seconds <= _LONGEST_WAIT_S)
    resolved.take(Slot.DURATION_S, told)
    nanoseconds = np.rint(np.where(told, seconds, 0) * 1e9).astype(np.int64)
    return Numbers(np.where(told, nanoseconds, times.duration.values), times.duration.valid)


def _moments(resolved: Resolved) -> dict[int, int]:
    """Return when the first token came, in ns since the Unix epoch, where an emitter wrote that."""
    found: dict[int, int] = {}
    if resolved.found[Slot.FIRST_TOKEN_TIME]:
        for row in np.flatnonzero(resolved.has(Slot.FIRST_TOKEN_TIME)).tolist():
            moment = _moment(str(resolved.value(Slot.FIRST_TOKEN_TIME, row)))
            if moment is not None:
                found[row] = moment
    return found


def _moment(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text.strip(' "'))
        seconds = moment.timestamp() if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
    return None if seconds is None else int(seconds) * 10**9 + moment.microsecond * 1000
