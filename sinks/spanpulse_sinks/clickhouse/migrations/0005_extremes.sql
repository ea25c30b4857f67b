-- The slowest spans and the dearest calls of a range lie in few granules: these say in which. Without NULLs, since one of
-- them makes a granule's largest value unknown; what stands in their place only ever adds a granule. Parts of before have
-- no such index until they are merged, and are read in full.
ALTER TABLE span_rows ADD INDEX IF NOT EXISTS by_duration assumeNotNull(duration_ns) TYPE minmax GRANULARITY 1;

ALTER TABLE span_rows ADD INDEX IF NOT EXISTS by_cost assumeNotNull(cost) TYPE minmax GRANULARITY 1;
