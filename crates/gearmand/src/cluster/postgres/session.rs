//! A connection to the database: made, set, its statements prepared, and kept going by a task of its own until it breaks or
//! nobody has it any more.
//!
//! Must never know what is asked.

use crate::cluster::postgres::error::{Outcome, Unusable};
use crate::cluster::postgres::settings::Settings;
use crate::durable::postgres::connect::connect;
use bytes::Bytes;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, Row, SimpleQueryMessage, Statement};

/// What a statement is given.
pub(super) type Parameters<'a> = [&'a (dyn ToSql + Sync)];

/// How long what goes beside writes waits for a lock, in milliseconds.
const LOCK_BESIDE: u128 = 500;
/// How long making or finding the tables and preparing the statements may take.
const SETTING_UP: Duration = Duration::from_secs(60);
/// How often a statement is tried that others were in the way of.
const TRIES: u32 = 5;

/// A connection.
pub(super) struct Session {
    client: Client,
    /// Of no use any more, although it is there.
    broken: AtomicBool,
}

/// Statistics of a queue are old as soon as they are made: a plan that was made while it was short would be kept when it is
/// long. Here every statement has its index, and no other plan is ever good.
const PLANS: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;
    SET enable_mergejoin = off; SET enable_sort = off; SET enable_material = off; SET plan_cache_mode = force_generic_plan;
    SET jit = off; SET max_parallel_workers_per_gather = 0;";

/// What a database may say otherwise, and its user too. What was answered is on its disk; a statement that waited for another sees what
/// that one did. Who waits for a standby's disk as well goes on doing so.
const PROMISES: &str = "SET default_transaction_isolation = 'read committed';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';";

impl Session {
    /// `woken` gets what is notified.
    pub(super) async fn open(settings: &Settings, woken: Option<mpsc::Sender<Bytes>>) -> Result<Session, Unusable> {
        let conninfo = &settings.conninfo;
        let (client, connection) = connect(&conninfo.config, &conninfo.tls).await?;
        let beside = woken.is_some();
        tokio::spawn(serve(connection, woken));
        if !settings.pooled {
            let timeout = settings.statement_timeout.as_millis();
            // Whoever waits for a lock waits for somebody who has long been gone, or for an operator: that must end before the
            // connection is given up, whose renewals would be lost with it. Where a renewal may be behind it, nothing waits for long.
            let lock = if beside { LOCK_BESIDE } else { (timeout / 6).max(1) };
            let limits = format!(
                "SET statement_timeout = {timeout}; SET lock_timeout = {lock}; SET idle_in_transaction_session_timeout = 5000;"
            );
            in_time(async { Ok(client.batch_execute(&format!("{limits}{PROMISES}{PLANS}")).await?) }).await?;
        }
        Ok(Session { client, broken: AtomicBool::new(false) })
    }

    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    pub(super) async fn prepare(&self, settings: &Settings, text: &str) -> Result<Statement, Unusable> {
        // Many are prepared at the same time, which all together take a large part of a stack.
        Ok(Box::pin(self.client.prepare(&settings.statement(text))).await?)
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed) || self.client.is_closed()
    }

    /// One statement, that is a transaction. It is on its way with the first poll.
    pub(super) async fn query(&self, statement: &Statement, parameters: &Parameters<'_>) -> Result<Vec<Row>, Outcome> {
        self.again(|| self.client.query(statement, parameters)).await
    }

    /// Statements without parameters, that are one transaction.
    pub(super) async fn simple(&self, text: &str) -> Result<Vec<SimpleQueryMessage>, Outcome> {
        self.again(|| self.client.simple_query(text)).await
    }

    /// What failed came behind a write that was made, and whose answer is not known without it.
    pub(super) fn behind<T>(&self, result: Result<T, Outcome>) -> Result<T, Outcome> {
        result.map_err(|_| {
            self.broken.store(true, Ordering::Relaxed);
            Outcome::InDoubt
        })
    }

    async fn again<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Outcome>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        let mut tries = 0;
        loop {
            if self.is_broken() {
                return Err(Outcome::Broken("there is no connection to the database".into()));
            }
            let error = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => Outcome::of(&error),
            };
            tries += 1;
            match error {
                Outcome::Again(_) if tries < TRIES => {}
                error => {
                    if matches!(error, Outcome::Broken(_) | Outcome::InDoubt) {
                        self.broken.store(true, Ordering::Relaxed);
                    }
                    return Err(error);
                }
            }
        }
    }
}

/// What is asked before a connection can be used.
///
/// # Errors
/// Those of what is asked, or that there was no answer.
pub(super) async fn in_time<T>(asked: impl Future<Output = Result<T, Unusable>>) -> Result<T, Unusable> {
    let silent =
        || Unusable { text: format!("the database says nothing for {} s", SETTING_UP.as_secs()), passes: true };
    tokio::time::timeout(SETTING_UP, asked).await.unwrap_or_else(|_| Err(silent()))
}

/// Keeps a connection going.
async fn serve<S, T>(mut connection: Connection<S, T>, woken: Option<mpsc::Sender<Bytes>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(said))) => {
                if let (Some(woken), Some(function)) = (&woken, function_of(said.payload())) {
                    // Whoever is not told looks a little later.
                    let _ = woken.try_send(function);
                }
            }
            Some(Ok(AsyncMessage::Notice(said))) => tracing::debug!("database: {}", said.message()),
            Some(Ok(_)) => {}
            // Whoever asks something is told by the client.
            Some(Err(_)) | None => return,
        }
    }
}

/// A function as it is in a notification, which is text.
pub(super) fn payload_of(function: &[u8]) -> String {
    function.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn function_of(payload: &str) -> Option<Bytes> {
    let pairs = payload.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    bytes.collect::<Option<Vec<u8>>>().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_any_bytes_come_through_a_notification() {
        for function in [&b""[..], b"resize", &[0, 255, b'\'']] {
            assert_eq!(function_of(&payload_of(function)).as_deref(), Some(function));
        }
        assert_eq!(function_of("zz"), None);
    }
}
