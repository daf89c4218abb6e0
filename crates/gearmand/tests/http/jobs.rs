//! Jobs, by the API.

use crate::http::HttpServer;
use crate::util::*;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

#[tokio::test]
async fn a_job_through_its_life() {
    let (server, _file) =
        HttpServer::obeying("[function.f]\nretries = 1\nbackoff = '1h'\nkeep-results = '10,1h'\n").await;
    let mut client = server.gearman.peer().await;
    client.submit("f", "key", b"work\xffload").await;
    let path = "/api/v1/jobs/H:test:1";
    let job = server.found(path).await;
    for (field, value) in [
        ("handle", json!("H:test:1")),
        ("href", json!(path)),
        ("function", json!("f")),
        ("unique", json!("key")),
        ("state", json!("queued")),
        ("priority", json!("normal")),
        ("background", json!(false)),
        ("waited_for", json!(true)),
        ("stored", json!(false)),
        ("tries", json!(0)),
        ("size", json!(9)),
        ("due", json!(null)),
        ("worker", json!(null)),
        ("progress", json!(null)),
    ] {
        assert_eq!(job[field], value, "{field}");
    }
    assert!(job["age"].as_f64().is_some() && job.get("workload_base64").is_none());
    let mut worker = server.gearman.worker(&["f"]).await;
    worker.send(SET_CLIENT_ID, &[&b"anna"[..]]).await;
    worker.grab(&[b"H:test:1", b"f", b"work\xffload"]).await;
    worker.send(WORK_STATUS, &[b"H:test:1", b"1", b"3"]).await;
    worker.sync().await;
    let job = server.found(path).await;
    assert_eq!(json!([job["state"], job["worker"], job["progress"]]), json!(["running", "anna", [1, 3]]));
    worker.send(WORK_COMPLETE, &[b"H:test:1", b"done"]).await;
    worker.sync().await;
    // In the foreground: its result went to those who waited.
    let problem = server.get(path).await.expect(404).json();
    assert!(problem["detail"].as_str().unwrap().contains("no such job"), "{problem}");
}

#[tokio::test]
async fn a_job_that_is_tried_again_and_one_whose_result_is_kept() {
    let (server, _file) =
        HttpServer::obeying("[function.f]\nretries = 1\nbackoff = '1h'\nkeep-results = '10,1h'\n").await;
    let mut client = server.gearman.peer().await;
    let mut worker = server.gearman.worker(&["f"]).await;
    for n in 1..=4 {
        client.ask(SUBMIT_JOB_BG, &[&b"f"[..], b"", b""]).await;
        worker.grab(&[format!("H:test:{n}").as_bytes(), b"f", b""]).await;
        let end: (u32, &[u8]) = match n {
            1 => (WORK_FAIL, b""),
            2 => (WORK_COMPLETE, b"text"),
            3 => (WORK_COMPLETE, b"\xff"),
            _ => (WORK_EXCEPTION, b"no disk"),
        };
        let handle = format!("H:test:{n}");
        let arguments = [handle.as_bytes(), end.1];
        worker.send(end.0, &arguments[..if end.0 == WORK_FAIL { 1 } else { 2 }]).await;
        worker.sync().await;
    }
    let job = server.found("/api/v1/jobs/H:test:1").await;
    let due = job["due"].as_f64().unwrap();
    assert!(job["state"] == "delayed" && job["tries"] == 1 && job["age"].is_null() && due > 1e9, "{job}");
    let done = server.found("/api/v1/jobs/H:test:2").await;
    let expected = json!({"handle": "H:test:2", "href": "/api/v1/jobs/H:test:2", "function": "f", "state": "done",
        "result": "text", "result_base64": "dGV4dA==", "result_truncated": false});
    assert_eq!(done, expected);
    let bytes = server.found("/api/v1/jobs/H:test:3").await;
    assert_eq!((&bytes["result_base64"], bytes.get("result")), (&json!("/w=="), None));
    client.text("policy f retries=0 dead-letters=0\n", "OK\r\n").await;
    client.ask(SUBMIT_JOB_BG, &[&b"f"[..], b"", b""]).await;
    worker.grab(&[b"H:test:5", b"f", b""]).await;
    worker.send(WORK_EXCEPTION, &[b"H:test:5", b"no \xff disk"]).await;
    worker.sync().await;
    let failed = server.found("/api/v1/jobs/H:test:5").await;
    assert_eq!(
        json!([failed["state"], failed["reason"], failed["text"]]),
        json!(["failed", "exception", r"no \xff disk"])
    );
    client.ask(SUBMIT_JOB_BG, &[&b"f"[..], b"", b""]).await;
    client.text("cancel job H:test:6\n", "OK\r\n").await;
    assert_eq!(server.found("/api/v1/jobs/H:test:6").await["reason"], "cancelled");
}

#[tokio::test]
async fn a_workload_is_shown_up_to_a_length() {
    let server = HttpServer::start().await;
    let mut client = server.gearman.peer().await;
    let large = "é".repeat(150 * 1024);
    let workloads: [&[u8]; 4] = [b"", "<b>".as_bytes(), b"\0\xff", large.as_bytes()];
    for (n, workload) in workloads.iter().enumerate() {
        client.ask(SUBMIT_JOB_BG, &[b"f", b"", workload]).await;
        let path = format!("/api/v1/jobs/H:test:{}", n + 1);
        for ask in ["?workload=1", "?workload=true"] {
            let job = server.found(&format!("{path}{ask}")).await;
            let shown = BASE64_STANDARD.decode(job["workload_base64"].as_str().unwrap()).unwrap();
            assert_eq!(shown, workload[..workload.len().min(256 * 1024)]);
            assert_eq!(job["workload_truncated"], shown.len() < workload.len());
            assert_eq!(job.get("workload").and_then(Value::as_str), std::str::from_utf8(&shown).ok());
            assert_eq!(job["size"], workload.len());
        }
    }
    server.get("/api/v1/jobs/H:test:1?workload=2").await.expect(422);
    for path in ["/api/v1/jobs/H:test:9", "/api/v1/jobs/x", "/api/v1/jobs/%FF", "/api/v1/functions/f/unique/x"] {
        server.get(path).await.expect(404);
    }
}

/// What a worker said of a job that failed was told whole: up to 64 MiB, for which no memory was claimed.
#[tokio::test]
async fn an_exception_is_shown_up_to_a_length() {
    let (server, _file) = HttpServer::obeying("[function.f]\nkeep-results = 10\n").await;
    server.gearman.peer().await.ask(SUBMIT_JOB_BG, &[&b"f"[..], b"", b""]).await;
    let mut worker = server.gearman.worker(&["f"]).await;
    worker.grab(&[b"H:test:1", b"f", b""]).await;
    let exception = format!("a{}", "é".repeat(1 << 20));
    worker.send(WORK_EXCEPTION, &[b"H:test:1", exception.as_bytes()]).await;
    worker.sync().await;
    let failed = server.found("/api/v1/jobs/H:test:1").await;
    assert_eq!(failed["reason"], "exception");
    assert!(failed["text"] == exception[..256 * 1024 - 1], "{} bytes", failed["text"].as_str().unwrap().len());
}

/// Most jobs are of another function. What is there all the time is found once, whatever comes and goes between two pages.
#[tokio::test]
async fn jobs_of_a_function_among_many_others() {
    const OTHERS: usize = 20_000;
    const OURS: usize = 40;
    let server = HttpServer::start().await;
    let mut client = server.gearman.peer().await;
    let function = |n: usize| if n.is_multiple_of(OTHERS / OURS) { "rare" } else { "other" };
    let submits = (0..OTHERS).map(|n| packet(b"\0REQ", SUBMIT_JOB_BG, &[function(n).as_bytes(), b"", b""]));
    let submits = submits.collect::<Vec<_>>().concat();
    let (mut reader, mut writer) = client.stream.split();
    let read = async {
        // Answers are as long as their numbers.
        let all: usize = (1..=OTHERS).map(|n| 12 + "H:test:".len() + n.to_string().len()).sum();
        let mut answers = vec![0; all];
        tokio::io::AsyncReadExt::read_exact(&mut reader, &mut answers).await.unwrap();
    };
    let (written, ()) = tokio::join!(tokio::io::AsyncWriteExt::write_all(&mut writer, &submits), read);
    written.unwrap();
    let mut worker = server.gearman.worker(&["rare"]).await;
    worker.grab(&[b"H:test:1", b"rare", b""]).await;
    let (all, pages) = server.list("/api/v1/functions/rare/jobs", "jobs", 1000).await;
    let handles: Vec<String> = all.iter().map(|job| job["handle"].as_str().unwrap().to_owned()).collect();
    let expected: Vec<String> =
        (0..OTHERS).filter(|n| function(*n) == "rare").map(|n| format!("H:test:{}", n + 1)).collect();
    assert_eq!((handles, pages), (expected.clone(), 1));
    assert_eq!((&all[0]["state"], &all[1]["state"]), (&json!("running"), &json!("queued")));
    // In small pages, while jobs end and come.
    let (mut found, mut next) = (Vec::new(), json!("0"));
    while let Some(after) = next.as_str() {
        let page = server.found(&format!("/api/v1/functions/rare/jobs?limit=7&after={after}")).await;
        found.extend(page["jobs"].as_array().unwrap().iter().map(|job| job["handle"].as_str().unwrap().to_owned()));
        next = page["next"].clone();
        client.ask(SUBMIT_JOB_BG, &[&b"other"[..], b"", b""]).await;
        if found.len() == 7 {
            client.text("cancel job H:test:1001\n", "OK\r\n").await;
        }
    }
    let lasting = expected.iter().filter(|handle| *handle != "H:test:1001");
    assert!(lasting.clone().all(|handle| found.iter().filter(|other| *other == handle).count() == 1));
}
