//! The web page: the files of `web/`, as they were when the server was built.
//!
//! Owns what may be loaded by a page of ours. Must never know what the files say.
//!
//! Invariant: a browser asks each time whether it has the file of this server, so that none of a former version stays.

use crate::http::reply::{Problem, Reply, reply};
use crate::http::{Http, Request};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH};
use ring::digest::{SHA256, digest};
use std::sync::Arc;

/// Scripts, styles and answers are this server's own; nothing in the text of a page runs; nobody else shows it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'",
);

/// A file.
#[derive(Debug)]
pub(crate) struct File {
    /// Where it is found.
    pub(crate) path: &'static str,
    kind: &'static str,
    content: &'static [u8],
}

macro_rules! files {
    ($($path:literal $name:literal $kind:literal,)*) => {
        &[$(File { path: $path, kind: $kind, content: include_bytes!(concat!("../../web/", $name)) },)*]
    };
}

/// All of them.
pub(crate) const FILES: &[File] = files! {
    "/" "index.html" "text/html; charset=utf-8",
    "/actions.js" "actions.js" "text/javascript; charset=utf-8",
    "/api.js" "api.js" "text/javascript; charset=utf-8",
    "/app.js" "app.js" "text/javascript; charset=utf-8",
    "/charts.js" "charts.js" "text/javascript; charset=utf-8",
    "/dead.js" "dead.js" "text/javascript; charset=utf-8",
    "/dom.js" "dom.js" "text/javascript; charset=utf-8",
    "/format.js" "format.js" "text/javascript; charset=utf-8",
    "/function.js" "function.js" "text/javascript; charset=utf-8",
    "/icon.svg" "icon.svg" "image/svg+xml",
    "/jobs.js" "jobs.js" "text/javascript; charset=utf-8",
    "/lists.js" "lists.js" "text/javascript; charset=utf-8",
    "/live.js" "live.js" "text/javascript; charset=utf-8",
    "/login.js" "login.js" "text/javascript; charset=utf-8",
    "/overview.js" "overview.js" "text/javascript; charset=utf-8",
    "/paged.js" "paged.js" "text/javascript; charset=utf-8",
    "/policy.js" "policy.js" "text/javascript; charset=utf-8",
    "/problems.js" "problems.js" "text/javascript; charset=utf-8",
    "/route.js" "route.js" "text/javascript; charset=utf-8",
    "/series.js" "series.js" "text/javascript; charset=utf-8",
    "/store.js" "store.js" "text/javascript; charset=utf-8",
    "/style.css" "style.css" "text/css; charset=utf-8",
    "/table.js" "table.js" "text/javascript; charset=utf-8",
    "/theme.js" "theme.js" "text/javascript; charset=utf-8",
    "/uplot-license.txt" "uplot-license.txt" "text/plain; charset=utf-8",
    "/uplot.min.css" "uplot.min.css" "text/css; charset=utf-8",
    "/uplot.min.js" "uplot.min.js" "text/javascript; charset=utf-8",
};

/// What tells this file from the one of another version.
fn tag(file: &File) -> String {
    let digest = digest(&SHA256, file.content);
    let digits: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// A file, or that it is the one that the browser has.
pub(crate) async fn serve(file: &'static File, _: Arc<Http>, request: Request) -> Result<Reply, Problem> {
    let tag = tag(file);
    let has = request.headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    let mut reply = match has.split(',').any(|has| has.trim().trim_start_matches("W/") == tag) {
        true => reply(StatusCode::NOT_MODIFIED, file.kind, ""),
        false => reply(StatusCode::OK, file.kind, file.content),
    };
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn all_files_of_the_page_are_served_and_they_are_small() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let there: BTreeSet<String> = names
            .filter(|name| !name.ends_with(".md") && !name.ends_with(".sha256"))
            .map(|name| format!("/{name}"))
            .collect();
        let known =
            FILES.iter().map(|file| if file.path == "/" { "/index.html" } else { file.path }.to_owned()).collect();
        assert_eq!(there, known);
        let size: usize = FILES.iter().map(|file| file.content.len()).sum();
        assert!(size < 150_000, "{size} bytes");
    }
}
