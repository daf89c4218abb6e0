//! What operators do: functions, jobs and dead letters.

use crate::http::auth::{ADMIN, OBSERVER, SUBMITTER, bearer, guarded};
use crate::http::schema::check_against;
use crate::http::submit::{detail, next_job, wait_for};
use crate::http::{Client, HttpServer};
use crate::util::{WORK_COMPLETE, WORK_FAIL, until};
use gearmand::Stop;
use serde_json::json;

/// Submits a job of f in the background.
pub(crate) async fn queue(client: &mut Client, unique: &str) -> String {
    let body = json!({"unique": unique, "background": true});
    let answer = client.json("POST", "/api/v1/functions/f/jobs", &body).await.expect(202);
    answer.json()["handle"].as_str().unwrap().to_owned()
}

async fn put(client: &mut Client, method: &str, path: &str, status: u16) {
    client.ask(method, path, &[], b"").await.expect(status);
}

#[tokio::test]
async fn functions_are_made_and_dropped() {
    let server = HttpServer::with(|config| config.max_functions = 2).await;
    let mut client = server.client().await;
    let made = client.ask("PUT", "/api/v1/functions/a%2Fb", &[], b"").await.expect(201).json();
    check_against("FunctionWithPolicy", &made);
    assert_eq!((&made["function"], &made["href"]), (&json!("a/b"), &json!("/api/v1/functions/a%2Fb")));
    put(&mut client, "PUT", "/api/v1/functions/a%2Fb", 200).await;
    queue(&mut client, "").await;
    put(&mut client, "PUT", "/api/v1/functions/third", 503).await;
    put(&mut client, "PUT", &format!("/api/v1/functions/{}", "x".repeat(513)), 422).await;
    put(&mut client, "PUT", "/api/v1/functions/%00", 400).await;
    put(&mut client, "DELETE", "/api/v1/functions/third", 404).await;
    put(&mut client, "DELETE", "/api/v1/functions/a%2Fb", 204).await;
    let worker = server.gearman.worker(&["f"]).await;
    let answer = client.ask("DELETE", "/api/v1/functions/f", &[], b"").await.expect(409);
    assert!(detail(&answer).starts_with("it is in use"));
    drop(worker);
    until(&server.gearman, "status\n", "f\t1\t0\t0\n.\n").await;
    put(&mut client, "DELETE", "/api/v1/functions/f", 204).await;
    until(&server.gearman, "status\n", ".\n").await;
}

#[tokio::test]
async fn a_function_is_paused_and_goes_on() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    put(&mut client, "POST", "/api/v1/functions/f/pause", 404).await;
    queue(&mut client, "").await;
    let paused = client.ask("POST", "/api/v1/functions/f/pause", &[], b"").await.expect(200).json();
    assert_eq!((&paused["function"], &paused["paused"]), (&json!("f"), &json!(true)));
    let mut worker = server.gearman.worker(&["f"]).await;
    worker.grab_nothing().await;
    worker.sleep().await;
    let resumed = client.ask("POST", "/api/v1/functions/f/resume", &[], b"").await.expect(200).json();
    assert_eq!(resumed["paused"], false);
    // It is woken.
    worker.expect(crate::util::NOOP, &[]).await;
    worker.grab(&[b"H:test:1", b"f", b""]).await;
    // Nothing is left of it, and where another rule pauses it, that one no longer counts.
    let mut admin = server.gearman.peer().await;
    admin.text("policies\n", ".\n").await;
    admin.text("policy * paused=yes\n", "OK\r\n").await;
    let resumed = client.ask("POST", "/api/v1/functions/f/resume", &[], b"").await.expect(200).json();
    assert_eq!(resumed["paused"], false);
    admin.text("policies\n", "f\trun-time\tpaused=no\n*\trun-time\tpaused=yes\n.\n").await;
    for name in ["*", "a*b", "%ff"] {
        client.ask("PUT", &format!("/api/v1/functions/{name}"), &[], b"").await.expect(201);
        let answer = client.ask("POST", &format!("/api/v1/functions/{name}/pause"), &[], b"").await.expect(409);
        assert!(detail(&answer).starts_with("no policy is for this function alone"));
    }
}

#[tokio::test]
async fn jobs_are_cancelled() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    let queued = queue(&mut client, "a").await;
    queue(&mut client, "b/c").await;
    put(&mut client, "DELETE", &format!("/api/v1/jobs/{queued}"), 204).await;
    put(&mut client, "DELETE", &format!("/api/v1/jobs/{queued}"), 404).await;
    put(&mut client, "DELETE", "/api/v1/functions/f/unique/b%2Fc", 204).await;
    put(&mut client, "DELETE", "/api/v1/functions/f/unique/b%2Fc", 404).await;
    put(&mut client, "DELETE", "/api/v1/functions/g/unique/a", 404).await;
    until(&server.gearman, "status\n", "f\t0\t0\t0\n.\n").await;
    // Whoever waits for it is told.
    let mut worker = server.gearman.worker(&["f"]).await;
    let waiting = wait_for(server.client().await, json!({"unique": "k"}));
    next_job(&mut worker).await;
    put(&mut client, "DELETE", "/api/v1/functions/f/unique/k", 204).await;
    assert_eq!(waiting.await.unwrap().expect(200).json()["state"], "failed");
}

#[tokio::test]
async fn jobs_are_buried_tried_again_and_forgotten() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    server.gearman.peer().await.text("policy f dead-letters=10\n", "OK\r\n").await;
    let handle = queue(&mut client, "k").await;
    put(&mut client, "POST", &format!("/api/v1/jobs/{handle}/bury"), 204).await;
    put(&mut client, "POST", &format!("/api/v1/jobs/{handle}/bury"), 404).await;
    put(&mut client, "POST", &format!("/api/v1/dead/{handle}/retry"), 204).await;
    put(&mut client, "POST", &format!("/api/v1/dead/{handle}/retry"), 404).await;
    // It is a job again, whose worker may do it.
    let mut worker = server.gearman.worker(&["f"]).await;
    worker.grab(&[handle.as_bytes(), b"f", b""]).await;
    put(&mut client, "POST", &format!("/api/v1/jobs/{handle}/bury"), 204).await;
    let other = queue(&mut client, "k").await;
    let answer = client.ask("POST", &format!("/api/v1/dead/{handle}/retry"), &[], b"").await.expect(409);
    assert_eq!(detail(&answer), format!("its unique key is that of job {other}"));
    put(&mut client, "DELETE", &format!("/api/v1/dead/{handle}"), 204).await;
    put(&mut client, "DELETE", &format!("/api/v1/dead/{handle}"), 404).await;
    let waiting = wait_for(server.client().await, json!({"unique": "foreground"}));
    until(&server.gearman, "status\n", "f\t2\t0\t1\n.\n").await;
    let answer = client.ask("POST", "/api/v1/jobs/H:test:3/bury", &[], b"").await.expect(409);
    assert!(detail(&answer).starts_with("it is in the foreground"));
    waiting.abort();
}

#[tokio::test]
async fn all_dead_letters_of_a_function() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    server.gearman.peer().await.text("policy f dead-letters=10\n", "OK\r\n").await;
    let mut handles = Vec::new();
    for unique in ["a", "b", "c"] {
        handles.push(queue(&mut client, unique).await);
    }
    for handle in &handles {
        put(&mut client, "POST", &format!("/api/v1/jobs/{handle}/bury"), 204).await;
    }
    queue(&mut client, "b").await;
    let answer = client.ask("POST", "/api/v1/functions/f/dead/retry", &[], b"").await.expect(200);
    assert_eq!(answer.json(), json!({"count": 2}), "one has its key taken");
    let answer = client.ask("DELETE", "/api/v1/functions/f/dead", &[], b"").await.expect(200);
    assert_eq!(answer.json(), json!({"count": 1}));
    let answer = client.ask("POST", "/api/v1/functions/nobody/dead/retry", &[], b"").await.expect(200);
    assert_eq!(answer.json(), json!({"count": 0}));
    put(&mut client, "POST", &format!("/api/v1/jobs/{}/bury", handles[0]), 204).await;
    // While the server drains none becomes a job again.
    let mut worker = server.gearman.worker(&["f"]).await;
    let job = next_job(&mut worker).await;
    server.gearman.stop.send(Stop::Drain).unwrap();
    while client.get("/readyz").await.status == 200 {}
    let answer = client.ask("POST", &format!("/api/v1/dead/{}/retry", handles[0]), &[], b"").await.expect(503);
    assert_eq!(detail(&answer), "the server is to stop");
    worker.send(WORK_FAIL, &[&job[0]]).await;
    server.gearman.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn nothing_is_changed_by_get() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    let handle = queue(&mut client, "").await;
    let bury = format!("/api/v1/jobs/{handle}/bury");
    for (path, status) in [("/f", 404), ("/api/v1/functions/f/pause", 405), (&bury, 405)] {
        for method in ["GET", "HEAD"] {
            client.ask(method, path, &["X-Gearman-Background: true"], b"").await.expect(status);
        }
    }
    let mut worker = server.gearman.worker(&["f"]).await;
    worker.grab(&[handle.as_bytes(), b"f", b""]).await;
    worker.send(WORK_COMPLETE, &[handle.as_bytes(), b""]).await;
    worker.grab_nothing().await;
}

#[tokio::test]
async fn what_changes_something_needs_its_right() {
    let (server, _file) = guarded().await;
    let mut client = server.client().await;
    // Jobs: of the functions that a token has.
    let submits: [(&str, u16, u16); 3] = [(SUBMITTER, 202, 403), (OBSERVER, 403, 403), (ADMIN, 202, 202)];
    for (token, mail, other) in submits {
        let fields = [&bearer(token), "Content-Type: application/json", "X-Gearman-Background: true"];
        for (path, status) in [("mail.send", mail), ("%6dail", mail), ("other", other), ("m", other)] {
            let body = br#"{"background":true}"#;
            client.ask("POST", &format!("/api/v1/functions/{path}/jobs"), &fields, body).await.expect(status);
            let status = if status == 202 { 200 } else { status };
            client.ask("POST", &format!("/{path}"), &fields, b"w").await.expect(status);
        }
    }
    client.ask("POST", "/mail", &["X-Gearman-Background: true"], b"").await.expect(401);
    // All else: the right to admin, whether what it names is there or not.
    for (method, path) in [
        ("PUT", "/api/v1/functions/mail"),
        ("POST", "/api/v1/functions/mail/pause"),
        ("POST", "/api/v1/functions/mail/resume"),
        ("POST", "/api/v1/functions/mail/dead/retry"),
        ("DELETE", "/api/v1/functions/mail/dead"),
        ("DELETE", "/api/v1/functions/mail/unique/k"),
        ("POST", "/api/v1/jobs/H:test:1/bury"),
        ("DELETE", "/api/v1/jobs/H:test:1"),
        ("POST", "/api/v1/dead/H:test:1/retry"),
        ("DELETE", "/api/v1/dead/H:test:1"),
        ("PATCH", "/api/v1/policies/mail"),
        ("DELETE", "/api/v1/functions/mail"),
    ] {
        for (token, refused) in [(SUBMITTER, true), (OBSERVER, true), (ADMIN, false)] {
            let fields = [&bearer(token), "Content-Type: application/json"];
            let answer = client.ask(method, path, &fields, b"{}").await;
            assert_eq!(answer.status == 403, refused, "{method} {path}: {}", answer.status);
        }
    }
}
