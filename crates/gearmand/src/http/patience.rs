//! A stream whose peer may not take for ever to read what is written to it.
//!
//! Owns the time. Must never know what is written.
//!
//! Invariant: what waits to be written waits for so long at most, beyond what its length asks for; where nothing waits, no
//! time runs.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Bytes a second that a peer takes at least, in the long run, of what it is sent and of what it sends.
pub(crate) const SLOWEST: u32 = 16 * 1024;

/// How much longer it may take with so many bytes more.
pub(crate) fn time_for(bytes: usize) -> Duration {
    Duration::from_secs(1) * u32::try_from(bytes).unwrap_or(u32::MAX) / SLOWEST
}

/// See the module.
pub(crate) struct Patient<S> {
    stream: S,
    /// How long the peer may take nothing.
    patience: Duration,
    /// Until when it has to read on, while something waits.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> Patient<S> {
        Patient { stream, patience, deadline: None }
    }

    /// Of `wanted` bytes, something was written, or was not.
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        wanted: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(n)) if *n < wanted => {
                if let Some(deadline) = &mut self.deadline {
                    let later = deadline.deadline() + time_for(*n);
                    deadline.as_mut().reset(later.min(Instant::now() + self.patience));
                }
            }
            Poll::Ready(_) => self.deadline = None,
            Poll::Pending => {
                let patience = self.patience;
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
                if deadline.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "it does not read its answer")));
                }
            }
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, bytes.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = pieces.iter().map(|piece| piece.len()).sum();
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.wrote(cx, wanted, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// An encrypted stream has bytes of its own that wait.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.wrote(cx, 0, flushed.map_ok(|()| 0)).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.wrote(cx, 0, closed.map_ok(|()| 0)).map_ok(|_| ())
    }
}
