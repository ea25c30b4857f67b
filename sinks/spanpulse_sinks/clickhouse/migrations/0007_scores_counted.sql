-- How many scores a batch stored: without it nobody can say whether they are all there. NULL: it was not counted.
ALTER TABLE batches ADD COLUMN IF NOT EXISTS scores Nullable(Int64) AFTER updates;
