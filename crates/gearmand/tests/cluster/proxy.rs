//! What is between one server and the database, and can be cut, or stand still.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex};

/// What becomes of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Open,
    /// Connections end, and new ones too.
    Cut,
    /// Connections stay, and nothing gets through.
    Stalled,
    /// What is asked arrives; the connection ends before its answer does. Then it is as if it were open.
    CutAnswers,
}

/// Takes connections by TCP, and hands them on to the database's socket.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    mode: Mode,
    connections: Vec<(TcpStream, UnixStream)>,
}

impl Proxy {
    /// The listener ends with the process.
    pub(crate) fn start(socket: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Mutex::new(State { mode: Mode::Open, connections: Vec::new() });
        let shared = Arc::new(Shared { state, changed: Condvar::new() });
        let held = Arc::downgrade(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Some(shared), Ok(client)) = (held.upgrade(), client) else { return };
                // A database that is away refuses, and so does this.
                let Ok(database) = UnixStream::connect(&socket) else { continue };
                shared.connect(client, database);
            }
        });
        Proxy { port, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@{}/postgres?sslmode=disable", self.address())
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn set(&self, mode: Mode) {
        let mut state = self.shared.state.lock().unwrap();
        state.mode = mode;
        if mode == Mode::Cut {
            state.cut();
        }
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Mode::Cut);
    }
}

impl State {
    fn cut(&mut self) {
        for (client, database) in self.connections.drain(..) {
            // They may have ended by themselves.
            let _ = client.shutdown(Shutdown::Both);
            let _ = database.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn connect(self: Arc<Shared>, client: TcpStream, database: UnixStream) {
        let mut state = self.state.lock().unwrap();
        if state.mode == Mode::Cut {
            return;
        }
        client.set_nodelay(true).unwrap();
        let clones = (client.try_clone().unwrap(), database.try_clone().unwrap());
        state.connections.push((client.try_clone().unwrap(), database.try_clone().unwrap()));
        drop(state);
        let shared = self.clone();
        std::thread::spawn(move || shared.pump(clones.0, clones.1, false));
        std::thread::spawn(move || self.pump(database, client, true));
    }

    fn pump<F: Read + End, T: Write + End>(&self, mut from: F, mut to: T, answers: bool) {
        let mut buffer = [0; 16 << 10];
        loop {
            // An error is an end, too.
            let n = from.read(&mut buffer).unwrap_or(0);
            if n == 0 || !self.may_pass(answers) || to.write_all(&buffer[..n]).is_err() {
                from.end();
                to.end();
                return;
            }
        }
    }

    /// Waits while nothing may. False: never.
    fn may_pass(&self, answers: bool) -> bool {
        let mut state = self.state.lock().unwrap();
        loop {
            match state.mode {
                Mode::Open => return true,
                Mode::Cut => return false,
                Mode::CutAnswers if !answers => return true,
                Mode::CutAnswers => {
                    state.mode = Mode::Open;
                    state.cut();
                    return false;
                }
                Mode::Stalled => state = self.changed.wait(state).unwrap(),
            }
        }
    }
}

trait End {
    fn end(&self);
}

impl End for TcpStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl End for UnixStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}
