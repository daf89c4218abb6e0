//! Dead letters are those of all servers: each shows all of them once, as they are, and forgets none before it knows the policies
//! of all.

use super::*;
use crate::util::WORK_EXCEPTION;

fn fail(worker: &mut Wire, job: &Job, reason: &str) {
    worker.send(&[(WORK_EXCEPTION, &[job.handle.as_bytes(), reason.as_bytes()]), (ECHO_REQ, &[b"stored?"])]).unwrap();
    worker.expect(ECHO_RES, &[b"stored?"]);
}

/// A server that started read the letters before the policies that were set at run time. By its own defaults they were too old,
/// and it had them forgotten for all.
#[test]
fn who_starts_forgets_no_letter_that_a_policy_keeps() {
    let Some(cluster) = Cluster::new("kept-letters") else { return };
    let a = cluster.start("a");
    assert_eq!(text(&a, "policy f dead-letters=10"), "OK\r\n");
    let handle = submit(&mut peer(&a), "k", "x");
    let mut worker = worker(&a, &["f"]);
    let job = grab(&mut worker);
    fail(&mut worker, &job, "no disk");
    let sql = cluster.sql();
    sql.until("SELECT count(*) FROM @.dead", 1);
    sql.execute("UPDATE @.dead SET last_ms = last_ms - 8 * 24 * 3600 * 1000::bigint");
    let b = cluster.start("b");
    until_text(&b, "policies", "dead-letters=10");
    until_text(&b, "dead", &handle);
    assert_eq!(sql.number("SELECT count(*) FROM @.dead"), 1);
}

/// Tried again at one server, it fails at once at another: the first never showed it again, the second showed it twice, and a third
/// as it had been before.
#[test]
fn a_letter_that_dies_again_is_one_and_as_it_is_now() {
    let Some(cluster) = Cluster::new("dies-again") else { return };
    let servers = ["a", "b", "c"].map(|name| cluster.start(name));
    assert_eq!(text(&servers[0], "policy f dead-letters=10"), "OK\r\n");
    servers.iter().for_each(|server| drop(until_text(server, "policies", "dead-letters=10")));
    let handle = submit(&mut peer(&servers[0]), "k", "x");
    let mut worker = worker(&servers[1], &["f"]);
    let job = grab(&mut worker);
    fail(&mut worker, &job, "first");
    servers.iter().for_each(|server| drop(until_text(server, "dead", &handle)));
    assert!(text(&servers[0], &format!("dead-retry {handle}")).starts_with("OK 1"));
    let job = grab(&mut worker);
    fail(&mut worker, &job, "second");
    for server in &servers {
        until_text(server, &format!("dead-show {handle}"), "second");
        let letters = text(server, "dead");
        assert_eq!(letters.matches(&handle).count(), 1, "{letters}");
    }
}
