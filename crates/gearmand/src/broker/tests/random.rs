//! Random operations: what always holds does after each.

use super::*;
use properties::properties;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Connect,
    Leave(u8),
    Submit { peer: u8, function: u8, unique: u8, priority: u8, background: bool, later: u8 },
    CanDo { peer: u8, function: u8, timeout: u8 },
    CantDo { peer: u8, function: u8 },
    Reset(u8),
    Grab(u8),
    Sleep(u8),
    GrabAndSleep(u8),
    AllYours(u8),
    Echo(u8),
    Work { peer: u8, job: u8, update: u8 },
    Cancel(u8),
    Drop(u8),
    Tick(u8),
    TickMs(u8),
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    let submit = (any::<u8>(), 0..3u8, 0..5u8, 0..3u8, any::<bool>(), 0..8u8).prop_map(
        |(peer, function, unique, priority, background, later)| Submit {
            peer,
            function,
            unique,
            priority,
            background,
            later,
        },
    );
    prop_oneof![
        2 => Just(Connect),
        1 => any::<u8>().prop_map(Leave),
        8 => submit,
        4 => (any::<u8>(), 0..3u8, 0..4u8).prop_map(|(peer, function, timeout)| CanDo { peer, function, timeout }),
        1 => (any::<u8>(), 0..3u8).prop_map(|(peer, function)| CantDo { peer, function }),
        1 => any::<u8>().prop_map(Reset),
        8 => any::<u8>().prop_map(Grab),
        5 => any::<u8>().prop_map(Sleep),
        5 => any::<u8>().prop_map(GrabAndSleep),
        2 => any::<u8>().prop_map(AllYours),
        1 => any::<u8>().prop_map(Echo),
        8 => (any::<u8>(), any::<u8>(), 0..6u8).prop_map(|(peer, job, update)| Work { peer, job, update }),
        1 => any::<u8>().prop_map(Cancel),
        1 => (0..3u8).prop_map(Drop),
        2 => (0..5u8).prop_map(Tick),
        4 => (0..6u8).prop_map(TickMs),
    ]
}

fn run(b: &mut Bench, peers: &mut Vec<u32>, step: &Step) {
    const FUNCTIONS: [&str; 3] = ["a", "b", "c"];
    const UNIQUES: [&str; 5] = ["", "", "-", "k", "l"];
    let at = |n: u8, len: usize| usize::from(n) % len;
    let some = |n: u8| peers[usize::from(n) % peers.len()];
    let handle = |b: &Bench, n: u8| {
        let all: Vec<u64> = b.store.jobs.slab.iter().map(|(_, job)| job.number).collect();
        let number = if all.is_empty() { 1 } else { all[at(n, all.len())] };
        format!("H:{number}")
    };
    match *step {
        Step::Connect => peers.push(b.connect()),
        Step::Leave(_) if peers.len() < 2 => {}
        Step::Leave(n) => {
            let peer = peers.swap_remove(at(n, peers.len()));
            b.leave(peer);
        }
        Step::Submit { peer, function, unique, priority, background, later } => {
            let at = (b.now.wall.as_secs() + u64::from(later) / 2).to_string();
            let mut submit = job(FUNCTIONS[usize::from(function)], UNIQUES[usize::from(unique)], "w");
            submit.priority = Priority::ALL[usize::from(priority)];
            submit.background = background;
            if later > 5 {
                (submit.start, submit.background) = (Start::Epoch(at.as_bytes()), true);
            }
            b.send(some(peer), Request::Submit(submit));
        }
        Step::CanDo { peer, function, timeout } => {
            let function = FUNCTIONS[usize::from(function)].as_bytes();
            let seconds = timeout.to_string();
            b.send(some(peer), Request::CanDo { function, timeout: (timeout > 1).then_some(seconds.as_bytes()) });
        }
        Step::CantDo { peer, function } => {
            b.send(some(peer), Request::CantDo(FUNCTIONS[usize::from(function)].as_bytes()))
        }
        Step::Reset(peer) => b.send(some(peer), Request::ResetAbilities),
        Step::Grab(peer) => b.send(some(peer), Request::GrabJob(Grab::All)),
        Step::Sleep(peer) => b.send(some(peer), Request::PreSleep),
        Step::GrabAndSleep(peer) => {
            b.send(some(peer), Request::GrabJob(Grab::Uniq));
            b.send(some(peer), Request::PreSleep);
        }
        Step::AllYours(peer) => b.send(some(peer), Request::Option(b"all-yours")),
        Step::Echo(peer) => b.send(some(peer), Request::Echo(b"e")),
        Step::Work { peer, job, update } => {
            let updates = [
                Update::Status(b"1", b"2"),
                Update::Data(b"d"),
                Update::Warning(b"w"),
                Update::Complete(b"c"),
                Update::Exception(b"e"),
                Update::Fail,
            ];
            let handle = handle(b, job);
            b.send(some(peer), work(&handle, updates[usize::from(update)]));
        }
        Step::Cancel(job) => {
            if let Some(job) = b.store.by_handle(handle(b, job).as_bytes()) {
                b.store.fail(&b.now, job, &mut b.mail);
            }
        }
        Step::Drop(function) => {
            let about = crate::admin::text::About { level: "ERROR", limits: 10 };
            let line = format!("drop function {}\n", FUNCTIONS[usize::from(function)]);
            crate::admin::text::answer(&mut b.store, &about, &b.now, peers[0], line.as_bytes(), &mut b.mail);
        }
        Step::Tick(seconds) => b.tick(seconds.into()),
        Step::TickMs(milliseconds) => b.tick_ms(milliseconds.into()),
    }
    b.end_round();
    for peer in peers {
        b.mail.take(*peer);
    }
}

properties! {
    cases: 256;

    #[test]
    fn whatever_happens(steps in prop::collection::vec(step(), 1..200), runs in prop::option::of(1..3u16)) {
        let mut b = Bench::with(|rules| rules.runs = runs);
        let mut peers = vec![b.connect(), b.connect()];
        for step in &steps {
            run(&mut b, &mut peers, step);
            check(&b);
        }
        // Every answered background job ran or failed or is still there: nothing is left behind.
        for peer in peers {
            b.leave(peer);
            check(&b);
        }
        prop_assert_eq!(b.store.running, 0);
        prop_assert_eq!(b.store.waiters.len(), 0);
        prop_assert_eq!(b.store.peers.len(), 0);
    }
}
