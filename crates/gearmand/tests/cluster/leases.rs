//! Servers that are killed, are stopped for longer than their leases, stop by themselves or drain: whose the jobs are then.

use super::*;
use crate::util::{SUBMIT_JOB, WORK_FAIL};
use nix::sys::signal::Signal;

const OWNED: &str = "SELECT count(*) FROM @.job WHERE owner IS NOT NULL";
const JOBS: &str = "SELECT count(*) FROM @.job";

/// Of one of them it is known in the database that it was begun: that is a try.
#[test]
fn jobs_of_a_killed_server_run_elsewhere() {
    let Some(cluster) = Cluster::new("killed") else { return };
    let (mut a, b) = (cluster.start("a"), cluster.start("b"));
    let sql = cluster.sql();
    let (mut client, mut lost) = (peer(&a), worker(&a, &["f"]));
    let begun = submit(&mut client, "begun", "x");
    assert_eq!(grab(&mut lost).handle, begun);
    sql.until("SELECT count(*) FROM @.job WHERE started", 1);
    let mut handles = vec![begun];
    handles.extend(["1", "2", "3"].map(|unique| submit(&mut client, unique, "x")));
    a.child.kill().unwrap();
    a.child.wait().unwrap();
    let killed = Instant::now();
    let mut worker = worker(&b, &["f"]);
    let mut seen = Vec::new();
    for _ in 0..handles.len() {
        let job = grab(&mut worker);
        if job.handle == handles[0] {
            assert_eq!(sql.number("SELECT tries::bigint FROM @.job WHERE unique_key = 'begun'"), 1);
        }
        complete(&mut worker, &job);
        seen.push(job.handle);
    }
    println!("takeover: the last of {} jobs was run {:.1} s after kill -9", seen.len(), killed.elapsed().as_secs_f64());
    seen.sort_unstable();
    handles.sort_unstable();
    assert_eq!(seen, handles);
    assert_eq!(sql.number(JOBS), 0);
    let servers = text(&b, "servers");
    assert!(["a\t", "\tdead\t", "\tlives\t"].iter().all(|part| servers.contains(part)), "{servers}");
    // It comes back under its name, and is a server like any other.
    let a = cluster.start("a");
    let handle = submit(&mut peer(&a), "begun", "y");
    assert!(!seen.contains(&handle));
    assert_eq!(grab(&mut worker).handle, handle);
}

/// What its worker says of a job that another server has by then counts for nothing, and it gives out none of those it had.
#[test]
fn a_server_that_wakes_up_after_its_lease_has_no_jobs() {
    let Some(cluster) = Cluster::new("stopped") else { return };
    let (a, b) = (cluster.start("a"), cluster.start("b"));
    let sql = cluster.sql();
    let (mut client, mut before) = (peer(&a), worker(&a, &["f"]));
    let mut handles = vec![submit(&mut client, "1", "x")];
    let held = grab(&mut before);
    handles.extend(["2", "3", "4"].map(|unique| submit(&mut client, unique, "x")));
    a.signal(Signal::SIGSTOP);
    assert!(sql.number(OWNED) > 0);
    // It finds this when it wakes up.
    before.send(&[(WORK_COMPLETE, &[held.handle.as_bytes(), b""]), (GRAB_JOB_ALL, &[])]).unwrap();
    let mut others: Vec<(Wire, Job)> = Vec::new();
    for _ in &handles {
        let mut worker = worker(&b, &["f"]);
        let job = grab(&mut worker);
        others.push((worker, job));
    }
    let mut seen: Vec<String> = others.iter().map(|(_, job)| job.handle.clone()).collect();
    seen.sort_unstable();
    handles.sort_unstable();
    assert_eq!(seen, handles, "the other server has them all");
    a.signal(Signal::SIGCONT);
    before.expect(NO_JOB, &[]);
    assert_eq!(sql.number("SELECT count(*) FROM @.server WHERE died IS NOT NULL"), 1);
    // All that it was told is done.
    assert_eq!(before.ask(ECHO_REQ, &[b"x"]).0, ECHO_RES);
    assert_eq!(sql.number(JOBS), handles.len() as i64, "none is settled");
    let next = until("it takes jobs again", || match client.ask(SUBMIT_JOB_BG, &[b"f", b"next", b"x"]) {
        (JOB_CREATED, handle) => Some(handle),
        _ => None,
    });
    assert_eq!(grab(&mut before).handle, next);
    assert_eq!(sql.number("SELECT count(DISTINCT owner) FROM @.job"), 2);
    for (mut worker, job) in others {
        complete(&mut worker, &job);
    }
    assert_eq!(sql.number(JOBS), 1);
    before.send(&[(WORK_COMPLETE, &[next.as_bytes(), b""]), (ECHO_REQ, &[b"x"])]).unwrap();
    before.expect(ECHO_RES, &[b"x"]);
    assert_eq!(sql.number(JOBS), 0);
}

/// Its work would only be done once more.
#[test]
fn a_late_end_counts_where_nobody_has_the_job() {
    let Some(cluster) = Cluster::new("late") else { return };
    let (a, b) = (cluster.start("a"), cluster.start("b"));
    let sql = cluster.sql();
    let mut before = worker(&a, &["f"]);
    submit(&mut peer(&a), "done", "x");
    let done = grab(&mut before);
    let mut other = worker(&a, &["f"]);
    submit(&mut peer(&a), "failed", "x");
    let failed = grab(&mut other);
    a.signal(Signal::SIGSTOP);
    before.send(&[(WORK_COMPLETE, &[done.handle.as_bytes(), b""]), (ECHO_REQ, &[b"x"])]).unwrap();
    other.send(&[(WORK_FAIL, &[failed.handle.as_bytes()]), (ECHO_REQ, &[b"x"])]).unwrap();
    sql.until(OWNED, 0);
    assert_eq!(sql.number(JOBS), 2);
    a.signal(Signal::SIGCONT);
    // Or that it is not stored yet.
    for worker in [&mut before, &mut other] {
        assert!([ECHO_RES, ERROR].contains(&worker.read().unwrap().0));
    }
    sql.until(JOBS, 0);
    grab_nothing(&mut worker(&b, &["f"]));
}

/// A pause that is shorter than the lease is nobody's business.
#[test]
fn a_server_that_is_stopped_for_a_moment_keeps_its_jobs() {
    let Some(cluster) = Cluster::new("moment") else { return };
    let (a, b) = (cluster.start("a"), cluster.start("b"));
    let sql = cluster.sql();
    let mut worker = worker(&a, &["f"]);
    let handle = submit(&mut peer(&a), "", "x");
    let job = grab(&mut worker);
    a.signal(Signal::SIGSTOP);
    sql.until_heard_of(1, sql.now() + 2000);
    a.signal(Signal::SIGCONT);
    let since = sql.now();
    sql.until_heard_of(2, since);
    assert_eq!(job.handle, handle);
    complete(&mut worker, &job);
    assert_eq!(sql.number("SELECT count(*) FROM @.server WHERE died IS NOT NULL"), 0);
    drop(b);
}

#[test]
fn a_server_that_stops_gives_its_jobs_back_at_once() {
    let Some(cluster) = Cluster::new("sigterm") else { return };
    let (mut a, b) = (cluster.start("a"), cluster.start("b"));
    let sql = cluster.sql();
    let (mut client, mut lost) = (peer(&a), worker(&a, &["f"]));
    let mut handles = vec![submit(&mut client, "1", "x")];
    grab(&mut lost);
    handles.extend(["2", "3"].map(|unique| submit(&mut client, unique, "x")));
    a.stop();
    assert_eq!(sql.number(OWNED), 0, "nobody has to wait for the end of its lease");
    assert_eq!(sql.number("SELECT count(*) FROM @.server WHERE was_left"), 1);
    assert_eq!(sql.number("SELECT sum(tries)::bigint FROM @.job"), 0, "that is no try");
    assert!(text(&b, "servers").contains("\tleft\t"));
    let mut worker = worker(&b, &["f"]);
    for _ in &handles {
        let job = grab(&mut worker);
        complete(&mut worker, &job);
    }
    assert_eq!(sql.number(JOBS), 0);
}

#[test]
fn a_server_that_drains_gives_back_what_waits() {
    let Some(cluster) = Cluster::new("drain") else { return };
    let (mut a, b) = (cluster.start("a"), cluster.start("b"));
    let sql = cluster.sql();
    let (mut client, mut draining) = (peer(&a), worker(&a, &["f"]));
    let running = submit(&mut client, "1", "x");
    let held = grab(&mut draining);
    assert_eq!(held.handle, running);
    let waiting = submit(&mut client, "2", "x");
    a.signal(Signal::SIGUSR1);
    sql.until(OWNED, 1);
    let mut other = worker(&b, &["f"]);
    let job = grab(&mut other);
    assert_eq!(job.handle, waiting);
    complete(&mut other, &job);
    assert!(a.child.try_wait().unwrap().is_none(), "one still runs");
    draining.send(&[(WORK_COMPLETE, &[held.handle.as_bytes(), b""])]).unwrap();
    assert!(a.child.wait().unwrap().success());
    assert_eq!(sql.number(JOBS), 0);
}

/// Its worker is gone, and others may be elsewhere.
#[test]
fn a_job_whose_worker_is_gone_runs_at_another_server() {
    let Some(cluster) = Cluster::new("gone") else { return };
    let (a, b) = (cluster.start("a"), cluster.start("b"));
    let mut first = worker(&a, &["f"]);
    let handle = submit(&mut peer(&a), "", "x");
    assert_eq!(grab(&mut first).handle, handle);
    drop(first);
    let mut second = worker(&b, &["f"]);
    let job = grab(&mut second);
    assert_eq!(job.handle, handle);
    complete(&mut second, &job);
}

/// It is told that the job failed, as nobody can tell it how the job ends. The job runs.
#[test]
fn who_waits_for_a_job_that_goes_elsewhere_is_told() {
    let Some(cluster) = Cluster::new("waits") else { return };
    let (mut a, b) = (cluster.start("a"), cluster.start("b"));
    let handle = submit(&mut peer(&a), "k", "x");
    let mut lost = worker(&a, &["f"]);
    assert_eq!(grab(&mut lost).handle, handle);
    let mut client = peer(&a);
    assert_eq!(client.ask(SUBMIT_JOB, &[b"f", b"k", b"x"]), (JOB_CREATED, handle.clone()));
    a.signal(Signal::SIGTERM);
    client.expect(WORK_FAIL, &[handle.as_bytes()]);
    let mut other = worker(&b, &["f"]);
    let job = grab(&mut other);
    assert_eq!(job.handle, handle);
    complete(&mut other, &job);
    assert!(a.child.wait().unwrap().success());
}
