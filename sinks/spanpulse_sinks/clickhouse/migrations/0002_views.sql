-- What people read. Views hold no data, so this file may be replaced by a later one at any time.

-- Late texts of a span, looked up by key only where a query asks for texts. {condition} is filled by the engine.
CREATE OR REPLACE DICTIONARY late_texts
(
    tenant   String,
    trace_id String,
    span_id  String,
    input    Nullable(String),
    output   Nullable(String)
)
PRIMARY KEY tenant, trace_id, span_id
SOURCE(CLICKHOUSE(QUERY 'SELECT tenant, trace_id, span_id, {late_list:input} AS input, {late_list:output} AS output FROM {database}.span_texts WHERE {condition} GROUP BY tenant, trace_id, span_id'))
LAYOUT(COMPLEX_KEY_DIRECT());

-- Spans in their newest state: corrections applied column by column, texts readable. A NULL stays NULL.
CREATE OR REPLACE VIEW spans AS
SELECT
    s.* REPLACE (
        {finish_reasons} AS finish_reasons,
        coalesce(u.counted, s.counted) AS counted,
        coalesce(u.user_id, s.user_id) AS user_id,
        coalesce(u.session_id, s.session_id) AS session_id,
        coalesce(u.prompt_name, s.prompt_name) AS prompt_name,
        coalesce(u.prompt_version, s.prompt_version) AS prompt_version
    ),
    {text_of:input} AS input_text,
    {text_of:output} AS output_text
FROM span_rows AS s
LEFT ANY JOIN
(
    SELECT
        log_source,
        target_log_offset,
        target_ordinal,
        argMax(counted, log_offset) AS counted,
        argMax(user_id, log_offset) AS user_id,
        argMax(session_id, log_offset) AS session_id,
        argMax(prompt_name, log_offset) AS prompt_name,
        argMax(prompt_version, log_offset) AS prompt_version
    FROM span_updates
    GROUP BY log_source, target_log_offset, target_ordinal
) AS u ON u.log_source = s.log_source AND u.target_log_offset = s.log_offset AND u.target_ordinal = s.ordinal;

CREATE OR REPLACE VIEW services_by_minute AS
SELECT minute, tenant, service_name, environment, kind, name,
    sum(r.spans) AS spans,
    sum(r.errors) AS errors,
    sum(r.weighted_spans) AS weighted_spans,
    sumMap(r.errors_by_type) AS errors_by_type,
    {milliseconds:latency}
FROM rollup_service AS r
GROUP BY minute, tenant, service_name, environment, kind, name;

CREATE OR REPLACE VIEW scores_by_minute AS
SELECT minute, tenant, name, evaluator, service_name, environment, model, prompt_name, prompt_version,
    sum(r.scores) AS scores,
    sum(r.with_value) AS with_value,
    if(with_value = 0, NULL, toFloat64(sum(r.value_sum)) / with_value) AS mean_value,
    sumMap(r.labels) AS labels
FROM rollup_score AS r
GROUP BY minute, tenant, name, evaluator, service_name, environment, model, prompt_name, prompt_version;
