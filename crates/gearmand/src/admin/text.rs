//! The text commands: a line in, an answer out. Answers are byte for byte those of the C server
//! (libgearman-server/text.cc), CRLF and LF in the same places. Commands of our own are in the files beside it.

use crate::admin::fields::{refused, unknown_job};
use crate::admin::job::{self, Name};
use crate::admin::listing::{List, Listing};
use crate::admin::whoami::whoami;
use crate::admin::{dead, policies, servers};
use crate::broker::manage::NotDropped;
use crate::broker::questions::{Named, Wanted};
use crate::broker::snapshot::Server;
use crate::broker::{Broker, Now};
use crate::outgoing::{Answer, Outgoing};
use crate::rights::{Need, of_text};
use gearman_core::PERMISSION_DENIED;
use gearman_core::protocol::admin::Command;

/// What the text commands tell of the process.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// Of the log, by its name.
    pub(crate) level: &'static str,
    pub(crate) server: Server,
}

/// Answers one line; or begins a list, which is the answer when it is whole: until then nothing more that its connection
/// sent may be done.
pub(crate) fn answer(
    broker: &mut Broker,
    about: &About,
    now: &Now,
    session: u32,
    line: &[u8],
    outgoing: &mut Outgoing,
) -> Option<Listing> {
    // What it asked before comes first.
    broker.answer(now, session, outgoing);
    let command = Command::parse(line);
    if let Some(access) = broker.access(session)
        && let Err(lacking) = access.rights.allow_text(&command)
    {
        broker.denied(now, session, &lacking);
        outgoing.text(session, refused(PERMISSION_DENIED, lacking));
        return None;
    }
    let changes = of_text(&command) == Need::Admin;
    let elsewhere = match command {
        Command::Job(handle) if !broker.has_job(now, handle) => Some((Wanted::Job, Named::Handle(handle))),
        Command::CancelJob(handle) if !broker.has_job(now, handle) => Some((Wanted::Cancel, Named::Handle(handle))),
        Command::JobOfUnique(function, unique) if broker.job_info_unique(now, function, unique).is_none() => {
            Some((Wanted::Job, Named::Unique(function, unique)))
        }
        Command::CancelUnique(function, unique) if broker.job_info_unique(now, function, unique).is_none() => {
            Some((Wanted::Cancel, Named::Unique(function, unique)))
        }
        _ => None,
    };
    if let Some(wanted) = elsewhere
        && broker.ask_elsewhere(session, wanted, job::elsewhere, outgoing)
    {
        return None;
    }
    if command == Command::Servers {
        if !broker.ask_servers(session, servers::servers, outgoing) {
            outgoing.text(session, servers::none());
        }
        return None;
    }
    let revived = match command {
        Command::DeadRetry(what) => broker.number_of(what),
        _ => None,
    };
    let answer = match command {
        Command::Status => return Some(Listing::new(List::Status)),
        Command::PriorityStatus => return Some(Listing::new(List::PriorityStatus)),
        Command::Workers => return Some(Listing::new(List::Workers)),
        Command::Connections => return Some(Listing::new(List::Connections)),
        Command::ShowJobs => return Some(Listing::new(List::Jobs)),
        Command::ShowUniqueJobs => return Some(Listing::new(List::UniqueJobs)),
        Command::Counters => return Some(Listing::counters(&about.server)),
        Command::Policies => return Some(Listing::new(List::Policies)),
        Command::Servers => servers::none(),
        Command::Schedules => return Some(Listing::new(List::Schedules)),
        Command::Dead(function) => return Some(Listing::new(List::DeadLetters(function.map(Box::from)))),
        Command::DeadShow(handle) => return Some(Listing::new(List::DeadLetter(handle.into()))),
        Command::Result(handle) => {
            return Some(Listing::new(List::Returned(job::result(broker, now, session, handle))));
        }
        Command::SetPolicy(pattern, words) => policies::set(broker, now, pattern, &words),
        Command::DeadRetry(what) => dead::retry(broker, now, what),
        Command::DeadForget(what) => dead::forget(broker, what),
        Command::Bury(handle) => dead::bury(broker, now, handle, outgoing),
        Command::Job(handle) => job::job(broker, now, session, Name::Handle(handle)),
        Command::JobOfUnique(function, unique) => job::job(broker, now, session, Name::Unique(function, unique)),
        Command::CancelUnique(function, unique) => match broker.cancel_unique(now, function, unique, outgoing) {
            true => b"OK\r\n".to_vec(),
            false => unknown_job("no job of this function has this key"),
        },
        Command::Version => format!("OK {}\n", env!("CARGO_PKG_VERSION")).into(),
        Command::GetPid => format!("OK {}\n", std::process::id()).into(),
        Command::Whoami => whoami(broker.access(session)),
        Command::Verbose => format!("OK {}\n", about.level).into(),
        Command::CreateFunction(name) => match broker.create_function(now, name) {
            true => b"OK\r\n".to_vec(),
            false => b"ERR TOO_MANY_FUNCTIONS\r\n".to_vec(),
        },
        Command::DropFunction(name) => match broker.drop_function(now, name, outgoing) {
            Ok(()) => b"OK\r\n".to_vec(),
            Err(NotDropped::Unknown) => b"ERR function not found\r\n".to_vec(),
            Err(NotDropped::InUse) => b"ERR there are still connected workers or executing clients\r\n".to_vec(),
        },
        Command::MaxQueue(name, limits) => {
            broker.limit(name, limits);
            b"OK\r\n".to_vec()
        }
        Command::CancelJob(handle) => match broker.cancel(now, handle, outgoing) {
            true => b"OK\r\n".to_vec(),
            false => b"ERR UNKNOWN_JOB\r\n".to_vec(),
        },
        Command::InvalidArguments(command) => {
            let text = "ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+";
            format!("{text}{command}\r\n").into()
        }
        Command::UnknownShow => b"ERR UNKNOWN_SHOW_ARGUMENTS\r\n".to_vec(),
        Command::UnknownCancel => b"ERR UNKNOWN_ERROR\r\n".to_vec(),
        Command::Unknown(word) => [b"ERR UNKNOWN_COMMAND Unknown+server+command", word, b"\r\n"].concat(),
    };
    // What was changed outlives the server once that is answered.
    let batch = broker.last_batch().filter(|_| changes);
    outgoing.after_batch(session, batch, revived.map_or(Answer::Text, Answer::Revived), |outgoing| {
        outgoing.text(session, answer)
    });
    None
}
