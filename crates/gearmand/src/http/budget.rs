//! Memory that large bodies of HTTP may take, of requests and answers, all connections together. There is one for jobs and lists, and
//! one for monitoring, which whoever submits cannot use up.
//!
//! Owns how much of it is taken. Must never know whose it is.
//!
//! Invariant: what was claimed is free again when its [`Claim`] is dropped, whatever becomes of the request.

use crate::http::reply::Problem;
use bytes::Bytes;
use hyper::StatusCode;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Claims are multiples of this; less than that is free.
const UNIT: usize = 64 * 1024;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Semaphore>);

/// What a request, and then its answer, has claimed.
#[derive(Debug)]
pub(crate) struct Claim {
    budget: Budget,
    taken: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// So much may be claimed at a time.
    pub(crate) fn of(bytes: usize) -> Budget {
        Budget(Arc::new(Semaphore::new(bytes / UNIT)))
    }

    /// Of nothing yet.
    pub(crate) fn claim(&self) -> Claim {
        Claim { budget: self.clone(), taken: None }
    }
}

impl Claim {
    /// So many bytes in all, and no fewer than before.
    ///
    /// # Errors
    /// 503, where others have taken the rest.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let has = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = (bytes / UNIT).saturating_sub(has);
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).ok().and_then(|more| self.budget.0.clone().try_acquire_many_owned(more).ok());
        let Some(more) = more else {
            let detail = "there are too many large bodies at a time: try again later";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
        };
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }

    /// They are free again.
    pub(crate) fn release(&mut self) {
        self.taken = None;
    }

    /// They are free again when nobody has these bytes any more, nor a part of them.
    pub(crate) fn until_gone(self, bytes: Box<[u8]>) -> Bytes {
        Bytes::from_owner(Claimed { bytes, _claim: self })
    }
}

/// Bytes, and the claim for them.
struct Claimed {
    bytes: Box<[u8]>,
    _claim: Claim,
}

impl AsRef<[u8]> for Claimed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_claimed_is_free_when_its_claim_has_gone() {
        let budget = Budget::of(10 * UNIT);
        let (mut one, mut other) = (budget.claim(), budget.claim());
        assert!(one.grow(UNIT - 1).is_ok() && one.grow(6 * UNIT).is_ok() && one.grow(UNIT).is_ok());
        assert!(other.grow(5 * UNIT).is_err() && other.grow(4 * UNIT).is_ok() && other.grow(5 * UNIT - 1).is_ok());
        drop(one);
        assert!(other.grow(10 * UNIT).is_ok() && other.grow(11 * UNIT).is_err());
        other.release();
        assert!(budget.claim().grow(10 * UNIT).is_ok());
    }

    #[test]
    fn what_is_claimed_for_bytes_is_free_when_their_last_part_has_gone() {
        let budget = Budget::of(UNIT);
        let mut claim = budget.claim();
        claim.grow(UNIT).unwrap();
        let mut rest = claim.until_gone(vec![b'x'; UNIT].into());
        let begin = rest.split_to(1);
        drop(rest);
        assert!(begin == "x" && budget.claim().grow(UNIT).is_err());
        drop(begin);
        assert!(budget.claim().grow(UNIT).is_ok());
    }
}
