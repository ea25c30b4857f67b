"""Full dimensions: the first values of a tenant and day stay, the rest is `__other__`; corrections meet their own."""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pytest

from builders import RECEIVED_MS, Span, span_columns
from spanpulse_stream.rollup import OTHER, DimensionCaps, RollupRows, concat, overflowed, roll_up

DAY_MS = 86_400_000
DAY = RECEIVED_MS // DAY_MS
Stored = list[tuple[int, int, str, str, str]]


def caps(stored: Stored | None = None, limit: int = 3, days: int = 4) -> DimensionCaps:
    stored = stored or []
    return DimensionCaps(
        lambda source, day: [row[2:] for row in stored if row[:2] == (source, day)],
        limit=limit,
        map_limit=2,
        days=days,
    )


def calls(models: Sequence[str], tenant: str = "a", received_at: int = RECEIVED_MS) -> RollupRows:
    spans = [Span(1, tenant=tenant, counted=True, request_model=m, received_at=received_at) for m in models]
    return RollupRows.of_columns(span_columns(spans))


def rolled(rows: RollupRows, dimensions: DimensionCaps) -> dict[str, pa.RecordBatch]:
    return roll_up(rows, log_source=1, end_offset=10, dimensions=dimensions)


def models_of(tables: dict[str, pa.RecordBatch]) -> dict[str, int]:
    minute = tables["rollup_minute"]
    return dict(zip(minute["model"].to_pylist(), minute["requests"].to_pylist(), strict=True))


def rows_of(admitted: pa.RecordBatch, source: int = 1) -> Stored:
    columns = (admitted[name].to_pylist() for name in ("tenant", "dimension", "value"))
    return [(source, DAY, *row) for row in zip(*columns, strict=True)]  # type: ignore[misc]


def test_the_first_values_in_log_order_stay() -> None:
    tables = rolled(calls(["z", "y", "z", "x", "a", "b", "y"]), caps())
    assert models_of(tables) == {"z": 2, "y": 2, "x": 1, OTHER: 2}
    assert overflowed(tables) == {"model": 1}
    admitted = [row[4] for row in rows_of(tables["dimension_values"]) if row[3] == "model"]
    assert admitted == ["z", "y", "x"]
    assert tables["dimension_values"]["log_offset"].unique().to_pylist() == [9]
    assert tables["dimension_values"]["received_at"][0].as_py().timestamp() == DAY * 86_400


def test_absent_values_and_other_tenants_take_no_place() -> None:
    dimensions = caps()
    both = concat([calls(["x", "y", "z", ""]), calls(["p", "q", "r"], tenant="b")])
    assert models_of(rolled(both, dimensions)) == {"x": 1, "y": 1, "z": 1, "": 1, "p": 1, "q": 1, "r": 1}


def test_nothing_is_remembered_until_told_and_a_replay_is_the_same() -> None:
    dimensions = caps()
    first = rolled(calls(["x", "y"]), dimensions)
    assert rolled(calls(["x", "y"]), dimensions) == first
    dimensions.advance(first["dimension_values"])
    assert models_of(rolled(calls(["q", "p", "x"]), dimensions)) == {"q": 1, OTHER: 1, "x": 1}


@pytest.mark.parametrize("cut", range(1, 6))
def test_cut_anywhere_or_restored_from_rows_the_decisions_are_the_same(cut: int) -> None:
    models = ["z", "y", "z", "x", "a", "b"]
    whole = models_of(rolled(calls(models), caps()))
    dimensions = caps()
    first = rolled(calls(models[:cut]), dimensions)
    dimensions.advance(first["dimension_values"])
    restored = caps(rows_of(first["dimension_values"]))
    for state in (dimensions, restored):
        second = models_of(rolled(calls(models[cut:]), state))
        assert {m: models_of(first).get(m, 0) + second.get(m, 0) for m in whole} == whole


def test_a_correction_asks_the_set_of_the_day_its_span_came() -> None:
    yesterday = [(1, DAY - 1, "a", "model", value) for value in ("m1", "m2", "m3")]
    old = calls(["m1", "late"], received_at=RECEIVED_MS - DAY_MS).negate()
    old = replace(old, received_day=old.received_day + 1)
    tables = rolled(concat([calls(["late", "n1"]), old]), caps(yesterday))
    assert models_of(tables) == {"late": 1, "n1": 1, "m1": -1, OTHER: -1}
    admitted = [row[4] for row in rows_of(tables["dimension_values"]) if row[3] == "model"]
    assert admitted == ["late", "n1"]


def test_only_the_own_source_and_day_admit() -> None:
    foreign = replace(calls(["new"]), log_source=calls(["new"]).log_source + 1)
    tables = rolled(foreign, caps())
    assert models_of(tables) == {OTHER: 1}
    assert tables["dimension_values"].num_rows == 0


def test_error_types_have_a_smaller_set() -> None:
    spans = [Span(1, counted=True, status="error", error_type=kind) for kind in ("a", "b", "c", "d", "a")]
    tables = rolled(RollupRows.of_columns(span_columns(spans)), caps())
    for table in ("rollup_minute", "rollup_service"):
        assert dict(tables[table]["errors_by_type"].to_pylist()[0]) == {"a": 2, "b": 1, OTHER: 2}
    assert overflowed(tables)["errors_by_type"] == 2


def test_old_days_are_forgotten_and_loaded_again() -> None:
    asked: list[tuple[int, int]] = []

    def load(source: int, day: int) -> Stored:
        asked.append((source, day))
        return []

    dimensions = DimensionCaps(load, days=2)  # type: ignore[arg-type]
    for day in (1, 2, 3, 2, 1, 3):
        dimensions.known(1, day)
    assert asked == [(1, 1), (1, 2), (1, 3), (1, 1)], "the newest day stays"


def test_two_received_days_are_refused() -> None:
    with pytest.raises(ValueError, match="where its day ends"):
        rolled(concat([calls(["x"]), calls(["x"], received_at=RECEIVED_MS + DAY_MS)]), caps())


def test_thousands_of_names_stay_within_the_limit() -> None:
    tables = rolled(calls([f"model-{number}" for number in range(5000)]), caps(limit=2000))
    assert len(models_of(tables)) == 2001
    assert models_of(tables)[OTHER] == 3000


def test_keys_that_do_not_fit_in_64_bits_together_are_still_grouped() -> None:
    names = [f"v{number}" for number in range(3000)]
    spans = [
        Span(1, counted=True, service_name=n, environment=n, operation=n, provider=n, request_model=n, prompt_name=n)
        for n in names
    ]
    minute = rolled(RollupRows.of_columns(span_columns(spans * 2)), caps(limit=9000))["rollup_minute"]
    assert minute.num_rows == 3000
    assert set(minute["requests"].to_pylist()) == {2}
    assert all(row["service_name"] == row["prompt_name"] for row in minute.to_pylist())
