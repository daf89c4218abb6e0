//! The clock of the database is set: what is kept by it is neither lost nor waited for.

use super::*;

/// Servers whose database has a clock that can be set: functions of a schema that is looked at before PostgreSQL's own.
struct Clock {
    cluster: Cluster,
    sql: Sql,
}

impl Clock {
    fn new(name: &str) -> Option<Clock> {
        let cluster = Cluster::new(name)?;
        let sql = cluster.sql();
        sql.execute(
            "CREATE SCHEMA @_clock;
            CREATE TABLE @_clock.ahead (by interval NOT NULL);
            INSERT INTO @_clock.ahead VALUES ('0');",
        );
        for function in ["clock_timestamp", "statement_timestamp"] {
            sql.execute(&format!(
                "CREATE FUNCTION @_clock.{function}() RETURNS timestamptz LANGUAGE sql VOLATILE
                AS 'SELECT pg_catalog.{function}() + by FROM @_clock.ahead'"
            ));
        }
        Some(Clock { cluster, sql })
    }

    fn start(&self, name: &str) -> Running {
        let path = format!("options='-c search_path={}_clock,pg_catalog,public'", self.cluster.schema);
        self.cluster.start_at(&format!("{} {path}", self.cluster.url()), name, &[])
    }

    /// By how much it is ahead of what it would be.
    fn set(&self, ahead: &str) {
        self.sql.execute(&format!("UPDATE @_clock.ahead SET by = '{ahead}'"));
    }

    /// So many servers were heard of by the clock as it is now.
    fn until_heard_of(&self, servers: i64) {
        let now = "(SELECT pg_catalog.clock_timestamp() + by FROM @_clock.ahead)";
        self.sql
            .until(&format!("SELECT count(*) FROM @.beat WHERE at BETWEEN {now} - interval '3 s' AND {now}"), servers);
    }
}

/// All leases are over at once, and no server is dead: they join anew, and have what they had.
#[test]
fn a_clock_that_jumps_forward() {
    let Some(clock) = Clock::new("forward") else { return };
    let servers = ["a", "b", "c"].map(|name| clock.start(name));
    let mut busy = servers.each_ref().map(|server| worker(server, &["f"]));
    let held = [0, 1, 2].map(|at| {
        submit(&mut peer(&servers[at]), "", "x");
        grab(&mut busy[at])
    });
    clock.until_heard_of(3);
    clock.set("1 hour");
    clock.until_heard_of(3);
    assert_eq!(clock.sql.number("SELECT count(*) FROM @.server WHERE died IS NOT NULL AND NOT was_left"), 0);
    let mut idle = servers.each_ref().map(|server| worker(server, &["f"]));
    idle.iter_mut().for_each(grab_nothing);
    busy.iter_mut().zip(&held).for_each(|(worker, job)| complete(worker, job));
    clock.sql.until("SELECT count(*) FROM @.job", 0);
    let next = submit(&mut peer(&servers[0]), "", "x");
    assert_eq!(grab(&mut idle[0]).handle, next);
}

/// Jobs of a server that died before were nobody's until the clock was there again; so were tokens of a rate.
#[test]
fn a_clock_that_is_set_back() {
    let Some(clock) = Clock::new("back") else { return };
    clock.set("1 hour");
    let (mut a, b) = (clock.start("a"), clock.start("b"));
    text(&b, "policy set limited rate=1000/s");
    let mut lost = worker(&a, &["f", "limited"]);
    let handles = ["1", "2"].map(|unique| submit(&mut peer(&a), unique, "x"));
    assert_eq!(grab(&mut lost).handle, handles[0]);
    clock.sql.until("SELECT count(*) FROM @.job WHERE started", 1);
    clock.until_heard_of(2);
    clock.set("0");
    a.child.kill().unwrap();
    a.child.wait().unwrap();
    let mut worker = worker(&b, &["f", "limited"]);
    let mut seen = [grab(&mut worker), grab(&mut worker)].map(|job| job.handle);
    seen.sort_unstable();
    assert_eq!(seen, handles);
}
