"""Users and their verdicts: how many there are, what one costs, what they think."""

from dataclasses import dataclass
from decimal import Decimal

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._models import Figure, ScoreSummary
from spanpulse_dashboards._period import Window
from spanpulse_dashboards._reader import Statement
from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.services._tables import USERS, Inapplicable, condition, score_table

__all__ = ["Scores", "Users", "read_scores", "read_users"]

MOST_SCORES = 20
MOST_LABELS = 20
USERS_BY_TENANT = "users are counted by tenant alone: take the other filters away ({})"
NO_USERS = "no call names a user"
NO_COST = "no cost of a call that names a user is known"
NO_VERDICTS = "no score has a label that is positive or negative"
POSITIVE = frozenset({"positive", "thumbs_up", "thumbs-up", "thumbsup", "up", "good", "like", "liked", "helpful"})
NEGATIVE = frozenset({"negative", "thumbs_down", "thumbs-down", "thumbsdown", "down", "bad", "dislike", "disliked"})
NEGATIVE_TOO = frozenset({"unhelpful", "not_helpful"})


@dataclass(frozen=True, slots=True)
class Users:
    """Distinct users and the cost by user."""

    count: Figure
    cost: Figure


@dataclass(frozen=True, slots=True)
class Scores:
    """The share of positive verdicts, and every score."""

    thumbs_up: Figure
    summaries: list[ScoreSummary]


async def read_users(backend: Backend, scope: Scope, window: Window) -> Users:
    """Return the users of the quarters of an hour that the range touches. Raises Inapplicable, QueryFailed."""
    if others := [name for name, _ in scope.filters if name not in USERS.columns]:
        raise Inapplicable(USERS_BY_TENANT.format(", ".join(others)))
    where = condition(USERS, scope, window)
    # Of hashes: half the time, and two of a million users are one with a probability of 3e-8.
    sql = f"""
        SELECT uniqExact(cityHash64(r.tenant, r.user_id)) AS users, toString(sum(r.weighted_cost)) AS amount,
            sum(r.requests - r.requests_usage_missing - r.requests_unpriced) AS known,
            sum(r.requests) != sum(r.weighted_requests) AS sampled
        FROM rollup_user AS r
        WHERE {where.sql} AND r.user_id != ''"""
    (row,) = await backend.rows(Statement(sql, where.parameters), window)
    users, cost, sampled = int(row["users"]), Decimal(row["amount"]), bool(row["sampled"])
    each = float(cost) / users if users and row["known"] else None
    reason = None if each is not None else NO_COST if users else NO_USERS
    return Users(
        Figure(unit="users", value=users or None, estimated=sampled, reason=None if users else NO_USERS),
        Figure(unit="USD", value=each, estimated=sampled, reason=reason),
    )


async def read_scores(backend: Backend, scope: Scope, window: Window) -> Scores:
    """Return the scores of a scope. Raises Inapplicable, QueryFailed."""
    where = condition(score_table(scope), scope, window)
    sql = f"""
        SELECT r.name AS name, sum(r.scores) AS scores, sum(r.with_value) AS with_value,
            toString(sum(r.value_sum)) AS total, sumMap(r.labels) AS labels
        FROM rollup_score AS r
        WHERE {where.sql}
        GROUP BY name
        HAVING scores > 0
        ORDER BY scores DESC, name
        LIMIT 200"""
    rows = await backend.rows(Statement(sql, where.parameters), window)
    summaries, up, down = [], 0, 0
    for row in rows:
        labels = {name: int(count) for name, count in row["labels"].items() if int(count) > 0}
        up += sum(count for name, count in labels.items() if name.lower() in POSITIVE)
        down += sum(count for name, count in labels.items() if name.lower() in NEGATIVE | NEGATIVE_TOO)
        with_value = int(row["with_value"])
        mean = float(Decimal(row["total"]) / with_value) if with_value else None
        most = dict(sorted(labels.items(), key=lambda each: (-each[1], each[0]))[:MOST_LABELS])
        summaries.append(ScoreSummary(name=row["name"], scores=int(row["scores"]), mean=mean, labels=most))
    value = up / (up + down) if up + down else None
    thumbs = Figure(unit="ratio", value=value, reason=None if value is not None else NO_VERDICTS)
    return Scores(thumbs, summaries[:MOST_SCORES])
