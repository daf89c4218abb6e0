//! The lists of the text protocol: pages of the snapshot in, lines out. A page is taken under the lock and written down
//! without it; whoever holds a listing does both in turn until it is whole.

use crate::admin::job::Returned;
use crate::admin::{connections, dead, policies, schedules};
use crate::broker::activity::{End, Histogram};
use crate::broker::membership::Standing;
use crate::broker::policy::Rule;
use crate::broker::recurring::Shown;
use crate::broker::snapshot::peers::Peer;
use crate::broker::snapshot::{Connection, Cursor, DeadLetter, Function, Job, Page, Server};
use crate::broker::{Broker, Now};
use std::cmp::Reverse;

/// What is listed.
#[derive(Clone, Debug)]
pub(crate) enum List {
    Status,
    PriorityStatus,
    Workers,
    Connections,
    Jobs,
    UniqueJobs,
    Counters,
    Policies,
    Schedules,
    /// Of this function, or of all.
    DeadLetters(Option<Box<[u8]>>),
    /// All of the one with this handle. Its workload may be large, so it is not written under the lock either.
    DeadLetter(Box<[u8]>),
    /// What a job returned, which may be large, too.
    Returned(Returned),
}

/// A list that is being written. It is sent as a whole, so that nothing else comes between its lines.
#[derive(Debug)]
pub(crate) struct Listing {
    list: List,
    /// What comes next.
    next: Cursor,
    text: Vec<u8>,
}

/// Entries that are to be written.
#[derive(Debug)]
pub(crate) enum Entries {
    Functions(Page<Function>),
    Workers(Page<Connection>),
    Connections(Page<Peer>),
    Jobs(Page<Job>),
    Policies(Page<Rule>),
    /// All of them.
    Schedules(Vec<Shown>),
    DeadLetters(Page<DeadLetter>),
    DeadLetter(Option<Box<DeadLetter>>),
    Returned(Returned),
}

impl Listing {
    pub(crate) fn new(list: List) -> Listing {
        Listing { list, next: Cursor::default(), text: Vec::new() }
    }

    /// `counters`, which begins with the server's own.
    pub(crate) fn counters(server: &Server) -> Listing {
        let mut listing = Listing::new(List::Counters);
        server_counters(&mut listing.text, server);
        listing
    }

    /// The next page: nothing is formatted here, as this is done under the lock.
    pub(crate) fn page(&self, broker: &Broker, now: &Now) -> Entries {
        match &self.list {
            List::Status | List::PriorityStatus => Entries::Functions(broker.functions(now, self.next)),
            List::Counters => Entries::Functions(broker.functions_with_activity(now, self.next)),
            List::Workers => Entries::Workers(broker.connections(self.next)),
            List::Connections => Entries::Connections(broker.peers(now, self.next, false)),
            List::Jobs | List::UniqueJobs => Entries::Jobs(broker.jobs(self.next)),
            List::Policies => Entries::Policies(broker.policies(self.next)),
            List::Schedules => Entries::Schedules(broker.schedules().collect()),
            List::DeadLetters(function) => Entries::DeadLetters(broker.dead_letters(function.as_deref(), self.next)),
            List::DeadLetter(handle) => Entries::DeadLetter(broker.dead_letter(handle).map(Box::new)),
            List::Returned(returned) => Entries::Returned(returned.clone()),
        }
    }

    /// Writes a page down. True: it was the last.
    pub(crate) fn write(&mut self, page: Entries) -> bool {
        let next = match page {
            Entries::Functions(page) => {
                page.entries.iter().for_each(|f| self.function(f));
                page.next
            }
            Entries::Connections(page) => {
                page.entries.iter().for_each(|peer| connections::line(&mut self.text, peer));
                page.next
            }
            Entries::Workers(page) => {
                let next = page.next;
                page.entries.into_iter().for_each(|c| connection(&mut self.text, c));
                next
            }
            Entries::Jobs(page) => {
                page.entries.iter().for_each(|j| self.job(j));
                page.next
            }
            Entries::Policies(page) => {
                page.entries.iter().for_each(|rule| policies::line(&mut self.text, rule));
                page.next
            }
            Entries::Schedules(all) => {
                all.iter().for_each(|shown| schedules::line(&mut self.text, shown));
                None
            }
            Entries::DeadLetters(page) => {
                page.entries.iter().for_each(|letter| dead::line(&mut self.text, letter));
                page.next
            }
            Entries::DeadLetter(letter) => {
                self.text = dead::show(letter.map(|letter| *letter));
                return true;
            }
            Entries::Returned(returned) => {
                self.text = returned.answer();
                return true;
            }
        };
        match next {
            Some(next) => self.next = next,
            None => self.text.extend_from_slice(b".\n"),
        }
        next.is_none()
    }

    /// The whole list.
    pub(crate) fn into_text(self) -> Vec<u8> {
        self.text
    }

    fn function(&mut self, f: &Function) {
        let [high, normal, low] = f.queued;
        match self.list {
            List::PriorityStatus => columns(&mut self.text, &f.name, [high, normal, low, f.workers]),
            List::Counters => counters(&mut self.text, f),
            _ => {
                // With those that servers share, as whoever looks wants to know what there is to be done.
                let free = f.free.unwrap_or_default();
                let total = f.total().saturating_add(free.due).saturating_add(free.later);
                columns(&mut self.text, &f.name, [total, f.running, f.workers]);
            }
        }
    }

    fn job(&mut self, job: &Job) {
        if matches!(self.list, List::UniqueJobs) {
            self.text.extend_from_slice(&job.unique);
            return self.text.push(b'\n');
        }
        // Nobody waits any more, and it will not be run again.
        let ignored = !job.background && !job.waited_for;
        columns(&mut self.text, &job.handle, [job.tries.into(), ignored.into(), job.background.into()]);
    }
}

fn connection(out: &mut Vec<u8>, mut connection: Connection) {
    number(out, connection.fd);
    out.push(b' ');
    match connection.address {
        Some(ip) => out.extend_from_slice(ip.to_canonical().to_string().as_bytes()),
        None => out.extend_from_slice(b"unix"),
    }
    out.push(b' ');
    out.extend_from_slice(connection.id.as_deref().unwrap_or(b"-"));
    out.extend_from_slice(b" :");
    // They change places as they are served; here the one announced last is first, as in C.
    connection.abilities.sort_unstable_by_key(|ability| Reverse(ability.announced));
    for ability in &connection.abilities {
        out.push(b' ');
        out.extend_from_slice(&ability.function);
    }
    out.push(b'\n');
}

/// A name, and numbers after tabs.
fn columns<const N: usize>(out: &mut Vec<u8>, name: &[u8], numbers: [u32; N]) {
    out.extend_from_slice(name);
    for n in numbers {
        out.push(b'\t');
        number(out, n);
    }
    out.push(b'\n');
}

fn number(out: &mut Vec<u8>, n: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

fn server_counters(out: &mut Vec<u8>, server: &Server) {
    out.extend_from_slice(b"server");
    for (name, count) in [
        ("uptime_s", server.uptime.as_secs()),
        ("functions", server.functions),
        ("jobs", server.jobs),
        ("running", server.running),
        ("dead", server.dead),
        ("dead_dropped", server.dead_dropped),
        ("connections", server.connections),
        ("accepted", server.accepted),
        ("refused", server.refused),
        ("packets_received", server.packets_received),
        ("packets_sent", server.packets_sent),
        ("bytes_received", server.bytes_received),
        ("bytes_sent", server.bytes_sent),
        ("commits", server.commits),
        ("changes", server.changes),
        ("longest_commit_us", server.longest_commit.as_micros() as u64),
    ] {
        field(out, name, count);
    }
    out.push(b'\n');
    if let Some(cluster) = &server.cluster {
        cluster_counters(out, cluster);
    }
}

fn cluster_counters(out: &mut Vec<u8>, Standing { epoch, lease, eldest, counts }: &Standing) {
    out.extend_from_slice(b"cluster");
    for (name, count) in [
        ("epoch", epoch.unwrap_or_default()),
        ("lease", u64::from(*lease)),
        ("eldest", u64::from(*eldest)),
        ("claimed", counts.claimed),
        ("released", counts.released),
        ("adopted", counts.adopted),
        ("lost", counts.lost),
        ("late", counts.late),
        ("died", counts.died),
        ("doubts", counts.doubts),
    ] {
        field(out, name, count);
    }
    out.push(b'\n');
}

fn counters(out: &mut Vec<u8>, f: &Function) {
    out.extend_from_slice(b"function\t");
    escaped(out, &f.name);
    let [high, normal, low] = f.queued;
    for (name, count) in [
        ("total", f.total()),
        ("high", high),
        ("normal", normal),
        ("low", low),
        ("delayed", f.delayed),
        ("storing", f.storing),
        ("running", f.running),
        ("workers", f.workers),
    ] {
        field(out, name, count.into());
    }
    let nothing = Default::default();
    let activity = f.activity.as_deref().unwrap_or(&nothing);
    for (name, count) in [
        ("submitted", activity.submitted),
        ("coalesced", activity.coalesced),
        ("refused", activity.refused),
        ("restored", activity.restored),
        ("assigned", activity.assigned),
        ("timed_out", activity.timed_out),
        ("given_back", activity.given_back),
        ("completed", activity.ended(End::Completed)),
        ("failed", activity.ended(End::Failed)),
        ("exceptions", activity.ended(End::Exception)),
        ("cancelled", activity.ended(End::Cancelled)),
        ("abandoned", activity.ended(End::Abandoned)),
        ("unstored", activity.ended(End::Unstored)),
        ("retried", activity.retried),
        ("dead", activity.ended(End::Dead)),
        ("released", activity.ended(End::Released)),
        ("revived", activity.revived),
    ] {
        field(out, name, count);
    }
    histogram(out, "waited_us", &activity.waited);
    field(out, "waited_sum_us", activity.waited.sum().as_micros() as u64);
    histogram(out, "ran_us", &activity.ran);
    field(out, "ran_sum_us", activity.ran.sum().as_micros() as u64);
    // `dead` are those that there were.
    field(out, "dead_letters", f.dead.into());
    field(out, "oldest_us", f.oldest.unwrap_or_default().as_micros() as u64);
    field(out, "paused", f.paused.into());
    if let Some(free) = f.free {
        field(out, "free", free.due.into());
        field(out, "free_later", free.later.into());
    }
    out.push(b'\n');
}

fn field(out: &mut Vec<u8>, name: &str, count: u64) {
    out.push(b'\t');
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
    number(out, count);
}

/// Buckets that are not empty: `64:10,128:2,inf:1`.
fn histogram(out: &mut Vec<u8>, name: &str, histogram: &Histogram) {
    out.push(b'\t');
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
    let mut first = true;
    for (end, count) in histogram.buckets().filter(|(_, count)| *count > 0) {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        match end {
            Some(end) => number(out, end.as_micros() as u64),
            None => out.extend_from_slice(b"inf"),
        }
        out.push(b':');
        number(out, count);
    }
}

/// A name without tabs and line ends: what is no printable character, and a backslash, as `\xHH`.
pub(crate) fn escaped(out: &mut Vec<u8>, name: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in name {
        match byte {
            b'\\' | 0..0x20 | 0x7f => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.extend_from_slice(b"\\x");
                out.extend_from_slice(&digits);
            }
            _ => out.push(*byte),
        }
    }
}
