//! Jobs that are submitted as to C gearmand.

use crate::http::submit::{detail, next_job};
use crate::http::{Answer, Client, HttpServer};
use crate::util::{CAN_DO, GRAB_JOB_UNIQ, WORK_COMPLETE, WORK_DATA, WORK_EXCEPTION, WORK_FAIL, WORK_WARNING};
use tokio::task::JoinHandle;

const BACKGROUND: &str = "X-Gearman-Background: true";

/// Submits a job of f, whose answer comes later.
fn wait_for(mut client: Client, method: &'static str, headers: &'static [&str]) -> JoinHandle<Answer> {
    tokio::spawn(async move { client.ask(method, "/f", headers, b"a\0b").await })
}

#[tokio::test]
async fn the_body_is_the_workload_and_the_answer_the_result() {
    let server = HttpServer::start().await;
    let mut worker = server.gearman.worker(&["f"]).await;
    for (method, expected) in [("POST", "H:test:1"), ("PUT", "H:test:2")] {
        let waiting = wait_for(server.client().await, method, &[]);
        let job = next_job(&mut worker).await;
        assert_eq!(job[2], b"a\0b");
        worker.send(WORK_DATA, &[&job[0], b"one "]).await;
        worker.send(WORK_WARNING, &[&job[0], b"careful"]).await;
        worker.send(WORK_COMPLETE, &[&job[0], b"\xfftwo"]).await;
        let answer = waiting.await.unwrap().expect(200);
        assert_eq!(answer.body, b"one \xfftwo");
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("content-length"), "8");
        assert_eq!(answer.header("x-gearman-job-handle"), expected);
        assert_eq!(answer.header("x-gearman-command"), "WORK_COMPLETE");
    }
}

#[tokio::test]
async fn a_job_that_failed_has_no_body_and_says_so_in_a_field() {
    let server = HttpServer::start().await;
    let mut worker = server.gearman.worker(&["f"]).await;
    for command in [WORK_FAIL, WORK_EXCEPTION] {
        let waiting = wait_for(server.client().await, "POST", &["x-gearman-priority: HIGH"]);
        let job = next_job(&mut worker).await;
        worker.send(WORK_DATA, &[&job[0], b"a part"]).await;
        let arguments: &[&[u8]] = if command == WORK_FAIL { &[&job[0]] } else { &[&job[0], b"thrown"] };
        worker.send(command, arguments).await;
        let answer = waiting.await.unwrap().expect(200);
        assert_eq!((answer.text().as_str(), answer.header("x-gearman-command")), ("", "WORK_FAIL"));
    }
}

#[tokio::test]
async fn in_the_background_the_answer_is_the_handle() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    let submits: [(&[&str], &[u8], &str); 8] = [
        (&[BACKGROUND], b"abc", "H:test:1"),
        (&[BACKGROUND], b"abc", "H:test:1"), // the key is the workload, as in C
        (&[BACKGROUND], b"def", "H:test:2"),
        (&["x-gearman-background:  TRUE", "X-Gearman-Unique: k"], b"x", "H:test:3"),
        (&[BACKGROUND, "X-Gearman-Unique: k"], b"y", "H:test:3"),
        (&[BACKGROUND, "X-Gearman-Unique: l", "X-Gearman-Priority: high"], b"first", "H:test:4"),
        (&[BACKGROUND, "X-Gearman-Unique: m", "X-Gearman-Priority: low"], b"last", "H:test:5"),
        (&[BACKGROUND, "X-Gearman-Unique: n", "X-Gearman-Priority: normal"], b"", "H:test:6"),
    ];
    for (headers, workload, handle) in submits {
        let answer = client.ask("POST", "/f", headers, workload).await.expect(200);
        assert_eq!((answer.header("x-gearman-job-handle"), answer.text().as_str()), (handle, ""));
        assert_eq!(answer.header("x-gearman-command"), "JOB_CREATED");
    }
    let mut worker = server.gearman.worker(&["f"]).await;
    let mut grabbed = Vec::new();
    for _ in 0..6 {
        let (_, job) = worker.ask(GRAB_JOB_UNIQ, &[]).await;
        grabbed.push(job.escape_ascii().to_string());
    }
    let row = |handle: u32, rest: &str| format!("H:test:{handle}\\x00f\\x00{rest}");
    let normal = [row(1, "-\\x00abc"), row(2, "-\\x00def"), row(3, "k\\x00x"), row(6, "n\\x00")];
    assert_eq!(grabbed, [&[row(4, "l\\x00first")], &normal[..], &[row(5, "m\\x00last")]].concat());
}

#[tokio::test]
async fn any_bytes_can_name_a_function_and_other_paths_stay_what_they_are() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    client.ask("POST", "/a%20b%2fc%ff", &[BACKGROUND], b"w").await.expect(200);
    let mut worker = server.gearman.peer().await;
    worker.send(CAN_DO, &[&b"a b/c\xff"[..]]).await;
    worker.grab(&[b"H:test:1", b"a b/c\xff", b"w"]).await;
    client.ask("POST", "/healthz", &[BACKGROUND], b"").await.expect(405);
    client.ask("POST", "/a/b", &[BACKGROUND], b"").await.expect(404);
    client.ask("DELETE", "/f", &[], b"").await.expect(405);
    let answer = client.ask("POST", "/f", &[BACKGROUND, "X-Gearman-Priority: urgent"], b"").await.expect(422);
    assert_eq!(detail(&answer), "X-Gearman-Priority: urgent is none of high, normal and low");
    let long = format!("X-Gearman-Unique: {}", "x".repeat(65));
    client.ask("POST", "/f", &[BACKGROUND, &long], b"").await.expect(422);
}
