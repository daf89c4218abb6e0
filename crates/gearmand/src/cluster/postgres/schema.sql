-- Everything but `beat`, `server`, `pace` and `cluster` may grow. All times in milliseconds are since 1970, by the database's clock
-- but for those that servers say.

CREATE TABLE @.cluster (
    version integer NOT NULL,
    -- Ids from here on have no job yet.
    next_id bigint NOT NULL,
    -- The last that joined. Whoever joins has this row locked, so that nobody sees an epoch before all that are smaller.
    last_epoch bigint NOT NULL DEFAULT 0,
    -- The version of all settings.
    settings bigint NOT NULL DEFAULT 0,
    -- What was made, one object each: a look at it shows what was changed since.
    objects text[] NOT NULL
);

-- An epoch is one join of a server.
CREATE TABLE @.server (
    epoch bigint PRIMARY KEY,
    -- The number of its last write.
    turn bigint NOT NULL DEFAULT 0,
    joined timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When it left, or was declared dead.
    died timestamptz,
    -- It left by itself.
    was_left boolean NOT NULL DEFAULT false,
    name text NOT NULL,
    address text NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- When an epoch was last heard of. A row of its own: a beat waits for no write. Those that died have none.
CREATE TABLE @.beat (
    epoch bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    -- Since when it was, without a long gap.
    since timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE @.job (
    id bigint PRIMARY KEY,
    -- May not run before; of those that may run at once, when they were inserted.
    due bigint NOT NULL,
    -- When the first of its tries failed; 0 before.
    first_ms bigint NOT NULL DEFAULT 0,
    -- The epoch that has it; NULL: free.
    owner bigint,
    -- How many tries failed.
    tries integer NOT NULL DEFAULT 0,
    -- 0 is high, 2 low.
    priority smallint NOT NULL,
    started boolean NOT NULL DEFAULT false,
    function bytea NOT NULL,
    -- As the client gave it; empty without one.
    unique_key bytea NOT NULL,
    -- NULL: no other job is the same job. Of key `-`, which stands for the workload, that one's digest; else empty.
    digest bytea,
    reducer bytea,
    data bytea NOT NULL
) WITH (
    fillfactor = 90,
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_analyze_scale_factor = 0.1, autovacuum_analyze_threshold = 10000,
    toast.autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_vacuum_threshold = 10000,
    toast.autovacuum_vacuum_cost_delay = 0
);
-- A claim reads it from the front of a function's priority, up to what is not due yet.
CREATE INDEX job_free ON @.job (function, priority, due, id) WHERE owner IS NULL;
-- With the function, for limits.
CREATE INDEX job_owned ON @.job (owner, function) WHERE owner IS NOT NULL;
CREATE UNIQUE INDEX job_key ON @.job (function, unique_key, digest) WHERE digest IS NOT NULL;

-- How far jobs are that report it. Beside them, so that this writes no rows of jobs: theirs are larger, and in more indexes. It holds
-- while the epoch owns the job; epochs that died have none.
CREATE TABLE @.progress (
    epoch bigint NOT NULL,
    id bigint NOT NULL,
    numerator bigint NOT NULL,
    denominator bigint NOT NULL,
    PRIMARY KEY (epoch, id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 1000);

-- Functions with limits. Whoever claims of one changes its row.
CREATE TABLE @.pace (
    function bytea PRIMARY KEY,
    -- How often this row was changed: whoever finds another number than before knows less than it thinks.
    turn bigint NOT NULL DEFAULT 0,
    -- When the next token of the rate is due, in microseconds since 1970.
    next_us bigint NOT NULL DEFAULT 0,
    -- Jobs wait for nothing else: tokens that are taken late are not lost.
    wanted boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Jobs that ran out of tries, or were buried.
CREATE TABLE @.dead (
    id bigint PRIMARY KEY,
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    tries integer NOT NULL,
    priority smallint NOT NULL,
    function bytea NOT NULL,
    unique_key bytea NOT NULL,
    reducer bytea,
    reason bytea NOT NULL,
    text bytea NOT NULL,
    worker bytea NOT NULL,
    data bytea NOT NULL
);
CREATE INDEX dead_order ON @.dead (last_ms, id);
CREATE INDEX dead_function ON @.dead (function, last_ms, id);

-- What was said at run time.
CREATE TABLE @.setting (
    key bytea PRIMARY KEY,
    value bytea NOT NULL
);
