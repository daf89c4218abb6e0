//! Lists: which part of one a request asks for, and how it is gathered. Must never know what is listed.
//!
//! Invariant: the lock is held for one page of the snapshot at a time, and others have it in between.

use crate::broker::snapshot::{Cursor, PAGE, Page, Part};
use crate::broker::{Broker, Now};
use crate::http::reply::Problem;
use crate::http::{Http, Request};

/// Entries of a list where a request does not say how many.
const LIMIT: usize = 100;
/// A list ends after so many looks at the broker, even if it has not as many entries as wanted: whoever asks may go on.
const LOOKS: usize = 64;

/// Which part is asked for: `?limit=N&after=CURSOR`.
///
/// # Errors
/// 422, where that is none.
pub(crate) fn part(request: &Request) -> Result<Part, Problem> {
    let number = |name: &str| {
        let wrong = |text: &str| Problem::unfit(format!("{name}={text}: it is no number, or too large"));
        let digits = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let text = request.query(name);
        text.map(|text| Some(text).filter(digits).and_then(|t| t.parse::<u64>().ok()).ok_or_else(|| wrong(text)))
            .transpose()
    };
    let most = number("limit")?.map_or(LIMIT, |most| usize::try_from(most).unwrap_or(usize::MAX));
    if !(1..=PAGE).contains(&most) {
        return Err(Problem::unfit(format!("limit={most}: it has to be from 1 to {PAGE}")));
    }
    Ok(Part { from: number("after")?.map(Cursor::from).unwrap_or_default(), most })
}

/// Looks at the broker until there are as many entries as wanted, or no more.
pub(crate) async fn gather<T>(http: &Http, part: Part, look: impl Fn(&Broker, &Now, Part) -> Page<T>) -> Page<T> {
    let mut all = Page { entries: Vec::new(), next: Some(part.from) };
    for _ in 0..LOOKS {
        let most = part.most - all.entries.len();
        let Some(from) = all.next.filter(|_| most > 0) else { break };
        let page = http.look(|broker, now| look(broker, now, Part { from, most }));
        all.entries.extend(page.entries);
        all.next = page.next;
        tokio::task::yield_now().await;
    }
    all
}

/// Where a list goes on, as it is shown.
pub(crate) fn next(cursor: Option<Cursor>) -> Option<String> {
    cursor.map(|cursor| cursor.to_string())
}
