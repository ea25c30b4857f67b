-- Which dead letters were sent again: a row when a run takes a letter up, another when that has come to its end.
CREATE TABLE IF NOT EXISTS dead_letter_replays
(
    run         LowCardinality(String),
    log_source  UInt32, -- of the letter, as are the next two
    log_offset  Int64,
    ordinal     Int32,
    received_at DateTime64(3, 'UTC'), -- of the letter
    state       LowCardinality(String), -- planned, sent, gone
    at          DateTime64(3, 'UTC') -- when the row was written
)
ENGINE = MergeTree
ORDER BY (log_source, log_offset, ordinal, at)
{settings};
