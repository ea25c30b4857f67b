-- What people set for all processes of a cluster: a row an import, the newest of a kind is in force. Older ones stay,
-- for what was written under them is replayed under them.
CREATE TABLE IF NOT EXISTS shared_state
(
    kind        LowCardinality(String), -- prices, keys, settings
    version     UInt64,                 -- ms since 1970 of the import
    text        String,                 -- the file; of keys the hashes alone
    imported_by String
)
ENGINE = MergeTree
ORDER BY (kind, version)
{settings};
