//! What is seen by whom: the reading side of the API, by tokens.

use crate::http::auth::{ADMIN, OBSERVER, SUBMITTER, bearer, guarded, tokens};
use crate::http::events::Events;
use crate::util::*;

#[tokio::test]
async fn who_may_only_submit_sees_jobs_of_those_functions_alone() {
    let (server, _file) = guarded().await;
    let mut client = server.gearman.peer().await;
    for (function, command) in [("mail", SUBMIT_JOB_BG), ("other", SUBMIT_JOB_BG)] {
        client.ask(command, &[function.as_bytes(), b"key", b"secret"]).await;
    }
    client.text("policy * keep-results=10 dead-letters=10\n", "OK\r\n").await;
    let mut worker = server.gearman.worker(&["done", "other.dead"]).await;
    client.ask(SUBMIT_JOB_BG, &[&b"done"[..], b"", b""]).await;
    worker.grab(&[b"H:test:3", b"done", b""]).await;
    worker.send(WORK_COMPLETE, &[&b"H:test:3"[..], b"secret"]).await;
    client.ask(SUBMIT_JOB_BG, &[&b"other.dead"[..], b"", b""]).await;
    worker.grab(&[b"H:test:4", b"other.dead", b""]).await;
    worker.send(WORK_FAIL, &[&b"H:test:4"[..]]).await;
    worker.sync().await;
    let mut http = server.client().await;
    for (token, path, status) in [
        (SUBMITTER, "/api/v1/jobs/H:test:1?workload=1", 200),
        (SUBMITTER, "/api/v1/functions/mail/unique/key", 200),
        (SUBMITTER, "/api/v1/functions/other/unique/key", 404),
        (SUBMITTER, "/api/v1/jobs/H:test:2", 404),
        (SUBMITTER, "/api/v1/jobs/H:test:3", 404),
        (SUBMITTER, "/api/v1/jobs/H:test:4", 404),
        (OBSERVER, "/api/v1/jobs/H:test:2", 200),
        (OBSERVER, "/api/v1/jobs/H:test:3", 200),
        (OBSERVER, "/api/v1/jobs/H:test:4", 200),
    ] {
        let answer = http.ask("GET", path, &[&bearer(token)], b"").await.expect(status);
        assert!(status == 200 || !answer.text().contains("secret"), "{}", answer.text());
    }
    // Nothing tells one that may not be seen from one that is not there.
    let mut texts = Vec::new();
    for path in ["/api/v1/jobs/H:test:2", "/api/v1/jobs/H:test:3", "/api/v1/jobs/H:test:99"] {
        texts.push(http.ask("GET", path, &[&bearer(SUBMITTER)], b"").await.text());
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
}

#[tokio::test]
async fn all_else_is_for_observers() {
    let (server, _file) = guarded().await;
    server.gearman.peer().await.ask(SUBMIT_JOB_BG, &[&b"mail"[..], b"", b""]).await;
    let mut http = server.client().await;
    for path in [
        "server",
        "functions",
        "functions/mail",
        "functions/mail/jobs",
        "dead",
        "policies",
        "workers",
        "connections",
        "schedules",
        "history",
        "events",
    ] {
        let path = format!("/api/v1/{path}");
        http.ask("GET", &path, &[], b"").await.expect(401);
        http.ask("GET", &path, &[&bearer(SUBMITTER)], b"").await.expect(403);
        if !path.ends_with("events") {
            http.ask("GET", &path, &[&bearer(OBSERVER)], b"").await.expect(200);
        }
    }
    http.ask("GET", "/api/v1/openapi.json", &[], b"").await.expect(200);
}

#[tokio::test]
async fn events_end_with_the_right_to_them() {
    let (server, file) = guarded().await;
    let mut events = Events::by(&server, "/api/v1/events", &[&bearer(OBSERVER)]).await;
    let mut others = Events::by(&server, "/api/v1/events", &[&bearer(ADMIN)]).await;
    assert!(events.block().await.is_some());
    let left = format!("[[token]]\nname = 'admin'\ntoken = '{ADMIN}'\nobserve = true\nadmin = true\nsubmit = '*'\n");
    file.send(tokens(&left)).unwrap();
    let to_its_end = async { while events.block().await.is_some() {} };
    tokio::time::timeout(LONG, to_its_end).await.unwrap();
    for _ in 0..2 {
        assert!(others.block().await.is_some());
    }
}
