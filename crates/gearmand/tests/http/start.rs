//! The program, as far as HTTP goes: where it may be spoken, and its file of tokens.

use crate::process::{Folder, Running, gearmand, stderr};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

const TOKENS: &str = "[[token]]\nname = 'ops'\ntoken = 'a-token-of-the-ops'\nobserve = true\nadmin = true\n";

fn write(folder: &Folder, text: &str, mode: u32) -> String {
    let file = folder.file("tokens.toml");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    file
}

/// Whether it may start so, and what is said.
fn check(arguments: &[&str]) -> (bool, String) {
    let output = gearmand().args(["--check-args", "-L", "127.0.0.1"]).args(arguments).output().unwrap();
    (output.status.success(), stderr(&output))
}

#[test]
fn without_tokens_http_is_for_this_host() {
    for good in ["127.0.0.1:0", "[::1]:8080", "localhost:8080", "http://127.0.0.1:80", "unix:///nowhere/http"] {
        assert_eq!(check(&["--http-listen", good]), (true, String::new()), "{good}");
    }
    assert_eq!(check(&["--http-port", "8080"]), (true, String::new()));
    for (bad, address) in
        [(":8080", "0.0.0.0"), ("0.0.0.0:8080", "0.0.0.0"), ("[::]:8080", "::"), ("10.1.2.3:1", "10.1.2.3")]
    {
        let (well, text) = check(&["--http-listen", "127.0.0.1:0", "--http-listen", bad]);
        let expected = format!(
            "gearmand: {bad}: {address} is reached from other hosts, and everybody could do everything: name a loopback address or \
             unix:///PATH, or tokens by --http-token-file\n"
        );
        assert_eq!((well, text), (false, expected));
        let output =
            gearmand().args(["-p", "0", "-L", "127.0.0.1", "-l", "none", "-P", "", "--http-listen", bad]).output();
        let output = output.unwrap();
        assert!(!output.status.success() && stderr(&output).contains("is reached from other hosts"));
    }
}

/// HTTP had the port, and the server waited for that: for twenty seconds, and under systemd again and again.
#[test]
fn http_at_the_port_of_clients_and_workers_is_an_error() {
    let reason = "HTTP wants a place of its own";
    for (option, value) in
        [("--http-listen", "127.0.0.1:4730"), ("--http-listen", "http://:4730"), ("--http-port", "4730")]
    {
        let expected = format!("gearmand: {option} {value}: clients and workers connect there (127.0.0.1): {reason}\n");
        assert_eq!(check(&[option, value]), (false, expected));
        let other_port = check(&["-p", "4731", option, value]);
        assert!(!other_port.1.contains(reason), "{value}: {}", other_port.1);
    }
    let output = gearmand().args(["-l", "none", "-P", "", "--http-listen", "127.0.0.1:4730"]).output().unwrap();
    assert!(!output.status.success() && stderr(&output).contains(reason), "{}", stderr(&output));
    let taken = ["-L", "unix:///nowhere/socket", "--http-listen", "unix:///nowhere/socket"];
    assert!(check(&taken).1.ends_with(&format!("(unix:///nowhere/socket): {reason}\n")));
    assert!(check(&["-p", "0", "--http-listen", "127.0.0.1:0"]).0);
}

/// C's server speaks HTTP at 8080 for this word alone. Here it was remarked as if HTTP were spoken all the time.
#[test]
fn who_asks_for_http_as_in_c_is_told_the_option() {
    let wanted = "gearmand: --protocol http without --http-port 8080 is without effect\n";
    for given in [&["-r", "http"][..], &["--protocol=http"]] {
        assert_eq!(check(given), (true, wanted.into()));
    }
    assert_eq!(check(&["-r", "http", "--http-port", "8080"]), (true, String::new()));
    assert_eq!(check(&["-r", "gear"]), (true, "gearmand: --protocol is without effect\n".into()));
}

#[test]
fn what_is_to_be_thought_of_with_tokens_is_remarked() {
    let folder = Folder::new("http-remarks");
    let secret = write(&folder, TOKENS, 0o600);
    let with = |more: &[&str]| check(&[&["--http-token-file", &secret], more].concat());
    assert_eq!(with(&["--http-listen", "127.0.0.1:0"]), (true, String::new()));
    let (well, text) = with(&["--http-listen", "0.0.0.0:8080"]);
    assert!(well && text.contains("0.0.0.0:8080: tokens go to 0.0.0.0 unencrypted: use https://"), "{text}");
    let (well, text) = with(&[]);
    assert_eq!((well, text.as_str()), (true, "gearmand: --http-token-file without --http-listen is without effect\n"));
    let open = write(&folder, TOKENS, 0o644);
    let (well, text) = check(&["--http-token-file", &open, "--http-listen", "127.0.0.1:0"]);
    assert!(well && text.contains("tokens.toml: everybody on this host can read its tokens: chmod o-r"), "{text}");
    // One with digests alone may be read.
    let digest = TOKENS.replace("token = 'a-token-of-the-ops'", &format!("sha256 = '{}'", "0".repeat(64)));
    let file = write(&folder, &digest, 0o644);
    assert_eq!(check(&["--http-token-file", &file, "--http-listen", "127.0.0.1:0"]), (true, String::new()));
    let file = write(&folder, "[[token]]\nname = 'ops'\ntoken = 'tooshort'\n", 0o600);
    let (well, text) = check(&["--http-token-file", &file, "--http-listen", "127.0.0.1:0"]);
    assert!(!well && text.contains("tokens.toml:3:9: a token is a text of 16"), "{text}");
    let (well, text) = check(&["--http-listen", "https://127.0.0.1:0"]);
    assert!(!well && text.contains("--http-listen https://127.0.0.1:0: which certificate?"), "{text}");
}

fn ask(port: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(port).unwrap();
    let head = "GET /api/v1/whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    stream.write_all(format!("{head}Authorization: Bearer {token}\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split("\r\n\r\n").nth(1).unwrap().to_owned()
}

#[test]
fn sighup_reads_the_tokens_anew() {
    let folder = Folder::new("http-tokens");
    let file = write(&folder, TOKENS, 0o600);
    let mut server = Running::start(&["--http-listen", "127.0.0.1:0", "--http-token-file", &file], &folder);
    let line = server.line_with("HTTP at ");
    let port = line.trim().rsplit_once("http://").unwrap().1.to_owned();
    assert!(ask(&port, "a-token-of-the-ops").contains("\"ops\""));
    let secret = "an-attempt-that-is-wrong";
    for _ in 0..3 {
        assert!(ask(&port, secret).contains("there is no such token"));
    }
    let line = server.line_with("a wrong token");
    assert!(line.contains("WARNING") && line.contains("HTTP: a wrong token from 127.0.0.1:"), "{line}");
    write(&folder, "[[token]]\nname = 'ops'\n", 0o600);
    server.signal(Signal::SIGHUP);
    let line = server.line_with("tokens.toml");
    assert!(
        line.contains("ERROR") && line.ends_with("neither token nor sha256; the rules stay as they were\n"),
        "{line}"
    );
    assert!(ask(&port, "a-token-of-the-ops").contains("\"ops\""));
    write(&folder, &TOKENS.replace("-the-", "-new-"), 0o604);
    server.signal(Signal::SIGHUP);
    let line = server.line_with("tokens.toml anew");
    assert!(line.contains("NOTICE") && line.ends_with("anew: 1 tokens\n"), "{line}");
    server.line_with("everybody on this host can read its tokens");
    assert!(ask(&port, "a-token-of-the-ops").contains("there is no such token"));
    assert!(ask(&port, "a-token-of-new-ops").contains("\"ops\""));
    server.stop();
    let log = [server.rest(), std::mem::take(&mut server.seen)].concat().concat();
    assert!(!log.contains(secret) && !log.contains("a-token-of"), "{log}");
}

/// The tokens that its remarks name are those whose digests it has.
#[test]
fn the_example_of_a_file_of_tokens_is_right() {
    let example = include_str!("../../../../contrib/http-tokens.toml");
    let folder = Folder::new("http-example");
    let file = write(&folder, example, 0o644);
    let mut server = Running::start(&["--http-listen", "127.0.0.1:0", "--http-token-file", &file], &folder);
    let line = server.line_with("HTTP at ");
    let port = line.trim().rsplit_once("http://").unwrap().1.to_owned();
    let named: Vec<&str> =
        example.lines().filter_map(|line| line.split("The token is \"").nth(1)?.split('"').next()).collect();
    let who: Vec<String> = named.iter().map(|token| ask(&port, token)).collect();
    assert!(named.len() == 3 && who.iter().all(|who| who.contains("\"login\":true")), "{who:?}");
    server.stop();
}
