//! Where a request comes from and what host it is for, as far as browsers tell: so no page of another site can act through the
//! browser of someone who may.
//!
//! Owns what `Host`, `Origin` and `Sec-Fetch-Site` have to be. Must never know who asks, nor what for.
//!
//! Invariant: without tokens nothing is answered to a browser that was led here under another name (DNS rebinding): the
//! name in its address line is one of this host's own.

use crate::http::reply::Problem;
use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::{Method, StatusCode, Uri, Version};
use std::net::IpAddr;

/// May this be answered? `own_names`: only where it is for this host by one of its own names.
///
/// # Errors
/// 400 where it names no host, 403 where it must not be answered.
pub(crate) fn check<T>(request: &hyper::Request<T>, own_names: bool) -> Result<(), Problem> {
    let host = host(request.uri(), request.headers(), request.version())?;
    if own_names {
        let asked = [request.uri().authority().map(|authority| authority.as_str()), host];
        if let Some(other) = asked.iter().flatten().find(|host| !is_this_host(host)) {
            let known = "without --http-token-file it is asked as localhost, or by a loopback address";
            return Err(forbidden(format!("this server is not {}: {known}", other.escape_default())));
        }
    }
    let (headers, reads) = (request.headers(), matches!(*request.method(), Method::GET | Method::HEAD));
    let text = |name| headers.get(name).map(|value: &hyper::header::HeaderValue| value.to_str().unwrap_or_default());
    match text("sec-fetch-site") {
        None | Some("same-origin" | "none") => {}
        // A link that somebody has followed.
        Some(_) if reads && text("sec-fetch-mode") == Some("navigate") => {}
        Some(_) => return Err(forbidden("a page of another site may not ask this server")),
    }
    match text(ORIGIN.as_str()) {
        Some(origin) if !reads && !is_same(origin, host.unwrap_or_default()) => Err(forbidden(
            "its Origin is not the host that it is for: another site's page, or a proxy that does not pass on Host",
        )),
        _ => Ok(()),
    }
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, detail)
}

/// The host that it is for, with its port where one is named.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap, version: Version) -> Result<Option<&'a str>, Problem> {
    let mut all = headers.get_all(HOST).iter();
    let host = all.next().map(|host| host.to_str().unwrap_or_default());
    if all.next().is_some() {
        return Err(Problem::bad_request("there is more than one Host"));
    }
    if host.is_none() && version >= Version::HTTP_11 {
        return Err(Problem::bad_request("there is no Host"));
    }
    Ok(uri.authority().map(|authority| authority.as_str()).or(host))
}

/// Whether a name with or without a port is always this host's own, whatever a name server says.
fn is_this_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, port)) => (name, port),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port_is_one = port.strip_prefix(':').map_or(port.is_empty(), |port| port.bytes().all(|b| b.is_ascii_digit()));
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let named = name == "localhost" || name.ends_with(".localhost");
    port_is_one && (named || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback()))
}

/// Whether an origin is this host. Where TLS ends at a proxy its scheme is not ours.
fn is_same(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let standard = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let plain = |text: &str| text.strip_suffix(standard).unwrap_or(text).to_ascii_lowercase();
    !authority.is_empty() && plain(authority) == plain(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &str, headers: &[(&str, &str)], own_names: bool) -> u16 {
        let mut request = hyper::Request::builder().method(method).uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let checked = check(&request.body(()).unwrap(), own_names).map_err(crate::http::reply::Reply::from);
        checked.map_or_else(|problem| problem.status().as_u16(), |()| 200)
    }

    #[test]
    fn without_tokens_only_names_of_this_host_are_answered() {
        for good in [
            "localhost",
            "LOCALHOST:80",
            "localhost.",
            "a.localhost:1",
            "127.0.0.1:8080",
            "127.1.2.3",
            "[::1]",
            "[::1]:8080",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert_eq!(status("GET", &[("host", good)], true), 200, "{good}");
        }
        for bad in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.nip.io",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "localhost:x",
            "localhost@example.com",
            "localhost:1@example.com",
            "[::1].example.com",
            "127.0.0.1:80:80",
            "2130706433",
        ] {
            assert_eq!(status("GET", &[("host", bad)], true), 403, "{bad}");
            assert_eq!(status("GET", &[("host", bad)], false), 200, "{bad}");
        }
        assert_eq!(status("GET", &[], true), 400);
        assert_eq!(status("GET", &[("host", "localhost"), ("host", "localhost")], false), 400);
        let absolute =
            hyper::Request::builder().uri("http://example.com/x").header("host", "localhost").body(()).unwrap();
        assert!(check(&absolute, true).is_err() && check(&absolute, false).is_ok());
    }

    #[test]
    fn what_changes_something_comes_from_this_site() {
        let host = ("host", "queue.example.com:8080");
        for (origin, same) in [
            ("http://queue.example.com:8080", true),
            ("https://QUEUE.example.com:8080", true),
            ("http://queue.example.com", false),
            ("http://queue.example.com:80", false),
            ("http://example.com:8080", false),
            ("http://queue.example.com:8080.evil.com", false),
            ("http://evil.com#queue.example.com:8080", false),
            ("file://queue.example.com:8080", false),
            ("null", false),
            ("", false),
        ] {
            for (method, status_of_other) in
                [("POST", 403), ("DELETE", 403), ("PUT", 403), ("PATCH", 403), ("GET", 200)]
            {
                let expected = if same { 200 } else { status_of_other };
                assert_eq!(status(method, &[host, ("origin", origin)], false), expected, "{method} {origin}");
            }
        }
        for (origin, named) in
            [("https://q", "q:443"), ("http://q", "q:80"), ("https://q:443", "q"), ("http://q:80", "q")]
        {
            assert_eq!(status("POST", &[("host", named), ("origin", origin)], false), 200, "{origin} {named}");
        }
        assert_eq!(status("POST", &[host], false), 200, "no browser");
    }

    #[test]
    fn a_page_of_another_site_may_lead_here_and_no_more() {
        let host = ("host", "queue.example.com");
        for (site, get, post) in
            [("same-origin", 200, 200), ("none", 200, 200), ("same-site", 403, 403), ("cross-site", 403, 403)]
        {
            assert_eq!(status("GET", &[host, ("sec-fetch-site", site)], false), get, "{site}");
            assert_eq!(status("POST", &[host, ("sec-fetch-site", site)], false), post, "{site}");
            let navigates = [host, ("sec-fetch-site", site), ("sec-fetch-mode", "navigate")];
            assert_eq!(status("GET", &navigates, false), 200, "{site}");
            assert_eq!(status("POST", &navigates, false), post, "{site}");
        }
    }
}
