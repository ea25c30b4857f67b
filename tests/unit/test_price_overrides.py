"""The operator's prices: what they change, when they hold, and what is wrong with a file."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from price_columns import Call, columns
from spanpulse_stream.price import OverrideError, PriceBook, UnknownPriceVersion
from spanpulse_stream.price._overrides import parse_rules

MILLION = {"input_tokens": 10**6, "output_tokens": 0}


def book(tmp_path: Path, text: str) -> PriceBook:
    path = tmp_path / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    return PriceBook.load(path)


def costs(book: PriceBook, *calls: Call) -> list[int | None]:
    cost = book.price(columns(list(calls))).cost
    return [value if valid else None for value, valid in zip(cost.values.tolist(), cost.valid.tolist(), strict=True)]


def test_an_override_goes_before_the_book(tmp_path: Path) -> None:
    mine = book(tmp_path, "prices:\n- {provider: openai, model: GPT-5, input: 0.5, output: 4}\n")
    calls = [Call(usage=MILLION), Call("azure.ai.openai", usage=MILLION), Call("openai", "gpt-4o-mini", usage=MILLION)]
    assert costs(mine, *calls) == [500_000_000_000, 1_250_000_000_000, 150_000_000_000]


def test_an_unknown_model_gets_a_price_by_its_alias(tmp_path: Path) -> None:
    mine = book(tmp_path, "prices:\n- {model: acme-chat, input: 3, output: 6}\n")
    assert costs(mine, Call("acme", "served-v7", "acme-chat", usage={"output_tokens": 5})) == [30_000_000]


@pytest.mark.parametrize(
    ("match", "hits"),
    [
        ("{starts_with: 'ft:'}", ["ft:gpt-4o:acme"]),
        ("{ends_with: acme}", ["ft:gpt-4o:acme"]),
        ("{contains: LLAMA}", ["my-llama-3"]),
        ("{regex: '^my-.*[0-9]$'}", ["my-llama-3"]),
        ("{equals: MY-LLAMA-3}", ["my-llama-3"]),
    ],
)
def test_matches(tmp_path: Path, match: str, hits: list[str]) -> None:
    mine = book(tmp_path, f"prices:\n- {{match: {match}, input: 1}}\n")
    names = ["ft:gpt-4o:acme", "my-llama-3", "other"]
    found = costs(mine, *(Call("somewhere", name, usage=MILLION) for name in names))
    assert [name for name, cost in zip(names, found, strict=True) if cost == 10**12] == hits


def test_dates_and_tiers_of_service(tmp_path: Path) -> None:
    mine = book(
        tmp_path,
        """
prices:
- {model: acme-1, from: 2026-03-01, input: 2}
- {model: acme-1, from: 2026-06-01, input: 3}
- {model: acme-1, from: 2026-06-01, service_tier: batch, input: 1}
- {model: gpt-5, from: 2026-06-01, input: 7}
""",
    )

    def call(model: str, month: int, day: int, tier: str | None = None, micro: int = 0) -> Call:
        at = datetime(2026, month, day, 0, 0, 0, micro, tzinfo=UTC)
        return Call("openai", model, at=at, tier=tier, usage=MILLION)

    assert costs(mine, call("acme-1", 2, 28), call("acme-1", 3, 1), call("acme-1", 6, 1)) == [
        None,
        2 * 10**12,
        3 * 10**12,
    ]
    assert costs(mine, call("acme-1", 5, 31, "batch"), call("acme-1", 6, 1, "batch"), call("acme-1", 6, 1, "flex")) == [
        2 * 10**12,
        10**12,
        3 * 10**12,
    ]
    assert costs(mine, call("gpt-5", 5, 31), call("gpt-5", 6, 1)) == [1_250_000_000_000, 7 * 10**12]


def test_tiers_are_cliffs(tmp_path: Path) -> None:
    mine = book(
        tmp_path,
        "prices:\n- model: long\n  input: 1\n  output: 2\n  tiers:\n  - {above: 1000, input: 3}\n"
        "  - {above: 2000, output: 5}\n",
    )
    sizes = [1000, 1001, 2000, 2001]
    calls = [Call("x", "long", usage={"input_tokens": size, "output_tokens": 10}) for size in sizes]
    assert costs(mine, *calls) == [1020 * 10**6, 3023 * 10**6, 6020 * 10**6, 6053 * 10**6]


def test_every_kind_of_token(tmp_path: Path) -> None:
    mine = book(
        tmp_path,
        "prices:\n- {model: all, input: 1, output: 2, cache_read: 3, cache_write: 5, cache_write_1h: 7, reasoning: 11,"
        " input_audio: 13, output_audio: 17, request: 0.5}\n",
    )
    usage = {
        "input_tokens": 1 + 2 + 3 + 4 + 5,
        "cache_read_tokens": 2,
        "cache_write_tokens": 3 + 4,
        "cache_write_1h_tokens": 4,
        "output_tokens": 6 + 7 + 8,
        "reasoning_tokens": 7,
        "output_audio_tokens": 8,
    }
    tokens = (1 + 5) * 1 + 2 * 3 + 3 * 5 + 4 * 7 + 6 * 2 + 7 * 11 + 8 * 17
    assert costs(mine, Call("x", "all", usage=usage)) == [tokens * 10**6 + 5 * 10**11]
    spoken = {"input_tokens": 9, "input_audio_tokens": 4}
    assert costs(mine, Call("x", "all", usage=spoken)) == [(5 + 4 * 13) * 10**6 + 5 * 10**11]


@given(st.decimals(0, 1000, places=19), st.integers(0, 10**7))
def test_prices_finer_than_a_picodollar_stay_exact(price: Decimal, tokens: int) -> None:
    (rule,) = parse_rules(f"prices:\n- {{model: fine, input: {price:f}}}\n", Path("prices.yaml"))
    book = PriceBook.load()
    book._tables.rules.append(rule)
    with localcontext(prec=80):
        exact = int((price * tokens * 10**6).to_integral_value(ROUND_HALF_EVEN))
    assert costs(book, Call("x", "fine", usage={"input_tokens": tokens})) == [exact]


def test_half_a_picodollar_rounds_to_even(tmp_path: Path) -> None:
    mine = book(tmp_path, "prices:\n- {model: fine, input: 0.0000005}\n")
    calls = [Call("x", "fine", usage={"input_tokens": tokens}) for tokens in (1, 2, 3, 5)]
    assert costs(mine, *calls) == [0, 1, 2, 2]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("prices:\n- {modell: x, input: 1}\n", 2, "unknown key 'modell'"),
        ("prices:\n- model: x\n  input: cheap\n", 3, "input: not a price"),
        ("prices:\n- model: x\n  input: -1\n", 3, "input: not a price"),
        ("prices:\n- model: x\n  input: .nan\n", 3, "input: not a price"),
        ("prices:\n- model: x\n  input: 1e999999\n", 3, "input: not a price"),
        ("prices:\n- model: x\n  input: 1\n  input: 2\n", 4, "twice"),
        ("prices:\n- model: x\n", 2, "at least one price"),
        ("prices:\n- input: 1\n", 2, "either model or match"),
        ("prices:\n- {model: x, match: {equals: y}, input: 1}\n", 2, "either model or match"),
        ("prices:\n- match: {regex: '('}\n  input: 1\n", 2, "regex"),
        ("prices:\n- match: {equals: a, regex: b}\n  input: 1\n", 2, "exactly one"),
        ("prices:\n- model: x\n  from: soon\n  input: 1\n", 3, "from: not a day"),
        ("prices:\n- model: x\n  service_tier: gold\n  input: 1\n", 3, "service_tier"),
        ("prices:\n- model: x\n  cache_read: 1\n", 3, "cache_read needs input"),
        ("prices:\n- model: x\n  input: 1\n  tiers:\n  - {input: 2}\n", 5, "needs above"),
        ("prices:\n- model: x\n  input: 1\n  tiers:\n  - {above: many, input: 2}\n", 5, "above"),
        ("prices:\n- model: x\n  input: 1\n  tiers:\n  - {above: 10, output: 2}\n", 5, "output has no price"),
        ("prices: 5\n", 1, "expected a list"),
        ("- 5\n", 1, "expected a mapping"),
        ("prices:\n- model: [x]\n  input: 1\n", 2, "single value"),
    ],
)
def test_errors_name_file_line_and_key(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(OverrideError) as caught:
        book(tmp_path, text)
    assert f"prices.yaml:{line}: " in str(caught.value)
    assert words in str(caught.value)


def test_what_is_no_yaml_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(OverrideError, match="not YAML"):
        book(tmp_path, "prices: [")
    with pytest.raises(OverrideError, match="cannot be read"):
        PriceBook.load(tmp_path / "nothing.yaml")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert costs(book(tmp_path, ""), Call(usage=MILLION)) == [1_250_000_000_000]
    assert costs(book(tmp_path, "prices:\n"), Call(usage=MILLION)) == [1_250_000_000_000]


def test_an_old_version_is_read_from_the_archive(tmp_path: Path) -> None:
    path, archive = tmp_path / "prices.yaml", tmp_path / "archive"
    path.write_text("prices:\n- {model: gpt-5, input: 1}\n", encoding="utf-8")
    old = PriceBook.load(path, archive=archive)
    path.write_text("prices:\n- {model: gpt-5, input: 2}\n", encoding="utf-8")
    new = PriceBook.load(path, archive=archive)
    assert old.version != new.version
    assert old.version.startswith("genai-prices-0.2.3+")
    again = PriceBook.for_version(old.version, archive=archive)
    assert again.version == old.version
    assert costs(again, Call(usage=MILLION)) == [10**12]
    (archive / f"{new.version}.yaml").write_text("prices:\n", encoding="utf-8")
    with pytest.raises(UnknownPriceVersion, match="other prices"):
        PriceBook.for_version(new.version, archive=archive)
