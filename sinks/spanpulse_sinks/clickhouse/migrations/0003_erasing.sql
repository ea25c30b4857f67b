-- What was taken out before its time. An erased span leaves a husk: its place in the log, time, model, tokens, cost
-- and dimensions, so that sums stay what they were; `spans` leaves it out.
ALTER TABLE span_rows ADD COLUMN IF NOT EXISTS erased Bool;

-- Received days that were removed whole from a table, and why; rollups of such a day cannot be held against its spans.
CREATE TABLE IF NOT EXISTS removed_days
(
    received_day Date,
    table_name   LowCardinality(String),
    tenant       LowCardinality(String), -- '': every tenant
    reason       LowCardinality(String), -- disk_cap, erased
    removed_at   DateTime64(3, 'UTC'),
    row_count    Int64,
    byte_count   Int64 -- on disk
)
ENGINE = MergeTree
ORDER BY (received_day, table_name, tenant)
{settings};

CREATE OR REPLACE VIEW spans AS
SELECT
    s.* EXCEPT (erased) REPLACE (
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
) AS u ON u.log_source = s.log_source AND u.target_log_offset = s.log_offset AND u.target_ordinal = s.ordinal
WHERE NOT s.erased;
