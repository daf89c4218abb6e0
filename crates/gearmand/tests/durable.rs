//! The durable queue in files of every kind: good, bad, busy and full.

use crate::process::{Folder, Running, ask, gearmand, stderr};
use crate::util::{
    CAN_DO, CAN_DO_TIMEOUT, ECHO_REQ, ECHO_RES, ERROR, GET_STATUS, GRAB_JOB, JOB_ASSIGN, JOB_ASSIGN_UNIQ, JOB_CREATED,
    STATUS_RES, SUBMIT_JOB, SUBMIT_JOB_BG, SUBMIT_JOB_EPOCH, SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_LOW_BG, WORK_COMPLETE,
};
use crate::wire::Wire;
use nix::sys::signal::Signal;
use rusqlite::Connection;

const AT_END: &str = "--store-queue-on-shutdown";
pub(crate) const REFUSED: &str = "QUEUE_ERROR\\x00The job could not be stored";

pub(crate) fn queue(file: &str) -> [String; 3] {
    ["--queue-type=libsqlite3".into(), format!("--libsqlite3-db={file}"), "--job-handle-prefix=H".into()]
}

pub(crate) fn start(file: &str, folder: &Folder) -> Running {
    start_with(file, &[], folder)
}

fn start_with(file: &str, more: &[&str], folder: &Folder) -> Running {
    let queue = queue(file);
    Running::start(&[&queue.each_ref().map(String::as_str)[..], more].concat(), folder)
}

/// A start that must fail: its stderr.
fn refused(file: &str, more: &[&str]) -> String {
    let fixed = ["-p", "0", "-L", "127.0.0.1", "-l", "stderr", "-P", "", "--bind-wait=0"];
    let output = gearmand().args(fixed).args(queue(file)).args(more).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    stderr(&output)
}

pub(crate) fn peer(server: &Running) -> Wire {
    Wire::new(server.connect())
}

pub(crate) fn rows(file: &str) -> Vec<String> {
    let db = Connection::open(file).unwrap();
    let row = "function_name || '|' || unique_key || '|' || priority || '|' || typeof(data) || '|' || when_to_run";
    let mut select = db.prepare(&format!("SELECT CAST({row} AS BLOB) FROM gearman_queue ORDER BY rowid")).unwrap();
    let text = |row: &rusqlite::Row<'_>| row.get(0).map(|bytes: Vec<u8>| bytes.escape_ascii().to_string());
    select.query_map([], text).unwrap().map(Result::unwrap).collect()
}

#[test]
fn jobs_come_back_after_sigterm_and_after_kill_9() {
    let folder = Folder::new("durable");
    let file = folder.file("queue.db");
    let mut server = start(&file, &folder);
    let mut client = peer(&server);
    for key in [&b"a"[..], b"b", b"c\xff"] {
        assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", key, b""]).0, JOB_CREATED);
    }
    assert_eq!(client.ask(SUBMIT_JOB_EPOCH, &[b"f", b"later", b"4000000000", b"x"]).0, JOB_CREATED);
    assert_eq!(client.ask(SUBMIT_JOB, &[b"f", b"foreground", b"x"]).0, JOB_CREATED);
    server.signal(Signal::SIGTERM);
    assert!(server.child.wait().unwrap().success());
    drop(server);
    let mut server = start(&file, &folder);
    let mut worker = peer(&server);
    worker.send(&[(CAN_DO, &[b"f"])]).unwrap();
    assert_eq!(worker.ask(GRAB_JOB, &[]), (JOB_ASSIGN, "H:1\\x00f\\x00".into()));
    worker.send(&[(WORK_COMPLETE, &[b"H:1", b""])]).unwrap();
    assert_eq!(worker.ask(ECHO_REQ, &[b"x"]).0, ECHO_RES);
    assert_eq!(worker.ask(GRAB_JOB, &[]).0, JOB_ASSIGN);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert_eq!(rows(&file).len(), 3);
    let server = start(&file, &folder);
    assert_eq!(ask(&mut server.connect(), "status\n"), "f\t3\t0\t0\n", "the one that ran when it was killed too");
}

/// Such a job was taken, and no server could be started with its file any more.
#[test]
fn a_job_of_the_function_with_the_empty_name_comes_back() {
    let folder = Folder::new("nameless");
    let file = folder.file("queue.db");
    let mut server = start(&file, &folder);
    assert_eq!(peer(&server).ask(SUBMIT_JOB_BG, &[b"", b"", b"x"]), (JOB_CREATED, "H:1".into()));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let server = start(&file, &folder);
    let mut worker = peer(&server);
    worker.send(&[(CAN_DO, &[b""])]).unwrap();
    assert_eq!(worker.ask(GRAB_JOB, &[]), (JOB_ASSIGN, "H:1\\x00\\x00x".into()));
    worker.send(&[(WORK_COMPLETE, &[b"H:1", b""])]).unwrap();
    assert_eq!(worker.ask(ECHO_REQ, &[b"x"]).0, ECHO_RES);
    assert_eq!(rows(&file), Vec::<String>::new());
}

/// What operators do was not on the disk yet when they were told that it is done.
#[test]
fn what_text_commands_change_is_stored_when_they_are_answered() {
    let folder = Folder::new("text");
    let file = folder.file("queue.db");
    let mut server = start(&file, &folder);
    let mut client = peer(&server);
    for key in [b"1", b"2", b"3", b"4"] {
        assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", key, b"x"]).0, JOB_CREATED);
    }
    for (commands, list, wanted) in [
        (&["policy f dead-letters=5\n"][..], "policies\n", "f\trun-time\tdead-letters=5\n"),
        (&["policy f retries=1\n", "policy f dead-letters=\n"], "policies\n", "f\trun-time\tretries=1\n"),
        (&["cancel job H:1\n"], "status\n", "f\t3\t0\t0\n"),
        (&["cancel unique f 2\n"], "status\n", "f\t2\t0\t0\n"),
        (&["bury H:3\n"], "status\n", "f\t1\t0\t0\n"),
        (&["dead-retry H:3\n"], "status\n", "f\t2\t0\t0\n"),
        (&["bury H:3\n", "dead-forget f\n"], "dead\n", ".\n"),
        (&["drop function f\n"], "status\n", ".\n"),
    ] {
        for command in commands {
            let answer = ask(&mut server.connect(), command);
            assert!(answer.starts_with("OK"), "{command}: {answer}");
        }
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        server = start(&file, &folder);
        assert_eq!(ask(&mut server.connect(), list), wanted, "{commands:?}");
    }
}

pub(crate) const SUBMIT_REDUCE_JOB_BACKGROUND: u32 = 38;
pub(crate) const GRAB_JOB_ALL: u32 = 39;
pub(crate) const JOB_ASSIGN_ALL: u32 = 40;

/// The worker of a job that is split was not told who joins its parts, once the server had been restarted; and a handle
/// was good for jobs without a unique key only.
#[test]
fn a_reducer_and_handles_come_back_too() {
    let folder = Folder::new("reducer");
    let file = folder.file("queue.db");
    let mut server = start(&file, &folder);
    let mut client = peer(&server);
    assert_eq!(client.ask(SUBMIT_JOB, &[b"f", b"foreground", b"x"]).0, JOB_CREATED);
    assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", b"plain", b"x"]), (JOB_CREATED, "H:2".into()));
    let split: [&[u8]; 4] = [b"f", b"k", b"join", b"parts"];
    assert_eq!(client.ask(SUBMIT_REDUCE_JOB_BACKGROUND, &split), (JOB_CREATED, "H:3".into()));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let server = start(&file, &folder);
    let mut worker = peer(&server);
    assert_eq!(worker.ask(GET_STATUS, &[b"H:2"]), (STATUS_RES, "H:2\\x001\\x000\\x000\\x000".into()));
    worker.send(&[(CAN_DO, &[b"f"])]).unwrap();
    assert_eq!(worker.ask(GRAB_JOB_ALL, &[]), (JOB_ASSIGN_UNIQ, "H:2\\x00f\\x00plain\\x00x".into()));
    let assigned = worker.ask(GRAB_JOB_ALL, &[]);
    assert_eq!(assigned, (JOB_ASSIGN_ALL, "H:3\\x00f\\x00k\\x00join\\x00parts".into()));
    worker.send(&[(WORK_COMPLETE, &[b"H:2", b""]), (WORK_COMPLETE, &[b"H:3", b""])]).unwrap();
    assert_eq!(worker.ask(ECHO_REQ, &[b"x"]).0, ECHO_RES);
    assert_eq!(rows(&file), Vec::<String>::new());
    let entries = "SELECT count(*) FROM gearman_queue_extras";
    let entries: u32 = Connection::open(&file).unwrap().query_row(entries, [], |row| row.get(0)).unwrap();
    assert_eq!(entries, 0);
}

/// A file that the version without ids wrote: its jobs run in their order, and are gone then.
#[test]
fn a_file_of_the_version_before() {
    let folder = Folder::new("before");
    let file = folder.file("queue.db");
    Connection::open(&file).unwrap().execute_batch(include_str!("data/queue-2.2.0.sql")).unwrap();
    let server = start(&file, &folder);
    let mut worker = peer(&server);
    worker.send(&[(CAN_DO, &[b"f"])]).unwrap();
    let mut run = Vec::new();
    loop {
        let (command, assigned) = worker.ask(GRAB_JOB, &[]);
        if command != JOB_ASSIGN {
            break;
        }
        let (handle, job) = assigned.split_once("\\x00f\\x00").unwrap();
        worker.send(&[(WORK_COMPLETE, &[handle.as_bytes(), b""])]).unwrap();
        run.push(job.to_owned());
    }
    let wanted = ["of high priority", "no key", "a key", "by workload", "to be joined", "no text\\x00\\xff", ""];
    assert_eq!(run, wanted);
    assert_eq!(worker.ask(SUBMIT_JOB_BG, &[b"f", b"", b"new"]), (JOB_CREATED, "H:10".into()));
    assert_eq!(rows(&file), ["f|later|1|blob|4000000000", "g|(no key) 9|1|blob|0", "f|(no key) 10|1|blob|0"]);
}

/// A worker that is killed, or a server, after a result that came late, is no reason to run the job again.
#[test]
fn a_job_whose_result_came_late_does_not_come_back() {
    let folder = Folder::new("late");
    let file = folder.file("queue.db");
    let mut server = start(&file, &folder);
    assert_eq!(peer(&server).ask(SUBMIT_JOB_BG, &[b"f", b"k", b"x"]).0, JOB_CREATED);
    let mut worker = peer(&server);
    worker.send(&[(CAN_DO_TIMEOUT, &[b"f", b"1000"])]).unwrap();
    assert_eq!(worker.ask(GRAB_JOB, &[]), (JOB_ASSIGN, "H:1\\x00f\\x00x".into()));
    let mut admin = server.connect();
    while ask(&mut admin, "status\n") != "f\t1\t0\t1\n" {
        std::thread::yield_now();
    }
    worker.send(&[(WORK_COMPLETE, &[b"H:1", b"late"])]).unwrap();
    assert_eq!(worker.ask(ECHO_REQ, &[b"x"]).0, ECHO_RES);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert!(rows(&file).is_empty());
}

#[test]
fn rows_are_as_the_c_server_writes_them() {
    let folder = Folder::new("rows");
    let file = folder.file("queue.db");
    let server = start(&file, &folder);
    let mut client = peer(&server);
    client.ask(SUBMIT_JOB_HIGH_BG, &[b"f", b"k", b"x"]);
    client.ask(SUBMIT_JOB_LOW_BG, &[b"g", b"", b""]);
    client.ask(SUBMIT_JOB_EPOCH, &[b"f", b"-", b"4000000000", b"x"]);
    assert_eq!(rows(&file), ["f|k|0|blob|0", "g|(no key) 2|2|blob|0", "f|(workload) 3|1|blob|4000000000"]);
}

#[test]
fn a_file_that_is_no_queue_is_named_at_the_start() {
    let folder = Folder::new("bad");
    let garbage = folder.file("garbage");
    std::fs::write(&garbage, [7; 8192]).unwrap();
    let error = refused(&garbage, &[]);
    assert!(error.contains(&garbage) && error.contains("no SQLite file"), "{error}");
    assert_eq!(std::fs::read(&garbage).unwrap(), [7; 8192], "and left alone");

    let other = folder.file("other.db");
    Connection::open(&other).unwrap().execute("CREATE TABLE mine (a, b)", []).unwrap();
    let error = refused(&other, &["--libsqlite3-table=mine"]);
    assert!(error.contains("its columns are a, b"), "{error}");

    // One of an old C gearmand says how to mend it.
    let old = folder.file("old.db");
    let table = "CREATE TABLE gearman_queue (unique_key TEXT, function_name TEXT, priority INTEGER, data BLOB,
                     PRIMARY KEY (unique_key, function_name));
                 INSERT INTO gearman_queue VALUES ('k', 'f', 1, 'x')";
    Connection::open(&old).unwrap().execute_batch(table).unwrap();
    let error = refused(&old, &[]);
    let mend = &error[error.find("ALTER TABLE").expect(&error)..];
    Connection::open(&old).unwrap().execute_batch(mend.lines().next().unwrap()).unwrap();
    let server = start(&old, &folder);
    assert_eq!(peer(&server).ask(GET_STATUS, &[b"H:1"]), (STATUS_RES, "H:1\\x001\\x000\\x000\\x000".into()));
    drop(server);

    let strange = folder.file("strange.db");
    drop(start(&strange, &folder));
    let insert = "INSERT INTO gearman_queue VALUES ('k', 'f', 7, 'x', 0)";
    Connection::open(&strange).unwrap().execute(insert, []).unwrap();
    let error = refused(&strange, &[]);
    assert!(error.contains("row 1 of its table: its priority is 7"), "{error}");

    let newer = folder.file("newer.db");
    let server = start(&newer, &folder);
    peer(&server).ask(SUBMIT_REDUCE_JOB_BACKGROUND, &[b"f", b"k", b"join", b"x"]);
    drop(server);
    let insert = "INSERT INTO gearman_queue_extras_version VALUES (1000)";
    Connection::open(&newer).unwrap().execute(insert, []).unwrap();
    let error = refused(&newer, &[]);
    assert!(error.contains("a newer gearmand has stored more there"), "{error}");

    let error = refused(&folder.file("no such folder/queue.db"), &[]);
    assert!(error.contains("cannot be written"), "{error}");
}

#[test]
fn a_damaged_file_is_no_empty_queue() {
    let folder = Folder::new("damaged");
    let file = folder.file("queue.db");
    let mut server = start(&file, &folder);
    let mut client = peer(&server);
    for _ in 0..200 {
        client.ask(SUBMIT_JOB_BG, &[b"f", b"", &[b'x'; 1000]]);
    }
    server.signal(Signal::SIGTERM);
    server.child.wait().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0);
    std::fs::write(&file, bytes).unwrap();
    let error = refused(&file, &[]);
    assert!(error.contains("is damaged"), "{error}");
}

#[test]
fn a_second_server_is_kept_away() {
    let folder = Folder::new("second");
    let file = folder.file("queue.db");
    let _first = start(&file, &folder);
    let error = refused(&file, &[]);
    assert!(error.contains("another server has it"), "{error}");
}

#[test]
fn who_may_not_write_the_file_gets_an_error() {
    let folder = Folder::new("readonly");
    let file = folder.file("queue.db");
    drop(start(&file, &folder));
    let unwritable = |path: &str, mode| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    unwritable(&file, 0o444);
    let error = match nix::unistd::geteuid().is_root() {
        true => refused(&file, &["-u", "nobody"]),
        false => refused(&file, &[]),
    };
    assert!(error.contains("cannot be written"), "{error}");
}

#[test]
fn while_another_program_holds_the_file_jobs_are_refused_and_others_served() {
    let folder = Folder::new("held");
    let file = folder.file("queue.db");
    let server = start(&file, &folder);
    let (mut client, mut other) = (peer(&server), peer(&server));
    client.ask(SUBMIT_JOB_BG, &[b"f", b"before", b"x"]);
    let db = Connection::open(&file).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    client.send(&[(SUBMIT_JOB_BG, &[b"f", b"k", b"x"])]).unwrap();
    assert_eq!(other.ask(SUBMIT_JOB, &[b"f", b"foreground", b"x"]).0, JOB_CREATED);
    let (command, error) = client.read().unwrap();
    assert_eq!((command, error.escape_ascii().to_string()), (ERROR, REFUSED.to_owned()));
    // A job that is done now is removed when that can be done again.
    other.send(&[(CAN_DO, &[b"f"])]).unwrap();
    assert_eq!(other.ask(GRAB_JOB, &[]).0, JOB_ASSIGN);
    other.send(&[(WORK_COMPLETE, &[b"H:1", b""])]).unwrap();
    assert_eq!(other.ask(ECHO_REQ, &[b"x"]).0, ERROR);
    drop(db);
    while other.ask(ECHO_REQ, &[b"x"]).0 == ERROR {
        std::thread::yield_now();
    }
    assert_eq!(rows(&file), Vec::<String>::new());
    assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", b"k", b"x"]).0, JOB_CREATED);
}

#[test]
fn stored_at_the_end_only() {
    let folder = Folder::new("at-end");
    let file = folder.file("queue.db");
    let mut server = start_with(&file, &[AT_END], &folder);
    assert_eq!(peer(&server).ask(SUBMIT_JOB_BG, &[b"f", b"k", b"x"]).0, JOB_CREATED);
    assert_eq!(rows(&file), Vec::<String>::new());
    server.signal(Signal::SIGTERM);
    assert!(server.child.wait().unwrap().success());
    assert_eq!(rows(&file), ["f|k|1|blob|0"]);
    let server = start_with(&file, &[AT_END], &folder);
    let mut worker = peer(&server);
    worker.send(&[(CAN_DO, &[b"f"])]).unwrap();
    assert_eq!(worker.ask(GRAB_JOB, &[]).0, JOB_ASSIGN);
    worker.send(&[(WORK_COMPLETE, &[b"H:1", b""])]).unwrap();
    assert_eq!(worker.ask(ECHO_REQ, &[b"x"]).0, ECHO_RES);
    assert_eq!(rows(&file), Vec::<String>::new());
}

/// A backup that held the file for two seconds at that moment cost all jobs, and nothing was logged.
#[test]
fn what_is_stored_at_the_end_waits_for_the_file() {
    let folder = Folder::new("at-end-held");
    let file = folder.file("queue.db");
    let mut server = start_with(&file, &[AT_END], &folder);
    assert_eq!(peer(&server).ask(SUBMIT_JOB_BG, &[b"f", b"k", b"x"]).0, JOB_CREATED);
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    server.signal(Signal::SIGTERM);
    server.line_with("the end waits for it");
    other.execute_batch("COMMIT").unwrap();
    assert!(server.child.wait().unwrap().success());
    assert_eq!(rows(&file), ["f|k|1|blob|0"]);
}

/// The table is gone, so that no waiting helps.
#[test]
fn jobs_that_are_lost_at_the_end_are_no_success() {
    let folder = Folder::new("at-end-lost");
    let file = folder.file("queue.db");
    let mut server = start_with(&file, &[AT_END, "--patience=1"], &folder);
    for key in [b"a", b"b"] {
        assert_eq!(peer(&server).ask(SUBMIT_JOB_BG, &[b"f", key, b"x"]).0, JOB_CREATED);
    }
    Connection::open(&file).unwrap().execute_batch("DROP TABLE gearman_queue").unwrap();
    server.signal(Signal::SIGTERM);
    server.line_with("gearmand: 2 jobs are lost");
    assert_eq!(server.child.wait().unwrap().code(), Some(1));
}

/// A worker got no answer about its job's end, as that could not be written; it is done nevertheless.
#[test]
fn what_is_done_at_the_end_waits_for_the_file_too() {
    let folder = Folder::new("done-held");
    let file = folder.file("queue.db");
    let mut server = start(&file, &folder);
    let mut worker = peer(&server);
    assert_eq!(worker.ask(SUBMIT_JOB_BG, &[b"f", b"k", b"x"]).0, JOB_CREATED);
    worker.send(&[(CAN_DO, &[b"f"])]).unwrap();
    assert_eq!(worker.ask(GRAB_JOB, &[]).0, JOB_ASSIGN);
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    worker.send(&[(WORK_COMPLETE, &[b"H:1", b""])]).unwrap();
    assert_eq!(worker.ask(ECHO_REQ, &[b"x"]).0, ERROR);
    server.signal(Signal::SIGTERM);
    server.line_with("the end waits for it");
    other.execute_batch("COMMIT").unwrap();
    assert!(server.child.wait().unwrap().success());
    assert_eq!(rows(&file), Vec::<String>::new());
}
