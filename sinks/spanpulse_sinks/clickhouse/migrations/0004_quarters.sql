-- The rows of rollup_minute by quarter of an hour: what an overview of hours or days reads, in a fifteenth of the rows.
CREATE TABLE IF NOT EXISTS rollup_quarter
(
    received_day   Date,
    applied        SimpleAggregateFunction(maxMap, Map(UInt32, Int64)),
    quarter        DateTime('UTC'), -- start of the 15 minutes
    tenant         LowCardinality(String),
    service_name   LowCardinality(String),
    environment    LowCardinality(String),
    operation      LowCardinality(String),
    provider       LowCardinality(String),
    model          LowCardinality(String),
    prompt_name    LowCardinality(String),
    prompt_version LowCardinality(String),
    {measures}
)
ENGINE = AggregatingMergeTree
PARTITION BY received_day
ORDER BY (tenant, quarter, service_name, environment, operation, provider, model, prompt_name, prompt_version)
{ttl:rollup_quarter}
{settings};

-- No batch is written before all migrations have run, so what is there is of an earlier attempt.
TRUNCATE TABLE rollup_quarter;

INSERT INTO rollup_quarter SELECT * REPLACE (toStartOfFifteenMinutes(minute) AS minute) FROM rollup_minute;
