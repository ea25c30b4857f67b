-- Calls whose cost is not known, weighted as the cost of the others is: without them neither the share of the calls
-- that a cost covers nor the cost of one call follows from rows in which weights are mixed.
ALTER TABLE rollup_minute {later_measures};

ALTER TABLE rollup_quarter {later_measures};

ALTER TABLE rollup_experiment {later_measures};

ALTER TABLE rollup_user {later_measures};

-- Calls per minute and dimensions; times in milliseconds, NULL where nothing was timed.
CREATE OR REPLACE VIEW requests_by_minute AS
SELECT minute, tenant, service_name, environment, operation, provider, model, prompt_name, prompt_version,
    {readable}
FROM rollup_minute AS r
GROUP BY minute, tenant, service_name, environment, operation, provider, model, prompt_name, prompt_version;

CREATE OR REPLACE VIEW requests_by_model AS
SELECT toStartOfHour(minute) AS hour, tenant, provider, model,
    {readable}
FROM rollup_minute AS r
GROUP BY hour, tenant, provider, model;

CREATE OR REPLACE VIEW requests_by_experiment AS
SELECT minute, tenant, experiment, variant,
    {readable}
FROM rollup_experiment AS r
GROUP BY minute, tenant, experiment, variant;

CREATE OR REPLACE VIEW requests_by_user AS
SELECT quarter, tenant, user_id,
    {readable}
FROM rollup_user AS r
GROUP BY quarter, tenant, user_id;
