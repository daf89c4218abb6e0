//! Jobs that are submitted in JSON: in the background, in the foreground, and what is said against them.

use crate::http::schema::check_against;
use crate::http::{Answer, Client, HttpServer};
use crate::util::{
    CAN_DO, GET_STATUS, GET_STATUS_UNIQUE, GRAB_JOB, GRAB_JOB_UNIQ, JOB_ASSIGN, NO_JOB, NOOP, PRE_SLEEP, Peer,
    WORK_COMPLETE, WORK_DATA, WORK_EXCEPTION, WORK_FAIL, WORK_STATUS, WORK_WARNING, until,
};
use gearmand::{Config, Stop};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinHandle;

pub(crate) const JOBS: &str = "/api/v1/functions/f/jobs";

/// What a problem says.
pub(crate) fn detail(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), "application/problem+json");
    answer.json()["detail"].as_str().unwrap().to_owned()
}

/// Submits a job of f, whose answer comes later.
pub(crate) fn wait_for(mut client: Client, body: Value) -> JoinHandle<Answer> {
    tokio::spawn(async move { client.json("POST", JOBS, &body).await })
}

/// The job that this worker gets next: handle, function and workload.
pub(crate) async fn next_job(worker: &mut Peer) -> Vec<Vec<u8>> {
    loop {
        let (command, body) = worker.ask(GRAB_JOB, &[]).await;
        if command == JOB_ASSIGN {
            return body.splitn(3, |byte| *byte == 0).map(<[u8]>::to_vec).collect();
        }
        assert_eq!(command, NO_JOB);
        worker.send(PRE_SLEEP, &[]).await;
        worker.expect(NOOP, &[]).await;
    }
}

#[tokio::test]
async fn a_job_in_the_background_is_answered_by_its_handle() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    let body = json!({"workload": "größe", "unique": "k", "background": true});
    let answer = client.json("POST", JOBS, &body).await.expect(202);
    assert_eq!(answer.json(), json!({"handle": "H:test:1", "href": "/api/v1/jobs/H:test:1"}));
    check_against("Queued", &answer.json());
    assert_eq!(answer.header("location"), "/api/v1/jobs/H:test:1");
    let again = client.json("POST", JOBS, &body).await.expect(202);
    assert_eq!(again.json()["handle"], "H:test:1", "one key, one job");
    let binary = json!({"workload_base64": "AP/+", "background": true});
    client.json("POST", "/api/v1/functions/a%00b/jobs", &binary).await.expect(400);
    client.json("POST", "/api/v1/functions/%ff%2f/jobs", &binary).await.expect(202);
    let mut worker = server.gearman.worker(&["f"]).await;
    assert_eq!(worker.ask(GRAB_JOB_UNIQ, &[]).await.1, "H:test:1\0f\0k\0größe".as_bytes());
    let mut worker = server.gearman.peer().await;
    worker.send(CAN_DO, &[&b"\xff/"[..]]).await;
    worker.grab(&[b"H:test:2", b"\xff/", b"\0\xff\xfe"]).await;
}

#[tokio::test]
async fn priorities_decide_which_job_is_next() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    for priority in ["low", "normal", "high"] {
        let body = json!({"workload": priority, "priority": priority, "background": true});
        client.json("POST", JOBS, &body).await.expect(202);
    }
    let mut worker = server.gearman.worker(&["f"]).await;
    worker.grab(&[b"H:test:3", b"f", b"high"]).await;
    worker.grab(&[b"H:test:2", b"f", b"normal"]).await;
    worker.grab(&[b"H:test:1", b"f", b"low"]).await;
}

#[tokio::test]
async fn a_delayed_job_waits_for_its_time() {
    fn clock() -> Duration {
        Duration::from_millis(1_700_000_000_500)
    }
    let server = HttpServer::with(|config| config.clock = clock).await;
    let mut client = server.client().await;
    for (wish, unique) in [(json!({"delay": 10}), "delay"), (json!({"at": 1_700_000_020.25, "background": true}), "at")]
    {
        let mut body = wish;
        body["unique"] = unique.into();
        client.json("POST", JOBS, &body).await.expect(202);
    }
    client.json("POST", JOBS, &json!({"at": 5, "unique": "past"})).await.expect(202);
    let mut peer = server.gearman.worker(&["f"]).await;
    peer.grab(&[b"H:test:3", b"f", b""]).await;
    peer.grab_nothing().await;
    let mut admin = server.gearman.peer().await;
    // Never earlier than what is said.
    for (unique, due) in [("delay", 1_700_000_011), ("at", 1_700_000_021)] {
        admin.raw(format!("job f {unique}\n").as_bytes()).await;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\n.\n") {
            tokio::io::AsyncReadExt::read_buf(&mut admin.stream, &mut answer).await.unwrap();
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains(&format!("\ndue\t{due}\n")), "{answer}");
    }
}

#[tokio::test]
async fn a_job_in_the_foreground_is_answered_by_its_end() {
    let server = HttpServer::start().await;
    let mut worker = server.gearman.worker(&["f"]).await;
    let waiting = wait_for(server.client().await, json!({"workload": "w"}));
    let job = next_job(&mut worker).await;
    assert_eq!(job[2], b"w");
    let handle = &job[0][..];
    worker.send(WORK_DATA, &[handle, b"\0\xff"]).await;
    worker.send(WORK_STATUS, &[handle, b"1", b"2"]).await;
    worker.send(WORK_WARNING, &[handle, br"C:\x"]).await;
    worker.send(WORK_DATA, &[handle, b""]).await;
    worker.send(WORK_COMPLETE, &[handle, "\"ü\"\n".as_bytes()]).await;
    let answer = waiting.await.unwrap().expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        answer.json(),
        json!({"handle": "H:test:1", "state": "done", "result": "\"ü\"\n", "result_base64": "IsO8Igo=",
            "data": ["AP8=", ""], "warnings": ["C:\\x"]})
    );
}

#[tokio::test]
async fn how_a_job_failed_is_told() {
    let server = HttpServer::start().await;
    let mut worker = server.gearman.worker(&["f"]).await;
    let ends: [(u32, &[u8], Value); 4] = [
        (WORK_FAIL, b"", json!({"state": "failed"})),
        (WORK_EXCEPTION, br"App\Error: no disk", json!({"state": "failed", "exception": r"App\Error: no disk"})),
        (WORK_EXCEPTION, b"\xff", json!({"state": "failed", "exception": r"\xff"})),
        (WORK_COMPLETE, b"\xff", json!({"state": "done", "result_base64": "/w=="})),
    ];
    let mut client = Some(server.client().await);
    for (i, (command, data, mut told)) in ends.into_iter().enumerate() {
        let mut sender = client.take().unwrap();
        let waiting = tokio::spawn(async move { (sender.json("POST", JOBS, &json!({})).await, sender) });
        let job = next_job(&mut worker).await;
        let arguments: &[&[u8]] = if command == WORK_FAIL { &[&job[0]] } else { &[&job[0], data] };
        worker.send(command, arguments).await;
        let (answer, sender) = waiting.await.unwrap();
        client = Some(sender);
        told["handle"] = format!("H:test:{}", i + 1).into();
        (told["data"], told["warnings"]) = (json!([]), json!([]));
        check_against("Ended", &answer.json());
        assert_eq!(answer.expect(200).json(), told);
    }
}

#[tokio::test]
async fn a_job_that_is_not_done_in_time_has_nobody_who_waits() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    let answer = client.json("POST", JOBS, &json!({"timeout": 0.01})).await.expect(504);
    assert_eq!(detail(&answer), "job H:test:1 has not ended within 0.01 s");
    // It was queued, and is no more.
    until(&server.gearman, "status\n", "f\t0\t0\t0\n.\n").await;
    client.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_job_with_it() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    client.send("POST", JOBS, &["Content-Type: application/json"], b"{}").await;
    until(&server.gearman, "status\n", "f\t1\t0\t0\n.\n").await;
    drop(client);
    until(&server.gearman, "status\n", "f\t0\t0\t0\n.\n").await;
    // One that runs goes on, and somebody else may wait for it meanwhile.
    let mut worker = server.gearman.worker(&["f"]).await;
    let [one, other] = [server.client().await, server.client().await];
    let mut one = one;
    one.send("POST", JOBS, &["Content-Type: application/json"], br#"{"unique":"k"}"#).await;
    let job = next_job(&mut worker).await;
    let waiting = wait_for(other, json!({"unique": "k"}));
    until_waiting(&server, &job[0], "k", "2").await;
    drop(one);
    until_waiting(&server, &job[0], "k", "1").await;
    worker.send(WORK_COMPLETE, &[&job[0], b"r"]).await;
    assert_eq!(waiting.await.unwrap().expect(200).json()["result"], "r");
}

#[tokio::test]
async fn a_client_that_goes_away_with_a_request_behind_the_first_takes_its_job_with_it() {
    let server = HttpServer::start().await;
    for path in [JOBS, "/f"] {
        let mut client = server.client().await;
        let first = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
        let both = format!("{first}Content-Length: 2\r\n\r\n{{}}GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.raw(both.as_bytes()).await;
        until(&server.gearman, "status\n", "f\t1\t0\t0\n.\n").await;
        // More comes, which is no end.
        client.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        server.client().await.get("/healthz").await.expect(200);
        until(&server.gearman, "status\n", "f\t1\t0\t0\n.\n").await;
        drop(client);
        until(&server.gearman, "status\n", "f\t0\t0\t0\n.\n").await;
    }
}

/// Waits until so many clients wait for a job.
async fn until_waiting(server: &HttpServer, handle: &[u8], unique: &str, clients: &str) {
    let mut peer = server.gearman.peer().await;
    loop {
        let (_, body) = peer.ask(GET_STATUS_UNIQUE, &[unique.as_bytes()]).await;
        if body.rsplit(|byte| *byte == 0).next().unwrap() == clients.as_bytes() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.ask(GET_STATUS, &[handle]).await.1.split(|byte| *byte == 0).nth(1).unwrap(), b"1");
}

#[tokio::test]
async fn a_hundred_wait_at_once_and_each_gets_its_own_result() {
    let server = HttpServer::start().await;
    let mut waiting = Vec::new();
    for i in 0..100 {
        waiting.push(wait_for(server.client().await, json!({"workload": format!("{i}")})));
    }
    let mut workers = Vec::new();
    for _ in 0..3 {
        let mut worker = server.gearman.worker(&["f"]).await;
        workers.push(tokio::spawn(async move {
            loop {
                let job = next_job(&mut worker).await;
                worker.send(WORK_COMPLETE, &[&job[0], &[b"done ", &job[2][..]].concat()]).await;
            }
        }));
    }
    for (i, waiting) in waiting.into_iter().enumerate() {
        assert_eq!(waiting.await.unwrap().expect(200).json()["result"], format!("done {i}"));
    }
    workers.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn what_is_wrong_with_a_wish_is_said_with_its_name() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    for (body, status, said) in [
        (json!({"priority": "urgent"}), 422, "priority: \"urgent\" is none of high, normal and low"),
        (json!({"priority": 1}), 422, "priority: 1 is none of"),
        (json!({"unique": 1}), 422, "unique: it has to be a string"),
        (json!({"unique": "x".repeat(65)}), 422, "unique has more than 64 bytes"),
        (json!({"unique": "a\0b"}), 422, "unique has a NUL byte"),
        (json!({"background": "yes"}), 422, "background: \"yes\" is neither true nor false"),
        (json!({"delay": -1}), 422, "delay: -1 is no number of seconds from 0 to 1000000000000"),
        (json!({"at": "soon"}), 422, "at: \"soon\" is no number"),
        (json!({"delay": 1, "at": 1}), 422, "at: there is a delay already"),
        (json!({"delay": 1, "background": false}), 422, "background: nobody can wait for a job that is delayed"),
        (json!({"delay": 1, "priority": "high"}), 422, "priority: that of a job that is delayed is normal"),
        (json!({"timeout": 3601}), 422, "timeout: 3601 is no number of seconds from 0 to 3600"),
        (json!({"timeout": 1, "background": true}), 422, "timeout: nobody waits"),
        (json!({"workload_base64": "!"}), 422, "workload_base64: Invalid symbol"),
        (json!({"workload": "a", "workload_base64": "YQ"}), 422, "workload_base64: there is a workload already"),
        (json!({"workload": 5}), 422, "the body: invalid type: integer `5`, expected a string"),
        (json!({"worklaod": ""}), 422, "the body: unknown field `worklaod`, expected one of `workload`"),
        (json!([]), 422, "the body: it has to be an object"),
    ] {
        let answer = client.json("POST", JOBS, &body).await.expect(status);
        assert!(detail(&answer).starts_with(said), "{body}: {}", detail(&answer));
    }
    let answer = client.ask("POST", JOBS, &["Content-Type: application/json"], b"{").await.expect(400);
    assert!(detail(&answer).starts_with("the body is no JSON"));
    client.ask("POST", JOBS, &[], b"{}").await.expect(415);
    let long = format!("/api/v1/functions/{}/jobs", "x".repeat(513));
    let answer = client.json("POST", &long, &json!({})).await.expect(422);
    assert_eq!(detail(&answer), "the function's name has more than 512 bytes");
    // Without padding, and at the limit.
    let fine = json!({"workload_base64": "YQ", "unique": "x".repeat(64), "background": true});
    client.json("POST", JOBS, &fine).await.expect(202);
}

#[tokio::test]
async fn a_full_queue_and_too_many_functions_are_told_apart() {
    let server = HttpServer::with(|config| config.max_functions = 1).await;
    let mut client = server.client().await;
    server.gearman.peer().await.text("maxqueue f 1\n", "OK\r\n").await;
    let job = json!({"background": true});
    client.json("POST", JOBS, &job).await.expect(202);
    let answer = client.json("POST", JOBS, &job).await.expect(429);
    assert!(detail(&answer).starts_with("Job queue is full: the function has as many jobs as it may have"));
    let answer = client.json("POST", "/api/v1/functions/g/jobs", &job).await.expect(503);
    assert_eq!(detail(&answer), "Too many functions");
}

#[tokio::test]
async fn nothing_is_taken_while_the_server_drains_and_what_runs_is_still_answered() {
    let server = HttpServer::start().await;
    let mut worker = server.gearman.worker(&["f"]).await;
    let waiting = wait_for(server.client().await, json!({}));
    let job = next_job(&mut worker).await;
    let mut client = server.client().await;
    client.get("/readyz").await.expect(200);
    server.gearman.stop.send(Stop::Drain).unwrap();
    while client.get("/readyz").await.status == 200 {}
    for body in [json!({}), json!({"background": true}), json!({"delay": 1})] {
        let answer = client.json("POST", JOBS, &body).await.expect(503);
        assert_eq!(detail(&answer), "Server is shutting down");
    }
    worker.send(WORK_COMPLETE, &[&job[0], b"the last"]).await;
    assert_eq!(waiting.await.unwrap().expect(200).json()["result"], "the last");
    server.gearman.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_waits_when_the_server_ends_is_told() {
    let server = HttpServer::start().await;
    let waiting = wait_for(server.client().await, json!({}));
    let mut idle = server.client().await;
    idle.get("/healthz").await.expect(200);
    until(&server.gearman, "status\n", "f\t1\t0\t0\n.\n").await;
    server.gearman.stop.send(Stop::Now).unwrap();
    let answer = waiting.await.unwrap().expect(503);
    assert!(detail(&answer).starts_with("the server has ended meanwhile"));
    idle.ends().await;
    server.gearman.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_job_needs_a_connection_of_the_server() {
    let server = HttpServer::with(|config: &mut Config| config.max_connections = 1).await;
    let peer = server.gearman.worker(&["g"]).await;
    let mut client = server.client().await;
    let answer = client.json("POST", JOBS, &json!({"background": true})).await.expect(503);
    assert_eq!(detail(&answer), "no connection for the job: there are as many connections as there may be");
    drop(peer);
    while client.json("POST", JOBS, &json!({"background": true})).await.status != 202 {}
    // The same connection for the next.
    client.json("POST", JOBS, &json!({"background": true})).await.expect(202);
}
