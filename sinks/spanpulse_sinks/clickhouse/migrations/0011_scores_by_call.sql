-- Scores by experiment, how many of them are above 0, and the calls that late scores are of.
ALTER TABLE scores ADD COLUMN IF NOT EXISTS experiments Map(LowCardinality(String), String);

-- Of rows from before it is not known. What is assumed is exact for values of 0 and 1, and for rows of one score of at
-- most 1: of values that are at most 1 at least that many are above 0.
ALTER TABLE rollup_score ADD COLUMN IF NOT EXISTS positive SimpleAggregateFunction(sum, Int64) DEFAULT toInt64(least(greatest(ceil(value_sum), 0), with_value)) AFTER with_value;

CREATE TABLE IF NOT EXISTS rollup_score_experiment
(
    received_day   Date,
    applied        SimpleAggregateFunction(maxMap, Map(UInt32, Int64)),
    minute         DateTime('UTC'),
    tenant         LowCardinality(String),
    experiment     LowCardinality(String),
    variant        LowCardinality(String),
    name           LowCardinality(String),
    evaluator      LowCardinality(String),
    service_name   LowCardinality(String),
    environment    LowCardinality(String),
    model          LowCardinality(String),
    prompt_name    LowCardinality(String),
    prompt_version LowCardinality(String),
    scores         SimpleAggregateFunction(sum, Int64),
    with_value     SimpleAggregateFunction(sum, Int64),
    positive       SimpleAggregateFunction(sum, Int64),
    value_sum      SimpleAggregateFunction(sum, Decimal(38, 12)),
    labels         SimpleAggregateFunction(sumMap, Map(String, Int64))
)
ENGINE = AggregatingMergeTree
PARTITION BY received_day
ORDER BY (tenant, minute, experiment, variant, name, evaluator, service_name, environment, model, prompt_name, prompt_version)
{ttl:rollup_score_experiment}
{settings};

-- A call is found by its response id without reading the spans of every other one.
ALTER TABLE span_rows ADD INDEX IF NOT EXISTS by_response response_id TYPE bloom_filter(0.01) GRANULARITY 4;

CREATE OR REPLACE VIEW scores_by_minute AS
SELECT minute, tenant, name, evaluator, service_name, environment, model, prompt_name, prompt_version,
    sum(r.scores) AS scores,
    sum(r.with_value) AS with_value,
    if(with_value = 0, NULL, toFloat64(sum(r.value_sum)) / with_value) AS mean_value,
    sum(r.positive) AS positive,
    if(with_value = 0, NULL, positive / with_value) AS positive_rate,
    sumMap(r.labels) AS labels
FROM rollup_score AS r
GROUP BY minute, tenant, name, evaluator, service_name, environment, model, prompt_name, prompt_version;

CREATE OR REPLACE VIEW scores_by_experiment AS
SELECT minute, tenant, experiment, variant, name, evaluator,
    sum(r.scores) AS scores,
    sum(r.with_value) AS with_value,
    if(with_value = 0, NULL, toFloat64(sum(r.value_sum)) / with_value) AS mean_value,
    sum(r.positive) AS positive,
    if(with_value = 0, NULL, positive / with_value) AS positive_rate,
    sumMap(r.labels) AS labels
FROM rollup_score_experiment AS r
GROUP BY minute, tenant, experiment, variant, name, evaluator;

-- Scores of a time with the call that each is of. One that names a model tells it itself; for others it is looked up by
-- the id of the response, else of the span, else it is the last call of the trace, among spans that ended up to 7 days
-- before. The bounds are parameters, because no filter on the view would reach the spans.
CREATE OR REPLACE VIEW scores_by_call AS
WITH
    scored AS
    (
        SELECT *,
            if(isNull(request_model), coalesce('r' || response_id, 's' || trace_id || span_id), NULL) AS of_call,
            if(isNull(request_model), 't' || trace_id, NULL) AS of_trace
        FROM scores
        WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
            AND received_at >= {since:DateTime('UTC')} - INTERVAL 1 DAY
    ),
    near AS
    (
        SELECT tenant, trace_id, span_id, response_id, counted, kind, end_time, provider, prompt_name, prompt_version,
            experiments, coalesce(request_model, response_model) AS model
        FROM spans
        WHERE received_at >= {since:DateTime('UTC')} - INTERVAL 8 DAY
            AND end_time >= {since:DateTime('UTC')} - INTERVAL 7 DAY
            AND end_time < {until:DateTime('UTC')} + INTERVAL 1 DAY
    ),
    keyed AS
    (
        SELECT *, ['r' || assumeNotNull(response_id)] AS keys FROM near
        WHERE (tenant, response_id) IN (SELECT tenant, response_id FROM scored WHERE startsWith(of_call, 'r'))
        UNION ALL
        SELECT *, if(isNull(model), ['s' || trace_id || span_id], ['s' || trace_id || span_id, 't' || trace_id]) AS keys
        FROM near
        WHERE (tenant, trace_id) IN (SELECT tenant, trace_id FROM scored WHERE isNotNull(of_trace))
    ),
    calls AS
    (
        SELECT tenant, arrayJoin(keys) AS key,
            argMax(
                (trace_id, span_id, model, provider, prompt_name, prompt_version, experiments),
                (counted, kind = 'llm', end_time)
            ) AS told
        FROM keyed
        GROUP BY tenant, key
    )
SELECT
    s.time AS time,
    s.tenant AS tenant,
    s.name AS name,
    s.evaluator AS evaluator,
    s.value AS value,
    s.label AS label,
    s.explanation AS explanation,
    s.service_name AS service_name,
    s.environment AS environment,
    coalesce(s.request_model, c.told.3, t.told.3) AS model,
    if(isNull(c.told.3), t.told.4, c.told.4) AS provider,
    multiIf(isNotNull(s.prompt_name), s.prompt_name, isNotNull(c.told.5), c.told.5, t.told.5) AS prompt_name,
    multiIf(isNotNull(s.prompt_name), s.prompt_version, isNotNull(c.told.5), c.told.6, t.told.6) AS prompt_version,
    mapUpdate(if(empty(c.told.7), t.told.7, c.told.7), s.experiments) AS experiments,
    s.response_id AS response_id,
    coalesce(s.trace_id, nullIf(c.told.1, '')) AS trace_id,
    coalesce(s.span_id, nullIf(c.told.2, '')) AS span_id
FROM scored AS s
LEFT JOIN calls AS c ON s.tenant = c.tenant AND s.of_call = c.key
LEFT JOIN calls AS t ON s.tenant = t.tenant AND s.of_trace = t.key;
