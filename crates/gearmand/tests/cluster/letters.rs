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
