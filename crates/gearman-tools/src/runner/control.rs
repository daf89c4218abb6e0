//! The socket by which `gearman-runner status` and its like ask a runner: a line in, an answer out, and the end. The answer
//! begins with `OK` or `ERR` in a line of its own.
//!
//! Owns the socket's file. Must never know what is done. Invariant: the file is its owner's alone, and another runner's
//! is left alone.

use crate::runner::orders::{Order, Orders};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Connections at once.
const MOST: usize = 16;
/// Longest line.
const LINE: u64 = 1024;
/// Longest wait for a line, and for the answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The socket. Its file goes with it.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    _file: File,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    /// Device and number, which tell it from another of this name.
    identity: (u64, u64),
}

impl File {
    fn of(path: &Path) -> io::Result<File> {
        Ok(File { path: path.into(), identity: identity(path)? })
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            // It may be gone, or its folder.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = std::fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

impl Control {
    /// Opens the socket. A file that a runner has left behind is replaced.
    ///
    /// # Errors
    /// The system's; and where another runner listens.
    pub fn open(path: &Path) -> io::Result<Control> {
        if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
            match StdStream::connect(path) {
                Ok(_) => return Err(io::Error::other("another runner listens there")),
                // Nobody listens. Whatever else is wrong, it may be somebody's.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
                Err(error) => return Err(error),
            }
        }
        let listener = UnixListener::bind(path)?;
        let file = File::of(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Control { listener, _file: file })
    }

    /// Answers for ever.
    pub async fn serve(self, orders: Orders) {
        let places = Arc::new(Semaphore::new(MOST));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let orders = orders.clone();
                    tokio::spawn(async move {
                        // Who does not wait for the answer does not want it.
                        let _ = timeout(PATIENCE, connection(stream, orders)).await;
                        drop(place);
                    });
                }
                // There may be no descriptor left for it; others become free.
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }
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
        _ => Err(io::Error::other("its answer is not understood")),
    }
}
