//! What is to be seen from outside, in pages, while the broker goes on.

use super::*;
use crate::broker::snapshot::{Cursor, PAGE, Page};

/// All pages of a list, with what the test does between two of them.
fn all<T>(b: &mut Bench, page: impl Fn(&Broker, Cursor) -> Page<T>, mut between: impl FnMut(&mut Bench)) -> Vec<T> {
    let (mut all, mut from) = (Vec::new(), Cursor::default());
    loop {
        let page = page(&b.broker, from);
        assert!(page.entries.len() <= PAGE);
        all.extend(page.entries);
        match page.next {
            Some(next) => from = next,
            None => return all,
        }
        between(b);
    }
}

#[test]
fn each_kind_of_job() {
    let mut b = Bench::with(|rules| rules.durable = Durable::Always);
    let (client, worker) = (b.connect(), b.hurried());
    b.send(client, Request::SetClientId(b"me"));
    b.send(client, submit("f", "running", "12345"));
    b.send(worker, GRAB);
    b.send(worker, work("H:1", Update::Status(b"1", b"2")));
    b.send(client, Request::Submit(Submit { priority: Priority::High, ..job("f", "", "") }));
    b.send(client, background("f", "on its way", ""));
    b.broker.rules.durable = Durable::No;
    let due = b.now.wall.as_secs() + 60;
    let text = due.to_string();
    b.send(client, Request::Submit(Submit { start: Start::Epoch(text.as_bytes()), ..job("f", "later", "") }));
    let [running, queued, storing, delayed] = &b.broker.jobs(Cursor::default()).entries[..] else { panic!() };
    assert_eq!(
        (&running.handle[..], &running.function[..], &running.unique[..]),
        (&b"H:1"[..], &b"f"[..], &b"running"[..])
    );
    assert_eq!((running.worker, running.progress, running.workload), (Some(worker), [1, 2], 5));
    assert_eq!((running.state, queued.state), (State::Running, State::Queued));
    assert_eq!((storing.state, delayed.state), (State::Storing, State::Delayed));
    assert_eq!((queued.priority, queued.worker, queued.due, queued.tries), (Priority::High, None, None, 0));
    assert_eq!((storing.background, storing.waited_for, storing.stored), (true, false, true));
    assert_eq!((delayed.background, delayed.waited_for, delayed.due), (true, false, Some(Duration::from_secs(due))));

    let function = &b.broker.functions(&b.now, Cursor::default()).entries[0];
    assert_eq!((function.queued, function.running, function.delayed, function.storing), ([1, 0, 0], 1, 1, 1));
    assert_eq!((function.total(), function.workers, function.limits), (4, 1, [0; 3]));
    assert_eq!((function.oldest, function.dead, function.paused), (Some(Duration::ZERO), 0, false));
    assert!(function.activity.is_none());
    let with_activity = &b.broker.functions_with_activity(&b.now, Cursor::default()).entries[0];
    assert_eq!(with_activity.activity.as_ref().unwrap().submitted, 4);

    let [one, two] = &b.broker.connections(Cursor::default()).entries[..] else { panic!() };
    assert_eq!((one.session, one.id.as_deref(), one.running, one.waiting), (client, Some(&b"me"[..]), 0, 2));
    assert_eq!((two.session, two.fd, two.address, two.running, two.waiting), (worker, 0, None, 1, 0));
    let ability = &two.abilities[0];
    assert_eq!((&ability.function[..], ability.timeout), (&b"f"[..], Some(Duration::from_secs(5))));
    let server = b.broker.server();
    assert_eq!((server.jobs, server.running, server.functions, server.packets_received), (4, 1, 1, 8));

    b.tick(7);
    let low = Submit { priority: Priority::Low, ..job("f", "low", "") };
    b.send(client, Request::Submit(low));
    b.broker.bury_job(&b.now, &delayed.handle, &mut b.outgoing).unwrap();
    b.set_policy("f", "paused=yes");
    let function = b.broker.function_named(&b.now, b"f").unwrap();
    assert_eq!((function.queued, function.delayed), ([1, 1, 1], 0));
    assert_eq!((function.oldest, function.dead, function.paused), (Some(Duration::from_secs(7)), 1, true));
    let text = b.text(client, "counters\n");
    assert!(text.contains("\tdead_letters=1\toldest_us=7000000\tpaused=1\n"), "{text}");
    assert!(b.broker.function_named(&b.now, b"g").is_none());
}

/// Between two pages jobs end and others take their numbers: those that are there all the time are listed once.
#[test]
fn a_list_over_many_pages_while_jobs_come_and_go() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    let n = 5 * PAGE as u64 + 7;
    for i in 0..n {
        let high = Submit { priority: Priority::High, ..job("f", "", "") };
        b.send(client, if i % 10 == 0 { Request::Submit(high) } else { submit("f", "", "") });
    }
    let mut ended = 0;
    let listed = all(&mut b, Broker::jobs, |b| {
        for _ in 0..50 {
            let assigned = b.ask(worker, GRAB);
            let handle = assigned.split([' ', '|']).nth(1).unwrap().to_owned();
            b.complete(worker, &handle);
            b.send(client, submit("f", "", ""));
            ended += 1;
        }
        b.received(client);
    });
    let mut numbers: Vec<u64> = listed.iter().map(|job| b.broker.handles.parse(&job.handle).unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "one is listed twice");
    let stayed = b.broker.jobs.arena.iter().filter(|(_, job)| job.number <= n);
    for (_, job) in stayed {
        assert!(numbers.binary_search(&job.number).is_ok(), "job {} is missing", job.number);
    }
    assert!(ended > 100);
}

/// Where few are left of many, a page has few entries or none, and does not look at all of them.
#[test]
fn a_sparse_list_ends_too() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    for _ in 0..40 * PAGE {
        b.send(client, background("f", "", ""));
        b.received(client);
    }
    for _ in 0..40 * PAGE - 1 {
        b.send(worker, GRAB);
        let handle = b.received(worker).split([' ', '|']).nth(1).unwrap().to_owned();
        b.complete(worker, &handle);
    }
    let mut pages = 1;
    let left = all(&mut b, Broker::jobs, |_| pages += 1);
    assert_eq!(left.iter().map(|job| &job.handle[..]).collect::<Vec<_>>(), [format!("H:{}", 40 * PAGE).as_bytes()]);
    assert_eq!(pages, 3);
}

#[test]
fn workers_of_many_functions_make_shorter_pages() {
    let mut b = Bench::with(|rules| rules.functions = 10_000);
    let names: Vec<String> = (0..1500).map(|n| format!("f{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for n in [1500, 10, 900, 400] {
        b.worker(&names[..n]);
    }
    let first = b.broker.connections(Cursor::default());
    assert_eq!(first.entries.len(), 1);
    let second = b.broker.connections(first.next.unwrap());
    assert_eq!((second.entries.len(), second.next), (3, None));
    assert_eq!(all(&mut b, |broker, from| broker.functions(&Now::default(), from), |_| {}).len(), 1500);
}

/// The lists of text are those of a server that is asked for a page at a time: nothing is doubled or left out where
/// pages meet.
#[test]
fn text_over_many_pages() {
    let mut b = Bench::with(|rules| rules.functions = 10_000);
    let client = b.connect();
    for n in 0..2 * PAGE + 1 {
        b.send(client, background(&format!("f{n}"), &format!("k{n}"), ""));
        b.received(client);
    }
    let lines = |line: &dyn Fn(usize) -> String| (0..2 * PAGE + 1).map(line).collect::<String>() + ".\n";
    assert_eq!(b.text(client, "status\n"), lines(&|n| format!("f{n}\t1\t0\t0\n")));
    assert_eq!(b.text(client, "prioritystatus\n"), lines(&|n| format!("f{n}\t0\t1\t0\t0\n")));
    assert_eq!(b.text(client, "show jobs\n"), lines(&|n| format!("H:{}\t0\t0\t1\n", n + 1)));
    assert_eq!(b.text(client, "show unique jobs\n"), lines(&|n| format!("k{n}\n")));
    assert_eq!(b.text(client, "counters\n").lines().count(), 2 * PAGE + 3);
}

#[test]
fn counters_of_a_function_with_an_awkward_name() {
    let mut b = Bench::new();
    let (client, worker) = (b.connect(), b.worker(&["a\tb\\\n"]));
    b.send(client, background("a\tb\\\n", "", ""));
    b.tick_ms(2);
    b.send(worker, GRAB);
    b.tick_ms(1);
    b.complete(worker, "H:1");
    b.received(client);
    let text = b.text(client, "counters\n");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[2]), (3, "."));
    assert!(lines[0].starts_with("server\tuptime_s=0\tfunctions=1\tjobs=0\t"), "{}", lines[0]);
    let fields: Vec<&str> = lines[1].split('\t').collect();
    assert_eq!(fields[..3], ["function", "a\\x09b\\x5c\\x0a", "total=0"]);
    for field in [
        "workers=1",
        "submitted=1",
        "assigned=1",
        "completed=1",
        "failed=0",
        "waited_us=2048:1",
        "waited_sum_us=2000",
        "ran_us=1024:1",
        "ran_sum_us=1000",
        "dead_letters=0",
        "oldest_us=0",
        "paused=0",
    ] {
        assert!(fields.contains(&field), "{field}: {}", lines[1]);
    }
}
