//! The text of every statement. `@` stands for the schema, `@dead` for how long an epoch lives unheard of,
//! `@heard` for how long who declares it dead was heard of.
//!
//! What always holds: each is a transaction of its own; its rows are named by ids or by an index, however long the queue is; and
//! none waits for a row that a statement waiting for it has.
//!
//! Writes begin with a *fence*: the row of the epoch, locked and counted on, or nothing where the epoch does not live or the
//! turn is not its next. All else of them is joined to it. Whoever declares an epoch dead needs the same lock. A row 0 in what
//! they return says that the fence was passed.

/// Milliseconds since 1970, by the database's clock.
macro_rules! now {
    () => {
        "(extract(epoch FROM statement_timestamp()) * 1000)::bigint"
    };
}

macro_rules! fence {
    () => {
        "WITH fence AS (
            UPDATE @.server s SET turn = $2::bigint WHERE s.epoch = $1 AND s.turn = $2::bigint - 1 AND s.died IS NULL
                AND EXISTS (SELECT FROM @.beat b WHERE b.epoch = s.epoch AND b.at >= clock_timestamp() - @dead)
            RETURNING s.epoch
        ), "
    };
}

/// The digest of a job's key, see schema.sql.
macro_rules! digest {
    ($row:literal) => {
        concat!(
            "CASE WHEN ",
            $row,
            ".unique_key = '' OR ",
            $row,
            ".unique_key = '-' AND ",
            $row,
            ".data = '' THEN NULL
                WHEN ",
            $row,
            ".unique_key = '-' THEN sha256(",
            $row,
            ".data) ELSE '' END"
        )
    };
}

/// What jobs and dead letters have.
macro_rules! columns {
    ($row:literal) => {
        concat!(
            $row,
            ".id, ",
            $row,
            ".function, ",
            $row,
            ".unique_key, ",
            $row,
            ".priority, ",
            $row,
            ".data, ",
            $row,
            ".reducer, ",
            $row,
            ".tries, ",
            $row,
            ".first_ms"
        )
    };
}

/// A row that waits no more shows no time.
macro_rules! job {
    ($row:literal) => {
        concat!(columns!($row), ", CASE WHEN ", $row, ".due > ", now!(), " THEN ", $row, ".due ELSE 0 END AS due_ms")
    };
}

/// What is free of a function in one priority.
macro_rules! free {
    ($priority:literal) => {
        concat!(
            "SELECT id, bytes FROM (SELECT id, octet_length(data)::bigint AS bytes FROM @.job
                WHERE owner IS NULL AND function = w.function AND priority = ",
            $priority,
            " AND due <= w.now
                ORDER BY due, id LIMIT w.count FOR UPDATE SKIP LOCKED) p"
        )
    };
}

/// Whoever owns rows, found one by one: there are a few, however many rows they have.
macro_rules! owners {
    () => {
        "WITH RECURSIVE each_ AS (
            (SELECT owner FROM @.job WHERE owner IS NOT NULL ORDER BY owner LIMIT 1)
            UNION ALL
            SELECT (SELECT j.owner FROM @.job j WHERE j.owner > e.owner ORDER BY j.owner LIMIT 1)
            FROM each_ e WHERE e.owner IS NOT NULL
        )
        SELECT owner FROM each_ WHERE owner IS NOT NULL"
    };
}

macro_rules! done {
    () => {
        "DELETE FROM @.job j USING fence f, unnest($3::bigint[]) AS u(id)
        WHERE j.id = u.id AND (j.owner IS NULL OR j.owner = f.epoch) RETURNING j.id"
    };
}

/// Name, address, the epoch before. That one is over, once no write of it is under way; what such a write has just inserted is freed like what is of
/// the dead.
pub(super) const JOIN: &str = "
    WITH old AS (DELETE FROM @.server WHERE died < clock_timestamp() - interval '30 days'),
    next AS (UPDATE @.cluster SET last_epoch = last_epoch + 1 RETURNING last_epoch),
    joined AS (INSERT INTO @.server (epoch, name, address) SELECT last_epoch, $1::text, $2::text FROM next RETURNING epoch),
    heard AS (INSERT INTO @.beat (epoch, at) SELECT epoch, clock_timestamp() FROM joined),
    former AS (
        UPDATE @.server s SET died = clock_timestamp(), was_left = true WHERE s.epoch = $3::bigint AND s.died IS NULL
        RETURNING s.epoch
    ), unheard AS (DELETE FROM @.beat b USING former WHERE b.epoch = former.epoch),
    kept AS (UPDATE @.job j SET owner = joined.epoch FROM joined, former WHERE j.owner = former.epoch)
    SELECT epoch, EXISTS (
        SELECT FROM @.server s JOIN @.beat b USING (epoch) WHERE s.name = $1 AND b.at >= clock_timestamp() - @dead
            AND s.epoch IS DISTINCT FROM $3
    ) FROM joined";

/// Epoch. One row: it lives; and whether it is the eldest. What is silent and not declared dead counts, in case that the
/// clock is set back. By how much it was, the next sweep must see.
pub(super) const BEAT: &str = "
    UPDATE @.beat b SET at = GREATEST(b.at, clock_timestamp()),
        since = CASE WHEN b.at < clock_timestamp() - @dead / 2 THEN clock_timestamp() ELSE b.since END
    WHERE b.epoch = $1 AND b.at >= clock_timestamp() - @dead
    RETURNING NOT EXISTS (SELECT FROM @.beat e WHERE e.epoch < b.epoch)";

/// For an epoch in place of `$1`.
pub(super) const LEAVE: &str = "
    UPDATE @.server SET died = clock_timestamp(), was_left = true WHERE epoch = $1 AND died IS NULL;
    DELETE FROM @.beat WHERE epoch = $1;
    DELETE FROM @.progress WHERE epoch = $1;
    UPDATE @.job SET owner = NULL, started = false WHERE owner = $1";

/// For an epoch in place of `$1`. Statements of one transaction, each of which sees what was committed before it began.
///
/// First, where somebody was heard of in the future, because the clock was set back: jobs that were due by then are due as much
/// earlier, and who was heard of then was heard of now. Else such jobs would wait for as long, and nobody's death be noticed. Three
/// seconds more, as the last beat before that was some time before.
///
/// Then what is known of the progress of jobs is deleted where its epoch has no beat; those are declared dead that were not heard of,
/// unless they are writing, or who asks was not heard of for long enough itself; and rows of owners without a beat are freed. Owners
/// are found one by one: there are a few, however many rows they have.
pub(super) const SWEEP: &str = concat!("
    WITH back AS MATERIALIZED (
        SELECT (extract(epoch FROM max(at) - clock_timestamp()) * 1000)::bigint AS by_ms FROM @.beat
    ), rows AS MATERIALIZED (
        SELECT j.id FROM @.job j
        WHERE (SELECT by_ms FROM back) > 0 AND j.due > ", now!(), " AND j.due <= ", now!(), " + (SELECT by_ms FROM back) + 3000
        FOR UPDATE OF j SKIP LOCKED
    )
    UPDATE @.job j SET due = j.due - back.by_ms FROM rows, back WHERE j.id = rows.id;

    UPDATE @.beat SET at = LEAST(at, clock_timestamp()), since = LEAST(since, clock_timestamp())
    WHERE GREATEST(at, since) > clock_timestamp();

    WITH RECURSIVE owners AS (
        (SELECT epoch FROM @.progress ORDER BY epoch LIMIT 1)
        UNION ALL
        SELECT (SELECT p.epoch FROM @.progress p WHERE p.epoch > o.epoch ORDER BY p.epoch LIMIT 1)
        FROM owners o WHERE o.epoch IS NOT NULL
    )
    DELETE FROM @.progress p USING owners o
    WHERE p.epoch = o.epoch AND NOT EXISTS (SELECT FROM @.beat b WHERE b.epoch = o.epoch);

    WITH late AS (
        SELECT s.epoch FROM @.server s JOIN @.beat b USING (epoch) WHERE b.at < clock_timestamp() - @dead AND EXISTS (
            SELECT FROM @.beat m WHERE m.epoch = $1 AND m.at >= clock_timestamp() - @dead / 2
                AND m.since <= clock_timestamp() - @heard
        )
        FOR UPDATE OF s SKIP LOCKED
    ), gone AS (
        DELETE FROM @.beat b USING late WHERE b.epoch = late.epoch AND b.at < clock_timestamp() - @dead RETURNING b.epoch
    )
    UPDATE @.server s SET died = clock_timestamp() FROM gone WHERE s.epoch = gone.epoch RETURNING s.name;

    WITH RECURSIVE owners AS (
        (SELECT owner FROM @.job WHERE owner IS NOT NULL ORDER BY owner LIMIT 1)
        UNION ALL
        SELECT (SELECT j.owner FROM @.job j WHERE j.owner > o.owner ORDER BY j.owner LIMIT 1)
        FROM owners o WHERE o.owner IS NOT NULL
    ), gone AS (
        SELECT o.owner FROM owners o
        WHERE o.owner IS NOT NULL AND NOT EXISTS (SELECT FROM @.beat b WHERE b.epoch = o.owner)
    ), rows AS MATERIALIZED (
        SELECT j.id FROM gone JOIN @.job j ON j.owner = gone.owner FOR UPDATE OF j SKIP LOCKED
    )
    UPDATE @.job j SET owner = NULL, started = false, tries = LEAST(j.tries + j.started::int, 65535),
        first_ms = CASE WHEN j.started AND j.first_ms = 0 THEN ", now!(), " ELSE j.first_ms END
    FROM rows WHERE j.id = rows.id");

/// A version. Of settings of another one: their version, keys and values; else a row without a key.
pub(super) const SETTINGS: &str = "
    SELECT c.settings, s.key, s.value FROM @.cluster c LEFT JOIN @.setting s ON c.settings <> $1::bigint";

/// Count.
pub(super) const BLOCK: &str = "UPDATE @.cluster SET next_id = next_id + $1::bigint RETURNING next_id - $1::bigint";

/// Channel, payloads.
pub(super) const WAKE: &str = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) payload";

const SEEN: &str = concat!(
    "
    SELECT j.id, j.tries, CASE WHEN j.due > ",
    now!(),
    " THEN j.due ELSE 0 END, j.owner, coalesce(s.name, ''), j.started, j.function, p.numerator, p.denominator
    FROM @.job j LEFT JOIN @.server s ON s.epoch = j.owner
    LEFT JOIN @.progress p ON p.epoch = j.owner AND p.id = j.id WHERE "
);

/// Id.
pub(super) fn look_id() -> String {
    format!(
        "{SEEN} j.id = $1 UNION ALL
        SELECT id, tries, 0, NULL, NULL, NULL, function, NULL, NULL FROM @.dead WHERE id = $1"
    )
}

/// Unique key. Functions with such jobs are found one by one: there are a few, however many jobs they have.
pub(super) fn look_unique() -> String {
    format!(
        "WITH RECURSIVE f AS (
            (SELECT function FROM @.job WHERE digest IS NOT NULL ORDER BY function LIMIT 1)
            UNION ALL
            SELECT (SELECT j.function FROM @.job j WHERE j.digest IS NOT NULL AND j.function > f.function
                ORDER BY j.function LIMIT 1)
            FROM f WHERE f.function IS NOT NULL
        ), found AS MATERIALIZED (
            SELECT k.id FROM f CROSS JOIN LATERAL (
                SELECT j.id FROM @.job j WHERE j.function = f.function AND j.unique_key = $1 AND j.digest = ''
            ) k LIMIT 1
        ) {SEEN} j.id = (SELECT id FROM found)"
    )
}

/// Function, unique key, workload.
pub(super) fn look_key() -> String {
    let digest = "CASE WHEN $2 = '-'::bytea THEN sha256($3::bytea) ELSE '' END";
    format!("{SEEN} j.function = $1 AND j.unique_key = $2 AND j.digest = {digest}")
}

/// Epoch, turn, the columns of rows.
pub(super) const INSERT: &str = concat!(fence!(), "
    added AS (
        INSERT INTO @.job (id, function, unique_key, digest, priority, due, tries, first_ms, owner, reducer, data)
        SELECT n.id, n.function, n.unique_key, ", digest!("n"), ", n.priority,
            CASE WHEN n.due = 0 THEN ", now!(), " ELSE n.due END,
            n.tries, n.first_ms, CASE WHEN n.own THEN fence.epoch END, n.reducer, n.data
        FROM fence, unnest($3::bigint[], $4::bytea[], $5::bytea[], $6::smallint[], $7::bigint[], $8::int[], $9::bigint[],
            $10::bool[], $11::bytea[], $12::bytea[])
            AS n(id, function, unique_key, priority, due, tries, first_ms, own, reducer, data)
        ON CONFLICT (function, unique_key, digest) WHERE digest IS NOT NULL DO NOTHING
        RETURNING id
    )
    SELECT id FROM added UNION ALL SELECT 0 FROM fence");

/// Ids of ours, and the functions, unique keys and workloads of their jobs: those whose keys rows have, and those rows.
pub(super) const TWINS: &str = "
    SELECT k.id, j.id FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[]) AS k(id, function, unique_key, data)
    JOIN @.job j ON j.function = k.function AND j.unique_key = k.unique_key
        AND j.digest = CASE WHEN k.unique_key = '-' THEN sha256(k.data) ELSE '' END";

/// Ids: those that rows have.
pub(super) const THERE: &str = "SELECT id FROM @.job WHERE id = ANY ($1)";

/// Epoch, turn, functions, counts, most bytes. Each priority is read by itself, up to what is due: what waits longer is never
/// walked over.
pub(super) const CLAIM: &str = concat!(
    fence!(),
    "
    want AS MATERIALIZED (
        SELECT w.function, w.count, ",
    now!(),
    " AS now FROM fence, unnest($3::bytea[], $4::bigint[]) AS w(function, count)
    ), picked AS MATERIALIZED (
        SELECT p.id, p.bytes FROM want w CROSS JOIN LATERAL (
            SELECT c.id, c.bytes FROM (
                ",
    free!("0"),
    " UNION ALL ",
    free!("1"),
    " UNION ALL ",
    free!("2"),
    "
            ) c LIMIT w.count
        ) p
    ), fits AS MATERIALIZED (
        SELECT s.id FROM (SELECT id, bytes, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) AS total FROM picked) s
        WHERE s.total - s.bytes < $5::bigint
    ), claimed AS (
        UPDATE @.job j SET owner = fence.epoch FROM fits, fence WHERE j.id = fits.id
        RETURNING ",
    job!("j"),
    ", j.due
    )
    SELECT id, function, unique_key, priority, data, reducer, tries, first_ms, due_ms, due FROM claimed
    UNION ALL SELECT 0, '', '', 0::smallint, '', NULL, 0, 0, 0, 0 FROM fence"
);

/// The same for functions of which some have limits. After most bytes: how many may be owned, the microseconds from one token
/// to the next, and how many tokens there are at most; NULL without.
///
/// No lock that is taken here makes newer rows visible: what is counted is what was there when the statement began. So a claim
/// is made only if the function's row has the turn that it had then, and raises it: since then none was made of it by
/// another server, whoever waited for whom. Else it is asked for once more. So it is where there was no row.
///
/// No token is due later than one step after all that there are at most, unless the clock was set back: then it is due there.
///
/// One job more is looked for than there are tokens, to know whether any waits for one. A row -1 says after how many
/// microseconds a function may have more.
pub(super) const CLAIM_LIMITED: &str = concat!(
    fence!(),
    "
    want AS MATERIALIZED (
        SELECT w.*, w.most IS NOT NULL OR w.step IS NOT NULL AS has_limits, w.step * (w.burst - 1) AS ahead, ",
    now!(),
    " AS now, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint AS now_us
        FROM fence, unnest($3::bytea[], $4::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
            AS w(function, count, most, step, burst)
    ), owners AS MATERIALIZED (
",
    owners!(),
    "
    ), known AS MATERIALIZED (
        SELECT w.*, p.turn, GREATEST(LEAST(p.next_us, w.now_us + w.ahead + w.step),
                w.now_us - CASE WHEN p.wanted THEN 1000000 ELSE 0 END) AS base,
            CASE WHEN w.most IS NULL THEN w.count ELSE w.most - (
                SELECT count(*) FROM (
                    SELECT FROM owners o JOIN @.job j ON j.owner = o.owner AND j.function = w.function LIMIT w.most
                ) owned
            ) END AS places
        FROM want w LEFT JOIN @.pace p ON p.function = w.function AND w.has_limits
        WHERE p.turn IS NOT NULL OR NOT w.has_limits
    ), counted AS MATERIALIZED (
        SELECT k.*, CASE WHEN k.step IS NULL THEN k.count WHEN k.now_us + k.ahead < k.base THEN 0
            ELSE (k.now_us + k.ahead - k.base) / k.step + 1 END AS tokens
        FROM known k
    ), room AS MATERIALIZED (
        SELECT c.function, c.turn, c.base, c.step, c.ahead, c.now, c.now_us, c.tokens, c.has_limits,
            LEAST(c.count, c.places, c.tokens + 1) AS count
        FROM counted c
    ), picked AS MATERIALIZED (
        SELECT w.function, w.tokens, w.has_limits, p.id, p.bytes, p.at
        FROM room w CROSS JOIN LATERAL (
            SELECT c.id, c.bytes, row_number() OVER () AS at FROM (
                ",
    free!("0"),
    " UNION ALL ",
    free!("1"),
    " UNION ALL ",
    free!("2"),
    "
            ) c LIMIT w.count
        ) p
    ), fits AS MATERIALIZED (
        SELECT s.id, s.function, s.has_limits FROM (
            SELECT p.*, sum(p.bytes) OVER (ROWS UNBOUNDED PRECEDING) AS total FROM picked p WHERE p.at <= p.tokens
        ) s WHERE s.total - s.bytes < $5::bigint
    ), taken AS MATERIALIZED (
        SELECT r.*, (SELECT count(*) FROM fits f WHERE f.function = r.function) AS jobs,
            EXISTS (SELECT FROM picked p WHERE p.function = r.function AND p.at > p.tokens) AS more
        FROM room r WHERE r.has_limits
    ), gate AS (
        UPDATE @.pace p SET turn = p.turn + 1, wanted = t.more,
            next_us = CASE WHEN t.step IS NULL THEN p.next_us ELSE t.base + t.jobs * t.step END
        FROM taken t WHERE p.function = t.function AND p.turn = t.turn AND (t.jobs > 0 OR p.wanted <> t.more)
        RETURNING p.function
    ), claimed AS (
        UPDATE @.job j SET owner = c.epoch FROM (
            SELECT f.id, fence.epoch FROM fits f, fence
            WHERE NOT f.has_limits OR EXISTS (SELECT FROM gate g WHERE g.function = f.function)
        ) c WHERE j.id = c.id
        RETURNING ",
    job!("j"),
    ", j.due
    ), made AS (
        INSERT INTO @.pace (function) SELECT w.function FROM want w WHERE w.has_limits
            AND NOT EXISTS (SELECT FROM known k WHERE k.function = w.function)
        ON CONFLICT DO NOTHING
    ), wait AS (
        SELECT t.function, CASE WHEN t.jobs > 0 AND NOT EXISTS (SELECT FROM gate g WHERE g.function = t.function) THEN 0
            WHEN t.more THEN GREATEST(t.base + t.jobs * t.step - t.ahead - t.now_us, 0) END AS us
        FROM taken t
        UNION ALL
        SELECT w.function, 0 FROM want w
        WHERE w.has_limits AND NOT EXISTS (SELECT FROM known k WHERE k.function = w.function)
    )
    SELECT id, function, unique_key, priority, data, reducer, tries, first_ms, due_ms, due FROM claimed
    UNION ALL SELECT 0, '', '', 0::smallint, '', NULL, 0, 0, 0, 0 FROM fence
    UNION ALL SELECT -1, function, '', 0::smallint, '', NULL, 0, 0, 0, us FROM wait WHERE us IS NOT NULL"
);

/// Epoch, turn, ids of jobs that are done.
pub(super) const DONE: &str = concat!(
    fence!(),
    "
    done AS (",
    done!(),
    ")
    SELECT 0::smallint, id FROM done UNION ALL SELECT 0::smallint, 0 FROM fence"
);

/// Epoch, turn, and what is to be changed, kind by kind. Rows are removed before others are added.
pub(super) const SETTLE: &str = concat!(fence!(), "
    done AS (", done!(), "),
    retried AS (
        UPDATE @.job j SET owner = NULL, started = false, tries = GREATEST(j.tries, r.tries),
            first_ms = CASE WHEN j.first_ms > 0 THEN j.first_ms ELSE r.first_ms END, due = GREATEST(j.due, r.due)
        FROM fence f, unnest($4::bigint[], $5::int[], $6::bigint[], $7::bigint[]) AS r(id, tries, first_ms, due)
        WHERE j.id = r.id AND (j.owner IS NULL OR j.owner = f.epoch) RETURNING j.id
    ), buried AS (
        DELETE FROM @.job j
        USING fence f, unnest($8::bigint[], $9::int[], $10::bigint[], $11::bigint[], $12::bytea[], $13::bytea[], $14::bytea[])
            AS b(id, tries, first_ms, last_ms, reason, text, worker)
        WHERE j.id = b.id AND (j.owner IS NULL OR j.owner = f.epoch)
        RETURNING j.id, CASE WHEN j.first_ms > 0 THEN j.first_ms ELSE b.first_ms END AS first_ms, b.last_ms,
            GREATEST(j.tries, b.tries) AS tries, j.priority, j.function, j.unique_key, j.reducer, b.reason, b.text, b.worker,
            j.data
    ), letters AS (
        INSERT INTO @.dead (id, first_ms, last_ms, tries, priority, function, unique_key, reducer, reason, text, worker, data)
        SELECT * FROM buried
    ), started AS (
        UPDATE @.job j SET started = true FROM fence f WHERE j.id = ANY ($15) AND j.owner = f.epoch RETURNING j.id
    ), released AS (
        UPDATE @.job j SET owner = NULL, started = false FROM fence f WHERE j.id = ANY ($16) AND j.owner = f.epoch
        RETURNING j.id
    ), forgot AS (
        DELETE FROM @.dead d USING fence WHERE d.id = ANY ($17) RETURNING d.id
    ), letter AS (
        SELECT d.id, d.function, d.unique_key, d.priority, d.reducer, d.data FROM fence, @.dead d
        WHERE d.id = ANY ($18) AND (SELECT count(*) FROM done) + (SELECT count(*) FROM buried) >= 0
        FOR UPDATE OF d
    ), back AS (
        INSERT INTO @.job (id, function, unique_key, digest, priority, due, reducer, data)
        SELECT l.id, l.function, l.unique_key, ", digest!("l"), ", l.priority, ", now!(), ", l.reducer, l.data FROM letter l
        ON CONFLICT (function, unique_key, digest) WHERE digest IS NOT NULL DO NOTHING
        RETURNING id
    ), revived AS (
        DELETE FROM @.dead d USING back WHERE d.id = back.id RETURNING d.id
    ), progressed AS (
        INSERT INTO @.progress (epoch, id, numerator, denominator)
        SELECT f.epoch, r.id, r.numerator, r.denominator
        FROM fence f CROSS JOIN unnest($22::bigint[], $23::bigint[], $24::bigint[]) AS r(id, numerator, denominator)
        JOIN @.job j ON j.id = r.id AND j.owner = f.epoch
        ON CONFLICT (epoch, id) DO UPDATE SET numerator = EXCLUDED.numerator, denominator = EXCLUDED.denominator
        RETURNING id
    ), over AS (
        DELETE FROM @.progress p USING fence f WHERE p.epoch = f.epoch AND p.id = ANY ($25::bigint[])
    ), said AS (
        INSERT INTO @.setting SELECT s.key, s.value FROM fence, unnest($19::bytea[], $20::bytea[]) AS s(key, value)
        ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value
    ), unsaid AS (
        DELETE FROM @.setting s USING fence WHERE s.key = ANY ($21)
    ), version AS (
        UPDATE @.cluster SET settings = settings + 1 FROM fence
        WHERE cardinality($19::bytea[]) + cardinality($21::bytea[]) > 0
    )
    SELECT 0::smallint, id FROM done UNION ALL SELECT 0::smallint, id FROM retried
    UNION ALL SELECT 0::smallint, id FROM buried UNION ALL SELECT 0::smallint, id FROM started
    UNION ALL SELECT 0::smallint, id FROM released UNION ALL SELECT 1::smallint, id FROM forgot
    UNION ALL SELECT 2::smallint, id FROM revived UNION ALL SELECT 0::smallint, id FROM progressed
    UNION ALL SELECT 0::smallint, 0 FROM fence");

/// Ids of dead letters that could not be revived: with those of the rows that have their keys.
pub(super) const RIVALS: &str = concat!(
    "
    SELECT d.id, j.id FROM @.dead d LEFT JOIN @.job j
        ON j.function = d.function AND j.unique_key = d.unique_key AND j.digest = ",
    digest!("d"),
    "
    WHERE d.id = ANY ($1)"
);

/// Epoch, turn. One row: it was not made, and never will be; this answers the same when it is asked again.
pub(super) const BURN: &str =
    "UPDATE @.server SET turn = $2::bigint + 1 WHERE epoch = $1 AND turn <> $2::bigint RETURNING turn";

/// Epoch. One row: it is known.
pub(super) const KNOWN: &str = "SELECT turn FROM @.server WHERE epoch = $1";

/// Epoch.
pub(super) const OWNED: &str = "SELECT id FROM @.job WHERE owner = $1";

pub(super) mod questions;
