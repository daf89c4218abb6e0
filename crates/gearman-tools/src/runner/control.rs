//! The socket by which `gearman-runner status` and its like ask a runner: a line in, an answer out, and the end. The answer
//! begins with `OK` or `ERR` in a line of its own.
//!
//! Owns the socket's file. Must never know what is done. Invariants: the file is its owner's alone, and another runner's
//! is left alone; who has asked before the end is answered.

use crate::runner::orders::{Order, Orders};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Connections at once.
const MOST: usize = 16;
/// Longest line.
const LINE: u64 = 1024;
/// Longest wait for a line, and for the answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest wait for another runner that opens its socket, and at the end for those who are slow to read an answer.
const SHORT: Duration = Duration::from_secs(1);

/// Where a socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    /// Device and number, which tell it from another of this name.
    identity: (u64, u64),
}

impl Place {
    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// It has not been deleted, nor is another one in its place.
    pub fn is_there(&self) -> bool {
        identity(&self.path).is_ok_and(|found| found == self.identity)
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = std::fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// The file, which goes with this.
#[derive(Debug)]
struct File(Place);

impl Drop for File {
    fn drop(&mut self) {
        if self.0.is_there() {
            // It may be gone, or its folder.
            let _ = std::fs::remove_file(&self.0.path);
        }
    }
}

/// A socket at which nobody answers yet. Its file goes with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    file: File,
}

impl Socket {
    /// Opens it. A file that a runner has left behind is replaced. It may take time. Must be called in a tokio
    /// runtime, or by a thread of one.
    ///
    /// # Errors
    /// In words: the system's; and where another runner listens.
    pub fn open(path: &Path) -> Result<Socket, String> {
        Socket::bind(path).map_err(|e| format!("cannot open the socket {}: {e}", path.display()))
    }

    fn bind(path: &Path) -> io::Result<Socket> {
        let _lock = path.parent().and_then(lock);
        if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
            match StdStream::connect(path) {
                Ok(_) => return Err(io::Error::other("another runner listens there")),
                // Nobody listens. Whatever else is wrong, it may be somebody's.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
                Err(error) => return Err(error),
            }
        }
        let listener = UnixListener::bind(path)?;
        let file = File(Place { path: path.into(), identity: identity(path)? });
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Socket { listener, file })
    }
}

/// Of two runners that find the same file left behind, one at a time looks at it and replaces it. `None`: the folder cannot be
/// locked, or who has locked it is no runner, which has it for a moment.
fn lock(folder: &Path) -> Option<Flock<std::fs::File>> {
    let deadline = Instant::now() + SHORT;
    let mut folder = std::fs::File::open(folder).ok()?;
    loop {
        match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Some(lock),
            Err((same, Errno::EWOULDBLOCK | Errno::EINTR)) if Instant::now() < deadline => folder = same,
            Err(_) => return None,
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A socket at which is answered, until this is gone.
#[derive(Debug)]
pub struct Control {
    file: File,
    open: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Control {
    /// Answers from now on. Must be called in a tokio runtime.
    pub fn serve(Socket { listener, file }: Socket, orders: Orders) -> Control {
        let (open, closed) = oneshot::channel();
        Control { file, open, task: tokio::spawn(serve(listener, orders, closed)) }
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.file.0
    }

    /// Ends, once all who have asked have their answers.
    pub async fn close(self) {
        let Control { file, open, task } = self;
        drop((file, open));
        // Who does not take an answer does not want it.
        let _ = timeout(SHORT, task).await;
    }
}

async fn serve(listener: UnixListener, orders: Orders, mut closed: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MOST => match accepted {
                // Who does not wait for the answer does not want it.
                Ok((stream, _)) => _ = connections.spawn(timeout(PATIENCE, connection(stream, orders.clone()))),
                // There may be no descriptor left for it; others become free.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
            Some(_) = connections.join_next() => {}
            _ = &mut closed => break,
        }
    }
    drop((listener, orders));
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: UnixStream, orders: Orders) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader.take(LINE)).read_line(&mut line).await?;
    let gone = || Err("the runner ends".to_owned());
    let answer = match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        ["status"] => orders.ask(Order::Status).await.map_or_else(gone, |status| Ok(status.text())),
        ["status", "json"] => match orders.ask(Order::Status).await {
            Some(status) => serde_json::to_string(&status).map_err(|e| e.to_string()),
            None => gone(),
        },
        ["reload"] => orders.ask(Order::Reload).await.unwrap_or_else(gone),
        ["restart", group] => orders.ask(|answer| Order::Restart(group.into(), answer)).await.unwrap_or_else(gone),
        ["stop"] => orders.ask(Order::Stop).await.unwrap_or_else(gone),
        _ => Err("the commands are status, status json, reload, restart GROUP and stop".into()),
    };
    let text = match &answer {
        Ok(text) => format!("OK\n{}\n", text.trim_end()),
        Err(reason) => format!("ERR\n{}\n", reason.trim_end()),
    };
    writer.write_all(text.as_bytes()).await?;
    writer.shutdown().await
}

/// Asks a runner; what it answers, or why it refuses.
///
/// # Errors
/// The system's, where there is no runner.
pub fn ask(path: &Path, line: &str) -> io::Result<Result<String, String>> {
    let mut stream = StdStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once('\n') {
        Some(("OK", text)) => Ok(Ok(text.into())),
        Some(("ERR", reason)) => Ok(Err(reason.trim_end().into())),
        None if answer.is_empty() => Err(io::Error::other("it has not answered")),
        _ => Err(io::Error::other("its answer is not understood")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    /// Runners that were started together found the same file left behind: each removed it, the later one that of a runner which
    /// listened already, and both were at work.
    #[test]
    fn one_of_many_that_are_started_together() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let folder = std::env::temp_dir().join(format!("gearman-runner-control-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("socket");
        for _ in 0..100 {
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            let together = Barrier::new(8);
            let open = || {
                let _runtime = runtime.enter();
                together.wait();
                Socket::open(&path)
            };
            let opened: Vec<_> = std::thread::scope(|threads| {
                let all: Vec<_> = (0..8).map(|_| threads.spawn(open)).collect();
                all.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let refused: Vec<_> = opened.iter().filter_map(|socket| socket.as_ref().err()).collect();
            assert_eq!(refused.len(), 7, "{refused:?}");
            assert!(refused.iter().all(|reason| reason.ends_with(": another runner listens there")), "{refused:?}");
        }
        std::fs::remove_dir(&folder).unwrap();
    }
}
