"""What an import says of a request is what normalising does with it: the same records become rows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanpulse_stream.columns import Origin, Words
from spanpulse_stream.decode import Limits, decode_logs, decode_spans
from spanpulse_stream.importing._judge import judge
from spanpulse_stream.normalise import KEYS, normalise_logs
from spanpulse_stream.normalise._accept import accept

NOW_MS = 1_790_000_000_000
EARLIEST, LATEST = 946_684_800 * 10**9, (NOW_MS + 24 * 3600 * 1000) * 10**6
ORIGIN = Origin(0, np.zeros(1, np.int64), np.array([NOW_MS], np.int64), Words.constant(1, "default"))
LIMITS = Limits()

TIMES = st.sampled_from([0, 1, EARLIEST - 1, EARLIEST, NOW_MS * 10**6, LATEST, LATEST + 1, 2**63, 2**64 - 1])
IDS = st.sampled_from([b"", b"\0" * 8, b"\1" * 8, b"\0" * 16, b"\0" * 15 + b"\1", b"\1" * 16, b"\1" * 17])
SPANS = st.builds(Span, trace_id=IDS, span_id=IDS, end_time_unix_nano=TIMES, name=st.just("s"))
LOGS = st.builds(
    LogRecord, trace_id=IDS, span_id=IDS, time_unix_nano=TIMES, observed_time_unix_nano=TIMES,
    body=st.just(AnyValue(string_value="said")),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(SPANS, max_size=8))
def test_spans(spans):
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])
    body = request.SerializeToString()
    decoded = decode_spans([body], KEYS)
    accepted, rejections = accept(decoded, ORIGIN)
    judged = judge(body, "traces", LIMITS, NOW_MS)
    assert judged.records == len(spans) == len(accepted) + len(rejections)
    assert [offset for offset, _ in judged.refused] == decoded.span_offset[
        [piece.ordinal for piece in rejections]
    ].tolist()
    words = {"invalid_trace_id": "trace id", "invalid_span_id": "span id", "time_out_of_range": "year 2000"}
    for (_, told), piece in zip(judged.refused, rejections, strict=True):
        assert words[piece.reason] in told


@settings(max_examples=100, deadline=None)
@given(st.lists(LOGS, max_size=8))
def test_log_records(records):
    request = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])])
    body = request.SerializeToString()
    decoded = decode_logs([body], KEYS)
    _, rejections = normalise_logs(decoded, ORIGIN)
    judged = judge(body, "logs", LIMITS, NOW_MS)
    assert judged.records == len(records)
    assert [offset for offset, _ in judged.refused] == decoded.record_offset[
        [one.ordinal for one in rejections]
    ].tolist()
