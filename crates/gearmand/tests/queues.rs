//! The program with queues in databases: killed, without its database, and moving jobs from one into another.

use crate::databases::{Database, Kind};
use crate::durable::{REFUSED, peer};
use crate::process::{Folder, Running, ask, gearmand, stderr};
use crate::torture::{kill_9, rounds};
use crate::util::{
    CAN_DO, ECHO_REQ, ECHO_RES, ERROR, GRAB_JOB, JOB_ASSIGN, JOB_CREATED, LONG, SUBMIT_JOB, SUBMIT_JOB_BG,
    WORK_COMPLETE,
};
use std::time::Instant;

const ALL: [Kind; 3] = [Kind::Postgres, Kind::MariaDb, Kind::Redis];

/// Options of a queue that no other test has.
fn options(database: &Database, kind: Kind) -> Vec<String> {
    let (name, socket) = (Database::name(), database.socket());
    let options = match kind {
        Kind::Postgres => vec![
            "--queue-type=Postgres".into(),
            format!("--libpq-conninfo=host={} user=postgres dbname=postgres", database.folder()),
            format!("--libpq-table={name}"),
        ],
        // Everybody has the database of that name.
        Kind::MariaDb => vec![
            "--queue-type=MySQL".into(),
            format!("--mysql-host={socket}"),
            "--mysql-user=root".into(),
            "--mysql-db=mysql".into(),
            format!("--mysql-table={name}"),
        ],
        Kind::Redis => {
            vec!["--queue-type=redis".into(), format!("--redis-server={socket}"), format!("--redis-prefix=_{name}_")]
        }
    };
    [options, vec!["--job-handle-prefix=H".into()]].concat()
}

fn words(options: &[String]) -> Vec<&str> {
    options.iter().map(String::as_str).collect()
}

fn torture(kind: Kind, rounds: u32) {
    let Some(database) = Database::shared(kind) else { return };
    let (folder, options) = (Folder::new(&format!("torture-{kind:?}")), options(database, kind));
    kill_9(&words(&options), &folder, rounds);
}

#[test]
fn kill_9_with_postgres() {
    torture(Kind::Postgres, rounds());
}

#[test]
fn kill_9_with_mariadb() {
    torture(Kind::MariaDb, rounds());
}

/// Each start waits until the lock of the server before has expired.
#[test]
fn kill_9_with_redis() {
    torture(Kind::Redis, rounds() / 4);
}

/// Background jobs are refused at once, foreground jobs go on, what runs is settled when the database is back, and then all is
/// as before.
#[test]
fn without_its_database() {
    for kind in ALL {
        let Some(mut database) = Database::start(kind) else { continue };
        let (folder, options) = (Folder::new(&format!("without-{kind:?}")), options(&database, kind));
        let mut server = Running::start(&words(&options), &folder);
        let mut client = peer(&server);
        for key in [b"1", b"2"] {
            assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", key, b"x"]).0, JOB_CREATED, "{kind:?}");
        }
        let mut worker = peer(&server);
        worker.send(&[(CAN_DO, &[b"f"]), (CAN_DO, &[b"now"])]).unwrap();
        assert_eq!(worker.ask(GRAB_JOB, &[]), (JOB_ASSIGN, "H:1\\x00f\\x00x".into()));
        database.signal(if kind == Kind::Postgres { "QUIT" } else { "KILL" });
        assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", b"3", b"x"]), (ERROR, REFUSED.into()), "{kind:?}");
        server.line_with("jobs are refused, they cannot be stored");
        worker.send(&[(WORK_COMPLETE, &[b"H:1", b""])]).unwrap();
        let (created, handle) = client.ask(SUBMIT_JOB, &[b"now", b"", b"x"]);
        assert_eq!(created, JOB_CREATED);
        assert_eq!(worker.ask(GRAB_JOB, &[]).0, JOB_ASSIGN);
        database.start_again();
        let begin = Instant::now();
        while client.ask(SUBMIT_JOB_BG, &[b"f", b"4", b"x"]).0 != JOB_CREATED {
            assert!(begin.elapsed() < LONG, "{kind:?} is not used again");
        }
        server.line_with("the durable queue works again");
        drop(handle);
        assert_eq!(worker.ask(ECHO_REQ, &[b"x"]).0, ECHO_RES);
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        let server = Running::start(&words(&options), &folder);
        assert_eq!(ask(&mut server.connect(), "status\n"), "f\t2\t0\t0\n", "{kind:?}: 2 and 4");
    }
}

/// From each kind of queue into the next, and into a file again; the jobs run there.
#[test]
fn jobs_are_moved_from_queue_to_queue() {
    let folder = Folder::new("import");
    let file = |name: &str| vec!["--queue-type=libsqlite3".into(), format!("--libsqlite3-db={}", folder.file(name))];
    let mut at: (Vec<String>, String) = (file("from"), format!("sqlite:{}", folder.file("from")));
    let mut server = Running::start(&words(&at.0), &folder);
    for key in [b"1", b"2", b"3"] {
        assert_eq!(peer(&server).ask(SUBMIT_JOB_BG, &[b"f", key, b"x"]).0, JOB_CREATED);
    }
    assert!(ask(&mut server.connect(), "policy f retries=3\n").starts_with("OK"));
    server.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(server.child.wait().unwrap().success());
    let import = |from: &str, into: &[String]| {
        gearmand().args(into).args(["--import", from, "--verbose=INFO", "-l", "stderr"]).output().unwrap()
    };
    for kind in ALL {
        let Some(database) = Database::shared(kind) else { continue };
        let options = options(database, kind);
        let value = |name: &str| options.iter().find_map(|word| word.strip_prefix(name)).unwrap_or_default().to_owned();
        let socket = database.socket().replace('/', "%2F");
        let from = match kind {
            Kind::Postgres => format!("postgres:{}#{}", value("--libpq-conninfo="), value("--libpq-table=")),
            Kind::MariaDb => format!("mysql://root@{socket}/mysql#{}", value("--mysql-table=")),
            Kind::Redis => format!("redis://{socket}#{}", value("--redis-prefix=")),
        };
        let moved = import(&at.1, &options);
        assert!(moved.status.success(), "{kind:?}: {}", stderr(&moved));
        assert!(stderr(&moved).contains("3 jobs, 0 dead letters and 1 settings are moved"), "{}", stderr(&moved));
        at = (options, from);
    }
    let moved = import(&at.1, &file("into"));
    assert!(moved.status.success(), "{}", stderr(&moved));
    let server = Running::start(&words(&file("into")), &folder);
    assert_eq!(ask(&mut server.connect(), "status\n"), "f\t3\t0\t0\n");
    assert!(ask(&mut server.connect(), "policies\n").contains("retries=3"));
}

#[test]
fn an_import_that_cannot_be() {
    let folder = Folder::new("import-wrong");
    let file = folder.file("q");
    let into = ["--queue-type=libsqlite3".to_owned(), format!("--libsqlite3-db={file}")];
    for (words, wanted) in [
        (vec!["--import=sqlite:/x"], "into which queue"),
        (vec!["--import=drizzle:x", &into[0], &into[1]], "must begin with"),
        (vec!["--import=sqlite:/nowhere/x", &into[0], &into[1]], "cannot be written"),
        (vec![&*format!("--import=sqlite:{file}"), &into[0], &into[1]], "another server has it"),
        (vec!["--import=postgres:host=/nowhere password=secret", &into[0], &into[1]], "is the database there"),
    ] {
        let output = gearmand().args(&words).output().unwrap();
        let said = stderr(&output);
        assert!(
            output.status.code() == Some(1) && said.contains(wanted) && !said.contains("secret"),
            "{words:?}: {said}"
        );
    }
}
