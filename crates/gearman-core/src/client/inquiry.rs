//! Questions and orders about one job that only text commands can carry: cancel it, tell all of it, give its result. They are
//! put to one server after another, each over a connection of its own, until one knows the job.
//!
//! Owns the question, who is left to be asked, the connection to who is being asked, and the first failure. Must never know
//! tasks. Invariant: a server is sent the line once, so that nothing is cancelled twice.
//!
//! A handle is no address: servers on one host give the same ones. Where a client has got it from one of its servers, that one
//! alone is asked, see `search`.

use crate::client::{Client, HANGS};
use crate::error::{Error, Result};
use crate::net::address::ServerAddress;
use crate::net::tls::TlsChoice;
use crate::protocol::admin::unspeakable;
use crate::protocol::answer::{Refusal, fields};
use crate::protocol::codec::Sink;
use crate::protocol::names::{check_function, check_unique};
use crate::server_connection::{ServerConnection, Settings, drive};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use std::collections::VecDeque;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// The answer of a server that does not know the job.
const UNKNOWN_JOB: &[u8] = b"UNKNOWN_JOB";

/// A text command about one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its words, for messages.
    name: &'static str,
    line: Vec<u8>,
    /// The job's handle, where that is what names it.
    pub(super) handle: Option<Bytes>,
    /// The answer is a list.
    listing: bool,
}

impl Question {
    /// Cancels a job, queued or running.
    ///
    /// # Errors
    /// [`Error::Argument`], here and below, for what no text command can name.
    pub fn cancel_job(handle: &[u8]) -> Result<Question> {
        Question::by_handle("cancel job", handle, false)
    }

    /// Cancels the job of a function that has this key.
    ///
    /// # Errors
    /// As above.
    pub fn cancel_unique(function: &[u8], unique: &[u8]) -> Result<Question> {
        check_function(function)?;
        check_unique(unique)?;
        if unspeakable(function).or(unspeakable(unique)).is_some() {
            return Err(Error::Argument(
                "a job is cancelled by a key that is not empty, and neither its key nor its function holds blanks",
            ));
        }
        let line = [b"cancel unique ", function, b" ", unique, b"\r\n"].concat();
        Ok(Question { name: "cancel unique", line, handle: None, listing: false })
    }

    /// All that is known of a job: [`fields`].
    ///
    /// # Errors
    /// As above.
    pub fn job(handle: &[u8]) -> Result<Question> {
        Question::by_handle("job", handle, true)
    }

    /// The result that is kept of a job: [`Outcome`].
    ///
    /// # Errors
    /// As above.
    pub fn result(handle: &[u8]) -> Result<Question> {
        Question::by_handle("result", handle, true)
    }

    fn by_handle(name: &'static str, handle: &[u8], listing: bool) -> Result<Question> {
        if unspeakable(handle).is_some() {
            return Err(Error::Argument("a job handle is not empty and holds neither blanks nor NUL bytes"));
        }
        let line = [name.as_bytes(), b" ", handle, b"\r\n"].concat();
        Ok(Question { name, line, handle: Some(Bytes::copy_from_slice(handle)), listing })
    }
}

/// What became of a job, as the answer to [`Question::result`] tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its result.
    Done(Bytes),
    /// Why it failed; may be empty.
    Failed(String),
    /// It has not ended: its state.
    Unfinished(String),
}

impl Outcome {
    /// Reads the answer.
    ///
    /// # Errors
    /// [`Error::Protocol`] for what is none.
    pub fn read(answer: &[u8]) -> Result<Outcome> {
        let (mut state, mut data, mut reason) = (None, None, None);
        for field in fields(answer) {
            match field? {
                ("state", value) => state = Some(text(&value)),
                ("data", value) => data = Some(value),
                ("reason", value) => reason = Some(text(&value)),
                _ => {}
            }
        }
        let state = state.ok_or_else(|| Error::protocol("the result of a job without its state"))?;
        match state.as_str() {
            "done" => {
                let result = BASE64_STANDARD.decode(data.unwrap_or_default());
                let result = result.map_err(|_| Error::protocol("the result of a job that is no base64"))?;
                Ok(Outcome::Done(result.into()))
            }
            "failed" | "dead" => Ok(Outcome::Failed(reason.unwrap_or_default())),
            _ => Ok(Outcome::Unfinished(state)),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server, and how TLS is spoken with it.
pub(super) type Target = (ServerAddress, TlsChoice);

/// A question, and how far it has got.
#[derive(Debug)]
pub(super) struct Inquiry {
    question: Question,
    /// Who is to be asked after the present one.
    left: VecDeque<Target>,
    present: Option<Asking>,
    failed: Option<Error>,
    begun: Instant,
}

/// A server that is being asked.
#[derive(Debug)]
struct Asking {
    server: ServerConnection,
    sent: bool,
    /// When its turn came.
    since: Instant,
    /// So much of what came holds no end of the answer.
    seen: usize,
}

impl Inquiry {
    /// Nobody was asked yet.
    pub(super) fn new(question: Question, targets: impl IntoIterator<Item = Target>) -> Inquiry {
        Inquiry { question, left: targets.into_iter().collect(), present: None, failed: None, begun: Instant::now() }
    }

    /// When to look at it though its socket is not ready.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.present.as_ref().and_then(|asking| asking.server.connect_deadline())
    }

    /// Whom a wait is for, for its timeout.
    pub(super) fn server(&self) -> &str {
        self.present.as_ref().map_or("the servers", |asking| asking.server.name())
    }

    /// Where all of it took so long, the server that most of that time was spent with.
    pub(super) fn hangs(&self, long: Duration) -> Option<&ServerAddress> {
        let all = self.begun.elapsed();
        let most = self.present.as_ref().filter(|asking| all >= long && asking.since.elapsed() >= all / 2);
        most.map(|asking| asking.server.address())
    }

    /// The answer of the first server that knows the job; `None`: all have answered, and none does.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, settings: &Settings) -> Poll<Result<Option<Bytes>>> {
        loop {
            if self.present.is_none() {
                let Some((address, tls)) = self.left.pop_front() else {
                    return Poll::Ready(self.failed.take().map_or(Ok(None), Err));
                };
                let server = ServerConnection::new(address, Vec::new(), &tls);
                self.present = Some(Asking { server, sent: false, since: Instant::now(), seen: 0 });
            }
            let Some(asking) = &mut self.present else { continue };
            let answer = ready!(asking.poll(cx, &self.question, settings));
            let name = asking.server.name();
            match answer.and_then(|answer| accepted(answer, name, self.question.name)) {
                Ok(Some(answer)) => return Poll::Ready(Ok(Some(answer))),
                Ok(None) => {}
                Err(error) => _ = self.failed.get_or_insert(error),
            }
            self.present = None;
        }
    }
}

impl Asking {
    fn poll(&mut self, cx: &mut Context<'_>, question: &Question, settings: &Settings) -> Poll<Result<Bytes>> {
        if self.sent && !self.server.is_up() {
            return Poll::Ready(Err(Error::lost(self.server.name(), "the connection has ended")));
        }
        ready!(self.server.poll_up(cx, settings))?;
        let Some(connection) = self.server.up() else { return Poll::Pending };
        if !std::mem::replace(&mut self.sent, true) {
            connection.write_buffer().put(&question.line);
        }
        // Read also after a failed write: the server may have said why before it closed.
        let written = connection.poll_flush(cx);
        match (connection.poll_answer(cx, question.listing, &mut self.seen), written) {
            (Poll::Ready(Ok(answer)), _) => Poll::Ready(Ok(answer)),
            (_, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            (answer, _) => answer,
        }
    }
}

impl Client {
    /// A text command about one job, to be put to the server that gave its handle, if that is remembered; else to all, one
    /// after another, until one knows the job. Its answer is to be waited for by [`Client::answer_to`].
    ///
    /// # Errors
    /// [`Error::NoServers`].
    pub fn inquire(&mut self, question: Question) -> Result<usize> {
        if self.servers.is_empty() {
            return Err(Error::NoServers);
        }
        let mut order = question.handle.as_ref().map_or_else(Vec::new, |handle| self.origins.of(handle));
        if order.is_empty() {
            order.extend(0..self.servers.len());
            order.sort_by_key(|i| self.servers[*i].connection.is_passed_over());
        }
        let servers = order.into_iter().filter_map(|i| self.servers.get(i)).map(|server| &server.connection);
        let targets = servers.map(|connection| (connection.address().clone(), self.tls.clone()));
        Ok(self.inquiries.insert(Inquiry::new(question, targets)))
    }

    /// Waits for the answer to [`Client::inquire`]; `None`: no server knows the job. Can be dropped and called again.
    ///
    /// # Errors
    /// [`Error::Timeout`] at `until`. Where no server knows the job, and one could not say so, that one's:
    /// [`Error::Connect`] and its kin, [`Error::Lost`], [`Error::Protocol`], [`Error::Server`] where it does not know the
    /// command or does not allow it.
    pub async fn answer_to(&mut self, inquiry: usize, until: Option<Instant>) -> Result<Option<Bytes>> {
        let begun = Instant::now();
        let wake = |c: &Client| c.inquiries.get(inquiry).and_then(Inquiry::wake);
        let answer = drive(self, until, wake, |c, cx| match c.inquiries.get_mut(inquiry) {
            Some(asked) => asked.poll(cx, &c.settings),
            None => Poll::Ready(Err(Error::NothingToWaitFor)),
        });
        let answer = answer.await;
        let asked = self.inquiries.try_remove(inquiry);
        answer.unwrap_or_else(|| {
            // Its connection is another one, and may be good.
            if let Some(hangs) = asked.as_ref().and_then(|asked| asked.hangs(HANGS)) {
                let hanging = self.servers.iter_mut().filter(|server| server.connection.address() == hangs);
                hanging.for_each(|server| server.connection.pass_over());
            }
            let server = asked.map_or_else(|| "the servers".into(), |asked| asked.server().into());
            Err(Error::Timeout { server, waited: begun.elapsed().as_millis() as u64 })
        })
    }

    /// Nobody waits for this answer any more.
    pub fn forget_inquiry(&mut self, inquiry: usize) {
        self.inquiries.try_remove(inquiry);
    }
}

/// An answer; `None`: this server does not know the job.
fn accepted(answer: Bytes, server: &str, command: &str) -> Result<Option<Bytes>> {
    match Refusal::read(&answer) {
        None => Ok(Some(answer)),
        Some(refusal) if refusal.code == UNKNOWN_JOB => Ok(None),
        Some(refusal) if refusal.is_unknown_command() => {
            let text = format!("it does not know the text command \"{command}\"");
            Err(Error::refused(server, refusal.code, text.as_bytes()))
        }
        Some(Refusal { code, text }) => {
            let words: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
            Err(Error::refused(server, code, &words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_line_can_hold_is_no_question() {
        for bad in [&b""[..], b"H:x 1", b"H:x:1\r\nshutdown", b"H\0", b"a\tb", &[b'x'; 513]] {
            assert!(matches!(Question::job(bad), Err(Error::Argument(_))), "{}", bad.escape_ascii());
            assert!(matches!(Question::cancel_unique(bad, b"k"), Err(Error::Argument(_))));
            assert!(matches!(Question::cancel_unique(b"f", bad), Err(Error::Argument(_))));
        }
        let question = Question::cancel_unique(b"f", b"k").unwrap();
        assert_eq!(question.line, b"cancel unique f k\r\n");
        assert_eq!(Question::result(b"H:x:1").unwrap().line, b"result H:x:1\r\n");
    }

    #[test]
    fn outcomes() {
        let done = |bytes: &'static [u8]| Outcome::Done(Bytes::from_static(bytes));
        for (answer, outcome) in [
            ("state\tdone\ndata\tYQBi\n.\n", done(b"a\0b")),
            ("data\tYQ==\r\nstate\tdone\r\n.\r\n", done(b"a")),
            ("state\tdone\ndata\t\n.\n", done(b"")),
            ("state\tdone\n.\n", done(b"")),
            ("state\tfailed\nreason\texception\ntext\tno\n.\n", Outcome::Failed("exception".into())),
            ("state\tdead\n.\n", Outcome::Failed(String::new())),
            ("state\trunning\n.\n", Outcome::Unfinished("running".into())),
        ] {
            assert_eq!(Outcome::read(answer.as_bytes()), Ok(outcome), "{answer}");
        }
        for bad in ["", ".\n", "data\tYQ==\n.\n", "state\tdone\ndata\tY\n.\n", "state\tdone\ndata\t????\n.\n", "OK\r\n"]
        {
            assert!(Outcome::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
