//! `/metrics`, as who reads it sees it.

use crate::http::{Answer, HttpServer};
use crate::process::{Folder, Running, ask};
use crate::util::*;
use gearman_core::net::address::ServerAddress;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Samples by name and labels as they are written.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples: Vec<_> = lines.map(|line| line.rsplit_once(' ').unwrap()).collect();
    let map: BTreeMap<_, _> = samples.iter().map(|(name, value)| (*name, value.parse().unwrap())).collect();
    assert_eq!(samples.len(), map.len(), "a sample is there twice");
    map
}

async fn scrape(server: &HttpServer) -> String {
    let text = server.get("/metrics").await.expect(200).text();
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    text
}

#[tokio::test]
async fn the_format_is_openmetrics_unless_only_prometheus_own_is_taken() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    let kind = |answer: &Answer| answer.header("content-type").to_owned();
    let open = client.get("/metrics").await.expect(200);
    assert_eq!(kind(&open), OPEN);
    let text = open.text();
    assert!(text.contains("# TYPE gearmand_build info\n") && text.ends_with("\n# EOF\n"), "{text}");
    let plain = client.ask("GET", "/metrics", &["Accept: text/plain"], b"").await.expect(200);
    assert_eq!(kind(&plain), "text/plain; version=0.0.4; charset=utf-8");
    let text = plain.text();
    assert!(text.contains("# TYPE gearmand_packets_sent_total counter\n") && !text.contains("EOF"), "{text}");
    let head = client.ask("HEAD", "/metrics", &[], b"").await.expect(200);
    assert_eq!((kind(&head).as_str(), head.body.len()), (OPEN, 0));
    assert_eq!(client.ask("POST", "/metrics", &[], b"").await.expect(405).header("allow"), "GET");
}

#[tokio::test]
async fn what_a_function_did() {
    let server = HttpServer::with(|config| config.max_connections = 2).await;
    let mut client = server.gearman.peer().await;
    let mut worker = server.gearman.worker(&["f"]).await;
    let first = client.submit("f", "key", b"").await;
    assert_eq!(client.submit("f", "key", b"").await, first);
    worker.grab(&[&first, b"f", b""]).await;
    worker.send(WORK_COMPLETE, &[&first, b""]).await;
    client.expect(WORK_COMPLETE, &[&first, b""]).await;
    client.expect(WORK_COMPLETE, &[&first, b""]).await;
    let second = client.submit("f", "", b"").await;
    worker.grab(&[&second, b"f", b""]).await;
    for (command, arguments) in [
        (SUBMIT_JOB_HIGH_BG, &[&b"f"[..], b"", b""][..]),
        (SUBMIT_JOB_LOW_BG, &[b"f", b"", b""]),
        (SUBMIT_JOB_LOW_BG, &[b"f", b"", b""]),
        (SUBMIT_JOB_EPOCH, &[b"f", b"", b"4000000000", b""]),
    ] {
        assert_eq!(client.ask(command, arguments).await.0, JOB_CREATED);
    }
    server.gearman.peer().await.ends().await;
    let text = scrape(&server).await;
    let samples = samples(&text);
    for (name, value) in [
        ("gearman_up", 1.0),
        ("gearman_jobs{function=\"f\"}", 5.0),
        ("gearman_jobs_running{function=\"f\"}", 1.0),
        ("gearman_jobs_waiting{function=\"f\"}", 4.0),
        ("gearman_jobs_queued{function=\"f\",priority=\"high\"}", 1.0),
        ("gearman_jobs_queued{function=\"f\",priority=\"normal\"}", 0.0),
        ("gearman_jobs_queued{function=\"f\",priority=\"low\"}", 2.0),
        ("gearman_jobs_delayed{function=\"f\"}", 1.0),
        ("gearman_workers{function=\"f\"}", 1.0),
        ("gearman_paused{function=\"f\"}", 0.0),
        ("gearman_jobs_submitted_total{function=\"f\"}", 6.0),
        ("gearman_jobs_coalesced_total{function=\"f\"}", 1.0),
        ("gearman_jobs_assigned_total{function=\"f\"}", 2.0),
        ("gearman_jobs_ended_total{function=\"f\",outcome=\"completed\"}", 1.0),
        ("gearman_jobs_ended_total{function=\"f\",outcome=\"failed\"}", 0.0),
        ("gearman_job_wait_seconds_count{function=\"f\"}", 2.0),
        ("gearman_job_wait_seconds_bucket{le=\"+Inf\",function=\"f\"}", 2.0),
        ("gearman_job_run_seconds_count{function=\"f\"}", 1.0),
        ("gearmand_build_info{version=\"2.3.0\"}", 1.0),
        ("gearmand_ready", 1.0),
        ("gearmand_functions", 1.0),
        ("gearmand_connections", 2.0),
        ("gearmand_connections_limit", 2.0),
        ("gearmand_connections_accepted_total", 2.0),
        ("gearmand_connections_refused_total", 1.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name} in\n{text}");
    }
    assert!(samples["gearman_oldest_queued_seconds{function=\"f\"}"] > 0.0);
    assert!(samples["process_resident_memory_bytes"] > 1e6);
    assert!((1.7e9..5e9).contains(&samples["process_start_time_seconds"]));
    assert!(!text.contains("gearmand_commit"), "there is no durable queue: {text}");
}

#[tokio::test]
async fn names_are_any_bytes() {
    let server = HttpServer::start().await;
    let mut client = server.gearman.peer().await;
    for (name, written) in [
        (&b"a \"b\""[..], r#"a \"b\""#),
        (b"back\\slash", r"back\\x5cslash"),
        (b"line\nfeed", r"line\\x0afeed"),
        (b"no\xff\xfeUTF-8", r"no\\xff\\xfeUTF-8"),
        ("größe".as_bytes(), "größe"),
        (b"{},=", "{},="),
        (b"(others)", r"\\x28others)"),
    ] {
        assert_eq!(client.ask(SUBMIT_JOB_BG, &[name, b"", b""]).await.0, JOB_CREATED);
        let text = scrape(&server).await;
        assert!(text.contains(&format!("gearman_jobs{{function=\"{written}\"}} 1\n")), "{written}: {text}");
    }
}

/// Some of those that come and go have no name. What they did is not forgotten with them.
#[tokio::test]
async fn of_many_functions_the_first_have_names() {
    const NAMED: usize = 2000;
    const MORE: usize = 200;
    let server = HttpServer::start().await;
    let mut client = server.gearman.peer().await;
    for n in 0..NAMED + MORE {
        client.submit(&format!("f{n}"), "", b"").await;
    }
    let jobs = |text: &str| text.lines().filter(|line| line.starts_with("gearman_jobs{")).count();
    let others = |text: &str, name: &str| samples(text)[format!("{name}{{function=\"(others)\"}}").as_str()];
    let text = scrape(&server).await;
    assert_eq!(jobs(&text), NAMED + 1);
    assert_eq!(others(&text, "gearman_jobs"), MORE as f64);
    assert_eq!(others(&text, "gearman_jobs_submitted_total"), MORE as f64);
    assert!(others(&text, "gearman_oldest_queued_seconds") > 0.0);
    // One with a name is dropped, another one has its place; and one without.
    let mut operator = server.gearman.peer().await;
    for n in [0, NAMED + 50] {
        operator.text(&format!("drop function f{n}\n"), "OK\r\n").await;
    }
    let text = scrape(&server).await;
    assert_eq!(others(&text, "gearman_jobs_submitted_total"), MORE as f64);
    operator.submit(&format!("f{}", NAMED + MORE - 1), "", b"").await;
    let text = scrape(&server).await;
    assert_eq!(jobs(&text), NAMED + 1);
    assert_eq!(others(&text, "gearman_jobs"), (MORE - 2 + 1) as f64);
    assert_eq!(others(&text, "gearman_jobs_submitted_total"), (MORE + 1) as f64);
    assert_eq!(samples(&text)[format!("gearman_jobs{{function=\"f{NAMED}\"}}").as_str()], 1.0);
}

/// One that had got a name lost it to the next that came, and all that it had ever done was counted once more among those without: as
/// if that had happened just now.
#[tokio::test]
async fn a_function_that_has_a_name_keeps_it() {
    const NAMED: usize = 2000;
    let server = HttpServer::start().await;
    let (mut operator, mut client) = (server.gearman.peer().await, server.gearman.peer().await);
    for n in 0..=NAMED {
        operator.text(&format!("create function f{n}\n"), "OK\r\n").await;
    }
    let last = format!("f{NAMED}");
    for _ in 0..10 {
        client.submit(&last, "", b"").await;
    }
    let submitted = async || {
        let text = scrape(&server).await;
        let samples = samples(&text);
        ["(others)", last.as_str(), "new"]
            .map(|name| samples.get(&*format!("gearman_jobs_submitted_total{{function=\"{name}\"}}")).copied())
    };
    assert_eq!(submitted().await, [Some(10.0), None, None]);
    operator.text("drop function f0\n", "OK\r\n").await;
    assert_eq!(submitted().await, [Some(10.0), Some(10.0), None]);
    client.submit("new", "", b"").await;
    assert_eq!(submitted().await, [Some(11.0), Some(10.0), None]);
}

/// Asks a server that is a process of its own.
pub(crate) fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// A server with a durable queue that was written to.
fn with_queue(folder: &Folder) -> (Running, String) {
    let queue = crate::durable::queue(&folder.file("queue.db"));
    let options =
        [&queue.each_ref().map(String::as_str)[..], &["--http-listen=127.0.0.1:0", "--peer=127.0.0.1:1"]].concat();
    let mut server = Running::start(&options, folder);
    let address = server.line_with("HTTP at http://").trim().rsplit('/').next().unwrap().to_owned();
    assert_eq!(crate::durable::peer(&server).ask(SUBMIT_JOB_BG, &[b"f", b"", b""]).0, JOB_CREATED);
    (server, address)
}

#[test]
fn commits_and_how_long_they_took() {
    let folder = Folder::new("metrics-commits");
    let (server, address) = with_queue(&folder);
    // Its row was counted before it was acknowledged.
    let (_, text) = get(&address, "/metrics");
    let samples = samples(&text);
    for (name, value) in [
        ("gearmand_commit_changes_total", 1.0),
        ("gearmand_commit_seconds_count", 1.0),
        ("gearmand_commit_seconds_bucket{le=\"+Inf\"}", 1.0),
        ("gearmand_commits_failed_total", 0.0),
        ("gearmand_queue_failing", 0.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name} in\n{text}");
    }
    let (sum, longest) = (samples["gearmand_commit_seconds_sum"], samples["gearmand_longest_commit_seconds"]);
    assert!(sum > 0.0 && sum == longest, "{sum} {longest}");
    assert!(ask(&mut server.connect(), "counters\n").contains("\tcommits=1\t"));
}

/// One job is run, and the worker of the next one dies.
#[tokio::test]
async fn what_is_done_for_another_server() {
    let here = crate::util::Server::start().await;
    let peer = ServerAddress::new("127.0.0.1", here.address.port().into()).unwrap();
    let server = HttpServer::with(|config| config.peers = vec![peer.clone()]).await;
    let metric = |name: &str| format!("gearmand_peer_{name}{{peer=\"{peer}\"}}");
    let values = async |value: [f64; 3]| {
        let names = ["up", "jobs_total", "jobs_returned_total"].map(metric);
        let now = async || {
            let text = scrape(&server).await;
            let samples = samples(&text);
            names.each_ref().map(|name| samples[name.as_str()])
        };
        let equal = async { while now().await != value {} };
        assert!(tokio::time::timeout(LONG, equal).await.is_ok(), "{:?}, not {value:?}", now().await);
    };
    values([0.0, 0.0, 0.0]).await;
    let mut worker = server.gearman.worker(&["f"]).await;
    let mut client = here.peer().await;
    client.submit("f", "", b"").await;
    worker.send(PRE_SLEEP, &[]).await;
    worker.expect(NOOP, &[]).await;
    let (_, job) = worker.ask(GRAB_JOB, &[]).await;
    worker.send(WORK_COMPLETE, &[job.split(|byte| *byte == 0).next().unwrap(), b""]).await;
    assert_eq!(client.read().await.0, WORK_COMPLETE);
    values([1.0, 1.0, 0.0]).await;
    client.submit("f", "", b"").await;
    worker.send(PRE_SLEEP, &[]).await;
    worker.expect(NOOP, &[]).await;
    assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    drop(worker);
    values([1.0, 2.0, 1.0]).await;
}

/// The names in the tables of docs/operating.md are those of a server with a durable queue and a peer, and have these types.
#[test]
fn the_tables_name_all_metrics_and_no_others() {
    let folder = Folder::new("metrics-tables");
    let (_server, address) = with_queue(&folder);
    let (_, text) = get(&address, "/metrics");
    let mut there = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        there.insert(format!("{name}{suffix} {}", if kind == "info" { "gauge" } else { kind }));
    }
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md")).unwrap();
    let section = page.split("\n## Metrics and health\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `gearman") || line.starts_with("| `process_"));
    let named: BTreeSet<String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            format!("{} {}", cells[1].trim_matches('`').split('{').next().unwrap(), cells[2])
        })
        .collect();
    assert_eq!(named, there);
}
