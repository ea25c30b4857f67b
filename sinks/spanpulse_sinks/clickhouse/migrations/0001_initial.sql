-- Every table is partitioned by the UTC day of received_at (log-append time): one batch is one insert and one part.
-- Statements end with a semicolon at the end of a line. {settings} is replaced by the mode's MergeTree settings and
-- {ttl:NAME} by the retention of that table; the measures of rollups are listed once, in _measures.py.

-- In log order: parts of one source never overlap, so a merge passes whole blocks on (a third of the CPU time of a
-- merge by trace), a batch is one range of the primary key, and rows close in time are close on disk.

CREATE TABLE IF NOT EXISTS span_rows
(
    log_source            UInt32,
    log_offset            Int64 CODEC(Delta, Default),
    ordinal               Int32,
    received_at           DateTime64(3, 'UTC') CODEC(Delta, Default),
    tenant                LowCardinality(String),
    trace_id              String,
    span_id               String,
    parent_span_id        Nullable(String),
    start_time            DateTime64(9, 'UTC'),
    end_time              DateTime64(9, 'UTC'),
    duration_ns           Nullable(Int64),
    name                  LowCardinality(String),
    span_kind             UInt8,
    service_name          LowCardinality(Nullable(String)),
    environment           LowCardinality(Nullable(String)),
    operation             LowCardinality(Nullable(String)),
    kind                  LowCardinality(String),
    provider              LowCardinality(Nullable(String)),
    request_model         LowCardinality(Nullable(String)),
    response_model        LowCardinality(Nullable(String)),
    response_id           Nullable(String),
    stream                Nullable(Bool),
    input_tokens          Nullable(Int64),
    output_tokens         Nullable(Int64),
    cache_read_tokens     Nullable(Int64),
    cache_write_tokens    Nullable(Int64),
    reasoning_tokens      Nullable(Int64),
    cache_write_1h_tokens Nullable(Int64),
    input_audio_tokens    Nullable(Int64),
    output_audio_tokens   Nullable(Int64),
    service_tier          LowCardinality(Nullable(String)),
    usage_status          LowCardinality(Nullable(String)),
    usage_rank            UInt8,
    counted               Bool,
    cost                  Nullable(Decimal(38, 12)),
    cost_confidence       LowCardinality(Nullable(String)),
    price_version         LowCardinality(String),
    time_to_first_token_ns Nullable(Int64),
    status                LowCardinality(String),
    status_message        Nullable(String),
    error_type            LowCardinality(Nullable(String)),
    finish_reasons        Array(LowCardinality(String)),
    user_id               Nullable(String),
    session_id            Nullable(String),
    prompt_name           LowCardinality(Nullable(String)),
    prompt_version        LowCardinality(Nullable(String)),
    experiments           Map(LowCardinality(String), String),
    tags                  Map(LowCardinality(String), String),
    weight                Int64,
    input_messages        Nullable(String),
    output_messages       Nullable(String),
    retrieval_query       Nullable(String),
    retrieval_documents   Nullable(String),
    emitter_name          LowCardinality(String),
    emitter_version       LowCardinality(String),
    resource              LowCardinality(String),
    attributes            Map(LowCardinality(String), String),
    events                Nullable(String),
    links                 Nullable(String),
    anomalies             Array(LowCardinality(String)),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_time end_time TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (log_source, log_offset, ordinal)
{ttl:span_rows}
{settings};

-- Corrections of stored spans: a NULL column leaves the stored value; the newest row of a span wins column by column.
-- One row a corrected span and batch; log_offset and received_at are those of the last span that brought it about.
CREATE TABLE IF NOT EXISTS span_updates
(
    log_source         UInt32, -- of the correcting and of the corrected span
    log_offset         Int64,
    received_at        DateTime64(3, 'UTC'),
    tenant             LowCardinality(String),
    trace_id           String,
    span_id            String,
    target_log_offset  Int64,
    target_ordinal     Int32,
    target_received_at DateTime64(3, 'UTC'),
    counted            Nullable(Bool),
    user_id            Nullable(String),
    session_id         Nullable(String),
    prompt_name        Nullable(String),
    prompt_version     Nullable(String),
    reason             LowCardinality(String) -- context, response_id, descendant, native_span, same_moment, ancestor
)
ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (tenant, trace_id, span_id, log_offset)
{ttl:span_updates}
{settings};

-- Texts that came apart from their span (message events in logs).
CREATE TABLE IF NOT EXISTS span_texts
(
    log_source   UInt32,
    log_offset   Int64,
    ordinal      Int32,
    received_at  DateTime64(3, 'UTC'),
    tenant       LowCardinality(String),
    trace_id     String,
    span_id      String,
    time         DateTime64(9, 'UTC'),
    direction    LowCardinality(String), -- input, output
    position     Int32,                  -- order among the messages of one record
    messages     String,  -- JSON list in the OTel GenAI message schema
    event_name   LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (tenant, trace_id, span_id, log_offset, ordinal)
{ttl:span_texts}
{settings};

CREATE TABLE IF NOT EXISTS scores
(
    log_source        UInt32,
    log_offset        Int64,
    ordinal           Int32,
    received_at       DateTime64(3, 'UTC'),
    tenant            LowCardinality(String),
    time              DateTime64(9, 'UTC'),
    trace_id          Nullable(String),
    span_id           Nullable(String),
    response_id       Nullable(String),
    evaluator         LowCardinality(String),
    evaluator_version LowCardinality(Nullable(String)),
    name              LowCardinality(String),
    value             Nullable(Float64),
    label             LowCardinality(Nullable(String)),
    explanation       Nullable(String),
    service_name      LowCardinality(Nullable(String)),
    environment       LowCardinality(Nullable(String)),
    request_model     LowCardinality(Nullable(String)),
    prompt_name       LowCardinality(Nullable(String)),
    prompt_version    LowCardinality(Nullable(String)),
    attributes        Map(LowCardinality(String), String)
)
ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (tenant, name, time)
{ttl:scores}
{settings};

-- What a partition has seen, in log order: the state of duplicates, usage and context is a fold over these rows.
-- What does not concern a row is 0 or '': only model calls (call > 0) fill `call` to `response_low`, only those that
-- may be told apart by their moment `call_key` to `end_time`. Context is the span's own, before anything is inherited.
CREATE TABLE IF NOT EXISTS seen
(
    log_source     UInt32,
    log_offset     Int64 CODEC(Delta, Default),
    ordinal        Int32 CODEC(Delta, Default),
    received_at    DateTime64(3, 'UTC') CODEC(Delta, Default),
    record         UInt8, -- 0 span, 1 log record
    tenant         LowCardinality(String),
    key_high       UInt64, -- span: trace id; log record: 128-bit hash of its content
    key_low        UInt64,
    span_id        UInt64,
    parent_span_id UInt64,
    call           UInt8,  -- 1 llm, 2 embedding, 4 usage, 8 response id, 16-32 rank, 64 failed, 128 tool
    response_high  UInt64, -- 128-bit hash of tenant and response id
    response_low   UInt64,
    call_key       UInt64, -- hash of resource, request model and kind
    provider       UInt32, -- hash of the provider's family
    usage          UInt32, -- hash of the tokens in and out
    start_time     Int64,  -- ns since the epoch
    end_time       Int64,
    user_id        String,
    session_id     String,
    prompt_name    LowCardinality(String),
    prompt_version LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (log_source, log_offset, ordinal)
{settings};

-- One row per minute of the span's end and dimensions. Sums of `weighted_*` are estimates of the unsampled whole.
CREATE TABLE IF NOT EXISTS rollup_minute
(
    received_day   Date,
    applied        SimpleAggregateFunction(maxMap, Map(UInt32, Int64)),
    minute         DateTime('UTC'),
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
ORDER BY (tenant, minute, service_name, environment, operation, provider, model, prompt_name, prompt_version)
{ttl:rollup_minute}
{settings};

CREATE TABLE IF NOT EXISTS rollup_experiment
(
    received_day   Date,
    applied        SimpleAggregateFunction(maxMap, Map(UInt32, Int64)),
    minute         DateTime('UTC'),
    tenant         LowCardinality(String),
    experiment     LowCardinality(String),
    variant        LowCardinality(String),
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
ORDER BY (tenant, minute, experiment, variant, service_name, environment, operation, provider, model, prompt_name, prompt_version)
{ttl:rollup_experiment}
{settings};

CREATE TABLE IF NOT EXISTS rollup_user
(
    received_day   Date,
    applied        SimpleAggregateFunction(maxMap, Map(UInt32, Int64)),
    quarter        DateTime('UTC'), -- start of the 15 minutes
    tenant         LowCardinality(String),
    user_id        String,
    {measures}
)
ENGINE = AggregatingMergeTree
PARTITION BY received_day
ORDER BY (tenant, quarter, user_id)
{ttl:rollup_user}
{settings};

-- Every span, not only model calls: what a service does, how long it takes, what fails.
CREATE TABLE IF NOT EXISTS rollup_service
(
    received_day   Date,
    applied        SimpleAggregateFunction(maxMap, Map(UInt32, Int64)),
    minute         DateTime('UTC'),
    tenant         LowCardinality(String),
    service_name   LowCardinality(String),
    environment    LowCardinality(String),
    kind           LowCardinality(String),
    name           LowCardinality(String),
    spans          SimpleAggregateFunction(sum, Int64),
    weighted_spans SimpleAggregateFunction(sum, Int64),
    errors         SimpleAggregateFunction(sum, Int64),
    errors_by_type SimpleAggregateFunction(sumMap, Map(String, Int64)),
    latency        SimpleAggregateFunction(sumMap, Map(Int16, Int64)) CODEC(LZ4)
)
ENGINE = AggregatingMergeTree
PARTITION BY received_day
ORDER BY (tenant, minute, service_name, environment, kind, name)
{ttl:rollup_service}
{settings};

CREATE TABLE IF NOT EXISTS rollup_score
(
    received_day   Date,
    applied        SimpleAggregateFunction(maxMap, Map(UInt32, Int64)),
    minute         DateTime('UTC'),
    tenant         LowCardinality(String),
    name           LowCardinality(String),
    evaluator      LowCardinality(String),
    service_name   LowCardinality(String),
    environment    LowCardinality(String),
    model          LowCardinality(String),
    prompt_name    LowCardinality(String),
    prompt_version LowCardinality(String),
    scores         SimpleAggregateFunction(sum, Int64),
    with_value     SimpleAggregateFunction(sum, Int64),
    value_sum      SimpleAggregateFunction(sum, Decimal(38, 12)),
    labels         SimpleAggregateFunction(sumMap, Map(String, Int64))
)
ENGINE = AggregatingMergeTree
PARTITION BY received_day
ORDER BY (tenant, minute, name, evaluator, service_name, environment, model, prompt_name, prompt_version)
{ttl:rollup_score}
{settings};

-- Which values of a dimension fit under the cap of a tenant and day, in log order.
CREATE TABLE IF NOT EXISTS dimension_values
(
    log_source  UInt32,
    log_offset  Int64,
    received_at DateTime64(3, 'UTC'),
    tenant      LowCardinality(String),
    dimension   LowCardinality(String),
    value       String
)
ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (tenant, dimension, log_offset)
{ttl:dimension_values}
{settings};

CREATE TABLE IF NOT EXISTS dead_letters
(
    log_source  UInt32,
    log_offset  Int64,
    ordinal     Int32, -- -1: the whole message
    received_at DateTime64(3, 'UTC'),
    tenant      LowCardinality(String),
    signal      LowCardinality(String), -- traces, logs
    reason      LowCardinality(String),
    detail      String,
    bytes       String
)
ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (tenant, received_at)
{ttl:dead_letters}
{settings};

-- The last row that a batch writes: what became of its records, per minute of log-append time.
CREATE TABLE IF NOT EXISTS batches
(
    log_source    UInt32,
    first_offset  Int64,
    last_offset   Int64,
    received_at   DateTime64(3, 'UTC'), -- of its first message
    minute        DateTime('UTC'),
    tenant        LowCardinality(String),
    signal        LowCardinality(String), -- traces, logs
    accepted      Int64,
    stored        Int64,
    duplicate     Int64,
    dead_lettered Int64,
    filtered      Int64, -- left out by the keep policy
    unjoined      Int64,
    updates       Int64,
    versions      String
)
ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (log_source, first_offset, minute, tenant, signal)
{ttl:batches}
{settings};
