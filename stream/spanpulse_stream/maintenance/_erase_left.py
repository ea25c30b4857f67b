"""What still names an erased user or trace: values that sums are made by, and links of spans that belong to others.

They are counted, not changed: a name of a span or of an experiment is a dimension of sums that are to stay. An id
counts as a word, as people write it there. Not looked at: texts of other people, which may speak of anybody.
"""

import re

from spanpulse_sinks.clickhouse import Workbench
from spanpulse_stream.maintenance._erase_request import EraseRequest
from spanpulse_stream.maintenance._erase_targets import TARGETS, quoted

__all__ = ["still_named"]

ROLLUPS = "startsWith(table, 'rollup_')"
COLUMNS = f"""
SELECT table, groupArray(name) AS columns FROM system.columns WHERE database = currentDatabase()
AND (table = 'span_rows' AND type = 'LowCardinality(String)' OR {ROLLUPS} AND position(type, 'String') > 0
AND position(type, 'Aggregate') = 0) AND name NOT IN ('tenant', 'user_id') GROUP BY table ORDER BY table
"""
IN_LINKS = f"""
SELECT toInt64(count()) AS n FROM span_rows WHERE links IS NOT NULL AND {{tenant}} AND arrayExists(
    id -> (tenant, lower(id)) IN (SELECT tenant, trace_id FROM {TARGETS} WHERE what IN ('span_rows', 'trace')),
    extractAll(assumeNotNull(links), '[0-9a-fA-F]{{{{32}}}}'))
"""


def still_named(bench: Workbench, request: EraseRequest) -> dict[str, int]:
    """Return column -> how many of its values hold the id still; `links`: of how many spans. Raises QueryFailed.

    Call it while what was erased is listed.
    """
    tenant = f"tenant = {quoted(request.tenant)}" if request.tenant else "1"
    word = quoted(rf"(?:^|[^\w.@+-]){re.escape(str(request.user or request.trace))}(?:$|[^\w.@+-])")
    values: dict[str, set[str]] = {}
    for row in bench.rows(COLUMNS):
        counts = ", ".join(f"groupUniqArrayIf({name}, match({name}, {word})) AS {name}_" for name in row["columns"])
        (found,) = bench.rows(f"SELECT {counts} FROM {row['table']} WHERE {tenant}")
        for name in row["columns"]:
            values.setdefault(name, set()).update(found[f"{name}_"])
    links = bench.rows(IN_LINKS.format(tenant=tenant))[0]["n"]
    return {name: len(found) for name, found in sorted(values.items()) if found} | ({"links": links} if links else {})
