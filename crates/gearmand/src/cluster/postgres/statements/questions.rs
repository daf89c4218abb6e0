//! The text of statements that answer questions, or change dead letters.

/// A dead letter, as a job and what it has beside.
macro_rules! letter {
    ($row:literal) => {
        concat!(
            columns!($row),
            ", 0::bigint AS due_ms, ",
            $row,
            ".last_ms, ",
            $row,
            ".reason, ",
            $row,
            ".text, ",
            $row,
            ".worker"
        )
    };
}

/// How many. In the order in which they died.
pub(in crate::cluster::postgres) const LETTER_IDS: &str =
    "SELECT id, last_ms FROM @.dead ORDER BY last_ms, id LIMIT $1::bigint";

/// Ids of dead letters, most bytes. Those that fit.
pub(in crate::cluster::postgres) const LETTERS: &str = concat!(
    "
    WITH asked AS MATERIALIZED (
        SELECT u.id, u.at, sum(octet_length(d.data)) OVER (ORDER BY u.at ROWS UNBOUNDED PRECEDING) - octet_length(d.data) AS before
        FROM unnest($1::bigint[]) WITH ORDINALITY AS u(id, at) JOIN @.dead d ON d.id = u.id
    )
    SELECT ",
    letter!("d"),
    " FROM asked a JOIN @.dead d ON d.id = a.id WHERE a.before < $2::bigint ORDER BY a.at"
);

/// How many rows are counted, how many of those that died are shown.
pub(in crate::cluster::postgres) const SERVERS: &str = "
    SELECT s.epoch, s.name, s.address, (extract(epoch FROM s.joined) * 1000)::bigint,
        (extract(epoch FROM clock_timestamp() - b.at) * 1000)::bigint,
        (extract(epoch FROM s.died) * 1000)::bigint, s.was_left,
        (SELECT count(*) FROM (SELECT FROM @.job j WHERE j.owner = s.epoch LIMIT $1) owned)
    FROM @.server s LEFT JOIN @.beat b ON b.epoch = s.epoch
    WHERE b.epoch IS NOT NULL OR s.epoch >= (
        SELECT min(epoch) FROM (SELECT epoch FROM @.server WHERE died IS NOT NULL ORDER BY epoch DESC LIMIT $2) last
    )
    ORDER BY s.epoch";

/// How many: functions that have jobs or dead letters, found one by one.
pub(in crate::cluster::postgres) const FUNCTIONS: &str = "
    WITH RECURSIVE free AS (
        (SELECT function FROM @.job WHERE owner IS NULL ORDER BY function LIMIT 1)
        UNION ALL
        SELECT (SELECT j.function FROM @.job j WHERE j.owner IS NULL AND j.function > f.function ORDER BY j.function LIMIT 1)
        FROM free f WHERE f.function IS NOT NULL
    ), owned AS (
        (SELECT owner, function FROM @.job WHERE owner IS NOT NULL ORDER BY owner, function LIMIT 1)
        UNION ALL
        SELECT n.owner, n.function FROM owned o CROSS JOIN LATERAL (
            SELECT j.owner, j.function FROM @.job j
            WHERE j.owner IS NOT NULL AND (j.owner, j.function) > (o.owner, o.function) ORDER BY j.owner, j.function LIMIT 1
        ) n
    ), dead AS (
        (SELECT function FROM @.dead ORDER BY function LIMIT 1)
        UNION ALL
        SELECT (SELECT l.function FROM @.dead l WHERE l.function > d.function ORDER BY l.function LIMIT 1)
        FROM dead d WHERE d.function IS NOT NULL
    )
    SELECT function FROM (
        SELECT function FROM free UNION SELECT function FROM owned UNION SELECT function FROM dead
    ) f WHERE function IS NOT NULL ORDER BY function LIMIT $1";

/// So many at most of a function in one priority that are due, or are not.
macro_rules! some {
    ($priority:literal, $compares:literal) => {
        concat!(
            "(SELECT 1 FROM @.job WHERE owner IS NULL AND function = f.function AND priority = ",
            $priority,
            " AND due ",
            $compares,
            " f.now LIMIT $2)"
        )
    };
}

macro_rules! all {
    ($compares:literal) => {
        concat!(
            "(SELECT count(*) FROM (",
            some!("0", $compares),
            " UNION ALL ",
            some!("1", $compares),
            " UNION ALL ",
            some!("2", $compares),
            " LIMIT $2) s)"
        )
    };
}

/// Functions, how far to count.
pub(in crate::cluster::postgres) const COUNTS: &str = concat!(
    "
    WITH owners AS MATERIALIZED (",
    owners!(),
    "),
    f AS (SELECT function, ",
    now!(),
    " AS now FROM unnest($1::bytea[]) AS u(function))
    SELECT f.function, ",
    all!("<="),
    ", ",
    all!(">"),
    ",
        (SELECT count(*) FROM (
            SELECT FROM owners o JOIN @.job j ON j.owner = o.owner AND j.function = f.function LIMIT $2
        ) s),
        (SELECT count(*) FROM (SELECT FROM @.dead d WHERE d.function = f.function LIMIT $2) s)
    FROM f"
);

/// For a function in place of `$1`: how many of its free rows the database thinks there are that are due, or are not.
pub(in crate::cluster::postgres) fn estimate(compares: &str) -> String {
    let now = now!();
    format!("EXPLAIN SELECT FROM @.job WHERE owner IS NULL AND function = $1 AND due {compares} {now}")
}
