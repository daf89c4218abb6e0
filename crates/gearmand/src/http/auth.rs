//! Who a request is from, and what it may do for that: by a token, or by the cookie that stands for one.
//!
//! Owns the answer to that, for as long as a request goes on. Must never know what is asked for.
//!
//! Invariants:
//! - no token and no cookie is in a message;
//! - a right that was taken away ends the requests that were let in by it.

use crate::config::{Token, Tokens};
use crate::http::reply::{Problem, Reply, until};
use crate::rights::{Need, Pattern, Rights};
use crate::seldom::Seldom;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The name of the page's cookie.
pub(crate) const NAME: &str = "gearmand";
/// How often wrong tokens are logged as a warning.
const PAUSE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(crate) struct Auth {
    /// `None`: everybody may do everything.
    tokens: Option<watch::Receiver<Arc<Tokens>>>,
    everything: Arc<Rights>,
    nothing: Arc<Rights>,
    begin: Instant,
    wrong: Mutex<Seldom>,
}

/// Who sent a request.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) rights: Arc<Rights>,
    known: Known,
}

#[derive(Debug)]
enum Known {
    /// There are no tokens.
    Everybody,
    /// By this one.
    As(Arc<Token>),
    /// Without a token, or with the cookie of one that is no more.
    Not,
    /// By a token that there is not.
    Wrong,
}

impl Auth {
    pub(crate) fn new(tokens: Option<watch::Receiver<Arc<Tokens>>>) -> Auth {
        let all = || Pattern::new("*").into_iter().collect();
        let rule = "there are no tokens".into();
        let everything = Arc::new(Rights { rule, submit: all(), work: all(), admin: true, observe: true });
        let wrong = Mutex::new(Seldom::every(PAUSE));
        Auth { tokens, everything, nothing: Arc::default(), begin: Instant::now(), wrong }
    }

    /// Whether there are tokens at all.
    pub(crate) fn has_tokens(&self) -> bool {
        self.tokens.is_some()
    }

    /// Who a request is from.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Caller {
        let Some(tokens) = &self.tokens else {
            return Caller { rights: self.everything.clone(), known: Known::Everybody };
        };
        let tokens = tokens.borrow();
        let found = match (bearer(headers), cookies(headers).find_map(|cookie| tokens.find_cookie(cookie))) {
            (Some(token), _) => tokens.find(token).map_or(Known::Wrong, |token| Known::As(token.clone())),
            (None, found) => found.map_or(Known::Not, |token| Known::As(token.clone())),
        };
        let rights = if let Known::As(token) = &found { token.rights.clone() } else { self.nothing.clone() };
        Caller { rights, known: found }
    }

    /// What stands for this token as a cookie, where there is such a token.
    pub(crate) fn cookie(&self, token: &[u8]) -> Option<String> {
        let tokens = self.tokens.as_ref()?.borrow();
        tokens.find(token)?.cookie(token)
    }

    /// Somebody came with a token that there is not.
    pub(crate) fn wrong(&self, name: &str) {
        let now = self.begin.elapsed();
        match self.wrong.lock().unwrap_or_else(PoisonError::into_inner).happened(now) {
            Some(omitted) => tracing::warn!("HTTP: a wrong token from {name}{omitted}"),
            None => tracing::debug!("HTTP: a wrong token from {name}"),
        }
    }

    /// Answers a caller for as long as it has its rights.
    ///
    /// # Errors
    /// Those of the answer; 401 where the caller loses rights before it is there.
    pub(crate) async fn while_allowed(
        &self,
        caller: &Caller,
        answer: impl Future<Output = Result<Reply, Problem>>,
    ) -> Result<Reply, Problem> {
        let (Some(tokens), Known::As(token)) = (&self.tokens, &caller.known) else { return answer.await };
        let (mut tokens, token) = (tokens.clone(), token.clone());
        let reply = tokio::select! {
            biased;
            reply = answer => reply?,
            () = loses(&mut tokens, &token) => return Err(Problem::unauthorized("its token has lost rights")),
        };
        Ok(until(reply, move || tokens.borrow().still_allow(&token)))
    }
}

/// Waits until this token allows less.
async fn loses(tokens: &mut watch::Receiver<Arc<Tokens>>, token: &Token) {
    let lost = tokens.wait_for(|tokens| !tokens.still_allow(token)).await.is_ok();
    if !lost {
        // Nobody is left to change them.
        std::future::pending().await
    }
}

impl Caller {
    /// Its token's name.
    pub(crate) fn name(&self) -> Option<&str> {
        matches!(self.known, Known::As(_)).then_some(&self.rights.rule)
    }

    /// It has sent a token that there is not.
    pub(crate) fn is_wrong(&self) -> bool {
        matches!(self.known, Known::Wrong)
    }

    /// Whether its rights do for this. Where a function is to be submitted, which that is.
    ///
    /// # Errors
    /// 401, where it has to say who it is; 403, with what lacks.
    pub(crate) fn allow(&self, need: Need, function: &[u8]) -> Result<(), Problem> {
        match &self.known {
            Known::Not if need != Need::Nothing => {
                Err(Problem::unauthorized("a token is wanted, as Authorization: Bearer TOKEN"))
            }
            Known::Wrong if need != Need::Nothing => Err(Problem::unauthorized("there is no such token")),
            _ => allow(&self.rights, need, function),
        }
    }
}

/// Whether those rights do for it. Where a function is to be submitted, which that is.
///
/// # Errors
/// 403, with what lacks.
pub(crate) fn allow(rights: &Rights, need: Need, function: &[u8]) -> Result<(), Problem> {
    rights.allow_need(need, function).map_err(|lacking| Problem::new(StatusCode::FORBIDDEN, lacking.to_string()))
}

/// The token of a request. What else `Authorization` may hold is somebody else's: a proxy's, which has asked for a password.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()));
    scheme.eq_ignore_ascii_case(b"Bearer").then(|| token.trim_ascii())
}

/// The cookies of our name.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let all = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    all.filter_map(|cookie| cookie.trim_ascii().strip_prefix(NAME.as_bytes())?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::reply::{text, with_body};
    use bytes::Bytes;
    use http_body_util::BodyExt;
    use hyper::body::{Body, Frame};
    use hyper::header::HeaderValue;
    use std::convert::Infallible;
    use std::path::Path;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::sync::mpsc;

    const TOKEN: &str = "a-token-of-somebody";

    fn tokens(more: &str) -> Arc<Tokens> {
        Arc::new(Tokens::parse(&format!("[[token]]\nname = 'x'\n{more}"), Path::new("t")).unwrap())
    }

    fn of_somebody(rights: &str) -> Arc<Tokens> {
        tokens(&format!("token = '{TOKEN}'\n{rights}"))
    }

    /// A body of what is sent.
    struct Events(mpsc::UnboundedReceiver<Bytes>);

    impl Body for Events {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0.poll_recv(cx).map(|event| event.map(|event| Ok(Frame::data(event))))
        }
    }

    /// Who may observe, and the file that says so.
    fn observer() -> (Auth, Caller, watch::Sender<Arc<Tokens>>) {
        let file = watch::Sender::new(of_somebody("observe = true"));
        let auth = Auth::new(Some(file.subscribe()));
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {TOKEN}")).unwrap());
        let caller = auth.caller(&headers);
        caller.allow(Need::Observe, b"").unwrap();
        (auth, caller, file)
    }

    #[tokio::test]
    async fn whoever_waits_for_an_answer_and_loses_rights_has_waited_in_vain() {
        let (auth, caller, file) = observer();
        let answer = std::future::pending();
        let mut waiting = std::pin::pin!(auth.while_allowed(&caller, answer));
        let is_over = async |waiting: &mut _| {
            tokio::select! { biased; over = waiting => Some(over), () = tokio::task::yield_now() => None }
        };
        assert!(is_over(&mut waiting).await.is_none());
        file.send_replace(of_somebody("observe = true\nadmin = true"));
        assert!(is_over(&mut waiting).await.is_none(), "it has lost nothing");
        file.send_replace(of_somebody("admin = true"));
        let problem = waiting.await.map(drop).unwrap_err();
        assert_eq!(Reply::from(problem).status(), StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn an_answer_that_goes_on_ends_with_the_rights_that_it_was_asked_by() {
        for (after, goes_on) in [
            (of_somebody("observe = true"), true),
            (tokens("token = 'another-one-of-somebody'\nobserve = true"), false),
        ] {
            let (auth, caller, file) = observer();
            let (sender, receiver) = mpsc::unbounded_channel();
            let reply = async { Ok(with_body(StatusCode::OK, "text/event-stream", Events(receiver).boxed())) };
            let mut body = auth.while_allowed(&caller, reply).await.unwrap().into_body();
            sender.send(Bytes::from("1")).unwrap();
            assert!(body.frame().await.is_some());
            file.send_replace(after);
            sender.send(Bytes::from("2")).unwrap();
            assert_eq!(body.frame().await.is_some(), goes_on);
        }
        let (auth, caller, _file) = observer();
        let whole = auth.while_allowed(&caller, async { Ok(text(StatusCode::OK, "whole")) }).await.unwrap();
        assert_eq!(whole.body().size_hint().exact(), Some(5), "its length is known");
    }
}
