//! Scripted servers that speak raw bytes, and the programs under test.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// Far beyond what anything here takes: a test that hangs fails instead.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A server on a free port that accepts one connection and plays `script` on it.
pub(crate) fn scripted_server<T: Send + 'static>(
    script: impl FnOnce(&mut ScriptedServer) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let thread = std::thread::spawn(move || {
        let mut came = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut came, PollTimeout::try_from(LONG).unwrap()), Ok(1), "nobody has connected");
        let stream = listener.accept().unwrap().0;
        stream.set_read_timeout(Some(LONG)).unwrap();
        script(&mut ScriptedServer { stream })
    });
    (port, thread)
}

/// A port that nobody listens on.
pub(crate) fn dead_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// The server's end of a connection.
pub(crate) struct ScriptedServer {
    pub(crate) stream: TcpStream,
}

impl ScriptedServer {
    /// Reads a packet and asserts that it is this one.
    pub(crate) fn receive(&mut self, command: u32, arguments: &[&[u8]]) {
        let packet = self.packet();
        let expected = request(command, arguments);
        assert!(packet == expected, "got {}\nfor {}", packet.escape_ascii(), expected.escape_ascii());
    }

    /// Reads a packet.
    pub(crate) fn packet(&mut self) -> Vec<u8> {
        let mut packet = vec![0; 12];
        self.stream.read_exact(&mut packet).unwrap();
        let size = u32::from_be_bytes(packet[8..12].try_into().unwrap()) as usize;
        packet.resize(12 + size, 0);
        self.stream.read_exact(&mut packet[12..]).unwrap();
        packet
    }

    pub(crate) fn send(&mut self, command: u32, arguments: &[&[u8]]) {
        self.raw(&frame(b"\0RES", command, arguments));
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Reads a text line.
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    /// What comes until the other side closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        rest
    }

    /// The greeting of a worker of these functions, up to its first request for a job. It asks once for direct
    /// assignment; that it gets no answer is a no.
    pub(crate) fn greet(&mut self, functions: &[&[u8]]) {
        for function in functions {
            self.receive(1, &[function]);
        }
        let mut packet = self.packet();
        if packet == request(26, &[b"all-yours"]) {
            packet = self.packet();
        }
        assert_eq!(packet.escape_ascii().to_string(), request(39, &[]).escape_ascii().to_string());
    }

    /// Gives a job: JOB_ASSIGN_UNIQ.
    pub(crate) fn assign(&mut self, function: &[u8], workload: &[u8]) {
        self.send(31, &[b"H:peer:1", function, b"key", workload]);
    }
}

pub(crate) fn request(command: u32, arguments: &[&[u8]]) -> Vec<u8> {
    frame(b"\0REQ", command, arguments)
}

fn frame(magic: &[u8], command: u32, arguments: &[&[u8]]) -> Vec<u8> {
    let body = arguments.join(&0);
    let mut packet = magic.to_vec();
    packet.extend(command.to_be_bytes());
    packet.extend((body.len() as u32).to_be_bytes());
    packet.extend(body);
    packet
}

pub(crate) fn program(name: &str, port: &str, arguments: &[&str]) -> Command {
    let path = match name {
        "gearman" => env!("CARGO_BIN_EXE_gearman"),
        _ => env!("CARGO_BIN_EXE_gearadmin"),
    };
    let mut command = Command::new(path);
    command.args(["-h", "127.0.0.1", "-p", port]).args(arguments);
    for variable in
        ["GEARMAN_SERVER", "GEARMAN_SERVERS", "GEARMAND_CA_CERTIFICATE", "GEARMAN_CLIENT_PEM", "GEARMAN_CLIENT_KEY"]
    {
        command.env_remove(variable);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn start(name: &str, port: &str, arguments: &[&str]) -> Child {
    program(name, port, arguments).spawn().unwrap()
}

/// How a program ended, with `input` on its standard input.
pub(crate) fn feed(name: &str, port: &str, arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = start(name, port, arguments);
    child.stdin.take().unwrap().write_all(input).unwrap();
    Ended::from(child.wait_with_output().unwrap())
}

pub(crate) fn run(name: &str, port: &str, arguments: &[&str]) -> Ended {
    feed(name, port, arguments, b"")
}

/// As [`run`], with variables set.
pub(crate) fn run_with(name: &str, port: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = program(name, port, arguments);
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    Ended::from(command.output().unwrap())
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        Ended {
            status: output.status.code(),
            out: output.stdout,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn expect(&self, status: i32, out: &str, err: &str) {
        let (stdout, status) = (String::from_utf8_lossy(&self.out), Some(status));
        assert_eq!((self.status, &*stdout, &*self.err), (status, out, err));
    }
}
