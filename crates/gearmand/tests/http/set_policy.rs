//! Policies that are set at run time.

use crate::http::HttpServer;
use crate::http::schema::check_against;
use crate::http::submit::detail;
use serde_json::{Value, json};

#[tokio::test]
async fn keys_are_set_and_taken_back() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    let body = json!({"retries": 3, "backoff": "1s*2<10m~20%", "paused": true});
    let rule = client.json("PATCH", "/api/v1/policies/mail*", &body).await.expect(200).json();
    check_against("Rule", &rule);
    assert_eq!(
        rule,
        json!({"pattern": "mail*", "href": "/api/v1/policies/mail*", "source": "run-time",
            "policy": {"retries": "3", "backoff": "1s*2<10m~20%", "paused": "yes"}})
    );
    let rule = client.json("PATCH", "/api/v1/policies/mail*", &json!({"paused": false, "retries": null})).await;
    assert_eq!(rule.expect(200).json()["policy"], json!({"backoff": "1s*2<10m~20%", "paused": "no"}));
    let mut admin = server.gearman.peer().await;
    admin.text("policies\n", "mail*\trun-time\tbackoff=1s*2<10m~20%25\tpaused=no\n.\n").await;
    let none = json!({"backoff": null, "paused": null, "rate": null});
    client.json("PATCH", "/api/v1/policies/mail*", &none).await.expect(204);
    client.json("PATCH", "/api/v1/policies/mail*", &none).await.expect(204);
    admin.text("policies\n", ".\n").await;
    // One function, whose name has to be encoded in a path.
    let rule = client.json("PATCH", "/api/v1/policies/a%2F%C3%BC", &json!({"timeout": "30s"})).await.expect(200).json();
    assert_eq!((&rule["pattern"], &rule["href"]), (&json!("a/ü"), &json!("/api/v1/policies/a%2F%C3%BC")));
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_key_and_nothing_is_half_set() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    let wrong: [(&str, Value, &str); 11] = [
        ("f", json!({"retries": 1, "timeout": "soon"}), "timeout: soon is not a time"),
        ("f", json!({"retries": 1, "retry": 1}), "there is no key retry; the keys are retries, "),
        ("f", json!({"retries": 1, "paused=no retries": 1}), "there is no key paused=no retries; "),
        ("f", json!({"retries": -1}), "retries: -1 is not a number from 0 to 1000"),
        ("f", json!({"retries": 1.5}), "retries: 1.5 is not a number"),
        ("f", json!({"retries": 1, "concurrency": ""}), "concurrency: it is empty; null takes back"),
        ("f", json!({"retries": 1, "concurrency": [1]}), "concurrency: it has to be a string, a number"),
        ("f", json!({"paused": "maybe", "retries": 1}), "paused: maybe is neither yes nor no"),
        ("f**", json!({"retries": 1}), "f**: a pattern has one * at most"),
        ("%ff", json!({"retries": 1}), "the pattern: it has to be UTF-8"),
        ("f", json!(["retries"]), "the body: it has to be an object"),
    ];
    for (pattern, body, said) in wrong {
        let answer = client.json("PATCH", &format!("/api/v1/policies/{pattern}"), &body).await.expect(422);
        assert!(detail(&answer).starts_with(said), "{}", detail(&answer));
    }
    client.ask("PATCH", "/api/v1/policies/f", &[], b"{}").await.expect(415);
    server.gearman.peer().await.text("policies\n", ".\n").await;
}
