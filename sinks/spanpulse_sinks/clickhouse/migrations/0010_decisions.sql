-- What is decided over several partitions. A span that another partition stored first is dropped: its row stays, for
-- `batches` counts it, and it adds nothing to any rollup.
ALTER TABLE span_rows ADD COLUMN IF NOT EXISTS dropped Bool DEFAULT false;

ALTER TABLE span_updates ADD COLUMN IF NOT EXISTS dropped Nullable(Bool);

-- Decisions that changed what a partition remembers. Each is a row of `seen` with record 2: the ids are those of the span
-- that it is about, start_time and end_time that span's offset and ordinal, provider the reason, usage what is decided
-- (1 no longer counted, 2 dropped), and the context is what is filled in.
ALTER TABLE batches ADD COLUMN IF NOT EXISTS decided Int64 DEFAULT 0 AFTER scores;

CREATE OR REPLACE VIEW spans AS
SELECT
    s.* EXCEPT (erased, dropped) REPLACE (
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
        argMax(dropped, log_offset) AS dropped,
        argMax(user_id, log_offset) AS user_id,
        argMax(session_id, log_offset) AS session_id,
        argMax(prompt_name, log_offset) AS prompt_name,
        argMax(prompt_version, log_offset) AS prompt_version
    FROM span_updates
    GROUP BY log_source, target_log_offset, target_ordinal
) AS u ON u.log_source = s.log_source AND u.target_log_offset = s.log_offset AND u.target_ordinal = s.ordinal
WHERE NOT s.erased AND NOT coalesce(u.dropped, s.dropped);
