"""A batch's counts, by offset: a batch is a range, and offsets that hold nothing may lie between its messages."""

from hypothesis import given
from hypothesis import strategies as st

from spanpulse_stream.pipeline import Incoming
from spanpulse_stream.pipeline._tally import Tally


@given(st.dictionaries(st.integers(0, 1 << 62), st.integers(0, 20), min_size=1, max_size=20))
def test_every_record_is_counted_for_its_own_message(records: dict[int, int]) -> None:
    batch = [Incoming(offset, 0, f"tenant {offset}", "traces", 1, b"") for offset in sorted(records)]
    tally = Tally(batch)
    tally.add("stored", [offset for offset, count in records.items() for _ in range(count)])
    found = {row["tenant"]: row["stored"] for row in tally.table(1, "").to_pylist()}
    wanted = {f"tenant {offset}": count for offset, count in records.items() if count}
    assert found == (wanted or {f"tenant {min(records)}": 0}), "a batch without any record has a row all the same"
    assert [tally.message(message.offset) for message in batch] == batch
