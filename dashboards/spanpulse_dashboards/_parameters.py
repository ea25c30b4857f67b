"""The parameters of the API: a scope, read by `Scope.parse` and described for the OpenAPI document."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Query, Request

from spanpulse_dashboards._period import DEFAULT_RANGE, PRESETS
from spanpulse_dashboards._scope import COMPARE, LONGEST_VALUE, MOST_VALUES, Scope

__all__ = ["scoped"]

OfRange = Annotated[
    str | None,
    Query(
        alias="range",
        description=f"a range that ends now; {DEFAULT_RANGE} where nothing is given",
        json_schema_extra={"enum": list(PRESETS)},
    ),
]
OfTime = Annotated[
    str | None,
    Query(description="RFC 3339 with a zone, or ms since the epoch; from and to together, at most 400 days"),
]
OfCompare = Annotated[
    str | None,
    Query(
        description="whether figures have the value of the period before; 1 by default",
        json_schema_extra={"enum": list(COMPARE)},
    ),
]
Value = Annotated[str, Query(max_length=LONGEST_VALUE)]
OfFilter = Annotated[
    list[Value] | None,
    Query(max_length=MOST_VALUES, description="any of these; an empty value: what has none"),
]


def scoped(*also: str) -> Callable[..., Scope]:
    """Return the dependency that reads a scope; ``also`` are the names of a route's own parameters."""

    def read_scope(
        request: Request,
        _range: OfRange = None,
        _from: Annotated[OfTime, Query(alias="from")] = None,
        to: OfTime = None,
        compare: OfCompare = None,
        tenant: OfFilter = None,
        service: OfFilter = None,
        environment: OfFilter = None,
        provider: OfFilter = None,
        model: OfFilter = None,
        prompt: OfFilter = None,
        prompt_version: OfFilter = None,
        user: OfFilter = None,
        session: OfFilter = None,
    ) -> Scope:
        return Scope.parse(request.query_params.multi_items(), also=also)

    return read_scope
