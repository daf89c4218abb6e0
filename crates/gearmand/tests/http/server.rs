//! Facts of the server, its history, and the description of the API.

use crate::http::HttpServer;
use crate::http::schema::{self, DOCUMENT};
use crate::util::*;
use gearmand::Stop;
use serde_json::json;

#[tokio::test]
async fn facts_and_counts() {
    let server = HttpServer::start().await;
    let mut client = server.gearman.peer().await;
    client.submit("f", "", b"").await;
    let mut worker = server.gearman.worker(&["f"]).await;
    worker.grab(&[b"H:test:1", b"f", b""]).await;
    let facts = server.found("/api/v1/server").await;
    let [version, host] = ["version", "host"].map(|name| facts[name].as_str().unwrap());
    assert!(version == env!("CARGO_PKG_VERSION") && !host.is_empty(), "{facts}");
    let counts = ["functions", "jobs", "running", "workers", "connections", "accepted"];
    assert_eq!(counts.map(|count| facts[count].as_u64().unwrap()), [1, 1, 1, 1, 2, 2]);
    assert_eq!(json!([facts["pid"], facts["queue"], facts["ready"]]), json!([std::process::id(), "builtin", true]));
    assert!(facts["memory"].as_u64() > Some(1 << 20) && facts["started"].as_f64() > Some(1e9), "{facts}");
    server.gearman.stop.send(Stop::Drain).unwrap();
    let facts = server.until("/api/v1/server", |facts| facts["draining"] == true).await;
    assert_eq!(facts["ready"], false);
}

/// A sample comes after the first step, and has what happened in it.
#[tokio::test]
async fn history_of_all_and_of_a_function() {
    let server = HttpServer::start().await;
    let mut client = server.gearman.peer().await;
    let mut worker = server.gearman.worker(&["f", "idle"]).await;
    // The first look at the counts may be behind this or before it; a sample has either.
    for n in 1..=20 {
        client.ask(SUBMIT_JOB_BG, &[&b"f"[..], b"", b""]).await;
        let handle = format!("H:test:{n}");
        worker.grab(&[handle.as_bytes(), b"f", b""]).await;
        worker.send(WORK_COMPLETE, &[handle.as_bytes(), b""]).await;
    }
    let history = server.until("/api/v1/history?function=f", |history| !history["samples"][0].is_null()).await;
    schema::check_against("History", &history);
    let sample = &history["samples"][0];
    assert_eq!((&sample["workers"], &sample["queued"]), (&json!(1), &json!(0)));
    assert!(sample["at"].as_f64() > Some(1e9) && history["now"].as_f64() >= sample["at"].as_f64(), "{history}");
    let all = server.found("/api/v1/history").await;
    assert_eq!(all["samples"].as_array().map(Vec::len), Some(1), "{all}");
    assert_eq!(server.found("/api/v1/history?function=idle").await["samples"], json!([]));
}

#[tokio::test]
async fn the_description_is_served_as_it_is() {
    let server = HttpServer::start().await;
    let answer = server.get("/api/v1/openapi.json").await.expect(200);
    assert_eq!((answer.header("content-type"), &answer.json()), ("application/json", &*DOCUMENT));
}

#[tokio::test]
async fn without_a_shared_queue_there_are_no_servers() {
    let server = HttpServer::start().await;
    let answer = server.get("/api/v1/servers").await.expect(404);
    assert!(answer.text().contains("--queue-type cluster"), "{}", answer.text());
}
