//! What one word of `--listen` or `--http-listen` says. Nobody is asked for a name here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is to be listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenOn {
    /// As it was given.
    pub name: String,
    /// A host's name or address, empty for all addresses; or unix:///PATH.
    pub host: String,
    /// `None`: that of `--port`.
    pub port: Option<u16>,
    /// Whether TLS is spoken; `None`: as `--ssl` says.
    pub tls: Option<bool>,
}

impl ListenOn {
    /// All addresses.
    pub(super) fn everywhere() -> ListenOn {
        ListenOn { name: "all addresses".into(), host: String::new(), port: None, tls: None }
    }

    /// A socket in the file system.
    pub(super) fn is_file(&self) -> bool {
        self.host.starts_with("unix://")
    }

    /// Whether a socket of one would be in the way of the other's, as far as is known without asking for names. `port` is that of
    /// `--port`; who takes a free one of its own is in nobody's way.
    pub(super) fn meets(&self, other: &ListenOn, port: u16) -> bool {
        let is_same_port = match (self.port, other.port) {
            (None, None) => true,
            (one, another) => one.unwrap_or(port) != 0 && one.unwrap_or(port) == another.unwrap_or(port),
        };
        let any = |one: &IpAddr, another: &IpAddr| {
            one.is_ipv4() == another.is_ipv4() && (one.is_unspecified() || another.is_unspecified())
        };
        let others = other.addresses();
        let is_there = |one: &IpAddr| others.iter().any(|another| one == another || any(one, another));
        is_same_port && (self.host == other.host || self.addresses().iter().any(is_there))
    }

    /// Those that it says itself: none where it is a name, or a file. Of `localhost` the one is known; whether it is `::1` as well is
    /// the system's.
    fn addresses(&self) -> Vec<IpAddr> {
        match &*self.host {
            "" => return vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            "localhost" => return vec![Ipv4Addr::LOCALHOST.into()],
            _ => {}
        }
        let host = self.host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&self.host);
        host.parse::<IpAddr>().map(|address| address.to_canonical()).into_iter().collect()
    }

    /// Takes a word of `--http-listen` apart: `ADDRESS:PORT`, with a scheme in front or not, or `unix:///PATH`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_http(word: &str) -> Result<ListenOn, String> {
        let schemes =
            [("http://", Some(false)), ("tcp://", Some(false)), ("https://", Some(true)), ("tls://", Some(true))];
        let scheme = schemes.iter().find_map(|(scheme, tls)| Some((word.strip_prefix(scheme)?, *tls)));
        let (rest, tls) = scheme.unwrap_or((word, None));
        let on = |host: String, port| ListenOn { name: word.into(), host, port, tls };
        if scheme.is_none() && is_file(word)? {
            return Ok(on(word.into(), None));
        }
        if rest.trim_end_matches('/').contains('/') {
            return Err("ADDRESS:PORT or unix:///PATH is wanted".into());
        }
        match host_and_port(rest.trim_end_matches('/'))? {
            (host, Some(port)) => Ok(on(host, Some(port))),
            (_, None) => Err("which port? ADDRESS:PORT or unix:///PATH is wanted".into()),
        }
    }

    /// Takes the word apart.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(word: &str) -> Result<ListenOn, String> {
        let (tls, rest) = match (word.strip_prefix("tls://"), word.strip_prefix("tcp://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ if word.is_empty() => return Err("an address, a name or unix:///PATH is wanted".into()),
            _ => {
                is_file(word)?;
                return Ok(ListenOn { name: word.into(), host: word.into(), port: None, tls: None });
            }
        };
        if rest.contains('/') {
            return Err(match tls {
                true => "TLS is for TCP alone; who may use a socket in the file system is told by its mode".into(),
                false => "a socket in the file system is named unix:///PATH".into(),
            });
        }
        let (host, port) = host_and_port(rest)?;
        if host.is_empty() && port.is_none() {
            return Err("a host, a port or both are wanted: tls://HOST:PORT".into());
        }
        Ok(ListenOn { name: word.into(), host, port, tls: Some(tls) })
    }
}

/// Whether it names a socket in the file system.
///
/// # Errors
/// It does, but not which.
fn is_file(word: &str) -> Result<bool, String> {
    match word.strip_prefix("unix://") {
        Some(path) if path.is_empty() || path.ends_with('/') => Err("the path of a file must follow unix://".into()),
        path => Ok(path.is_some()),
    }
}

/// `host`, `host:port`, `:port`, `[::1]:port`, `::1`.
fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text.into(), None));
    }
    let after = |rest: &str| match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok(None),
        digits => {
            let port = digits.and_then(|digits| digits.parse().ok());
            port.map(Some).ok_or_else(|| format!("\"{}\" is no port", rest.trim_start_matches(':')))
        }
    };
    match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => Ok((host.into(), after(rest)?)),
        None => {
            let end = text.find(':').unwrap_or(text.len());
            Ok((text[..end].into(), after(&text[end..])?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_http_are_taken_apart() {
        let parse = |word: &str| ListenOn::parse_http(word).map(|l| (l.host, l.port, l.tls)).map_err(drop);
        let good = |host: &str, port, tls| Ok((host.to_owned(), port, tls));
        assert_eq!(parse("127.0.0.1:8080"), good("127.0.0.1", Some(8080), None));
        assert_eq!(parse(":8080"), good("", Some(8080), None));
        assert_eq!(parse("[::1]:0"), good("::1", Some(0), None));
        assert_eq!(parse("http://localhost:80/"), good("localhost", Some(80), Some(false)));
        assert_eq!(parse("https://[::]:443"), good("::", Some(443), Some(true)));
        assert_eq!(parse("unix:///run/x"), good("unix:///run/x", None, None));
        for bad in
            ["", "localhost", "127.0.0.1", "::1", ":x", "http://", "http://a:1/path", "/run/x", "ftp://a:1", "unix://"]
        {
            assert_eq!(parse(bad), Err(()), "{bad}");
        }
    }

    #[test]
    fn who_is_in_whose_way() {
        let meet = |one: &str, another: &str, port| {
            let [one, another] = [one, another].map(|word| match word.strip_prefix("http ") {
                Some(word) => ListenOn::parse_http(word).unwrap(),
                None if word.is_empty() => ListenOn::everywhere(),
                None => ListenOn::parse(word).unwrap(),
            });
            assert_eq!(one.meets(&another, port), another.meets(&one, port), "{one:?} {another:?}");
            one.meets(&another, port)
        };
        for (one, another) in [
            ("127.0.0.1", "http 127.0.0.1:4730"),
            ("127.0.0.1", "http [::ffff:127.0.0.1]:4730"),
            ("127.0.0.1", "http :4730"),
            ("[::1]", "http [::1]:4730"),
            ("::", "http [::1]:4730"),
            ("", "http 127.0.0.1:4730"),
            ("localhost", "http localhost:4730"),
            ("localhost", "http 127.0.0.1:4730"),
            ("", "http localhost:4730"),
            ("unix:///run/x", "http unix:///run/x"),
            ("tls://127.0.0.1:7", "http 127.0.0.1:7"),
            ("tls://127.0.0.1", "tcp://127.0.0.1:4730"),
        ] {
            assert!(meet(one, another, 4730), "{one} {another}");
        }
        for (one, another) in [
            ("127.0.0.1", "http 127.0.0.1:4731"),
            ("127.0.0.1", "http 127.0.0.2:4730"),
            ("0.0.0.0", "http [::1]:4730"),
            ("unix:///run/x", "http unix:///run/y"),
            ("unix:///run/x", "http :4730"),
            ("localhost", "http [::1]:4730"),
        ] {
            assert!(!meet(one, another, 4730), "{one} {another}");
        }
        // Of free ports each is another, but for the one that is for all.
        assert!(!meet("", "http 127.0.0.1:0", 0) && !meet("tls://127.0.0.1:0", "tcp://127.0.0.1:0", 4730));
        assert!(meet("tls://127.0.0.1", "tcp://127.0.0.1", 0));
    }

    #[test]
    fn words_are_taken_apart() {
        let parse = |word: &str| ListenOn::parse(word).map(|l| (l.host, l.port, l.tls)).map_err(drop);
        let good = |host: &str, port, tls| Ok((host.to_owned(), port, tls));
        assert_eq!(parse("localhost"), good("localhost", None, None));
        assert_eq!(parse("unix:///run/x"), good("unix:///run/x", None, None));
        assert_eq!(parse("::1"), good("::1", None, None));
        assert_eq!(parse("tls://localhost"), good("localhost", None, Some(true)));
        assert_eq!(parse("tcp://10.0.0.1:4731"), good("10.0.0.1", Some(4731), Some(false)));
        assert_eq!(parse("tls://[::1]:0"), good("::1", Some(0), Some(true)));
        assert_eq!(parse("tls://[::]"), good("::", None, Some(true)));
        assert_eq!(parse("tls://::1"), good("::1", None, Some(true)));
        assert_eq!(parse("tls://:4731"), good("", Some(4731), Some(true)));
        for bad in [
            "",
            "tls://",
            "tls:///run/x",
            "tls://unix:///run/x",
            "tcp:///run/x",
            "tls://a:",
            "tls://a:x",
            "tls://a:65536",
            "tls://[::1]4730",
            "unix://",
            "unix:///run/",
        ] {
            assert_eq!(parse(bad), Err(()), "{bad}");
        }
    }
}
