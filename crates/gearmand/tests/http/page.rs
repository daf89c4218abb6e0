//! The files of the web page.

use crate::http::HttpServer;

#[tokio::test]
async fn the_page_is_there_with_all_that_it_loads() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    let page = client.get("/").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let text = page.text();
    let attributes = text.split(['"', '\'']).filter(|word| word.ends_with(".js") || word.ends_with(".css"));
    let mut loads: Vec<String> = attributes.map(str::to_owned).collect();
    assert!(loads.len() > 2, "{loads:?}");
    let mut seen = Vec::new();
    while let Some(file) = loads.pop() {
        if seen.contains(&file) {
            continue;
        }
        let answer = client.get(&format!("/{}", file.trim_start_matches("./"))).await.expect(200);
        let kind = if file.ends_with(".js") { "text/javascript; charset=utf-8" } else { "text/css; charset=utf-8" };
        assert_eq!(answer.header("content-type"), kind, "{file}");
        let imports = answer.text();
        let lines = imports.lines().filter(|line| line.starts_with("import ") || line.starts_with("} from "));
        loads.extend(lines.filter_map(|line| line.split('"').nth(1)).map(str::to_owned));
        seen.push(file);
    }
    assert!(seen.len() > 10, "{seen:?}");
}

#[tokio::test]
async fn a_browser_asks_each_time_and_gets_what_it_has_not() {
    let server = HttpServer::start().await;
    let mut client = server.client().await;
    let first = client.get("/app.js").await.expect(200);
    assert_eq!(first.header("cache-control"), "no-cache");
    let tag = first.header("etag").to_owned();
    for same in [format!("If-None-Match: {tag}"), format!("If-None-Match: \"x\", W/{tag}")] {
        let again = client.ask("GET", "/app.js", &[&same], b"").await.expect(304);
        assert_eq!((again.header("etag"), again.body.len()), (tag.as_str(), 0));
    }
    let other = client.get("/style.css").await.expect(200).header("etag").to_owned();
    assert_ne!(tag, other);
    client.ask("GET", "/app.js", &[&format!("If-None-Match: {other}")], b"").await.expect(200);
}

#[tokio::test]
async fn what_the_page_may_load_is_told_to_the_browser() {
    let server = HttpServer::start().await;
    let policy = server.get("/").await.header("content-security-policy").to_owned();
    assert_eq!(
        policy,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
}
