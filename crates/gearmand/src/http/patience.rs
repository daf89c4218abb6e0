//! A stream whose peer may not take for ever to read what is written to it.
//!
//! Owns the time. Must never know what is written.
//!
//! Invariant: what waits to be written waits for so long at most, beyond what its length asks for, however many writes it is
//! written by; where nothing waits, no time runs.

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
    /// How much of that is left: waiting takes it away, and what is read gives it back.
    left: Duration,
    /// Until when it has to read on, while something waits.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> Patient<S> {
        Patient { stream, patience, left: patience, deadline: None }
    }

    /// So many bytes were written, or none yet.
    fn wrote(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(n)) => {
                if let Some(deadline) = self.deadline.take() {
                    self.left = deadline.deadline().saturating_duration_since(Instant::now());
                }
                self.left = self.patience.min(self.left + time_for(*n));
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                let left = self.left;
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
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
        self.wrote(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.wrote(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// An encrypted stream has bytes of its own that wait.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.wrote(cx, flushed.map_ok(|()| 0)).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.wrote(cx, closed.map_ok(|()| 0)).map_ok(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const PATIENCE: Duration = Duration::from_secs(30);
    const FRAME: usize = 48 * 1024;

    /// What is written, by frames, and who is to read it.
    fn patient() -> (Patient<DuplexStream>, DuplexStream) {
        let (stream, reader) = duplex(1024);
        (Patient::new(stream, PATIENCE), reader)
    }

    /// Writes so many frames to somebody who reads so many bytes a second, and how long that took.
    async fn send(frames: usize, pace: usize) -> (io::Result<()>, Duration) {
        let (mut patient, mut reader) = patient();
        let begin = Instant::now();
        let reading = async {
            let mut bytes = vec![0; pace];
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                reader.read_exact(&mut bytes).await.unwrap();
            }
        };
        let writing = async {
            for _ in 0..frames {
                patient.write_all(&[0; FRAME]).await?;
            }
            Ok(())
        };
        tokio::select! { sent = writing => (sent, begin.elapsed()), () = reading => unreachable!("it reads for ever") }
    }

    /// Each frame that was taken whole gave 30 seconds anew: an answer could be read at a tenth of the pace.
    #[tokio::test(start_paused = true)]
    async fn a_frame_that_is_taken_gives_the_time_for_that_frame() {
        let (sent, took) = send(100, 2 * 1024).await;
        assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!((30..40).contains(&took.as_secs()), "{took:?}");
        // Who is as fast as it has to be may take all the time that this needs.
        let (sent, took) = send(100, SLOWEST as usize).await;
        assert!(sent.is_ok() && took.as_secs() > 290, "{sent:?} {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn while_nothing_waits_no_time_runs() {
        let (mut patient, mut reader) = patient();
        let mut bytes = vec![0; 2048];
        for _ in 0..3 {
            let reading = async {
                tokio::time::sleep(Duration::from_secs(9)).await;
                reader.read_exact(&mut bytes).await.unwrap();
            };
            let (written, ()) = tokio::join!(patient.write_all(&[0; 2048]), reading);
            written.unwrap();
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        // It was waited for 27 seconds, and nearly none of these were for what was read.
        let begin = Instant::now();
        assert_eq!(patient.write_all(&[0; 2048]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!((3..5).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    }
}
