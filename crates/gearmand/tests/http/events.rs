//! Server-sent events, read as a browser reads them.

use crate::http::{Client, HttpServer, schema};
use crate::util::*;
use gearmand::Stop;
use serde_json::Value;

/// A stream of events.
pub(crate) struct Events {
    client: Client,
    text: String,
}

impl Events {
    async fn open(server: &HttpServer, path: &str) -> Events {
        Events::by(server, path, &[]).await
    }

    /// By a request with these lines of its head besides.
    pub(crate) async fn by(server: &HttpServer, path: &str, headers: &[&str]) -> Events {
        let mut client = server.client().await;
        client.send("GET", path, headers, b"").await;
        let head = client.head().await.expect(200);
        assert_eq!((head.header("content-type"), head.header("cache-control")), ("text/event-stream", "no-store"));
        let mut events = Events { client, text: String::new() };
        assert_eq!(events.block().await.unwrap(), "retry: 2000");
        events
    }

    /// What comes until the next empty line; `None`: the stream is at its end.
    pub(crate) async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            self.text += &String::from_utf8(self.client.chunk().await?).unwrap();
        }
    }

    /// The next event of this name, whose data fit their description.
    async fn next(&mut self, name: &str, schema: &str) -> Value {
        let block = self.block().await.unwrap();
        let data = block.strip_prefix(&format!("event: {name}\ndata: ")).unwrap_or_else(|| panic!("{block}"));
        let data = serde_json::from_str(data).unwrap();
        schema::check_against(schema, &data);
        data
    }
}

#[tokio::test]
async fn what_happens_is_told_again_and_again() {
    let server = HttpServer::start().await;
    let mut client = server.gearman.peer().await;
    client.submit("f", "", b"").await;
    client.submit("line\nend", "", b"").await;
    let mut events = Events::open(&server, "/api/v1/events?function=f").await;
    let first = events.next("overview", "Overview").await;
    assert_eq!((&first["functions"][0]["queued"], &first["total"]["queued"]), (&1.into(), &2.into()), "{first}");
    assert_eq!((&first["functions"][1]["function"], &first["more"]), (&"line\nend".into(), &0.into()));
    assert_eq!(first["server"]["jobs"], 2);
    assert_eq!(events.next("function", "FunctionEvent").await["function"]["queued"], 1);
    let mut worker = server.gearman.worker(&["f"]).await;
    worker.grab(&[b"H:test:1", b"f", b""]).await;
    worker.send(WORK_COMPLETE, &[b"H:test:1", b""]).await;
    worker.sync().await;
    let second = events.next("overview", "Overview").await;
    let now = &second["functions"][0]["now"];
    assert!(now["completed"].as_f64() > Some(0.0) && now["ran_p95"].as_f64() > Some(0.0), "{second}");
    assert_eq!(now["submitted"], 0.0);
    assert!(second["total"]["completed"].as_f64() > Some(0.0) && second["at"].as_f64() > first["at"].as_f64());
    let function = events.next("function", "FunctionEvent").await;
    assert!(function["sample"]["completed"].as_f64() > Some(0.0) && function["function"]["workers"] == 1, "{function}");
}

#[tokio::test]
async fn it_goes_on_after_a_while_in_which_nobody_watched() {
    let server = HttpServer::start().await;
    let mut events = Events::open(&server, "/api/v1/events").await;
    assert_eq!(events.next("overview", "Overview").await["server"]["jobs"], 0);
    drop(events);
    server.gearman.peer().await.ask(SUBMIT_JOB_BG, &[&b"f"[..], b"", b""]).await;
    let mut events = Events::open(&server, "/api/v1/events").await;
    while events.next("overview", "Overview").await["server"]["jobs"] != 1 {}
}

#[tokio::test]
async fn only_so_many_may_watch() {
    let server = HttpServer::start().await;
    let mut streams = Vec::new();
    for _ in 0..64 {
        streams.push(Events::open(&server, "/api/v1/events").await);
    }
    let problem = server.get("/api/v1/events").await.expect(503).json();
    schema::check_against("Problem", &problem);
    drop(streams.pop());
    // When the server sees that one has gone there is room.
    let mut client = server.client().await;
    loop {
        client.send("GET", "/api/v1/events", &[], b"").await;
        if client.head().await.status == 200 {
            break;
        }
        client = server.client().await;
    }
}

/// It was 404, again and again, where a server that had been started anew did not know yet what a page showed.
#[tokio::test]
async fn a_function_is_told_of_when_it_is_there() {
    let server = HttpServer::start().await;
    let mut events = Events::open(&server, "/api/v1/events?function=later").await;
    assert_eq!(events.next("overview", "Overview").await["functions"], serde_json::json!([]));
    let mut client = server.gearman.peer().await;
    client.submit("later", "", b"").await;
    let told = async { while !events.block().await.unwrap().starts_with("event: function\n") {} };
    tokio::time::timeout(LONG, told).await.expect("nothing is told of it");
}

#[tokio::test]
async fn a_stream_ends_with_the_server() {
    let server = HttpServer::start().await;
    let mut events = Events::open(&server, "/api/v1/events").await;
    events.next("overview", "Overview").await;
    server.gearman.stop.send(Stop::Now).unwrap();
    let ends = async { events.client.stream_ends().await };
    tokio::time::timeout(LONG, ends).await.unwrap();
    server.gearman.task.await.unwrap().unwrap();
}
