//! A job that somebody submits by HTTP, to its end or until it is stored.
//!
//! Owns what is collected of what a worker sends, and its bound. Must never know how it was asked for, nor how it is told.
//!
//! Invariant: who does not wait any more has no connection any more: so the job ends as every client's does.

use crate::http::Http;
use crate::http::budget::Claim;
use crate::http::client::{Connection, MAX_DATA, News};
use crate::http::reply::Problem;
use crate::http::request::Via;
use bytes::Bytes;
use gearman_core::protocol::message::Submit;
use gearman_core::{MAX_FUNCTION, MAX_UNIQUE};
use hyper::StatusCode;

/// What a piece of data takes besides its bytes, here and while it is told.
const PIECE: usize = 512;

/// What became of a job.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Parts of the result, sent before it.
    pub(crate) data: Vec<Bytes>,
    pub(crate) warnings: Vec<Bytes>,
    pub(crate) end: End,
}

/// How it ended.
#[derive(Debug, Default)]
pub(crate) enum End {
    Complete(Bytes),
    Exception(Bytes),
    #[default]
    Fail,
}

/// Submits a job that nobody waits for, and returns its handle when it is stored.
///
/// # Errors
/// Those of [`Connection::submit`], and of a name that can be none.
pub(crate) async fn queue(http: &Http, submit: &Submit<'_>, claim: &mut Claim) -> Result<Bytes, Problem> {
    let (connection, handle) = begin(http, submit, claim).await?;
    http.connect.keep(connection);
    Ok(handle)
}

/// Submits a job, and does not wait for it yet.
///
/// # Errors
/// The same.
pub(crate) async fn begin(http: &Http, submit: &Submit<'_>, claim: &mut Claim) -> Result<(Connection, Bytes), Problem> {
    check_name("the function's name", submit.function, MAX_FUNCTION)?;
    check_name("unique", submit.unique, MAX_UNIQUE)?;
    let most = http.shared.lock().config.max_packet.min(MAX_DATA);
    if submit.workload.len() + submit.function.len() + submit.unique.len() + 32 > most {
        let detail = format!("a workload has about {most} bytes at most here");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    let mut connection = http.connect.connection().await?;
    let handle = connection.submit(submit, claim).await?;
    Ok((connection, handle))
}

/// What cannot be sent as a name.
pub(crate) fn check_name(what: &str, name: &[u8], most: usize) -> Result<(), Problem> {
    if name.len() > most {
        return Err(Problem::unfit(format!("{what} has more than {most} bytes")));
    }
    if name.contains(&0) {
        return Err(Problem::unfit(format!("{what} has a NUL byte, which no name can have")));
    }
    Ok(())
}

/// Waits until the job ends, or who waits for it has gone.
///
/// # Errors
/// 400 where it has gone, 502 where the job returns too much, and those of [`Connection::news`].
pub(crate) async fn wait(
    http: &Http,
    via: &Via,
    connection: Connection,
    claim: &mut Claim,
) -> Result<Outcome, Problem> {
    tokio::select! {
        biased;
        outcome = collect(http, connection, claim) => outcome,
        () = via.closed() => Err(Problem::bad_request("the connection was closed before the job had ended")),
    }
}

async fn collect(http: &Http, mut connection: Connection, claim: &mut Claim) -> Result<Outcome, Problem> {
    let mut outcome = Outcome::default();
    let mut bytes = 0;
    loop {
        let end = match connection.news(bytes, claim).await? {
            News::Data(data) => {
                bytes += data.len() + PIECE;
                outcome.data.push(data);
                None
            }
            News::Warning(text) => {
                bytes += text.len() + PIECE;
                outcome.warnings.push(text);
                None
            }
            News::Complete(result) => Some(End::Complete(result)),
            News::Exception(text) => Some(End::Exception(text)),
            News::Fail => Some(End::Fail),
        };
        if bytes > MAX_DATA {
            let detail = format!("the job returned more than {MAX_DATA} bytes before its end");
            return Err(Problem::new(StatusCode::BAD_GATEWAY, detail));
        }
        if let Some(end) = end {
            let last = if let End::Complete(result) | End::Exception(result) = &end { result.len() } else { 0 };
            claim.grow(bytes + last)?;
            http.connect.keep(connection);
            return Ok(Outcome { end, ..outcome });
        }
    }
}
