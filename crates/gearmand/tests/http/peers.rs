//! Connections and workers, by the API.

use crate::http::HttpServer;
use crate::util::*;
use serde_json::{Value, json};

#[tokio::test]
async fn who_is_there_and_what_they_do() {
    let server = HttpServer::start().await;
    let mut client = server.gearman.peer().await;
    client.submit("f", "a", b"").await;
    client.submit("f", "b", b"").await;
    let mut worker = server.gearman.worker(&["e", "f"]).await;
    worker.send(SET_CLIENT_ID, &[&b"anna"[..]]).await;
    worker.grab(&[b"H:test:1", b"f", b""]).await;
    let workers = server.found("/api/v1/workers").await;
    let [one] = &workers["workers"].as_array().unwrap()[..] else { panic!("{workers}") };
    assert_eq!(json!([one["address"], one["id"], one["functions"]]), json!(["127.0.0.1", "anna", ["f", "e"]]));
    assert_eq!(json!([one["jobs"], one["waiting"], one.get("more")]), json!([1, 0, null]));
    let running = &one["running"][0];
    assert_eq!(json!([running["handle"], running["function"]]), json!(["H:test:1", "f"]));
    assert!(running["for"].as_f64().is_some() && one["connection"].as_i64() > Some(2));
    let all = server.found("/api/v1/connections").await;
    let waiting: Vec<_> =
        all["connections"].as_array().unwrap().iter().map(|c| c["waiting"].as_u64().unwrap()).collect();
    assert_eq!(waiting, [2, 0]);
    assert_eq!(all["connections"][0]["id"], Value::Null);
    assert_eq!(server.found("/api/v1/server").await["workers"], 1);
    worker.send(RESET_ABILITIES, &[]).await;
    worker.sync().await;
    assert_eq!(server.found("/api/v1/workers").await, json!({"workers": [], "next": null}));
    assert_eq!(server.found("/api/v1/server").await["workers"], 0);
}

#[tokio::test]
async fn a_worker_of_many_functions_and_pages_of_workers() {
    let server = HttpServer::start().await;
    let names: Vec<String> = (0..1200).map(|n| format!("f{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let _many = server.gearman.worker(&names).await;
    let mut clients = Vec::new();
    let mut workers = Vec::new();
    for _ in 0..10 {
        clients.push(server.gearman.peer().await);
        workers.push(server.gearman.worker(&["f"]).await);
    }
    for client in &mut clients {
        client.sync().await;
    }
    let (all, pages) = server.list("/api/v1/workers", "workers", 4).await;
    assert_eq!((all.len(), pages), (11, 3));
    assert_eq!((all[0]["functions"].as_array().unwrap().len(), &all[0]["more"]), (1000, &json!(200)));
    let (all, _) = server.list("/api/v1/connections", "connections", 1000).await;
    assert_eq!(all.len(), 21);
    drop(workers);
    let facts = server.until("/api/v1/server", |facts| facts["workers"] == 1).await;
    assert_eq!(facts["accepted"], 21);
}
