//! What openssl's client can ask for and must not get. Without the openssl command there is nothing to see here.

use crate::process::{Running, gearmand};
use crate::tls::Files;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

/// `openssl s_client` at a server, and what it prints.
struct Client {
    child: Child,
    input: ChildStdin,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Client {
    fn start(server: &Running, options: &[&str]) -> Client {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &format!("127.0.0.1:{}", server.port)]).args(options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let all: [Box<dyn BufRead + Send>; 2] = [Box::new(BufReader::new(out)), Box::new(BufReader::new(err))];
        for output in all {
            let sender = sender.clone();
            std::thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| _ = sender.send(line)));
        }
        Client { input: child.stdin.take().unwrap(), child, lines }
    }

    fn send(&mut self, line: &str) {
        // A client that was refused may have gone.
        let _ = self.input.write_all(line.as_bytes());
    }

    /// All lines up to one with this text.
    fn until(&self, part: &str) -> Vec<String> {
        let mut seen: Vec<String> = Vec::new();
        while !seen.last().is_some_and(|line| line.contains(part)) {
            seen.push(self.lines.recv_timeout(crate::util::LONG).unwrap_or_else(|_| panic!("no {part}: {seen:?}")));
        }
        seen
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(name: &str) -> Option<(Files, Running)> {
    Command::new("openssl").arg("version").output().ok()?;
    let files = Files::new(name);
    let (certificate, key) = (files.folder.file("server.pem"), files.folder.file("server.key"));
    let options = ["--ssl", "--ssl-certificate", &certificate, "--ssl-key", &key];
    let mut server = Running::begin(gearmand(), &options, &files.folder);
    server.port = server.line_with("listening on ").rsplit(':').next().unwrap().trim().parse().unwrap();
    Some((files, server))
}

#[test]
fn no_new_handshake_in_a_session() {
    let Some((_files, server)) = start("tls-renegotiation") else { return };
    let mut client = Client::start(&server, &["-tls1_2"]);
    client.send("version\n");
    client.until("OK ");
    client.send("R\n");
    client.until("no renegotiation");
    // Others are not concerned.
    let mut other = Client::start(&server, &["-tls1_2"]);
    other.send("version\n");
    other.until("OK ");
}

/// Bytes before the handshake is over could be sent again by anybody who has seen them.
#[test]
fn no_bytes_before_the_end_of_the_handshake() {
    let Some((files, server)) = start("tls-early") else { return };
    let (session, early) = (files.folder.file("session"), files.write("early", "version\n"));
    let mut client = Client::start(&server, &["-tls1_3", "-sess_out", &session]);
    client.send("version\n");
    let seen = client.until("OK ");
    assert!(!seen.iter().any(|line| line.contains("Max Early Data") && !line.ends_with(": 0")), "{seen:?}");
    client.send("Q\n");
    client.child.wait().unwrap();
    let mut client = Client::start(&server, &["-tls1_3", "-sess_in", &session, "-early_data", &early]);
    client.until("Early data was not sent");
    client.send("version\n");
    client.until("OK ");
}
