//! What is said and heard, without a network.

use super::*;

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
    let (mut wanted, mut duty) = (Abilities::default(), Duty::default());
    let mut announce = |wanted: &Abilities| {
        let mut out = Vec::new();
        duty.announce(wanted, &mut out);
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
    let (mut wanted, mut duty) = (Abilities::default(), Duty { turn: Turn::Asleep, ..Duty::default() });
    wanted.add(b"a", 0).unwrap();
    duty.announce(&wanted, &mut Vec::new());
    assert_eq!(duty.turn, Turn::Awake);
}

#[test]
fn a_noop_before_the_answer_to_a_grab_changes_nothing() {
    let mut duty = Duty::default();
    duty.grab(Grab::All, &mut Vec::new());
    assert_eq!(duty.hear(Response::Noop), Ok(Heard::Nothing));
    assert_eq!(duty.turn, Turn::Grabbing);
    assert_eq!(duty.hear(Response::NoJob), Ok(Heard::Nothing));
    assert_eq!(duty.turn, Turn::NoJob);
}

#[test]
fn a_word_in_its_sleep_ends_it() {
    let mut duty = Duty::default();
    duty.sleep(&mut Vec::new());
    duty.echo(1, b"x", &mut Vec::new());
    assert_eq!(duty.turn, Turn::Awake);
    duty.grab(Grab::All, &mut Vec::new());
    duty.speak(&mut Vec::new());
    assert_eq!(duty.turn, Turn::Grabbing);
}

#[test]
fn answers_come_in_the_order_of_their_requests() {
    let mut duty = Duty::default();
    let out = &mut Vec::new();
    duty.option(b"exceptions", out);
    duty.echo(7, b"x", out);
    let unknown = Response::Error { code: b"UNKNOWN_OPTION", text: b"" };
    assert_eq!(duty.hear(unknown), Ok(Heard::Nothing));
    assert_eq!(duty.hear(Response::Echo(b"x")), Ok(Heard::Echo(7, b"x")));
    assert!(duty.hear(Response::Option(b"exceptions")).is_err());
}

#[test]
fn an_old_server_is_asked_in_a_form_it_knows() {
    let (mut duty, mut out) = (Duty::default(), Vec::new());
    duty.grab(Grab::All, &mut out);
    let refused = Response::Error { code: b"INVALID_COMMAND", text: b"" };
    assert_eq!(duty.hear(refused), Ok(Heard::Nothing));
    assert_eq!(duty.turn, Turn::Awake);
    duty.grab(Grab::All, &mut out);
    assert_eq!(commands(&out), ["GRAB_JOB_ALL", "GRAB_JOB_UNIQ"]);
    // Refused again: there is nothing else to try, and no use in asking without end.
    assert_eq!(duty.hear(refused), Ok(Heard::Nothing));
    assert_eq!(duty.turn, Turn::Grabbing);
}

#[test]
fn a_question_that_was_refused_still_stands() {
    for rises in [false, true] {
        let (mut duty, mut out) = (at(Way::Direct, Turn::Awake), Vec::new());
        duty.grab(Grab::All, &mut Vec::new());
        if rises {
            duty.rise(&mut Vec::new());
        }
        duty.hear(Response::Error { code: b"INVALID_COMMAND", text: b"" }).unwrap();
        settle(&mut duty);
        assert!(!duty.may_sleep(Grab::All));
        duty.grab(Grab::All, &mut out);
        assert_eq!(commands(&out), ["GRAB_JOB_UNIQ"]);
    }
}

fn job<'a>() -> Response<'a> {
    Response::JobAssign(Assign { handle: b"H", function: b"f", unique: None, reducer: None, workload: b"" })
}

/// What a worker says that waits for its next job.
fn wait(duty: &mut Duty) -> Vec<String> {
    let mut out = Vec::new();
    match duty.may_sleep(Grab::Plain) {
        true => duty.sleep(&mut out),
        false => duty.grab(Grab::Plain, &mut out),
    }
    commands(&out)
}

/// Asleep in the direct way.
fn direct() -> Duty {
    Duty { way: Way::Direct, turn: Turn::Asleep, form: Some(Grab::Plain), ..Duty::default() }
}

#[test]
fn a_server_is_asked_once_and_says_yes() {
    let (mut duty, mut out) = (Duty::default(), Vec::new());
    duty.option(b"exceptions", &mut out);
    duty.ask_directly(&mut out);
    assert_eq!(commands(&out), ["OPTION_REQ exceptions", "OPTION_REQ all-yours"]);
    assert_eq!(wait(&mut duty), ["GRAB_JOB"]);
    assert_eq!(duty.hear(Response::Option(b"exceptions")), Ok(Heard::Nothing));
    assert_eq!(duty.hear(Response::Option(b"all-yours")), Ok(Heard::Nothing));
    assert_eq!(duty.hear(Response::NoJob), Ok(Heard::Nothing));
    assert_eq!((duty.way, duty.turn), (Way::Direct, Turn::NoJob));
    duty.sleep(&mut Vec::new());
    assert!(matches!(duty.hear(job()), Ok(Heard::Job(_))));
    assert_eq!(wait(&mut duty), ["PRE_SLEEP"]);
    assert!(matches!(duty.hear(job()), Ok(Heard::Job(_))));
    assert!(!duty.may_sleep(Grab::All), "the server does not know of that form yet");
    assert!(duty.hear(Response::Option(b"all-yours")).is_err(), "nobody asked again");
}

#[test]
fn an_error_or_no_answer_is_a_no() {
    let unknown = Response::Error { code: b"UNKNOWN_OPTION", text: b"" };
    let command = Response::Error { code: b"INVALID_COMMAND", text: b"" };
    for answers in [&[unknown, Response::NoJob][..], &[command, Response::NoJob], &[Response::NoJob], &[job()]] {
        let mut duty = Duty::default();
        duty.option(b"exceptions", &mut Vec::new());
        duty.ask_directly(&mut Vec::new());
        assert_eq!(wait(&mut duty), ["GRAB_JOB"]);
        if answers.len() > 1 {
            duty.hear(Response::Option(b"exceptions")).unwrap();
        }
        for answer in answers {
            duty.hear(*answer).unwrap();
        }
        assert_eq!(duty.way, Way::Refused);
        assert!(!duty.old);
        assert_eq!(wait(&mut duty), ["GRAB_JOB"]);
        // Nothing is waited for any more that will not come.
        duty.echo(1, b"x", &mut Vec::new());
        assert_eq!(duty.hear(Response::Echo(b"x")), Ok(Heard::Echo(1, b"x")));
    }
}

#[test]
fn a_noop_ends_the_sleep_in_the_direct_way_too() {
    let mut duty = direct();
    duty.hear(Response::Noop).unwrap();
    assert_eq!(duty.turn, Turn::Awake);
}

#[test]
fn a_job_may_come_until_the_server_knows_that_we_are_awake() {
    for asleep in [true, false] {
        let (mut duty, mut out) = (direct(), Vec::new());
        if !asleep {
            duty.grab(Grab::Plain, &mut Vec::new());
        }
        duty.rise(&mut out);
        duty.rise(&mut out);
        assert_eq!(commands(&out), ["ECHO_REQ awake"]);
        duty.hear(Response::Noop).unwrap();
        assert_eq!(duty.turn, Turn::Rising);
        assert!(matches!(duty.hear(job()), Ok(Heard::Job(_))));
        assert_eq!(duty.turn, Turn::Rising);
        duty.hear(Response::Echo(b"awake")).unwrap();
        assert_eq!((duty.turn, duty.grabs), (Turn::Awake, 0));
    }
}

/// What a worker says for the next job, and the next, while each is there only when it sleeps.
#[test]
fn questions_that_are_always_in_vain_are_left_out() {
    let mut duty = Duty::default();
    let one_by_one = |jobs: usize, duty: &mut Duty| {
        let mut asked = 0;
        for _ in 0..jobs {
            if wait(duty) == ["GRAB_JOB"] {
                asked += 1;
                duty.hear(Response::NoJob).unwrap();
                duty.sleep(&mut Vec::new());
            }
            assert_eq!(duty.turn, Turn::Asleep);
            duty.hear(Response::Noop).unwrap();
            assert_eq!(wait(duty), ["GRAB_JOB"], "a NOOP is always followed");
            duty.hear(job()).unwrap();
        }
        asked
    };
    assert_eq!(one_by_one(3, &mut duty), 3);
    assert_eq!(one_by_one(5, &mut duty), 2, "then 1 and 2 are left out");
    assert_eq!(one_by_one(1700, &mut duty), 102, "and later 16");
    // One that finds a job begins it anew.
    while wait(&mut duty) == ["PRE_SLEEP"] {
        duty.hear(Response::Noop).unwrap();
        wait(&mut duty);
        duty.hear(job()).unwrap();
    }
    duty.hear(job()).unwrap();
    assert_eq!(one_by_one(3, &mut duty), 3);
}

#[test]
fn a_job_that_was_taken_by_another_does_not_count() {
    let mut duty = Duty::default();
    wait(&mut duty);
    for _ in 0..100 {
        duty.hear(Response::NoJob).unwrap();
        duty.sleep(&mut Vec::new());
        duty.hear(Response::Noop).unwrap();
        assert_eq!(wait(&mut duty), ["GRAB_JOB"]);
    }
    duty.hear(job()).unwrap();
    assert_eq!(wait(&mut duty), ["GRAB_JOB"]);
}

#[test]
fn who_does_not_wait_need_not_rise() {
    let (mut duty, mut out) = (Duty { turn: Turn::Awake, ..direct() }, Vec::new());
    duty.rise(&mut out);
    duty.speak(&mut out);
    let mut classic = Duty { turn: Turn::Asleep, ..Duty::default() };
    classic.rise(&mut out);
    assert_eq!((commands(&out), classic.turn), (vec![], Turn::Asleep));
}

#[test]
fn a_word_in_a_direct_sleep_is_preceded_by_an_echo() {
    let (mut duty, mut out) = (direct(), Vec::new());
    duty.echo(7, b"x", &mut out);
    assert_eq!(commands(&out), ["ECHO_REQ awake", "ECHO_REQ x"]);
    duty.hear(Response::Echo(b"awake")).unwrap();
    assert_eq!(duty.turn, Turn::Awake);
    assert_eq!(duty.hear(Response::Echo(b"x")), Ok(Heard::Echo(7, b"x")));
}

#[test]
fn several_grabs_are_answered_one_by_one() {
    let mut duty = direct();
    for _ in 0..3 {
        duty.grab(Grab::Plain, &mut Vec::new());
    }
    assert!(matches!(duty.hear(job()), Ok(Heard::Job(_))));
    assert_eq!(duty.turn, Turn::Grabbing);
    duty.hear(Response::NoJob).unwrap();
    assert_eq!(duty.turn, Turn::Grabbing);
    duty.hear(Response::NoJob).unwrap();
    assert_eq!(duty.turn, Turn::NoJob);
    assert!(duty.hear(Response::NoJob).is_err());
}

#[test]
fn a_job_of_a_function_taken_away_meanwhile_is_not_ours() {
    let (mut wanted, mut duty, mut out) = (Abilities::default(), Duty::default(), Vec::new());
    wanted.add(b"f", 0).unwrap();
    wanted.add(b"g", 0).unwrap();
    duty.announce(&wanted, &mut Vec::new());
    duty.grab(Grab::Plain, &mut Vec::new());
    wanted.remove(b"f").unwrap();
    assert!(duty.announce(&wanted, &mut out));
    wanted.add(b"f", 0).unwrap();
    duty.announce(&wanted, &mut out);
    assert_eq!(commands(&out), ["ECHO_REQ awake", "CANT_DO f", "CAN_DO f"]);
    assert_eq!(duty.hear(job()), Ok(Heard::Nothing));
    assert_eq!(duty.turn, Turn::Awake);
    duty.hear(Response::Echo(b"awake")).unwrap();
    assert!(matches!(duty.hear(job()), Ok(Heard::Job(_))), "it was announced anew");
}

#[test]
fn what_a_server_may_not_say_is_an_error() {
    assert!(Duty::default().hear(Response::NoJob).is_err());
    assert!(Duty::default().hear(Response::Echo(b"x")).is_err());
    assert!(Duty::default().hear(Response::JobCreated(b"H:x:1")).is_err());
}

/// A worker of this kind whose turn it is, by the way it comes there. With a history of questions in vain, so that
/// it leaves out what it may.
fn at(way: Way, turn: Turn) -> Duty {
    let out = &mut Vec::new();
    let mut duty = Duty { way, ..Duty::default() };
    duty.grab(Grab::Plain, out);
    duty.hear(job()).unwrap();
    duty.lull.left = 16;
    if turn == Turn::Awake {
        return duty;
    }
    duty.grab(Grab::Plain, out);
    if turn == Turn::Grabbing {
        return duty;
    }
    duty.hear(Response::NoJob).unwrap();
    if turn == Turn::NoJob {
        return duty;
    }
    duty.lull.left = 16;
    duty.sleep(out);
    if turn == Turn::Rising {
        duty.rise(out);
    }
    assert_eq!(duty.turn, turn);
    duty
}

/// What the worker of a call that waits says where it is its turn; see `Worker::ask`.
fn say(duty: &mut Duty) -> Vec<String> {
    match duty.turn {
        Turn::Awake => wait(duty),
        Turn::NoJob => {
            let mut out = Vec::new();
            duty.sleep(&mut out);
            commands(&out)
        }
        Turn::Grabbing | Turn::Asleep | Turn::Rising => Vec::new(),
    }
}

/// The server answers all that is unanswered: it has no job.
fn settle(duty: &mut Duty) {
    while duty.grabs > 0 {
        duty.hear(Response::NoJob).unwrap();
    }
    while !duty.asked.is_empty() {
        duty.hear(Response::Echo(b"awake")).unwrap();
    }
}

/// Whose turn it is, what is heard, whose turn it is then, and what is said next in the direct way and in the classic
/// one, once what was asked before is answered. A NOOP that came while the worker rose was dropped once: it slept
/// again with a job in the queue.
#[test]
fn what_is_said_after_what_was_heard() {
    use Turn::{Asleep, Awake, Grabbing, NoJob, Rising};
    const GRAB: &str = "GRAB_JOB";
    const SLEEP: &str = "PRE_SLEEP";
    const NEVER: &str = ""; // who is classic need not rise
    let (noop, none, echo) = (Response::Noop, Response::NoJob, Response::Echo(b"awake"));
    let table = [
        (Awake, noop, Awake, GRAB, GRAB),
        (Awake, job(), Awake, SLEEP, GRAB),
        // What the server says before it answers, it knows when it does.
        (Grabbing, noop, Grabbing, SLEEP, SLEEP),
        (Grabbing, none, NoJob, SLEEP, SLEEP),
        (Grabbing, job(), Awake, SLEEP, GRAB),
        (NoJob, noop, Awake, GRAB, GRAB),
        (NoJob, job(), Awake, SLEEP, GRAB),
        (Asleep, noop, Awake, GRAB, GRAB),
        (Asleep, job(), Awake, SLEEP, GRAB),
        (Rising, noop, Rising, GRAB, NEVER),
        (Rising, job(), Rising, SLEEP, NEVER),
        (Rising, echo, Awake, SLEEP, NEVER),
    ];
    for turn in [Awake, Grabbing, NoJob, Asleep, Rising] {
        for heard in [noop, none, job(), echo] {
            let row = table.iter().find(|row| (row.0, row.1) == (turn, heard));
            for way in [Way::Direct, Way::Classic] {
                if (way, turn) == (Way::Classic, Rising) {
                    continue;
                }
                let mut duty = at(way, turn);
                let what = format!("{way:?} {turn:?} {heard:?}");
                let Some((.., then, direct, classic)) = row else {
                    assert!(duty.hear(heard).is_err(), "{what}");
                    continue;
                };
                duty.hear(heard).expect(&what);
                assert_eq!(duty.turn, *then, "{what}");
                settle(&mut duty);
                assert_eq!(say(&mut duty), [if way == Way::Direct { *direct } else { *classic }], "{what}");
            }
        }
    }
}

/// Everything that can be said and heard, in every order, six steps deep.
#[test]
fn a_noop_is_followed_by_a_question_before_the_next_sleep() {
    for way in [Way::Direct, Way::Classic] {
        for turn in [Turn::Awake, Turn::Grabbing, Turn::NoJob, Turn::Asleep] {
            (0..7usize.pow(6)).for_each(|order| walk(at(way, turn), order));
        }
    }
}

/// Six steps; which, the digits of `order` say.
fn walk(mut duty: Duty, order: usize) {
    let mut owed = false;
    for digit in 0..6 {
        match order / 7usize.pow(digit) % 7 {
            0 => {
                owed |= duty.grabs == 0;
                duty.hear(Response::Noop).unwrap();
            }
            1 if duty.grabs > 0 => _ = duty.hear(Response::NoJob).unwrap(),
            2 => _ = duty.hear(job()).unwrap(),
            3 if !duty.asked.is_empty() => _ = duty.hear(Response::Echo(b"awake")).unwrap(),
            4 => duty.rise(&mut Vec::new()),
            5 => duty.speak(&mut Vec::new()),
            6 => follow(&mut duty, &mut owed, order),
            _ => {} // there is nothing to answer
        }
    }
    // Where it got to, a server that has no job lulls it.
    for _ in 0..3 {
        settle(&mut duty);
        follow(&mut duty, &mut owed, order);
    }
    assert_eq!(duty.turn, Turn::Asleep, "{order}");
}

fn follow(duty: &mut Duty, owed: &mut bool, order: usize) {
    let said = say(duty);
    assert!(!*owed || said != ["PRE_SLEEP"], "{order}: it was woken and did not ask");
    *owed &= said.is_empty();
}
