//! Dead letters, policies and schedules, by the API.

use crate::http::HttpServer;
use crate::util::*;
use serde_json::json;

#[tokio::test]
async fn dead_letters_of_one_function_and_of_all() {
    let (server, _file) = HttpServer::obeying("[function.'*']\ndead-letters = '1000,1d'\n").await;
    let mut client = server.gearman.peer().await;
    let mut worker = server.gearman.worker(&["f", "g\u{ff}"]).await;
    for n in 1..=25 {
        let function = if n % 5 == 0 { "g\u{ff}" } else { "f" };
        client.ask(SUBMIT_JOB_HIGH_BG, &[function.as_bytes(), format!("key{n}").as_bytes(), b"data\0"]).await;
        let handle = format!("H:test:{n}");
        worker.grab(&[handle.as_bytes(), function.as_bytes(), b"data\0"]).await;
        worker.send(WORK_EXCEPTION, &[handle.as_bytes(), b"no disk\n"]).await;
    }
    worker.sync().await;
    for (path, count, pages) in
        [("/api/v1/dead", 25, 4), ("/api/v1/dead?function=f", 20, 3), ("/api/v1/dead?function=g%C3%BF", 5, 1)]
    {
        let (all, of) = server.list(path, "dead", 7).await;
        assert_eq!((all.len(), of), (count, pages), "{path}");
    }
    assert_eq!(server.found("/api/v1/dead?function=none").await, json!({"dead": [], "next": null}));
    let letter = server.found("/api/v1/dead/H:test:1").await;
    for (field, value) in [
        ("href", json!("/api/v1/dead/H:test:1")),
        ("function", json!("f")),
        ("unique", json!("key1")),
        ("priority", json!("high")),
        ("reducer", json!(null)),
        ("tries", json!(1)),
        ("reason", json!("exception")),
        ("text", json!("no disk\n")),
        ("worker", json!("127.0.0.1")),
        ("size", json!(5)),
        ("workload", json!("data\0")),
        ("workload_base64", json!("ZGF0YQA=")),
        ("workload_truncated", json!(false)),
    ] {
        assert_eq!(letter[field], value, "{field}");
    }
    // It is found as a job, too: by its handle, and by its unique key.
    for path in ["/api/v1/jobs/H:test:1?workload=1", "/api/v1/functions/f/unique/key1?workload=1"] {
        let job = server.found(path).await;
        let told = json!([job["handle"], job["state"], job["reason"], job["text"], job["workload"]]);
        assert_eq!(told, json!(["H:test:1", "dead", "exception", "no disk\n", "data\0"]));
    }
    server.get("/api/v1/dead/H:test:26").await.expect(404);
    assert_eq!(server.found("/api/v1/functions/f").await["dead"], 20);
    assert_eq!(server.found("/api/v1/server").await["dead"], 25);
}

#[tokio::test]
async fn rules_and_where_they_come_from() {
    let (server, _file) =
        HttpServer::obeying("[function.'*']\nretries = 1\n[function.'mail*']\nbackoff = '1s*2<10m~20%'\n").await;
    server.gearman.peer().await.text("policy mail/x paused=yes\n", "OK\r\n").await;
    let (all, pages) = server.list("/api/v1/policies", "policies", 2).await;
    let expected = json!([
        {"pattern": "mail/x", "href": "/api/v1/policies/mail%2Fx", "source": "run-time", "policy": {"paused": "yes"}},
        {"pattern": "mail*", "href": "/api/v1/policies/mail*", "source": "file:3", "policy": {"backoff": "1s*2<10m~20%"}},
        {"pattern": "*", "href": "/api/v1/policies/*", "source": "file:1", "policy": {"retries": "1"}},
    ]);
    assert_eq!((json!(all), pages), (expected, 2));
}

#[tokio::test]
async fn schedules_and_when_they_run() {
    let text = "[schedule.nightly]\ncron = '30 2 * * *'\nzone = 'Europe/Berlin'\nfunction = 'clean'\n\
                [schedule.other]\ncron = '@hourly'\nfunction = 'f'\nunique = 'k'\n";
    let (server, _file) = HttpServer::obeying(text).await;
    let list = server.found("/api/v1/schedules").await;
    let [nightly, other] = &list["schedules"].as_array().unwrap()[..] else { panic!("{list}") };
    let told = json!([nightly["name"], nightly["cron"], nightly["zone"], nightly["function"], nightly["unique"]]);
    assert_eq!(told, json!(["nightly", "30 2 * * *", "Europe/Berlin", "clean", "nightly"]));
    assert!(nightly["next"].as_u64() > Some(1_000_000_000) && nightly["last"].is_null(), "{list}");
    assert_eq!(json!([other["zone"], other["unique"]]), json!([null, "k"]));
}
