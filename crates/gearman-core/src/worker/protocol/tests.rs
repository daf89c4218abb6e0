//! What is sent and received, without a network.

use super::*;
use crate::return_code::ReturnCode;

fn commands(bytes: &[u8]) -> Vec<String> {
    let (mut rest, mut all) = (bytes, Vec::new());
    while let Ok(crate::protocol::codec::Decoded::Frame(frame, size)) = crate::protocol::codec::decode(rest, 1000) {
        all.push(format!("{} {}", frame.command().unwrap(), frame.body.escape_ascii()).trim_end().to_string());
        rest = &rest[size..];
    }
    all
}

#[test]
fn only_changes_are_announced() {
    let (mut wanted, mut protocol) = (Abilities::default(), Protocol::default());
    let mut announce = |wanted: &Abilities| {
        let mut out = Vec::new();
        protocol.announce(wanted, &mut out);
        commands(&out)
    };
    wanted.add(b"a", 0).unwrap();
    wanted.add(b"b", 5000).unwrap();
    wanted.add(b"a", 0).unwrap();
    assert_eq!(announce(&wanted), ["CAN_DO_TIMEOUT b\\x005000", "CAN_DO a"]);
    assert_eq!(announce(&wanted), Vec::<String>::new());
    wanted.remove(b"a").unwrap();
    wanted.add(b"c", 0).unwrap();
    assert_eq!(announce(&wanted), ["CANT_DO a", "CAN_DO c"]);
    wanted.clear().unwrap();
    assert_eq!(announce(&wanted), ["RESET_ABILITIES"]);
}

#[test]
fn a_new_function_ends_the_sleep() {
    let (mut wanted, mut protocol) = (Abilities::default(), Protocol { state: State::Asleep, ..Protocol::default() });
    wanted.add(b"a", 0).unwrap();
    protocol.announce(&wanted, &mut Vec::new());
    assert_eq!(protocol.state, State::Awake);
}

#[test]
fn a_noop_before_the_answer_to_a_grab_changes_nothing() {
    let mut protocol = Protocol::default();
    protocol.grab(Grab::All, &mut Vec::new());
    assert_eq!(protocol.receive(Response::Noop), Ok(Received::Nothing));
    assert_eq!(protocol.state, State::Grabbing);
    assert_eq!(protocol.receive(Response::NoJob), Ok(Received::Nothing));
    assert_eq!(protocol.state, State::NoJob);
}

#[test]
fn sending_anything_ends_the_sleep() {
    let mut protocol = Protocol::default();
    protocol.sleep(&mut Vec::new());
    protocol.echo(1, b"x", &mut Vec::new());
    assert_eq!(protocol.state, State::Awake);
    protocol.grab(Grab::All, &mut Vec::new());
    protocol.interrupt_sleep(&mut Vec::new());
    assert_eq!(protocol.state, State::Grabbing);
}

#[test]
fn answers_come_in_the_order_of_their_requests() {
    let mut protocol = Protocol::default();
    let out = &mut Vec::new();
    protocol.option(b"exceptions", out);
    protocol.echo(7, b"x", out);
    let unknown = Response::Error { code: b"UNKNOWN_OPTION", text: b"" };
    assert_eq!(protocol.receive(unknown), Ok(Received::Nothing));
    assert_eq!(protocol.receive(Response::Echo(b"x")), Ok(Received::Echo(7, b"x")));
    assert!(protocol.receive(Response::Option(b"exceptions")).is_err());
}

#[test]
fn an_old_server_is_asked_in_a_form_it_knows() {
    let (mut protocol, mut out) = (Protocol::default(), Vec::new());
    protocol.grab(Grab::All, &mut out);
    let refused = Response::Error { code: b"INVALID_COMMAND", text: b"" };
    assert_eq!(protocol.receive(refused), Ok(Received::Nothing));
    assert_eq!(protocol.state, State::Awake);
    protocol.grab(Grab::All, &mut out);
    assert_eq!(protocol.receive(refused), Ok(Received::Nothing));
    protocol.grab(Grab::All, &mut out);
    assert_eq!(commands(&out), ["GRAB_JOB_ALL", "GRAB_JOB_UNIQ", "GRAB_JOB"]);
    // Refused again: there is nothing else to try, and no use in asking without end.
    let error = protocol.receive(refused).unwrap_err();
    assert_eq!(error.code(), ReturnCode::UnexpectedPacket);
}

/// An error about something else, which was sent before.
#[test]
fn a_form_that_was_answered_is_known() {
    for code in [&b"INVALID_COMMAND"[..], b"server_error"] {
        let (mut protocol, mut out) = (Protocol::default(), Vec::new());
        protocol.grab(Grab::All, &mut Vec::new());
        protocol.receive(Response::NoJob).unwrap();
        protocol.grab(Grab::All, &mut Vec::new());
        assert_eq!(protocol.receive(Response::Error { code, text: b"" }), Ok(Received::Nothing));
        assert_eq!((protocol.state, protocol.grabs), (State::Grabbing, 1));
        protocol.receive(Response::NoJob).unwrap();
        protocol.grab(Grab::All, &mut out);
        assert_eq!(commands(&out), ["GRAB_JOB_ALL"]);
    }
}

#[test]
fn a_question_that_was_refused_still_stands() {
    for rises in [false, true] {
        let (mut protocol, mut out) = (at(Assignment::Direct, State::Awake), Vec::new());
        protocol.grab(Grab::All, &mut Vec::new());
        if rises {
            protocol.stop_waiting(&mut Vec::new());
        }
        protocol.receive(Response::Error { code: b"INVALID_COMMAND", text: b"" }).unwrap();
        answer_all(&mut protocol);
        assert!(!protocol.may_sleep(Grab::All));
        protocol.grab(Grab::All, &mut out);
        assert_eq!(commands(&out), ["GRAB_JOB_UNIQ"]);
    }
}

fn job<'a>() -> Response<'a> {
    Response::JobAssign(Assign { handle: b"H", function: b"f", unique: None, reducer: None, workload: b"" })
}

/// What a worker sends that waits for its next job.
fn wait(protocol: &mut Protocol) -> Vec<String> {
    let mut out = Vec::new();
    match protocol.may_sleep(Grab::Plain) {
        true => protocol.sleep(&mut out),
        false => protocol.grab(Grab::Plain, &mut out),
    }
    commands(&out)
}

/// Asleep with direct assignment.
fn direct() -> Protocol {
    Protocol { assignment: Assignment::Direct, state: State::Asleep, form: Some(Grab::Plain), ..Protocol::default() }
}

#[test]
fn a_server_is_asked_once_and_says_yes() {
    let (mut protocol, mut out) = (Protocol::default(), Vec::new());
    protocol.option(b"exceptions", &mut out);
    protocol.ask_directly(&mut out);
    assert_eq!(commands(&out), ["OPTION_REQ exceptions", "OPTION_REQ all-yours"]);
    assert_eq!(wait(&mut protocol), ["GRAB_JOB"]);
    assert_eq!(protocol.receive(Response::Option(b"exceptions")), Ok(Received::Nothing));
    assert_eq!(protocol.receive(Response::Option(b"all-yours")), Ok(Received::Nothing));
    assert_eq!(protocol.receive(Response::NoJob), Ok(Received::Nothing));
    assert_eq!((protocol.assignment, protocol.state), (Assignment::Direct, State::NoJob));
    protocol.sleep(&mut Vec::new());
    assert!(matches!(protocol.receive(job()), Ok(Received::Job(_))));
    assert_eq!(wait(&mut protocol), ["PRE_SLEEP"]);
    assert!(matches!(protocol.receive(job()), Ok(Received::Job(_))));
    assert!(!protocol.may_sleep(Grab::All), "the server does not know of that form yet");
    assert!(protocol.receive(Response::Option(b"all-yours")).is_err(), "nobody asked again");
}

#[test]
fn an_error_or_no_answer_is_a_no() {
    let unknown = Response::Error { code: b"UNKNOWN_OPTION", text: b"" };
    let command = Response::Error { code: b"INVALID_COMMAND", text: b"" };
    for answers in [&[unknown, Response::NoJob][..], &[command, Response::NoJob], &[Response::NoJob], &[job()]] {
        let mut protocol = Protocol::default();
        protocol.option(b"exceptions", &mut Vec::new());
        protocol.ask_directly(&mut Vec::new());
        assert_eq!(wait(&mut protocol), ["GRAB_JOB"]);
        if answers.len() > 1 {
            protocol.receive(Response::Option(b"exceptions")).unwrap();
        }
        for answer in answers {
            protocol.receive(*answer).unwrap();
        }
        assert_eq!(protocol.assignment, Assignment::Refused);
        assert_eq!(protocol.known, Grab::All);
        assert_eq!(wait(&mut protocol), ["GRAB_JOB"]);
        // Nothing is waited for any more that will not come.
        protocol.echo(1, b"x", &mut Vec::new());
        assert_eq!(protocol.receive(Response::Echo(b"x")), Ok(Received::Echo(1, b"x")));
    }
}

#[test]
fn a_noop_ends_a_direct_sleep_too() {
    let mut protocol = direct();
    protocol.receive(Response::Noop).unwrap();
    assert_eq!(protocol.state, State::Awake);
}

#[test]
fn a_job_may_come_until_the_server_knows_that_we_are_awake() {
    for asleep in [true, false] {
        let (mut protocol, mut out) = (direct(), Vec::new());
        if !asleep {
            protocol.grab(Grab::Plain, &mut Vec::new());
        }
        protocol.stop_waiting(&mut out);
        protocol.stop_waiting(&mut out);
        assert_eq!(commands(&out), ["ECHO_REQ awake"]);
        protocol.receive(Response::Noop).unwrap();
        assert_eq!(protocol.state, State::Waking);
        assert!(matches!(protocol.receive(job()), Ok(Received::Job(_))));
        assert_eq!(protocol.state, State::Waking);
        protocol.receive(Response::Echo(b"awake")).unwrap();
        assert_eq!((protocol.state, protocol.grabs), (State::Awake, 0));
    }
}

/// What a worker sends for the next job, and the next, while each is there only when it sleeps.
#[test]
fn questions_with_always_empty_answers_are_left_out() {
    let mut protocol = Protocol::default();
    let one_by_one = |jobs: usize, protocol: &mut Protocol| {
        let mut asked = 0;
        for _ in 0..jobs {
            if wait(protocol) == ["GRAB_JOB"] {
                asked += 1;
                protocol.receive(Response::NoJob).unwrap();
                protocol.sleep(&mut Vec::new());
            }
            assert_eq!(protocol.state, State::Asleep);
            protocol.receive(Response::Noop).unwrap();
            assert_eq!(wait(protocol), ["GRAB_JOB"], "a NOOP is always followed");
            protocol.receive(job()).unwrap();
        }
        asked
    };
    assert_eq!(one_by_one(3, &mut protocol), 3);
    assert_eq!(one_by_one(5, &mut protocol), 2, "then 1 and 2 are left out");
    assert_eq!(one_by_one(1700, &mut protocol), 102, "and later 16");
    // One that finds a job begins it anew.
    while wait(&mut protocol) == ["PRE_SLEEP"] {
        protocol.receive(Response::Noop).unwrap();
        wait(&mut protocol);
        protocol.receive(job()).unwrap();
    }
    protocol.receive(job()).unwrap();
    assert_eq!(one_by_one(3, &mut protocol), 3);
}

#[test]
fn a_job_that_was_taken_by_another_does_not_count() {
    let mut protocol = Protocol::default();
    wait(&mut protocol);
    for _ in 0..100 {
        protocol.receive(Response::NoJob).unwrap();
        protocol.sleep(&mut Vec::new());
        protocol.receive(Response::Noop).unwrap();
        assert_eq!(wait(&mut protocol), ["GRAB_JOB"]);
    }
    protocol.receive(job()).unwrap();
    assert_eq!(wait(&mut protocol), ["GRAB_JOB"]);
}

#[test]
fn who_does_not_wait_need_not_rise() {
    let (mut protocol, mut out) = (Protocol { state: State::Awake, ..direct() }, Vec::new());
    protocol.stop_waiting(&mut out);
    protocol.interrupt_sleep(&mut out);
    let mut classic = Protocol { state: State::Asleep, ..Protocol::default() };
    classic.stop_waiting(&mut out);
    assert_eq!((commands(&out), classic.state), (vec![], State::Asleep));
}

#[test]
fn what_is_sent_in_a_direct_sleep_is_preceded_by_an_echo() {
    let (mut protocol, mut out) = (direct(), Vec::new());
    protocol.echo(7, b"x", &mut out);
    assert_eq!(commands(&out), ["ECHO_REQ awake", "ECHO_REQ x"]);
    protocol.receive(Response::Echo(b"awake")).unwrap();
    assert_eq!(protocol.state, State::Awake);
    assert_eq!(protocol.receive(Response::Echo(b"x")), Ok(Received::Echo(7, b"x")));
}

#[test]
fn several_grabs_are_answered_one_by_one() {
    let mut protocol = direct();
    for _ in 0..3 {
        protocol.grab(Grab::Plain, &mut Vec::new());
    }
    assert!(matches!(protocol.receive(job()), Ok(Received::Job(_))));
    assert_eq!(protocol.state, State::Grabbing);
    protocol.receive(Response::NoJob).unwrap();
    assert_eq!(protocol.state, State::Grabbing);
    protocol.receive(Response::NoJob).unwrap();
    assert_eq!(protocol.state, State::NoJob);
    assert!(protocol.receive(Response::NoJob).is_err());
}

#[test]
fn a_job_of_a_function_taken_away_meanwhile_is_not_ours() {
    let (mut wanted, mut protocol, mut out) = (Abilities::default(), Protocol::default(), Vec::new());
    wanted.add(b"f", 0).unwrap();
    wanted.add(b"g", 0).unwrap();
    protocol.announce(&wanted, &mut Vec::new());
    protocol.grab(Grab::Plain, &mut Vec::new());
    wanted.remove(b"f").unwrap();
    assert!(protocol.announce(&wanted, &mut out));
    wanted.add(b"f", 0).unwrap();
    protocol.announce(&wanted, &mut out);
    assert_eq!(commands(&out), ["ECHO_REQ awake", "CANT_DO f", "CAN_DO f"]);
    assert_eq!(protocol.receive(job()), Ok(Received::Nothing));
    assert_eq!(protocol.state, State::Awake);
    protocol.receive(Response::Echo(b"awake")).unwrap();
    assert!(matches!(protocol.receive(job()), Ok(Received::Job(_))), "it was announced anew");
}

#[test]
fn what_a_server_may_not_say_is_an_error() {
    assert!(Protocol::default().receive(Response::NoJob).is_err());
    assert!(Protocol::default().receive(Response::Echo(b"x")).is_err());
    assert!(Protocol::default().receive(Response::JobCreated(b"H:x:1")).is_err());
}

/// A worker of this kind in this state, as it gets there. With a history of empty answers, so that
/// it leaves out what it may.
fn at(assignment: Assignment, state: State) -> Protocol {
    let out = &mut Vec::new();
    let mut protocol = Protocol { assignment, ..Protocol::default() };
    protocol.grab(Grab::Plain, out);
    protocol.receive(job()).unwrap();
    protocol.backoff.skips = 16;
    if state == State::Awake {
        return protocol;
    }
    protocol.grab(Grab::Plain, out);
    if state == State::Grabbing {
        return protocol;
    }
    protocol.receive(Response::NoJob).unwrap();
    if state == State::NoJob {
        return protocol;
    }
    protocol.backoff.skips = 16;
    protocol.sleep(out);
    if state == State::Waking {
        protocol.stop_waiting(out);
    }
    assert_eq!(protocol.state, state);
    protocol
}

/// What the worker of a call that waits sends where it may; see `Worker::ask`.
fn sent_by(protocol: &mut Protocol) -> Vec<String> {
    match protocol.state {
        State::Awake => wait(protocol),
        State::NoJob => {
            let mut out = Vec::new();
            protocol.sleep(&mut out);
            commands(&out)
        }
        State::Grabbing | State::Asleep | State::Waking => Vec::new(),
    }
}

/// The server answers all that is unanswered: it has no job.
fn answer_all(protocol: &mut Protocol) {
    while protocol.grabs > 0 {
        protocol.receive(Response::NoJob).unwrap();
    }
    while !protocol.asked.is_empty() {
        protocol.receive(Response::Echo(b"awake")).unwrap();
    }
}

/// The state, what is received, the state then, and what is sent next with direct assignment and in the classic
/// one, once what was asked before is answered. A NOOP that came while the worker was waking was dropped once: it
/// slept again with a job in the queue.
#[test]
fn what_is_sent_after_what_was_received() {
    use State::{Asleep, Awake, Grabbing, NoJob, Waking};
    const GRAB: &str = "GRAB_JOB";
    const SLEEP: &str = "PRE_SLEEP";
    const NEVER: &str = ""; // a classic worker never wakes so
    let (noop, none, echo) = (Response::Noop, Response::NoJob, Response::Echo(b"awake"));
    let table = [
        (Awake, noop, Awake, GRAB, GRAB),
        (Awake, job(), Awake, SLEEP, GRAB),
        // What the server knew before it answers, it knows when it does.
        (Grabbing, noop, Grabbing, SLEEP, SLEEP),
        (Grabbing, none, NoJob, SLEEP, SLEEP),
        (Grabbing, job(), Awake, SLEEP, GRAB),
        (NoJob, noop, Awake, GRAB, GRAB),
        (NoJob, job(), Awake, SLEEP, GRAB),
        (Asleep, noop, Awake, GRAB, GRAB),
        (Asleep, job(), Awake, SLEEP, GRAB),
        (Waking, noop, Waking, GRAB, NEVER),
        (Waking, job(), Waking, SLEEP, NEVER),
        (Waking, echo, Awake, SLEEP, NEVER),
    ];
    for state in [Awake, Grabbing, NoJob, Asleep, Waking] {
        for received in [noop, none, job(), echo] {
            let row = table.iter().find(|row| (row.0, row.1) == (state, received));
            for assignment in [Assignment::Direct, Assignment::Classic] {
                if (assignment, state) == (Assignment::Classic, Waking) {
                    continue;
                }
                let mut protocol = at(assignment, state);
                let what = format!("{assignment:?} {state:?} {received:?}");
                let Some((.., then, direct, classic)) = row else {
                    assert!(protocol.receive(received).is_err(), "{what}");
                    continue;
                };
                protocol.receive(received).expect(&what);
                assert_eq!(protocol.state, *then, "{what}");
                answer_all(&mut protocol);
                assert_eq!(
                    sent_by(&mut protocol),
                    [if assignment == Assignment::Direct { *direct } else { *classic }],
                    "{what}"
                );
            }
        }
    }
}

/// Everything that can be sent and received, in every order, six steps deep.
#[test]
fn a_noop_is_followed_by_a_question_before_the_next_sleep() {
    for assignment in [Assignment::Direct, Assignment::Classic] {
        for state in [State::Awake, State::Grabbing, State::NoJob, State::Asleep] {
            (0..7usize.pow(6)).for_each(|order| walk(at(assignment, state), order));
        }
    }
}

/// Six steps, by the digits of `order`.
fn walk(mut protocol: Protocol, order: usize) {
    let mut owed = false;
    for digit in 0..6 {
        match order / 7usize.pow(digit) % 7 {
            0 => {
                owed |= protocol.grabs == 0;
                protocol.receive(Response::Noop).unwrap();
            }
            1 if protocol.grabs > 0 => _ = protocol.receive(Response::NoJob).unwrap(),
            2 => _ = protocol.receive(job()).unwrap(),
            3 if !protocol.asked.is_empty() => _ = protocol.receive(Response::Echo(b"awake")).unwrap(),
            4 => protocol.stop_waiting(&mut Vec::new()),
            5 => protocol.interrupt_sleep(&mut Vec::new()),
            6 => follow(&mut protocol, &mut owed, order),
            _ => {} // there is nothing to answer
        }
    }
    // From there, a server without jobs sends it to sleep.
    for _ in 0..3 {
        answer_all(&mut protocol);
        follow(&mut protocol, &mut owed, order);
    }
    assert_eq!(protocol.state, State::Asleep, "{order}");
}

fn follow(protocol: &mut Protocol, owed: &mut bool, order: usize) {
    let sent = sent_by(protocol);
    assert!(!*owed || sent != ["PRE_SLEEP"], "{order}: it was woken and did not ask");
    *owed &= sent.is_empty();
}
