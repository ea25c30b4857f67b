"""The names of spans, of providers and of errors, each in one spelling."""

from typing import Final

import numpy as np

from spanpulse_stream.columns import Words
from spanpulse_stream.normalise._anomalies import Anomaly
from spanpulse_stream.normalise._classify import Nature
from spanpulse_stream.normalise._events import Events
from spanpulse_stream.normalise._outcome import ERROR, recoded
from spanpulse_stream.normalise._providers import FRAMEWORKS, provider_name, provider_of_model
from spanpulse_stream.normalise._resolved import LONGEST_WORD, Resolved, Spans
from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects import DIALECTS

__all__ = ["error_types", "providers", "span_names"]

OTHER_ERROR: Final = "_OTHER"


def span_names(spans: Spans) -> Words:
    """Return the names of the spans, cut where they are too long."""
    decoded, rows = spans.decoded, spans.rows
    offset, length = decoded.name_offset[rows], decoded.name_length[rows]
    for row in np.flatnonzero(length > LONGEST_WORD).tolist():
        cut = spans.pool.text(int(offset[row]), LONGEST_WORD).decode(errors="ignore")
        offset[row], length[row] = spans.pool.add(cut.encode())
        spans.anomalies.note_row(Anomaly.TEXT_TOO_LONG, row)
    return spans.pool.words(offset, length)


def providers(found: Resolved, nature: Nature, name: Words, model: Words) -> Words:
    """Return the providers' canonical names; where no attribute tells, the name of a call's span may.

    The name of a framework is none where the model tells whose it is.
    """
    words = found.words(Slot.PROVIDER)
    words = recoded(words, [provider_name(value) or None for value in words.values])
    dialect = found.spans.dialect
    telling = np.array([bool(each.providers) for each in DIALECTS])[dialect] & nature.is_call & (words.codes < 0)
    codes, values = words.codes.copy(), list(words.values)
    for row in np.flatnonzero(telling).tolist():
        provider = _provider_of_name(int(dialect[row]), name.values[int(name.codes[row])])
        if provider is not None:
            if provider not in values:
                values.append(provider)
            codes[row] = values.index(provider)
    return _without_frameworks(Words(codes, values), model)


def _without_frameworks(words: Words, model: Words) -> Words:
    frameworks = [code for code, value in enumerate(words.values) if value in FRAMEWORKS]
    if not frameworks:
        return words
    codes, values = words.codes.copy(), {value: code for code, value in enumerate(words.values)}
    for row in np.flatnonzero(np.isin(codes, frameworks) & (model.codes >= 0)).tolist():
        provider = provider_of_model(model.values[int(model.codes[row])])
        codes[row] = codes[row] if provider is None else values.setdefault(provider, len(values))
    return Words(codes, list(values))


def _provider_of_name(dialect: int, name: str) -> str | None:
    return next((value for start, value in DIALECTS[dialect].providers.items() if name.startswith(start)), None)


def error_types(found: Resolved, events: Events, status: Words) -> Words:
    """Return the types of errors; of an exception's type the name without its module."""
    words = found.words(Slot.ERROR_TYPE)
    values = {value: code for code, value in enumerate(words.values)}
    codes = words.codes.copy()
    for row in np.flatnonzero((status.codes == ERROR) & (codes < 0)).tolist():
        kind = events.exception_type.get(row, "").rpartition(".")[2][: LONGEST_WORD // 4] or OTHER_ERROR
        codes[row] = values.setdefault(kind, len(values))
    return Words(codes, list(values))
