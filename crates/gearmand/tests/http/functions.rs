//! Functions, by the API.

use crate::http::{HttpServer, schema};
use crate::util::*;
use serde_json::{Value, json};

#[tokio::test]
async fn a_function_with_all_that_is_known_of_it() {
    let (server, _file) = HttpServer::obeying("[function.'m*']\nretries = 3\n[function.mail]\nconcurrency = 5\n").await;
    let mut client = server.gearman.peer().await;
    let mut worker = server.gearman.worker(&["mail"]).await;
    for (command, unique) in
        [(SUBMIT_JOB_BG, "a"), (SUBMIT_JOB_HIGH, "b"), (SUBMIT_JOB_LOW_BG, "c"), (SUBMIT_JOB_LOW, "c")]
    {
        assert_eq!(client.ask(command, &[b"mail", unique.as_bytes(), b"data"]).await.0, JOB_CREATED);
    }
    worker.grab(&[b"H:test:2", b"mail", b"data"]).await;
    worker.send(WORK_COMPLETE, &[b"H:test:2", b""]).await;
    worker.grab(&[b"H:test:1", b"mail", b"data"]).await;
    let mail = server.found("/api/v1/functions/mail").await;
    for (field, value) in [
        ("function", json!("mail")),
        ("href", json!("/api/v1/functions/mail")),
        ("queued", json!(1)),
        ("high", json!(0)),
        ("low", json!(1)),
        ("running", json!(1)),
        ("total", json!(2)),
        ("workers", json!(1)),
        ("dead", json!(0)),
        ("paused", json!(false)),
        ("limits", json!({"high": 0, "normal": 0, "low": 0})),
        ("policy", json!({"retries": "3", "concurrency": "5"})),
    ] {
        assert_eq!(mail[field], value, "{field}");
    }
    assert!(mail["oldest"].as_f64().is_some());
    let counts =
        ["submitted", "coalesced", "assigned", "completed", "failed"].map(|count| mail["counts"][count].as_u64());
    assert_eq!(counts, [3, 1, 2, 1, 0].map(Some));
    let [waited, ran] = ["waited", "ran"].map(|time| mail[time]["p95"].as_f64());
    assert!(waited > Some(0.0) && ran > Some(0.0), "{mail}");
    let mut operator = server.gearman.peer().await;
    operator.text("maxqueue mail 10\n", "OK\r\n").await;
    operator.text("policy mail paused=yes\n", "OK\r\n").await;
    let mail = server.found("/api/v1/functions/mail").await;
    assert_eq!((&mail["limits"]["normal"], &mail["paused"]), (&json!(10), &json!(true)));
}

#[tokio::test]
async fn all_functions_in_pages_of_any_size() {
    let server = HttpServer::start().await;
    let names: Vec<String> = (0..2500).map(|n| format!("f{n}")).collect();
    let _worker = server.gearman.worker(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (limit, pages) in [(1000, 3), (999, 3), (100, 25)] {
        let (all, count) = server.list("/api/v1/functions", "functions", limit).await;
        assert_eq!((all.len(), count), (2500, pages));
        assert!(all.iter().zip(&names).all(|(function, name)| function["function"] == **name));
    }
    let page = server.found("/api/v1/functions").await;
    assert_eq!((page["functions"].as_array().map(Vec::len), page["next"].is_string()), (Some(100), true));
    let mut client = server.client().await;
    for bad in [
        "limit=0",
        "limit=1001",
        "limit=",
        "limit=-1",
        "limit=%2B1",
        "limit=x",
        "limit=99999999999999999999",
        "after=x",
    ] {
        let problem = client.get(&format!("/api/v1/functions?{bad}")).await.expect(422).json();
        assert!(problem["detail"].as_str().unwrap().contains(&bad[..5]), "{problem}");
        schema::check_against("Problem", &problem);
    }
    let beyond = server.found("/api/v1/functions?after=99999999999").await;
    assert_eq!(beyond, json!({"functions": [], "next": null}));
}

#[tokio::test]
async fn a_name_of_any_bytes_is_shown_and_found() {
    let server = HttpServer::start().await;
    let mut client = server.gearman.peer().await;
    let names: [&[u8]; 6] = [b"a/b", b"a%2Fb", b"..", b"\xff\\", "größe ?#".as_bytes(), b"<script>"];
    for (n, name) in names.iter().enumerate() {
        let (command, _) = client.ask(SUBMIT_JOB_BG, &[name, format!("/{n}").as_bytes(), b""]).await;
        assert_eq!(command, JOB_CREATED);
    }
    let list = server.found("/api/v1/functions").await;
    let shown: Vec<&str> =
        list["functions"].as_array().unwrap().iter().map(|f| f["function"].as_str().unwrap()).collect();
    assert_eq!(shown, ["a/b", "a%2Fb", "..", r"\xff\x5c", "größe ?#", "<script>"]);
    for (n, function) in list["functions"].as_array().unwrap().iter().enumerate() {
        let href = function["href"].as_str().unwrap();
        assert_eq!(server.found(href).await["function"], function["function"]);
        let jobs = server.found(&format!("{href}/jobs")).await;
        assert_eq!(jobs["jobs"][0]["function"], function["function"]);
        let job = server.found(&format!("{href}/unique/%2F{n}")).await;
        assert_eq!((&job["handle"], &job["unique"]), (&jobs["jobs"][0]["handle"], &Value::from(format!("/{n}"))));
        let history = href.replace("/functions/", "/history?function=");
        assert_eq!(server.found(&history).await["step"], 10.0);
    }
    for path in ["/api/v1/functions/none", "/api/v1/functions/none/jobs", "/api/v1/history?function=none"] {
        let problem = server.get(path).await.expect(404).json();
        assert!(problem["detail"].as_str().unwrap().contains("no function none"), "{problem}");
    }
}
