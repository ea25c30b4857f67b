"""Rules: which requests go wrong, and how. The first rule that fires for a request decides.

A rule matches requests by kind and by a regular expression over the statement (without an insert's data); of its
matches it lets `skip` pass, then fires with `probability` (drawn from its own seed), `count` times. Actions:

reset         the request is read, then the connection is reset; nothing is done
drop_before   the request is read, then the connection is closed without an answer; nothing is done
drop_after    the statement is run, then the connection is closed without an answer
hang          nothing is done and nothing answered; when released the connection is closed
hold          nothing is done until released, then all goes on as ever, even if the client has gone
slow          the answer comes `seconds` later than the statement was run
error_500     a proxy's answer of HTTP `status`, with no word of ClickHouse; nothing is done
code          the answer with `code` and `text` (see _canned.py); nothing is done
lie           "ok" to an insert that is not done; with `summary` it says how many rows it got
half          the answer ends in its middle; with `code` the server's exception stands there
"""

import random
import re
import threading
from collections import Counter, deque
from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["Faults", "Rule"]

ACTIONS = frozenset(
    ("reset", "drop_before", "drop_after", "hang", "hold", "slow", "error_500", "code", "lie", "half"),
)
KINDS = frozenset(("any", "insert", "select", "command", "ping"))
MOST_INSERTS_TOLD = 100_000


@dataclass(slots=True)
class Rule:
    """One rule; what a test may set comes first."""

    action: str
    kind: str = "any"
    pattern: str = ""
    probability: float = 1.0
    seed: int = 0
    count: int | None = None
    skip: int = 0
    seconds: float = 1.0
    status: int = 500
    code: int = 0
    text: str = ""
    summary: bool = True
    number: int = field(default=0, init=False)
    matched: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)
    waiting: int = field(default=0, init=False)
    released: threading.Event = field(default_factory=threading.Event, init=False)
    _random: random.Random = field(init=False)
    _pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        if self.action not in ACTIONS or self.kind not in KINDS:
            raise ValueError(f"no rule: {self.action} for {self.kind}")
        self._random = random.Random(self.seed)
        self._pattern = re.compile(self.pattern, re.IGNORECASE | re.DOTALL)

    def fires(self, kind: str, text: str) -> bool:
        """Tell whether it fires for a request, and count that."""
        if self.kind not in {"any", kind} or not self._pattern.search(text):
            return False
        self.matched += 1
        if self.matched <= self.skip or (self.count is not None and self.fired >= self.count):
            return False
        if self._random.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def told(self) -> dict[str, Any]:
        """Return it as JSON."""
        names = [each.name for each in fields(self) if each.init]
        return {name: getattr(self, name) for name in (*names, "number", "matched", "fired", "waiting")}


class Faults:
    """The rules, and counters of what was done. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: dict[int, Rule] = {}
        self._last = 0
        self._requests: Counter[str] = Counter()
        self._fired: Counter[str] = Counter()
        self._errors: Counter[int] = Counter()
        self._applied: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._inserts: deque[dict[str, Any]] = deque(maxlen=MOST_INSERTS_TOLD)

    def add(self, asked: dict[str, Any]) -> Rule:
        """Add a rule behind the others. Raises ValueError, TypeError, re.error."""
        rule = Rule(**asked)
        with self._lock:
            self._last += 1
            rule.number = self._last
            self._rules[rule.number] = rule
        return rule

    def remove(self, number: int | None = None) -> None:
        """Remove a rule, or all; who waits for one is released."""
        with self._lock:
            gone = [self._rules.pop(each) for each in self._numbers(number)]
        for rule in gone:
            rule.released.set()

    def release(self, number: int | None = None) -> None:
        """Let go who waits for a rule, or for any; what comes later waits again."""
        with self._lock:
            for each in self._numbers(number):
                rule = self._rules[each]
                rule.released.set()
                rule.released = threading.Event()

    def choose(self, kind: str, text: str) -> Rule | None:
        """Count a request, and return the rule that fires for it."""
        with self._lock:
            self._requests[kind] += 1
            for rule in self._rules.values():
                if rule.fires(kind, text):
                    self._fired[rule.action] += 1
                    return rule
        return None

    def wait(self, rule: Rule, seconds: float | None = None) -> None:
        """Wait until a rule is released or removed, or for some seconds."""
        with self._lock:
            if rule.number not in self._rules:
                return
            released = rule.released
            rule.waiting += 1
        released.wait(seconds)
        with self._lock:
            rule.waiting -= 1

    def applied(self, table: str, rows: int, token: str) -> None:
        """Count an insert that the engine has done."""
        with self._lock:
            self._applied[table] += 1
            self._rows[table] += rows
            self._inserts.append({"table": table, "rows": rows, "token": token})

    def failed(self, code: int) -> None:
        """Count an error of the engine or of a rule."""
        with self._lock:
            self._errors[code] += 1

    def told(self) -> dict[str, Any]:
        """Return all counters and rules as JSON."""
        with self._lock:
            return {
                "requests": dict(self._requests),
                "fired": dict(self._fired),
                "errors": {str(code): count for code, count in self._errors.items()},
                "applied": dict(self._applied),
                "rows": dict(self._rows),
                "rules": [rule.told() for rule in self._rules.values()],
            }

    def inserts(self) -> list[dict[str, Any]]:
        """Return the inserts that were done, in order, the last ones of very many."""
        with self._lock:
            return list(self._inserts)

    def _numbers(self, number: int | None) -> list[int]:
        return list(self._rules) if number is None else [number] * (number in self._rules)
