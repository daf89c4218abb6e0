//! Health, and what every answer has.

use crate::http::HttpServer;

#[tokio::test]
async fn a_server_that_takes_jobs_says_so() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    for path in ["/healthz", "/readyz"] {
        let answer = client.get(path).await.expect(200);
        assert_eq!((answer.text().as_str(), answer.header("content-type")), ("ok\n", "text/plain; charset=utf-8"));
        assert_eq!(client.ask("HEAD", path, &[], b"").await.expect(200).header("content-length"), "3");
    }
}

#[tokio::test]
async fn what_is_wrong_is_a_problem_that_says_what() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    let problem = client.get("/nothing").await.expect(404);
    assert_eq!(problem.header("content-type"), "application/problem+json");
    assert_eq!(problem.json()["title"], "Not Found");
    let problem = client.ask("POST", "/healthz", &[], b"").await.expect(405);
    assert_eq!((problem.header("allow"), problem.json()["status"].as_u64()), ("GET", Some(405)));
}
