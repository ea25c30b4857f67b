"""A cost that comes with the call counts where the price book has none, and nowhere else."""

import numpy as np

from price_columns import Call, columns
from spanpulse_stream.price import PriceBook

BOOK = PriceBook.load()
USAGE = {"input_tokens": 1000, "output_tokens": 200}


def test_a_stated_cost_stands_where_none_can_be_computed() -> None:
    calls = [
        Call("openai", "gpt-5", usage=USAGE),
        Call("openai", "gpt-5", usage=USAGE, stated=7),
        Call("own", "own", usage=USAGE, stated=7),
        Call("own", "own", usage=USAGE, stated=0),
        Call("own", "own", usage=USAGE),
        Call("openai", "gpt-5", status="missing", stated=7),
        Call("openai", "gpt-5", status="missing"),
        Call("own", "own", usage=USAGE, status="invalid", stated=7),
        Call("own", "own", status=None, stated=7),
        Call("own", "own", usage=USAGE, status="aggregate", stated=7),
    ]
    priced = BOOK.price(columns(calls))
    costs = np.where(priced.cost.valid, priced.cost.values, -1).tolist()
    assert costs == [3_250_000_000, 3_250_000_000, 7, 0, -1, -1, -1, -1, -1, -1]
    assert priced.confidence.tolist() == [
        *("computed", "computed", "provider", "provider", "unpriced"),
        *("missing", "missing", "missing", None, None),
    ]
    assert priced.unpriced == [("own", "own", 1)]
