//! The text of statements that answer questions, or change dead letters.

/// A dead letter, as a job and what it has beside.
macro_rules! letter {
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
            ".first_ms, 0::bigint AS due_ms, ",
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

/// Place, how many, most bytes, how far to count; and what `which` needs. Each row says how many letters there are, and how
/// many in the page and behind it, up to one; of no letters, there is one row without an id.
pub(in crate::cluster::postgres) fn letters(which: &str) -> String {
    format!(
        "WITH page AS MATERIALIZED (
            SELECT d.id, d.last_ms, octet_length(d.data)::bigint AS bytes FROM @.dead d
            WHERE {which} AND (d.last_ms, d.id) > ($1::bigint, $2::bigint) ORDER BY d.last_ms, d.id LIMIT $3::bigint + 1
        ), fits AS MATERIALIZED (
            SELECT id, row_number() OVER w AS at, count(*) OVER () AS found, sum(bytes) OVER w - bytes AS before FROM page
            WINDOW w AS (ROWS UNBOUNDED PRECEDING)
        ), all_ AS MATERIALIZED (
            SELECT count(*) AS total FROM (SELECT FROM @.dead d WHERE {which} LIMIT $5::bigint) d
        )
        SELECT {LETTER_COLUMNS}, a.total, f.found FROM all_ a
        LEFT JOIN (fits f JOIN @.dead d ON d.id = f.id) ON f.at <= $3::bigint AND f.before < $4::bigint
        ORDER BY f.at"
    )
}

/// Id.
pub(in crate::cluster::postgres) const LETTER: &str =
    concat!("SELECT ", letter!("d"), " FROM @.dead d WHERE d.id = $1");
const LETTER_COLUMNS: &str = letter!("d");

/// Functions, how many of each are kept, when their oldest died; how many are deleted at most. Two servers that do it together
/// want to delete the same ones: whoever waits finds them gone.
pub(in crate::cluster::postgres) const TRIM: &str = "
    WITH bound AS MATERIALIZED (
        SELECT b.function, b.most, b.oldest,
            (SELECT count(*) FROM (SELECT FROM @.dead d WHERE d.function = b.function LIMIT b.most + $4::bigint) d) AS there
        FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS b(function, most, oldest)
    ), surplus AS MATERIALIZED (
        SELECT d.last_ms, d.id FROM bound b CROSS JOIN LATERAL (
            SELECT last_ms, id FROM @.dead WHERE function = b.function
            ORDER BY last_ms, id LIMIT GREATEST(b.there - b.most, 0)
        ) d
        UNION
        SELECT d.last_ms, d.id FROM bound b CROSS JOIN LATERAL (
            SELECT last_ms, id FROM @.dead WHERE function = b.function AND last_ms < b.oldest
            ORDER BY last_ms, id LIMIT $4::bigint
        ) d
        ORDER BY 1, 2 LIMIT $4::bigint
    ), locked AS MATERIALIZED (
        SELECT d.id FROM surplus s JOIN @.dead d ON d.id = s.id ORDER BY d.id FOR UPDATE OF d
    )
    DELETE FROM @.dead d USING locked l WHERE d.id = l.id RETURNING d.id";

/// Dead letters of a function behind a place, a piece of them, locked.
macro_rules! piece {
    () => {
        "
    WITH page AS MATERIALIZED (
        SELECT p.id, p.last_ms FROM (
            SELECT id, last_ms, bytes, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) AS total FROM (
                SELECT id, last_ms, octet_length(data)::bigint AS bytes FROM @.dead
                WHERE function = $1 AND (last_ms, id) > ($2::bigint, $3::bigint) ORDER BY last_ms, id LIMIT $4::bigint
            ) d
        ) p WHERE p.total - p.bytes < $5::bigint
    ), letter AS MATERIALIZED (
        SELECT d.id, d.function, d.unique_key, d.priority, d.reducer, d.data FROM page p JOIN @.dead d ON d.id = p.id
        ORDER BY d.id FOR UPDATE OF d
    ), "
    };
}

/// How many of a piece are none any more, how many letters come behind it, and its last one.
macro_rules! cleared {
    () => {
        "
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM (
            SELECT FROM @.dead d WHERE d.function = $1 AND (d.last_ms, d.id) > (l.last_ms, l.id) LIMIT $6::bigint
        ) d), l.last_ms, l.id
    FROM (SELECT last_ms, id FROM page ORDER BY last_ms DESC, id DESC LIMIT 1) l"
    };
}

/// Function, place, how many, most bytes, how far to count.
pub(in crate::cluster::postgres) const FORGET_ALL: &str =
    concat!(piece!(), "gone AS (DELETE FROM @.dead d USING letter l WHERE d.id = l.id RETURNING d.id)", cleared!());

/// The same. In the order of keys that inserts have as well.
pub(in crate::cluster::postgres) const REVIVE_ALL: &str = concat!(
    piece!(),
    "back AS (
        INSERT INTO @.job (id, function, unique_key, digest, priority, due, reducer, data)
        SELECT l.id, l.function, l.unique_key, ",
    digest!("l"),
    ", l.priority, ",
    now!(),
    ", l.reducer, l.data FROM letter l
        ORDER BY l.unique_key, CASE WHEN l.unique_key = '-' THEN l.data ELSE '' END
        ON CONFLICT (function, unique_key, digest) WHERE digest IS NOT NULL DO NOTHING
        RETURNING id
    ), gone AS (DELETE FROM @.dead d USING back WHERE d.id = back.id RETURNING d.id)",
    cleared!()
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
