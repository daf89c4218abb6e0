//! Waiting for what the server before this one still has: its port, its socket in the file system, its queue. How each is
//! tried is the caller's.

use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long until the next try.
const AGAIN: Duration = Duration::from_millis(50);

/// Why something cannot be had.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) reason: String,
    /// Somebody has it, who may let it go.
    pub(crate) later: bool,
}

impl Refused {
    /// This name cannot be listened on.
    pub(crate) fn new(name: &str, error: &io::Error) -> Refused {
        Refused { reason: format!("cannot listen on {name}: {error}"), later: is_taken(error) }
    }
}

pub(crate) fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

/// The time that is left to wait for all of it.
#[derive(Debug)]
pub(crate) struct Wait {
    seconds: u64,
    /// `None`: without end.
    deadline: Option<Instant>,
}

impl Wait {
    /// Begins.
    pub(crate) fn new(seconds: u64) -> Wait {
        Wait { seconds, deadline: Instant::now().checked_add(Duration::from_secs(seconds)) }
    }

    /// Tries until it succeeds, or cannot, or the time is over. What is waited for is reported once.
    pub(crate) async fn until<T>(
        &self,
        report: impl Fn(&str),
        mut attempt: impl AsyncFnMut() -> Result<T, Refused>,
    ) -> Result<T, String> {
        let mut reported = String::new();
        loop {
            let reason = match attempt().await {
                Ok(it) => return Ok(it),
                Err(Refused { reason, later: false }) => return Err(reason),
                Err(Refused { reason, .. }) => reason,
            };
            if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                let waited = if reported.is_empty() { String::new() } else { format!(", after {} s", self.seconds) };
                return Err(reason + &waited);
            }
            if reported != reason {
                report(&format!("{reason}; waiting for it, up to {} s", self.seconds));
                reported = reason;
            }
            sleep(AGAIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// What becomes of these attempts, and how often something is reported.
    async fn until(seconds: u64, mut attempts: Vec<Option<bool>>) -> (Result<(), String>, usize) {
        let reported = RefCell::new(0);
        let wait = Wait::new(seconds);
        let next = async || match if attempts.len() > 1 { attempts.remove(0) } else { attempts[0] } {
            None => Ok(()),
            Some(later) => Err(Refused { reason: "taken".into(), later }),
        };
        let end = wait.until(|_| *reported.borrow_mut() += 1, next).await;
        (end, reported.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_success_or_what_cannot_change_or_the_time() {
        let taken = |more: &str| Err(format!("taken{more}"));
        assert_eq!(until(20, vec![None]).await, (Ok(()), 0));
        assert_eq!(until(20, vec![Some(true), Some(true), None]).await, (Ok(()), 1));
        assert_eq!(until(u64::MAX, vec![Some(true), None]).await, (Ok(()), 1));
        assert_eq!(until(20, vec![Some(false)]).await, (taken(""), 0));
        assert_eq!(until(20, vec![Some(true), Some(false)]).await, (taken(""), 1));
        assert_eq!(until(20, vec![Some(true)]).await, (taken(", after 20 s"), 1));
        assert_eq!(until(0, vec![Some(true)]).await, (taken(""), 0));
    }
}
