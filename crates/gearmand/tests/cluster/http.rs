//! What is seen of a cluster over HTTP, and done with jobs of others.

use super::*;
use crate::http::schema;
use serde_json::Value;
use std::io::Read;
use std::net::TcpStream;

/// A server that speaks HTTP, too.
struct Http {
    server: Running,
    address: String,
}

impl Http {
    fn start(cluster: &Cluster, url: &str, name: &str) -> Http {
        Http::start_with(cluster, url, name, &[])
    }

    fn start_with(cluster: &Cluster, url: &str, name: &str, more: &[&str]) -> Http {
        let mut server = cluster.start_at(url, name, &[&["--http-listen", "127.0.0.1:0"], more].concat());
        let line = server.line_with("HTTP at ");
        let address = line.trim().rsplit_once("http://").unwrap().1.to_owned();
        Http { server, address }
    }

    /// The status, and what is said.
    fn ask(&self, method: &str, path: &str) -> (u16, Value) {
        self.ask_as("nobody", method, path)
    }

    fn ask_as(&self, token: &str, method: &str, path: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        stream.write_all(format!("{head}Authorization: Bearer {token}\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() };
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
    }

    /// What is found there, as the description says.
    fn found(&self, path: &str) -> Value {
        let (status, found) = self.ask("GET", path);
        assert_eq!(status, 200, "{path}: {found}");
        schema::check(path, &found);
        found
    }

    /// A refusal: its status, and why.
    fn refused(&self, method: &str, path: &str) -> (u16, String) {
        let (status, problem) = self.ask(method, path);
        assert_eq!(problem["status"], status, "{problem}");
        (status, problem["detail"].as_str().unwrap().to_owned())
    }
}

#[test]
fn servers_are_listed_and_jobs_are_found_wherever_they_are() {
    let Some(cluster) = Cluster::new("http") else { return };
    let [a, mut b] = ["a", "b"].map(|name| Http::start(&cluster, &cluster.url(), name));
    let states = |http: &Http| {
        let found = http.found("/api/v1/servers");
        let all = found["servers"].as_array().unwrap().iter();
        all.map(|s| (s["name"].clone(), s["state"].clone(), s["jobs"].clone())).collect::<Vec<_>>()
    };
    let server = |name: &str, state: &str, jobs: u64| (name.into(), state.into(), jobs.into());
    until("both have joined", || (states(&a) == [server("a", "lives", 0), server("b", "lives", 0)]).then_some(()));
    // Free: at no server.
    let free = submit(&mut peer(&a.server), "key/1", "x");
    let path = format!("/api/v1/jobs/{free}");
    for (at, http) in [(0, &a), (1, &b)] {
        let job = until("it is at no server", || {
            let job = http.found(&path);
            (job.get("server") == Some(&Value::Null)).then_some(job)
        });
        assert_eq!(
            (&job["handle"], &job["state"], &job["tries"]),
            (&free.as_str().into(), &"queued".into(), &0.into())
        );
        assert_eq!(http.found("/api/v1/functions/f/unique/key%2F1"), job, "{at}");
    }
    assert_eq!(b.refused("POST", &format!("{path}/bury")).0, 409);
    assert_eq!(b.ask("DELETE", &path).0, 204);
    for http in [&a, &b] {
        assert_eq!(http.refused("GET", &path).0, 404);
        assert_eq!(http.refused("DELETE", &path).0, 404);
        assert_eq!(http.refused("DELETE", "/api/v1/functions/f/unique/key%2F1").0, 404);
    }
    assert_eq!(cluster.sql().number("SELECT count(*) FROM @.job"), 0);
    // Begun at the other server.
    let handle = submit(&mut peer(&a.server), "key", "x");
    let path = format!("/api/v1/jobs/{handle}");
    let mut worker = worker(&b.server, &["f"]);
    let job = grab(&mut worker);
    assert_eq!(job.handle, handle);
    worker.send(&[(crate::util::WORK_STATUS, &[handle.as_bytes(), b"3", b"4"])]).unwrap();
    let job = until("it is begun, and how far it is is known", || {
        let job = a.found(&path);
        (job["state"] == "running" && job["progress"] == serde_json::json!([3, 4])).then_some(job)
    });
    assert_eq!((&job["server"], &job["function"]), (&"b".into(), &"f".into()));
    assert_eq!(b.found(&path).get("server"), None, "it is at this one");
    assert_eq!(a.found("/api/v1/functions/f/unique/key"), job);
    assert_eq!(states(&a)[1], server("b", "lives", 1));
    for (method, path, verb) in [
        ("DELETE", path.clone(), "cancel"),
        ("DELETE", "/api/v1/functions/f/unique/key".to_owned(), "cancel"),
        ("POST", format!("{path}/bury"), "bury"),
    ] {
        assert_eq!(a.refused(method, &path), (409, format!("server b has it: {verb} it there")));
    }
    assert_eq!(b.ask("DELETE", &path).0, 204);
    drop(worker);
    b.server.stop();
    until("it left", || (states(&a)[1] == server("b", "left", 0)).then_some(()));
    let ended = &a.found("/api/v1/servers")["servers"][1];
    assert!(ended["ended"].as_f64() >= ended["joined"].as_f64() && ended["silent"].is_null(), "{ended}");
}

/// It is not said that there is no such job.
#[test]
fn a_database_that_is_away_is_unavailable() {
    let Some(cluster) = Cluster::new("http-away") else { return };
    let proxy = cluster.proxy();
    let a = Http::start(&cluster, &proxy.url(), "a");
    let handle = submit(&mut peer(&a.server), "key", "x");
    let path = format!("/api/v1/jobs/{handle}");
    until("it is at no server", || a.found(&path).get("server").cloned());
    for mode in [Mode::Stalled, Mode::Cut] {
        proxy.set(mode);
        for (method, path) in
            [("GET", &*path), ("DELETE", &*path), ("GET", "/api/v1/functions/f/unique/key"), ("GET", "/api/v1/servers")]
        {
            assert_eq!(
                a.refused(method, path),
                (503, "the shared queue does not answer; the log says why".into()),
                "{mode:?}: {method} {path}"
            );
        }
        // What needs no database is there.
        assert_eq!(a.refused("GET", "/api/v1/jobs/H:1").0, 404);
        assert!(a.found("/api/v1/server")["cluster"].is_object());
    }
    proxy.set(Mode::Open);
    until("the database answers", || (a.ask("GET", &path).0 == 200).then_some(()));
    // One that was away for longer than a lease joins anew, and what it is to write until then is refused: try again.
    until("it is cancelled", || (a.ask("DELETE", &path).0 == 204).then_some(()));
}

/// It was said that another job has its key, and then it ran.
#[test]
fn a_dead_letter_that_is_tried_again_without_the_database_is_so_when_it_is_back() {
    let Some(cluster) = Cluster::new("http-retry") else { return };
    let proxy = cluster.proxy();
    let a = Http::start(&cluster, &proxy.url(), "a");
    let mut client = peer(&a.server);
    let handle = submit(&mut client, "key", "x");
    let mut busy = worker(&a.server, &["f"]);
    assert_eq!(grab(&mut busy).handle, handle);
    assert_eq!(a.ask("POST", &format!("/api/v1/jobs/{handle}/bury")).0, 204);
    drop(busy);
    let (letter, retry) = (format!("/api/v1/dead/{handle}"), format!("/api/v1/dead/{handle}/retry"));
    let other = submit(&mut client, "key", "y");
    assert_eq!(a.refused("POST", &retry), (409, format!("its unique key is that of job {other}")));
    until("the other is gone", || (a.ask("DELETE", &format!("/api/v1/jobs/{other}")).0 == 204).then_some(()));
    proxy.set(Mode::Cut);
    let (status, why) = a.refused("POST", &retry);
    assert!(status == 503 && why.starts_with("the shared queue does not answer"), "{status} {why}");
    proxy.set(Mode::Open);
    until("it is no letter any more", || (a.ask("GET", &letter).0 == 404).then_some(()));
    assert_eq!(grab(&mut worker(&a.server, &["f"])).handle, handle);
}

#[test]
fn who_may_not_see_a_job_elsewhere_is_told_of_none() {
    let Some(cluster) = Cluster::new("http-rights") else { return };
    let token =
        |name: &str, rights: &str| format!("[[token]]\nname = '{name}'\ntoken = 'a-token-of-{name}'\n{rights}\n");
    let tokens =
        [token("the-client", "submit = 'f'"), token("the-other", "submit = 'g'"), token("the-ops", "observe = true")];
    let file = cluster.file("tokens.toml");
    std::fs::write(&file, tokens.concat()).unwrap();
    let a = Http::start_with(&cluster, &cluster.url(), "a", &["--http-token-file", &file]);
    let handle = submit(&mut peer(&a.server), "key", "x");
    for path in [format!("/api/v1/jobs/{handle}"), "/api/v1/functions/f/unique/key".to_owned()] {
        let status = |name: &str| a.ask_as(&format!("a-token-of-{name}"), "GET", &path).0;
        until("it is at no server", || {
            a.ask_as("a-token-of-the-ops", "GET", &path).1.get("server").is_some_and(Value::is_null).then_some(())
        });
        assert_eq!(["the-client", "the-ops", "the-other"].map(status), [200, 200, 404], "{path}");
        assert_eq!(a.ask_as("a-token-of-the-client", "DELETE", &path).0, 403);
    }
    assert_eq!(
        ["the-client", "the-ops"].map(|name| a.ask_as(&format!("a-token-of-{name}"), "GET", "/api/v1/servers").0),
        [403, 200]
    );
}

/// It was free when that was looked at, and is another server's when it is to end.
#[test]
fn a_job_that_is_taken_while_it_is_cancelled_is_not_said_to_be_cancelled() {
    let Some(cluster) = Cluster::new("http-taken") else { return };
    let [a, b] = ["a", "b"].map(|name| Http::start(&cluster, &cluster.url(), name));
    until("both have joined", || (b.found("/api/v1/servers")["servers"].as_array().unwrap().len() == 2).then_some(()));
    let handle = submit(&mut peer(&a.server), "key", "x");
    let path = format!("/api/v1/jobs/{handle}");
    until("it is at no server", || a.found(&path).get("server").is_some_and(Value::is_null).then_some(()));
    let sql = cluster.sql();
    sql.execute("BEGIN; SELECT FROM @.job FOR UPDATE");
    std::thread::scope(|scope| {
        let cancel = scope.spawn(|| a.refused("DELETE", &path));
        sql.until(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))",
            1,
        );
        sql.execute("UPDATE @.job SET owner = (SELECT epoch FROM @.server WHERE name = 'b'); COMMIT");
        assert_eq!(cancel.join().unwrap(), (409, "server b has it: cancel it there".into()));
    });
    assert_eq!(sql.number("SELECT count(*) FROM @.job"), 1);
}
