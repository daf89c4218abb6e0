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

/// What a part of a result takes besides its bytes, here and while it is told.
const PART: usize = 512;

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
    let (mut outcome, mut size) = (Outcome::default(), Size::default());
    loop {
        let end = match connection.news(size.memory, claim).await? {
            News::Data(data) => {
                size.add(data.len())?;
                outcome.data.push(data);
                continue;
            }
            News::Warning(text) => {
                size.add(text.len())?;
                outcome.warnings.push(text);
                continue;
            }
            News::Complete(result) => End::Complete(result),
            News::Exception(text) => End::Exception(text),
            News::Fail => End::Fail,
        };
        let last = if let End::Complete(result) | End::Exception(result) = &end { result.len() } else { 0 };
        claim.grow(size.memory + last)?;
        http.connect.keep(connection);
        return Ok(Outcome { end, ..outcome });
    }
}

/// How large all is that a job has returned before its end.
#[derive(Debug, Default)]
struct Size {
    /// What it sent. That is bounded.
    data: usize,
    /// What that takes. It is claimed.
    memory: usize,
}

impl Size {
    /// So many bytes came.
    ///
    /// # Errors
    /// 502, where that is too much.
    fn add(&mut self, bytes: usize) -> Result<(), Problem> {
        self.data += bytes;
        self.memory += bytes + PART;
        if self.data > MAX_DATA {
            let detail = format!("the job returned more than {MAX_DATA} bytes before its end");
            return Err(Problem::new(StatusCode::BAD_GATEWAY, detail));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::reply::Reply;

    /// What small parts take besides counted for the bound as well: 19 MB were said to be more than 256 MiB.
    #[test]
    fn as_much_may_be_returned_in_small_parts_as_in_large_ones() {
        for part in [40, 64 * 1024, MAX_DATA] {
            let (mut size, parts) = (Size::default(), MAX_DATA / part);
            for _ in 0..parts {
                size.add(part).unwrap();
            }
            assert_eq!((size.data, size.memory), (parts * part, parts * (part + PART)));
            let refused = size.add(part).map_err(Reply::from).unwrap_err();
            assert_eq!(refused.status(), StatusCode::BAD_GATEWAY);
        }
    }
}
