//! The database is away, is cut off from one server, does not answer, or loses what it had.

use super::*;
use crate::http::get;
use crate::util::SUBMIT_JOB;
use std::time::SystemTime;

/// Foreground jobs take their usual way.
fn foreground_works(server: &Running) {
    let (mut client, mut worker) = (peer(server), worker(server, &["now"]));
    let (created, handle) = client.ask(SUBMIT_JOB, &[b"now", b"", b"x"]);
    assert_eq!(created, JOB_CREATED);
    let job = grab(&mut worker);
    assert_eq!(job.handle, handle);
    worker.send(&[(WORK_COMPLETE, &[handle.as_bytes(), b"result"])]).unwrap();
    client.expect(WORK_COMPLETE, &[handle.as_bytes(), b"result"]);
}

fn until_taken(server: &Running, unique: &str) -> String {
    let mut client = peer(server);
    until("jobs are taken again", || match client.ask(SUBMIT_JOB_BG, &[b"f", unique.as_bytes(), b"x"]) {
        (JOB_CREATED, handle) => Some(handle),
        refused => {
            is_refused(refused);
            None
        }
    })
}

fn start(cluster: &Cluster, url: &str, name: &str) -> (Running, String) {
    let mut server = cluster.start_at(url, name, &["--http-listen=127.0.0.1:0"]);
    let address = server.line_with("HTTP at http://").trim().rsplit('/').next().unwrap().to_owned();
    (server, address)
}

#[test]
fn a_database_that_is_away_when_a_server_starts() {
    let Some(mut database) = Database::start(Kind::Postgres) else { return };
    let cluster = Cluster::of(&database, "away");
    database.signal("QUIT");
    let (a, http) = start(&cluster, &cluster.url(), "a");
    refuses(&a);
    foreground_works(&a);
    assert_eq!(get(&http, "/readyz").0, 503);
    database.start_again();
    let handle = until_taken(&a, "");
    assert_eq!(grab(&mut worker(&a, &["f"])).handle, handle);
    assert_eq!(get(&http, "/readyz").0, 200);
}

/// Background jobs are refused, foreground jobs go on, what runs is settled when the database is back.
#[test]
fn without_the_database() {
    let Some(mut database) = Database::start(Kind::Postgres) else { return };
    let cluster = Cluster::of(&database, "down");
    let ((a, http), b) = (start(&cluster, &cluster.url(), "a"), cluster.start("b"));
    let (mut client, mut busy) = (peer(&a), worker(&a, &["f"]));
    submit(&mut client, "runs", "x");
    let held = grab(&mut busy);
    submit(&mut peer(&b), "waits", "x");
    assert_eq!(get(&http, "/readyz").0, 200);
    database.signal("QUIT");
    for server in [&a, &b] {
        refuses(server);
        foreground_works(server);
    }
    busy.send(&[(WORK_COMPLETE, &[held.handle.as_bytes(), b""])]).unwrap();
    until("it is not ready", || (get(&http, "/readyz").0 == 503).then_some(()));
    database.start_again();
    until("it is ready", || (get(&http, "/readyz").0 == 200).then_some(()));
    until_taken(&a, "later");
    until_taken(&b, "later");
    let sql = cluster.sql();
    sql.until("SELECT count(*) FROM @.job WHERE unique_key = 'runs'", 0);
    let mut worker = worker(&b, &["f"]);
    let mut keys = [grab(&mut worker), { grab(&mut busy) }].map(|job| job.unique);
    keys.sort_unstable();
    assert_eq!(keys, ["later", "waits"]);
}

/// It was said to have run, once the database was back, and its job was nowhere.
#[test]
fn a_schedule_that_is_due_without_the_database() {
    let Some(mut database) = Database::start(Kind::Postgres) else { return };
    let cluster = Cluster::of(&database, "due");
    let now = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    // In ten seconds, or in a minute more.
    let due = (now() + 10).next_multiple_of(60);
    let (hour, minute) = (due / 3600 % 24, due / 60 % 60);
    let file = cluster.file("policies.toml");
    let schedule =
        format!("[schedule.once]\ncron = '{minute} {hour} * * *'\nzone = 'UTC'\nfunction = 'once'\ncatch-up = 'one'\n");
    std::fs::write(&file, schedule).unwrap();
    let server = cluster.start_with("a", &[&format!("--policy-file={file}")]);
    until("it is due soon", || (now() + 2 >= due).then_some(()));
    database.signal("QUIT");
    until("it is due", || (now() >= due).then_some(()));
    refuses(&server);
    database.start_again();
    let sql = cluster.sql();
    sql.until("SELECT count(*) FROM @.setting WHERE key = 'schedule once'", 1);
    assert_eq!(sql.number("SELECT count(*) FROM @.job WHERE function = 'once'"), 1);
}

/// All leases are over by then, and nobody was there to take the jobs.
#[test]
fn without_the_database_for_longer_than_a_lease() {
    let Some(mut database) = Database::start(Kind::Postgres) else { return };
    let cluster = Cluster::of(&database, "long-down");
    let (a, http) = start(&cluster, &cluster.url(), "a");
    let (mut client, mut busy) = (peer(&a), worker(&a, &["f"]));
    let handle = submit(&mut client, "runs", "x");
    let held = grab(&mut busy);
    let waits = submit(&mut client, "waits", "x");
    database.signal("QUIT");
    let begin = Instant::now();
    let mut idle = worker(&a, &["f"]);
    until("its lease is over", || (begin.elapsed() > Duration::from_secs(11)).then_some(()));
    grab_nothing(&mut idle);
    assert_eq!(get(&http, "/readyz").0, 503);
    foreground_works(&a);
    database.start_again();
    let job = grab(&mut idle);
    assert_eq!(job.handle, waits);
    complete(&mut idle, &job);
    assert_eq!(held.handle, handle);
    complete(&mut busy, &held);
    cluster.sql().until("SELECT count(*) FROM @.job", 0);
    grab_nothing(&mut idle);
}

/// Whoever is back first must not think that the others are dead, and free what their workers still run.
#[test]
fn when_all_servers_were_without_the_database_none_is_declared_dead() {
    let Some(mut database) = Database::start(Kind::Postgres) else { return };
    let cluster = Cluster::of(&database, "all-down");
    let servers = ["a", "b", "c"].map(|name| cluster.start(name));
    let mut busy = servers.each_ref().map(|server| worker(server, &["f"]));
    let held = [0, 1, 2].map(|at| {
        submit(&mut peer(&servers[at]), "", "x");
        grab(&mut busy[at])
    });
    database.signal("QUIT");
    let begin = Instant::now();
    until("all leases are over", || (begin.elapsed() > Duration::from_secs(11)).then_some(()));
    let mut idle = servers.each_ref().map(|server| worker(server, &["f"]));
    database.start_again();
    let sql = cluster.sql();
    sql.until("SELECT count(*) FROM @.server WHERE died IS NULL AND epoch > 3", 3);
    assert_eq!(sql.number("SELECT count(*) FROM @.server WHERE died IS NOT NULL AND NOT was_left"), 0);
    idle.iter_mut().for_each(grab_nothing);
    busy.iter_mut().zip(&held).for_each(|(worker, job)| complete(worker, job));
    sql.until("SELECT count(*) FROM @.job", 0);
}

/// The time of leases was counted from when there was a connection, and the broker's from before: where that was longer than a lease, no
/// job was ever handed out.
#[test]
fn a_database_that_is_slow_to_answer_when_a_server_starts() {
    const LEASE: Duration = Duration::from_secs(8);
    let Some(cluster) = Cluster::new("slow") else { return };
    let proxy = cluster.proxy();
    proxy.set(Mode::Stalled);
    let server = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(LEASE);
            proxy.set(Mode::Open);
        });
        cluster.start_at(&proxy.url(), "a", &[])
    });
    let handle = submit(&mut peer(&server), "", "x");
    assert_eq!(grab(&mut worker(&server, &["f"])).handle, handle);
}

/// As a machine that is frozen, whose system goes on taking connections: it was waited for, and nothing was said of it.
#[test]
fn a_host_that_says_nothing_is_passed_over() {
    let Some(cluster) = Cluster::new("silent") else { return };
    let (frozen, primary) = (cluster.proxy(), cluster.proxy());
    frozen.set(Mode::Stalled);
    let ports = [&frozen, &primary].map(|proxy| proxy.address());
    let url = format!("postgresql://postgres@{}/postgres?sslmode=disable&connect_timeout=2", ports.join(","));
    let server = cluster.start_at(&url, "a", &[]);
    let handle = submit(&mut peer(&server), "", "x");
    assert_eq!(grab(&mut worker(&server, &["f"])).handle, handle);
    // And now the other one.
    frozen.set(Mode::Open);
    primary.set(Mode::Stalled);
    until("the other host is taken", || {
        let (command, _) = peer(&server).ask(SUBMIT_JOB_BG, &[b"f", b"", b"x"]);
        (command == JOB_CREATED).then_some(())
    });
}

/// It can be connected to, and refuses whatever is written: the log says so once, and not with each connection.
#[test]
fn a_database_that_is_read_only() {
    let Some(database) = Database::start(Kind::Postgres) else { return };
    let cluster = Cluster::of(&database, "read-only");
    let mut a = cluster.start("a");
    let sql = cluster.sql();
    let everyone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gearmand'";
    sql.execute("ALTER ROLE postgres SET default_transaction_read_only = on");
    sql.execute(everyone);
    a.line_with("in a read-only transaction (SQLSTATE 25006): this is a standby, or was made read-only");
    refuses(&a);
    foreground_works(&a);
    let begin = Instant::now();
    until("it has connected several times", || (begin.elapsed() > Duration::from_secs(4)).then_some(()));
    sql.execute("SET default_transaction_read_only = off; ALTER ROLE postgres RESET default_transaction_read_only");
    sql.execute(everyone);
    let handle = until_taken(&a, "");
    assert_eq!(grab(&mut worker(&a, &["f"])).handle, handle);
    a.stop();
    let lines = a.rest();
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert!(
        (1..3).contains(&count("the connection is made anew")) && count("the shared queue answers") < 3,
        "{lines:?}"
    );
}

#[test]
fn a_server_that_is_cut_off() {
    cut_off(Mode::Cut);
}

#[test]
fn a_server_whose_connections_stand_still() {
    cut_off(Mode::Stalled);
}

/// The others go on, and have its jobs when its lease is over; it has them no more.
fn cut_off(mode: Mode) {
    let Some(cluster) = Cluster::new(&format!("cut-{mode:?}")) else { return };
    let proxy = cluster.proxy();
    let ((a, http), b) = (start(&cluster, &proxy.url(), "a"), cluster.start("b"));
    let (mut client, mut busy) = (peer(&a), worker(&a, &["f"]));
    submit(&mut client, "runs", "x");
    let held = grab(&mut busy);
    let waits = submit(&mut client, "waits", "x");
    proxy.set(mode);
    refuses(&a);
    foreground_works(&a);
    let mut others = [worker(&b, &["f"]), worker(&b, &["f"])];
    let jobs = others.each_mut().map(grab);
    let mut handles = jobs.each_ref().map(|job| job.handle.clone());
    handles.sort_unstable();
    let mut wanted = [held.handle.clone(), waits];
    wanted.sort_unstable();
    assert_eq!(handles, wanted);
    grab_nothing(&mut worker(&a, &["f"]));
    assert_eq!(get(&http, "/readyz").0, 503);
    complete_late(&mut busy, &held);
    proxy.set(Mode::Open);
    let next = until_taken(&a, "next");
    let sql = cluster.sql();
    assert_eq!(sql.number("SELECT count(*) FROM @.job WHERE unique_key IN ('runs', 'waits')"), 2);
    others.iter_mut().zip(&jobs).for_each(|(worker, job)| complete(worker, job));
    assert_eq!(grab(&mut busy).handle, next);
}

/// Nobody is waited for: what became of it cannot be stored now.
fn complete_late(worker: &mut Wire, job: &Job) {
    worker.send(&[(WORK_COMPLETE, &[job.handle.as_bytes(), b""])]).unwrap();
}

/// Of each submit it is found out whether it was stored: none is there twice, and none that was acknowledged is missing.
#[test]
fn answers_that_are_lost() {
    let Some(cluster) = Cluster::new("answers") else { return };
    let proxy = cluster.proxy();
    let a = cluster.start_at(&proxy.url(), "a", &[]);
    let mut client = peer(&a);
    let mut acknowledged = Vec::new();
    for round in 0..20 {
        proxy.set(Mode::CutAnswers);
        let unique = round.to_string();
        match client.ask(SUBMIT_JOB_BG, &[b"f", unique.as_bytes(), b"x"]) {
            (JOB_CREATED, handle) => acknowledged.push((unique, handle)),
            refused => is_refused(refused),
        }
        until_taken(&a, "again");
    }
    let sql = cluster.sql();
    for (unique, handle) in &acknowledged {
        let id = handle.rsplit(':').next().unwrap();
        assert_eq!(sql.number(&format!("SELECT count(*) FROM @.job WHERE id = {id} AND unique_key = '{unique}'")), 1);
    }
    assert!(!acknowledged.is_empty(), "most are stored all the same");
    // As many workers as there are jobs, so that nothing waits for one.
    let mut worker = worker(&a, &["f"]);
    for _ in 0..sql.number("SELECT count(*) FROM @.job") {
        let job = grab(&mut worker);
        complete(&mut worker, &job);
    }
    assert_eq!(sql.number("SELECT count(*) FROM @.job"), 0);
}

/// A table is locked for long: whoever waits for that is told, and leases are renewed all the same. A server that stands still for
/// seconds, as on a busy machine, loses its lease and cannot join before the table is free: then it is looked at once more.
#[test]
fn a_database_that_takes_too_long() {
    let Some(cluster) = Cluster::new("slow") else { return };
    let (a, b) = (cluster.start("a"), cluster.start("b"));
    let (sql, lock) = (cluster.sql(), cluster.sql());
    let renewed = (0..5).any(|_| {
        sql.until_heard_of(2, sql.now());
        let before = sql.number("SELECT count(*) FROM @.server WHERE died IS NOT NULL");
        lock.execute("BEGIN; LOCK TABLE @.job IN ACCESS EXCLUSIVE MODE");
        refuses(&a);
        foreground_works(&a);
        let (since, begin) = (sql.now(), Instant::now());
        let mut heard = false;
        while !heard && begin.elapsed() < Duration::from_secs(15) {
            std::thread::sleep(Duration::from_millis(20));
            heard = sql.heard_of(since) == 2;
        }
        lock.execute("COMMIT");
        heard && sql.number("SELECT count(*) FROM @.server WHERE died IS NOT NULL") == before
    });
    assert!(renewed, "no lease is renewed while a table is locked");
    let handle = until_taken(&b, "k");
    let mut worker = worker(&a, &["f"]);
    let job = grab(&mut worker);
    assert_eq!(job.handle, handle);
    complete(&mut worker, &job);
}

/// As PostgreSQL says it: nothing can be added, and what is there can be removed.
#[test]
fn a_full_database() {
    let Some(cluster) = Cluster::new("full") else { return };
    let (mut a, b) = (cluster.start("a"), cluster.start("b"));
    let waits = submit(&mut peer(&a), "waits", "x");
    let sql = cluster.sql();
    sql.execute(
        "CREATE FUNCTION @.full() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END$$;
        CREATE TRIGGER full_now BEFORE INSERT ON @.job FOR EACH ROW EXECUTE FUNCTION @.full()",
    );
    for server in [&a, &b] {
        refuses(server);
    }
    a.line_with(
        "the shared queue does not do what it is asked: could not extend file (SQLSTATE 53100): the database's disk",
    );
    let mut worker = worker(&b, &["f"]);
    let job = grab(&mut worker);
    assert_eq!(job.handle, waits);
    complete(&mut worker, &job);
    sql.execute("DROP TRIGGER full_now ON @.job");
    for server in [&a, &b] {
        let handle = until_taken(server, "");
        let job = grab(&mut worker);
        assert_eq!(job.handle, handle);
        complete(&mut worker, &job);
    }
}

/// Somebody restored an old copy, say: its jobs are those that there are.
#[test]
fn a_database_that_has_lost_its_jobs() {
    let Some(cluster) = Cluster::new("emptied") else { return };
    let mut a = cluster.start("a");
    let mut busy = worker(&a, &["f"]);
    submit(&mut peer(&a), "", "x");
    let held = grab(&mut busy);
    cluster.sql().execute("DELETE FROM @.job");
    a.line_with("lost jobs");
    let next = until_taken(&a, "next");
    complete(&mut busy, &held);
    assert_eq!(grab(&mut busy).handle, next);
}
