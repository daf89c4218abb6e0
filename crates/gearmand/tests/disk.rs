//! The durable queue and the disk: full, and which files lie there.

use crate::durable::{REFUSED, peer, queue, rows, start};
use crate::http::get;
use crate::process::{Folder, Running, ask, until};
use crate::util::{ERROR, JOB_CREATED, SUBMIT_JOB_BG};
use crate::wire::Wire;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::TcpStream;
use std::process::Command;

const HTTP: &str = "--http-listen=127.0.0.1:0";

/// A server on a disk of one megabyte, in a mount namespace of its own, after this was done there. `None` where there
/// can be none.
fn on_a_small_disk(folder: &Folder, disk: &str, script: &str) -> Option<Running> {
    std::fs::create_dir(disk).unwrap();
    let unshare = ["unshare", "--map-root-user", "--mount", "sh", "-c"];
    let mount = format!("mount -t tmpfs -o size=1m tmpfs '{disk}'");
    let may = Command::new(unshare[0]).args(&unshare[1..]).arg(&mount).output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there are no namespaces to mount a disk in");
        return None;
    }
    let script = format!("{mount} && cd '{disk}' && {script} exec \"$@\"");
    let wrapper = [&unshare[..], &[&script, "sh"]].concat();
    let queue = queue(&format!("{disk}/queue.db"));
    let options = [&queue.each_ref().map(String::as_str)[..], &[HTTP]].concat();
    Some(Running::within(&wrapper, &options, folder))
}

#[test]
fn on_a_full_disk_jobs_are_refused_until_there_is_room() {
    let folder = Folder::new("full");
    let disk = folder.file("disk");
    let fill = "dd if=/dev/zero of=filler bs=1k count=300 2>/dev/null;";
    let Some(server) = on_a_small_disk(&folder, &disk, fill) else { return };
    let mut client = peer(&server);
    let workload = vec![b'x'; 10_000];
    let mut stored = 0;
    let error = loop {
        match client.ask(SUBMIT_JOB_BG, &[b"f", b"", &workload]) {
            (JOB_CREATED, _) => stored += 1,
            (_, error) => break error,
        }
        assert!(stored < 200, "the disk does not fill");
    };
    assert_eq!(error, REFUSED);
    let total = format!("f\t{stored}\t0\t0\n");
    assert_eq!(ask(&mut server.connect(), "status\n"), total, "the others are kept, and the server lives");
    std::fs::remove_file(format!("/proc/{}/root{disk}/filler", server.child.id())).unwrap();
    assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", b"", &workload]).0, JOB_CREATED);
}

/// Who is told that a server is not ready sends it no jobs, and so none shows that it is ready again.
#[test]
fn a_server_is_not_ready_on_a_full_disk_and_is_again_by_itself() {
    let folder = Folder::new("full-ready");
    let disk = folder.file("disk");
    let fill = "dd if=/dev/zero of=filler bs=1k count=300 2>/dev/null;";
    let Some(mut server) = on_a_small_disk(&folder, &disk, fill) else { return };
    let http = server.line_with("HTTP at http://").trim().rsplit('/').next().unwrap().to_owned();
    let ready = || get(&http, "/readyz");
    let full = (503, "the durable queue cannot be written; the log says why\n".to_owned());
    let mut client = peer(&server);
    let workload = vec![b'x'; 10_000];
    assert_eq!(ready(), (200, "ok\n".into()));
    while client.ask(SUBMIT_JOB_BG, &[b"f", b"", &workload]).0 == JOB_CREATED {}
    assert_eq!(ready(), full);
    // It is tried again, in vain.
    let metric = |name: &str| {
        let metrics = get(&http, "/metrics").1;
        metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok()).unwrap()
    };
    let failed = metric("gearmand_commits_failed_total ");
    until(|| metric("gearmand_commits_failed_total ") > failed + 1);
    assert_eq!(ready(), full);
    assert_eq!((metric("gearmand_ready "), metric("gearmand_queue_failing ")), (0, 1));
    let files = format!("/proc/{}/root{disk}", server.child.id());
    std::fs::remove_file(format!("{files}/filler")).unwrap();
    until(|| ready().0 == 200);
    server.line_with("the durable queue works again");
    let mut left: Vec<_> = std::fs::read_dir(files).unwrap().map(|f| f.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["queue.db", "queue.db-shm", "queue.db-wal"]);
    assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", b"", &workload]).0, JOB_CREATED);
}

#[test]
fn a_server_is_not_ready_while_another_program_has_its_queue() {
    let folder = Folder::new("held-ready");
    let file = folder.file("queue.db");
    let mut server = Running::start(&[&format!("--libsqlite3-db={file}"), "-q", "libsqlite3", HTTP], &folder);
    let http = server.line_with("HTTP at http://").trim().rsplit('/').next().unwrap().to_owned();
    let mut client = peer(&server);
    assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", b"", b""]).0, JOB_CREATED);
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", b"", b""]), (ERROR, REFUSED.into()));
    assert_eq!(get(&http, "/readyz").0, 503);
    drop(other);
    until(|| get(&http, "/readyz").0 == 200);
}

/// SQLite makes a file for the index that readers share, so a server that had stopped on a full disk did not start
/// there: "disk I/O error".
#[test]
fn a_start_on_a_full_disk_needs_no_room() {
    let folder = Folder::new("full-start");
    let disk = folder.file("disk");
    let fill = "\"$@\"; dd if=/dev/zero of=filler bs=1k 2>/dev/null;";
    let Some(mut server) = on_a_small_disk(&folder, &disk, fill) else { return };
    let mut client = peer(&server);
    for key in ["a", "b", "c"] {
        assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", key.as_bytes(), b"x"]).0, JOB_CREATED);
    }
    let first: i32 = folder.read("pid").trim().parse().unwrap();
    kill(Pid::from_raw(first), Signal::SIGTERM).unwrap();
    server.line_with("there is no room on the disk");
    let address = server.line_with("listening on ");
    let connect = || TcpStream::connect(address.trim_end().rsplit(' ').next().unwrap()).unwrap();
    assert_eq!(ask(&mut connect(), "status\n"), "f\t3\t0\t0\n");
    let mut client = Wire::new(connect());
    assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", b"d", b"x"]), (ERROR, REFUSED.into()));
    std::fs::remove_file(format!("/proc/{}/root{disk}/filler", server.child.id())).unwrap();
    assert_eq!(client.ask(SUBMIT_JOB_BG, &[b"f", b"d", b"x"]).0, JOB_CREATED);
}

fn files(folder: &Folder, begin: &str) -> Vec<String> {
    let names =
        std::fs::read_dir(folder.file("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(begin)).collect();
    names.sort();
    names
}

/// docs/operating.md lists which files to take along.
#[test]
fn a_clean_stop_leaves_one_file_and_kill_9_two_that_belong_together() {
    let folder = Folder::new("files");
    let file = folder.file("queue.db");
    for (signal, left) in [
        (Signal::SIGTERM, &["queue.db"][..]),
        (Signal::SIGUSR1, &["queue.db"]),
        (Signal::SIGKILL, &["queue.db", "queue.db-shm", "queue.db-wal"]),
        (Signal::SIGINT, &["queue.db"]),
    ] {
        let mut server = start(&file, &folder);
        assert_eq!(peer(&server).ask(SUBMIT_JOB_BG, &[b"f", signal.as_str().as_bytes(), b"x"]).0, JOB_CREATED);
        server.signal(signal);
        server.child.wait().unwrap();
        assert_eq!(files(&folder, "queue"), left, "{signal}");
    }
    // What was moved without its -wal after kill -9 lacks the last jobs.
    let mut server = start(&file, &folder);
    assert_eq!(peer(&server).ask(SUBMIT_JOB_BG, &[b"f", b"late", b"x"]).0, JOB_CREATED);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let (alone, both) = (folder.file("alone.db"), folder.file("both.db"));
    std::fs::copy(&file, &alone).unwrap();
    std::fs::copy(&file, &both).unwrap();
    std::fs::copy(format!("{file}-wal"), format!("{both}-wal")).unwrap();
    assert_eq!((rows(&alone).len(), rows(&both).len()), (4, 5));
}
