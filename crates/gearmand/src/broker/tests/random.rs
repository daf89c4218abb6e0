//! Random operations: what always holds does after each.

use super::*;
use crate::broker::check::{POLICIES, Watch};
use crate::broker::sessions::Role;
use properties::properties;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Connect,
    Proxy,
    Forwards,
    Withdraw(u8),
    Leave(u8),
    Submit { session: u8, function: u8, unique: u8, priority: u8, background: bool, later: u8 },
    CanDo { session: u8, function: u8, timeout: u8 },
    CantDo { session: u8, function: u8 },
    Reset(u8),
    Grab(u8),
    Sleep(u8),
    GrabAndSleep(u8),
    AllYours(u8),
    Notices(u8),
    AtOnce(u8),
    Echo(u8),
    Work { session: u8, job: u8, update: u8 },
    Cancel(u8),
    Drop(u8),
    Policy { function: u8, words: u8 },
    Bury(u8),
    RetryDead(u8),
    ForgetDead(u8),
    Tick(u8),
    TickMs(u8),
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    let submit = (any::<u8>(), 0..3u8, 0..5u8, 0..3u8, any::<bool>(), 0..8u8).prop_map(
        |(session, function, unique, priority, background, later)| Submit {
            session,
            function,
            unique,
            priority,
            background,
            later,
        },
    );
    prop_oneof![
        2 => Just(Connect),
        1 => Just(Proxy),
        1 => Just(Forwards),
        1 => any::<u8>().prop_map(Withdraw),
        1 => any::<u8>().prop_map(Leave),
        8 => submit,
        4 => (any::<u8>(), 0..3u8, 0..4u8).prop_map(|(session, function, timeout)| CanDo { session, function, timeout }),
        1 => (any::<u8>(), 0..3u8).prop_map(|(session, function)| CantDo { session, function }),
        1 => any::<u8>().prop_map(Reset),
        8 => any::<u8>().prop_map(Grab),
        5 => any::<u8>().prop_map(Sleep),
        5 => any::<u8>().prop_map(GrabAndSleep),
        2 => any::<u8>().prop_map(AllYours),
        1 => any::<u8>().prop_map(Notices),
        1 => any::<u8>().prop_map(AtOnce),
        1 => any::<u8>().prop_map(Echo),
        8 => (any::<u8>(), any::<u8>(), 0..6u8).prop_map(|(session, job, update)| Work { session, job, update }),
        1 => any::<u8>().prop_map(Cancel),
        1 => (0..3u8).prop_map(Drop),
        2 => (0..4u8, any::<u8>()).prop_map(|(function, words)| Policy { function, words }),
        1 => any::<u8>().prop_map(Bury),
        2 => any::<u8>().prop_map(RetryDead),
        1 => any::<u8>().prop_map(ForgetDead),
        2 => (0..5u8).prop_map(Tick),
        4 => (0..6u8).prop_map(TickMs),
    ]
}

fn run(b: &mut Bench, sessions: &mut Vec<u32>, step: &Step) {
    const FUNCTIONS: [&str; 3] = ["a", "b", "c"];
    const UNIQUES: [&str; 5] = ["", "", "-", "k", "l"];
    let at = |n: u8, len: usize| usize::from(n) % len;
    let some = |n: u8| sessions[usize::from(n) % sessions.len()];
    let handle = |b: &Bench, n: u8| {
        let all: Vec<u64> = b.broker.jobs.arena.iter().map(|(_, job)| job.number).collect();
        let number = if all.is_empty() { 1 } else { all[at(n, all.len())] };
        format!("H:{number}")
    };
    let dead = |b: &Bench, n: u8| {
        let all: Vec<u64> = b.broker.dead.range(0).map(|(_, letter)| letter.job.number).collect();
        all.get(usize::from(n) % all.len().max(1)).map(|number| format!("H:{number}")).unwrap_or_default()
    };
    match *step {
        Step::Connect => sessions.push(b.connect()),
        Step::Proxy => sessions.push(b.proxy(&["a", "b"])),
        Step::Forwards => {
            let session = b.connect();
            b.broker.set_forwards(session);
            sessions.push(session);
        }
        Step::Withdraw(job) => {
            let handle = handle(b, job);
            b.broker.withdraw(handle.as_bytes());
        }
        Step::Leave(_) if sessions.len() < 2 => {}
        Step::Leave(n) => {
            let session = sessions.swap_remove(at(n, sessions.len()));
            b.leave(session);
        }
        Step::Submit { session, function, unique, priority, background, later } => {
            let at = (b.now.wall.as_secs() + u64::from(later) / 2).to_string();
            let mut submit = job(FUNCTIONS[usize::from(function)], UNIQUES[usize::from(unique)], "w");
            submit.priority = Priority::ALL[usize::from(priority)];
            submit.background = background;
            if later > 5 {
                (submit.start, submit.background) = (Start::Epoch(at.as_bytes()), true);
            }
            b.send(some(session), Request::Submit(submit));
        }
        Step::CanDo { session, function, timeout } => {
            let function = FUNCTIONS[usize::from(function)].as_bytes();
            let seconds = timeout.to_string();
            b.send(some(session), Request::CanDo { function, timeout: (timeout > 1).then_some(seconds.as_bytes()) });
        }
        Step::CantDo { session, function } => {
            b.send(some(session), Request::CantDo(FUNCTIONS[usize::from(function)].as_bytes()))
        }
        Step::Reset(session) => b.send(some(session), Request::ResetAbilities),
        Step::Grab(session) => b.send(some(session), Request::GrabJob(Grab::All)),
        Step::Sleep(session) => b.send(some(session), Request::PreSleep),
        Step::GrabAndSleep(session) => {
            b.send(some(session), Request::GrabJob(Grab::Uniq));
            b.send(some(session), Request::PreSleep);
        }
        Step::AllYours(session) => b.send(some(session), Request::Option(b"all-yours")),
        Step::Notices(session) => {
            b.send(some(session), Request::Option(b"attempts"));
            b.send(some(session), Request::Option(b"cancel-notices"));
        }
        Step::AtOnce(session) => b.send(some(session), Request::Option(b"at-once")),
        Step::Echo(session) => b.send(some(session), Request::Echo(b"e")),
        Step::Work { session, job, update } => {
            let updates = [
                Update::Status(b"1", b"2"),
                Update::Data(b"d"),
                Update::Warning(b"w"),
                Update::Complete(b"c"),
                Update::Exception(b"e"),
                Update::Fail,
            ];
            let handle = handle(b, job);
            b.send(some(session), work(&handle, updates[usize::from(update)]));
        }
        Step::Cancel(job) => {
            let handle = handle(b, job);
            b.broker.cancel(&b.now, handle.as_bytes(), &mut b.outgoing);
        }
        Step::Drop(function) => {
            b.broker.drop_function(&b.now, FUNCTIONS[usize::from(function)].as_bytes(), &mut b.outgoing).unwrap_or(());
        }
        Step::Policy { function, words } => {
            let pattern = FUNCTIONS.get(usize::from(function)).unwrap_or(&"*");
            let words = POLICIES[at(words, POLICIES.len())].split(' ');
            b.broker.set_policy(&b.now, pattern, words).unwrap();
        }
        Step::Bury(job) => {
            let handle = handle(b, job);
            b.broker.bury_job(&b.now, handle.as_bytes(), &mut b.outgoing).unwrap_or(());
        }
        Step::RetryDead(n) => {
            let handle = dead(b, n);
            b.broker.retry_dead(&b.now, handle.as_bytes()).unwrap_or(());
        }
        Step::ForgetDead(n) => {
            let handle = dead(b, n);
            b.broker.forget_dead(handle.as_bytes());
        }
        Step::Tick(seconds) => b.tick(seconds.into()),
        Step::TickMs(milliseconds) => b.tick_ms(milliseconds.into()),
    }
    b.end_round();
    for session in sessions {
        b.outgoing.take(*session);
    }
}

/// Who sleeps, and what proxies run.
struct Sight {
    asleep: Vec<(u32, u64)>,
    proxies: Vec<u64>,
}

impl Sight {
    fn of(broker: &Broker) -> Sight {
        let own = |p: &&Session| p.role != Role::Proxy && p.asleep != 0;
        let asleep = broker.sessions.iter().filter(|(_, p)| own(p)).map(|(id, p)| (id, p.asleep)).collect();
        Sight { asleep, proxies: Sight::run_by_proxies(broker).map(|(number, _)| number).collect() }
    }

    fn run_by_proxies(broker: &Broker) -> impl Iterator<Item = (u64, u32)> {
        let jobs = broker.jobs.arena.iter().map(|(_, job)| job);
        let runs = |worker| broker.sessions.get(worker).is_some_and(|p| p.role == Role::Proxy);
        jobs.filter(move |job| runs(job.worker)).map(|job| (job.number, job.function))
    }

    /// No proxy has got a job while somebody else slept all the time who can run it.
    fn check(&self, broker: &Broker) {
        for (number, function) in Sight::run_by_proxies(broker).filter(|(number, _)| !self.proxies.contains(number)) {
            let slept = |(id, since): &&(u32, u64)| {
                broker.sessions.get(*id).is_some_and(|p| p.asleep == *since && p.ability(function).is_some())
            };
            assert_eq!(self.asleep.iter().find(slept), None, "job {number} went to a proxy");
        }
    }
}

properties! {
    cases: 256;

    #[test]
    fn whatever_happens(steps in prop::collection::vec(step(), 1..200), runs in prop::option::of(1..3u16)) {
        let mut b = Bench::with(|rules| rules.runs = runs);
        let mut sessions = vec![b.connect(), b.connect()];
        let mut watch = Watch::default();
        for step in &steps {
            let before = Sight::of(&b.broker);
            run(&mut b, &mut sessions, step);
            check(&b);
            before.check(&b.broker);
            watch.look(&b.broker, &b.now);
        }
        // Every answered background job ran or failed or is still there: nothing is left behind.
        for session in sessions {
            b.leave(session);
            check(&b);
        }
        prop_assert_eq!(b.broker.running, 0);
        prop_assert_eq!(b.broker.waiters.len(), 0);
        prop_assert_eq!(b.broker.sessions.len(), 0);
    }
}
