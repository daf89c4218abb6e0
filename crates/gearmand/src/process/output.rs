//! Lines of text to stderr and to files, of which some may not take them: a pipe or a terminal that nobody reads. A write
//! that waited would stop a thread that serves connections, so such a line waits for a moment and is then left out. How
//! many were is written when there is room again. No levels or times here.
//!
//! Each line is one write, unless it is longer than a pipe takes at once.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, Stderr, Write};
use std::os::fd::AsFd;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Milliseconds that a line waits for room. After one that was left out none waits, until there is room again.
const PATIENCE: u16 = 50;
/// A pipe that has room at all takes so much at once.
const WHOLE: usize = libc::PIPE_BUF;

static STDERR: LazyLock<Mutex<Output<Stderr>>> = LazyLock::new(|| Mutex::new(Output::new(io::stderr())));

/// Writes to stderr, in turn with all others who do.
pub(crate) fn to_stderr(line: &[u8]) -> io::Result<()> {
    STDERR.lock().unwrap_or_else(PoisonError::into_inner).line(line)
}

/// Something that lines are written to.
#[derive(Debug)]
pub(crate) struct Output<W> {
    to: W,
    /// It may have no room.
    may_wait: bool,
    /// So many lines were left out since the last one that was written.
    omitted: u64,
    /// The last line was written in part.
    torn: bool,
}

impl Output<File> {
    pub(crate) fn file(file: File) -> io::Result<Output<File>> {
        let may_wait = !file.metadata()?.is_file();
        Ok(Output { may_wait, ..Output::new(file) })
    }
}

impl<W: Write + AsFd> Output<W> {
    fn new(to: W) -> Output<W> {
        Output { to, may_wait: true, omitted: 0, torn: false }
    }

    /// Writes a line, or leaves it out.
    pub(crate) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if !self.may_wait {
            return self.to.write_all(line);
        }
        if self.omitted > 0 && !self.resume()? {
            self.omitted += 1;
            return Ok(());
        }
        for (i, piece) in line.chunks(WHOLE).enumerate() {
            if !self.has_room(PATIENCE)? {
                (self.omitted, self.torn) = (1, i > 0);
                return Ok(());
            }
            self.to.write_all(piece)?;
        }
        Ok(())
    }

    /// Whether there is room again: then it is written that there was none.
    fn resume(&mut self) -> io::Result<bool> {
        if !self.has_room(0)? {
            return Ok(false);
        }
        let end = if self.torn { "\n" } else { "" };
        let lines = if self.omitted == 1 { "line was" } else { "lines were" };
        let text = format!("{end}gearmand: {} {lines} left out here, as nobody read this\n", self.omitted);
        (self.omitted, self.torn) = (0, false);
        self.to.write_all(text.as_bytes())?;
        Ok(true)
    }

    fn has_room(&self, milliseconds: u16) -> io::Result<bool> {
        let mut descriptors = [PollFd::new(self.to.as_fd(), PollFlags::POLLOUT)];
        match poll(&mut descriptors, PollTimeout::from(milliseconds)) {
            // One that is in error has room: to write shows the error.
            Ok(n) => Ok(n > 0),
            Err(nix::errno::Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// A pipe that is full, and what it takes to read it empty.
    fn full() -> (Output<io::PipeWriter>, io::PipeReader, usize) {
        let (reader, writer) = io::pipe().unwrap();
        let mut output = Output::new(writer);
        let mut n = 0;
        while output.has_room(0).unwrap() {
            output.to.write_all(&[b'.'; WHOLE]).unwrap();
            n += WHOLE;
        }
        (output, reader, n)
    }

    #[test]
    fn lines_that_nobody_reads_are_left_out_and_counted() {
        let (mut output, mut reader, n) = full();
        for _ in 0..3 {
            output.line(b"lost\n").unwrap();
        }
        reader.read_exact(&mut vec![0; n]).unwrap();
        output.line(b"one\n").unwrap();
        output.line(b"two\n").unwrap();
        drop(output);
        let text = io::read_to_string(reader).unwrap();
        assert_eq!(text, "gearmand: 3 lines were left out here, as nobody read this\none\ntwo\n");
    }

    #[test]
    fn a_long_line_is_torn_where_there_is_no_room_for_its_rest() {
        let (mut output, mut reader, n) = full();
        reader.read_exact(&mut [0; WHOLE]).unwrap();
        output.line(&[b'x'; 3 * WHOLE]).unwrap();
        reader.read_exact(&mut vec![0; n]).unwrap();
        output.line(b"one\n").unwrap();
        drop(output);
        let text = io::read_to_string(reader).unwrap();
        assert_eq!(text, "\ngearmand: 1 line was left out here, as nobody read this\none\n");
    }

    #[test]
    fn nobody_can_read_it_any_more() {
        let (mut output, reader, _) = full();
        drop(reader);
        assert_eq!(output.line(b"lost\n").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
