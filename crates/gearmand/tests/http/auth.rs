//! Tokens: what each allows, the cookie that stands for one, and what browsers are kept from.

use crate::http::{Answer, Client, HttpServer};
use crate::util::*;
use gearmand::config::Tokens;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

pub(crate) const ADMIN: &str = "a-token-for-all-there-is";
pub(crate) const OBSERVER: &str = "a-token-to-look-around";
pub(crate) const SUBMITTER: &str = "a-token-to-submit-mail";

const FILE: &str = "
[[token]]
name = 'admin'
token = 'a-token-for-all-there-is'
submit = '*'
observe = true
admin = true
[[token]]
name = 'observer'
token = 'a-token-to-look-around'
observe = true
[[token]]
name = 'submitter'
token = 'a-token-to-submit-mail'
submit = 'mail*'
";

pub(crate) fn tokens(text: &str) -> Arc<Tokens> {
    Arc::new(Tokens::parse(text, Path::new("tokens.toml")).unwrap())
}

/// A server with tokens, which can be changed.
pub(crate) async fn guarded() -> (HttpServer, watch::Sender<Arc<Tokens>>) {
    let file = watch::Sender::new(tokens(FILE));
    let receiver = file.subscribe();
    (HttpServer::with(|config| config.tokens = Some(receiver)).await, file)
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

async fn whoami(client: &mut Client, header: &str) -> Answer {
    client.ask("GET", "/api/v1/whoami", &[header], b"").await
}

/// Logs in, and returns the cookie as it is sent back.
async fn log_in(client: &mut Client, token: &str) -> String {
    let body = format!("token={token}");
    let form = "Content-Type: application/x-www-form-urlencoded";
    let answer = client.ask("POST", "/login", &[form], body.as_bytes()).await.expect(303);
    assert_eq!(answer.header("location"), "/");
    let cookie = answer.header("set-cookie");
    let (cookie, rest) = cookie.split_once("; ").unwrap();
    assert_eq!(rest, "HttpOnly; SameSite=Strict; Path=/");
    format!("Cookie: {cookie}")
}

#[tokio::test]
async fn a_token_has_its_rights_and_its_name() {
    let (server, _file) = guarded().await;
    let mut client = server.client().await;
    for (header, expected) in [
        (bearer(ADMIN), r#"{"name":"admin","login":true,"observe":true,"submit":["*"],"admin":true}"#),
        (bearer(OBSERVER), r#"{"name":"observer","login":true,"observe":true,"submit":[],"admin":false}"#),
        (bearer(SUBMITTER), r#"{"name":"submitter","login":true,"observe":false,"submit":["mail*"],"admin":false}"#),
        (
            format!("authorization: bearer  {ADMIN} "),
            r#"{"name":"admin","login":true,"observe":true,"submit":["*"],"admin":true}"#,
        ),
        ("X-Nothing: 1".into(), r#"{"name":null,"login":true,"observe":false,"submit":[],"admin":false}"#),
        // A proxy's.
        ("Authorization: Basic eDp5".into(), r#"{"name":null,"login":true,"observe":false,"submit":[],"admin":false}"#),
    ] {
        assert_eq!(whoami(&mut client, &header).await.expect(200).text(), expected, "{header}");
    }
}

#[tokio::test]
async fn without_tokens_everybody_may_do_everything_on_this_host() {
    let server = HttpServer::start().await;
    let all = r#"{"name":null,"login":false,"observe":true,"submit":["*"],"admin":true}"#;
    let mut client = server.client().await;
    for header in ["X-Nothing: 1", "Authorization: Bearer whatever-it-may-be", "Cookie: gearmand=x"] {
        assert_eq!(whoami(&mut client, header).await.expect(200).text(), all);
    }
    client.raw(b"GET /healthz HTTP/1.1\r\nHost: queue.example.com\r\n\r\n").await;
    let refused = client.answer("GET").await.expect(403).text();
    assert!(refused.contains("this server is not queue.example.com: without --http-token-file"), "{refused}");
    // With them it may have any name.
    let (server, _file) = guarded().await;
    let mut client = server.client().await;
    client.raw(b"GET /healthz HTTP/1.1\r\nHost: queue.example.com\r\n\r\n").await;
    client.answer("GET").await.expect(200);
}

#[tokio::test]
async fn a_wrong_token_is_none_and_is_not_repeated() {
    let (server, _file) = guarded().await;
    let mut client = server.client().await;
    for wrong in
        ["", "a-token-for-all-there-iS", "a-token-for-all-there-is2", "gearmand=x", "\u{fc}ml\u{e4}ut-of-a-token"]
    {
        let answer = whoami(&mut client, &bearer(wrong)).await.expect(401);
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"gearmand\"");
        assert!(wrong.is_empty() || !answer.text().contains(wrong), "{}", answer.text());
    }
    // Health is for everybody.
    client.ask("GET", "/healthz", &[&bearer("wrong-wrong-wrong")], b"").await.expect(200);
}

#[tokio::test]
async fn logging_in_gives_a_cookie_that_is_good_for_its_token() {
    let (server, file) = guarded().await;
    let mut client = server.client().await;
    let cookie = log_in(&mut client, OBSERVER).await;
    assert_eq!(whoami(&mut client, &cookie).await.expect(200).json()["name"], "observer");
    // Among others, of other servers.
    let among = cookie.replace("Cookie: ", "Cookie: gearmandx=1; gearmand=1;");
    assert_eq!(whoami(&mut client, &among).await.expect(200).json()["name"], "observer");
    // A token that is sent besides is what counts.
    let both = [cookie.as_str(), &bearer(ADMIN)];
    assert_eq!(client.ask("GET", "/api/v1/whoami", &both, b"").await.json()["name"], "admin");
    // It is no token, and does not show one.
    let value = cookie.split_once('=').unwrap().1;
    whoami(&mut client, &bearer(value)).await.expect(401);
    assert!(!cookie.contains(OBSERVER));
    // A server that has just been started knows it, too.
    let (another, _another_file) = guarded().await;
    assert_eq!(whoami(&mut another.client().await, &cookie).await.expect(200).json()["name"], "observer");
    let out = client.ask("POST", "/logout", &[&cookie], b"").await.expect(303);
    assert_eq!(out.header("set-cookie"), "gearmand=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    // It ends with its token: whoever shows it then is not known, and may log in.
    file.send_replace(tokens(&FILE.replace(OBSERVER, "another-token-to-look")));
    assert_eq!(whoami(&mut client, &cookie).await.expect(200).json()["name"], serde_json::Value::Null);
}

#[tokio::test]
async fn wrong_logins() {
    let (server, _file) = guarded().await;
    let mut client = server.client().await;
    let form = "Content-Type: application/x-www-form-urlencoded";
    for body in ["token=wrong", "token=", "", "t=a-token-for-all-there-is", "token=a&token=a-token-for-all-there-is"] {
        let answer = client.ask("POST", "/login", &[form], body.as_bytes()).await.expect(303);
        assert_eq!((answer.header("location"), answer.header("set-cookie")), ("/?login=failed", ""), "{body}");
    }
    let right = format!("token={ADMIN}");
    client.ask("POST", "/login", &["Content-Type: text/plain"], right.as_bytes()).await.expect(415);
    client.ask("GET", &format!("/login?{right}"), &[], b"").await.expect(405);
    for forged in [&["Origin: http://evil.example.com"][..], &["Origin: null"], &["Sec-Fetch-Site: cross-site"]] {
        let headers = [forged, &[form]].concat();
        let answer = client.ask("POST", "/login", &headers, right.as_bytes()).await.expect(403);
        assert_eq!(answer.header("set-cookie"), "");
    }
    // Through a proxy that speaks TLS the browser keeps it for that.
    let answer = client.ask("POST", "/login", &[form, "Origin: https://localhost"], right.as_bytes()).await.expect(303);
    assert!(answer.header("set-cookie").ends_with("; Path=/; Secure"));
    client.ask("POST", "/login", &[form], &[b'x'; 5000]).await.expect(413);
}

#[tokio::test]
async fn every_answer_keeps_browsers_from_taking_it_for_something_else() {
    let (server, _file) = guarded().await;
    let mut client = server.client().await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/app.js"),
        ("GET", "/healthz"),
        ("GET", "/api/v1/whoami"),
        ("GET", "/nothing/there"),
        ("POST", "/healthz"),
        ("POST", "/logout"),
        ("GET", "/api/v1/functions"),
    ] {
        let answer = client.ask(method, path, &[], b"").await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

#[tokio::test]
async fn a_socket_file_may_be_asked_by_any_name() {
    let folder = crate::process::Folder::new("http-unix");
    let path = folder.file("http.socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let _server = HttpServer::on(None, |_| gearmand::Listener::Unix(None, listener), |_| {}).await;
    let mut client = Client::new(tokio::net::UnixStream::connect(&path).await.unwrap());
    client.raw(b"GET /healthz HTTP/1.1\r\nHost: whatever\r\n\r\n").await;
    tokio::time::timeout(LONG, client.answer("GET")).await.unwrap().expect(200);
}
