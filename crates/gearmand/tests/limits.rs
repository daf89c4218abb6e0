//! What has a limit: arguments, tries, wake-ups, time.

use crate::util::*;
use std::time::Duration;

/// Every request, with as many arguments as it has.
const REQUESTS: [(u32, usize); 30] = [
    (CAN_DO, 1),
    (CANT_DO, 1),
    (RESET_ABILITIES, 0),
    (PRE_SLEEP, 0),
    (SUBMIT_JOB, 3),
    (GRAB_JOB, 0),
    (WORK_STATUS, 3),
    (WORK_COMPLETE, 2),
    (WORK_FAIL, 1),
    (GET_STATUS, 1),
    (ECHO_REQ, 1),
    (SUBMIT_JOB_BG, 3),
    (SUBMIT_JOB_HIGH, 3),
    (SET_CLIENT_ID, 1),
    (CAN_DO_TIMEOUT, 2),
    (ALL_YOURS, 0),
    (WORK_EXCEPTION, 2),
    (OPTION_REQ, 1),
    (WORK_DATA, 2),
    (WORK_WARNING, 2),
    (GRAB_JOB_UNIQ, 0),
    (SUBMIT_JOB_HIGH_BG, 3),
    (SUBMIT_JOB_LOW, 3),
    (SUBMIT_JOB_LOW_BG, 3),
    (SUBMIT_JOB_SCHED, 8),
    (SUBMIT_JOB_EPOCH, 4),
    (SUBMIT_REDUCE_JOB, 4),
    (SUBMIT_REDUCE_JOB_BACKGROUND, 4),
    (GRAB_JOB_ALL, 0),
    (GET_STATUS_UNIQUE, 1),
];

#[tokio::test]
async fn too_few_arguments() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    for (command, arguments) in REQUESTS {
        if matches!(command, WORK_DATA | WORK_WARNING | WORK_COMPLETE | WORK_EXCEPTION) {
            continue; // these do without data
        }
        // Fewer, each of them of one byte.
        for n in 1..arguments {
            let (answer, body) = peer.ask(command, &vec![&b"1"[..]; n]).await;
            assert_eq!(answer, ERROR, "{command} with {n}");
            let text = String::from_utf8(body).unwrap();
            assert!(text.starts_with("INVALID_PACKET\0protocol error: "), "{text}");
            assert!(text.ends_with(" with too few arguments"), "{text}");
        }
    }
    peer.text("status\n", ".\n").await;
}

#[tokio::test]
async fn empty_arguments_are_arguments() {
    let server = Server::start().await;
    for (command, arguments) in REQUESTS {
        let mut peer = server.peer().await;
        peer.send(command, &vec![&b""[..]; arguments]).await;
        peer.send(ECHO_REQ, &[&b"end"[..]]).await;
        loop {
            let (answer, body) = peer.read().await;
            if (answer, &body[..]) == (ECHO_RES, b"end") {
                break;
            }
            assert!(!body.starts_with(b"INVALID_PACKET"), "{command}: {}", body.escape_ascii());
        }
    }
}

#[tokio::test]
async fn arguments_that_are_too_large() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    let (name, key, id) = (&[b'f'; 513][..], &[b'u'; 65][..], &[b'i'; 255][..]);
    let function: &[&[u8]] = &[b"ARGUMENT_TOO_LARGE", b"Function value too large"];
    let unique: &[&[u8]] = &[b"ARGUMENT_TOO_LARGE", b"Unique value too large"];
    for (command, arguments, answer) in [
        (CAN_DO, &[name][..], function),
        (CAN_DO_TIMEOUT, &[name, b"1"], function),
        (SUBMIT_JOB, &[name, b"", b""], function),
        (SUBMIT_JOB_EPOCH, &[name, b"", b"1", b""], function),
        (SUBMIT_REDUCE_JOB, &[b"f", b"", name, b""], function),
        (SUBMIT_JOB_BG, &[b"f", key, b""], unique),
        (SUBMIT_REDUCE_JOB_BACKGROUND, &[b"f", key, b"r", b""], unique),
        (SET_CLIENT_ID, &[id], &[b"ARGUMENT_TOO_LARGE", b"Client id too large"]),
    ] {
        peer.send(command, arguments).await;
        peer.expect(ERROR, answer).await;
    }
    peer.text("status\n", ".\n").await;
    peer.send(CAN_DO, &[&name[..512]]).await;
    peer.send(SET_CLIENT_ID, &[&id[..254]]).await;
    peer.send(GET_STATUS_UNIQUE, &[key]).await;
    peer.expect(STATUS_RES_UNIQUE, &[key, b"0", b"0", b"0", b"0", b"0"]).await;
    assert_eq!(peer.submit("f", &"u".repeat(64), b"").await, b"H:test:1");
}

#[tokio::test]
async fn work_that_is_somebody_elses() {
    let server = Server::start().await;
    let (mut client, mut other) = (server.peer().await, server.worker(&["f"]).await);
    client.submit("f", "", b"").await;
    let mut worker = server.worker(&["f"]).await;
    assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    let handle = &b"H:test:1"[..];
    for (command, arguments, text) in [
        (WORK_STATUS, &[handle, b"1", b"2"][..], "Job given in work result not found"),
        (WORK_COMPLETE, &[handle, b"x"], "Job given in work result not found"),
        (WORK_FAIL, &[handle], "Job given in work result not found"),
        (WORK_DATA, &[handle, b"x"], "Job does not exist on server"),
        (WORK_WARNING, &[handle, b"x"], "Job does not exist on server"),
        (WORK_EXCEPTION, &[handle, b"x"], "An exception was received for a job that does not exist"),
    ] {
        other.send(command, arguments).await;
        other.expect(ERROR, &[&b"JOB_NOT_FOUND"[..], text.as_bytes()]).await;
    }
    client.sync().await; // and was sent nothing of it
    worker.send(WORK_COMPLETE, &[handle, b"mine"]).await;
    client.expect(WORK_COMPLETE, &[handle, b"mine"]).await;
    // Its second end is no mistake, its third job's is.
    worker.send(WORK_FAIL, &[handle]).await;
    worker.sync().await;
    worker.send(WORK_FAIL, &[&b"H:test:3"[..]]).await;
    worker.expect(ERROR, &[&b"JOB_NOT_FOUND"[..], b"Job given in work result not found"]).await;
}

#[tokio::test]
async fn status_by_unique_key() {
    let server = Server::start().await;
    let (mut one, mut two) = (server.peer().await, server.peer().await);
    one.send(SUBMIT_JOB_BG, &[&b"f"[..], b"k", b""]).await;
    one.expect(JOB_CREATED, &[&b"H:test:1"[..]]).await;
    let k = &b"k"[..];
    two.send(GET_STATUS_UNIQUE, &[k]).await;
    two.expect(STATUS_RES_UNIQUE, &[k, b"1", b"0", b"0", b"0", b"0"]).await;
    for client in [&mut one, &mut two] {
        assert_eq!(client.submit("f", "k", b"").await, b"H:test:1");
    }
    let mut worker = server.worker(&["f"]).await;
    assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    worker.send(WORK_STATUS, &[&b"H:test:1"[..], b"7", b"9"]).await;
    worker.sync().await;
    one.expect(WORK_STATUS, &[&b"H:test:1"[..], b"7", b"9"]).await;
    one.send(GET_STATUS_UNIQUE, &[k]).await;
    one.expect(STATUS_RES_UNIQUE, &[k, b"1", b"1", b"7", b"9", b"2"]).await;
    drop(two);
    one.text("drop function f\n", "ERR there are still connected workers or executing clients\r\n").await;
    loop {
        let (_, body) = one.ask(GET_STATUS_UNIQUE, &[k]).await;
        if body == [k, b"1", b"1", b"7", b"9", b"1"].join(&0) {
            break;
        }
    }
}

#[tokio::test]
async fn a_split_job_from_end_to_end() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    client.send(SUBMIT_REDUCE_JOB, &[&b"map"[..], b"k", b"sum", b"1 2\x003"]).await;
    client.expect(JOB_CREATED, &[&b"H:test:1"[..]]).await;
    let mut worker = server.worker(&["map"]).await;
    worker.send(GRAB_JOB_ALL, &[]).await;
    worker.expect(JOB_ASSIGN_ALL, &[&b"H:test:1"[..], b"map", b"k", b"sum", b"1 2\x003"]).await;
    worker.send(WORK_COMPLETE, &[&b"H:test:1"[..], b"6"]).await;
    client.expect(WORK_COMPLETE, &[&b"H:test:1"[..], b"6"]).await;
    // Whoever asks without ALL is not sent the reducer.
    client.send(SUBMIT_REDUCE_JOB_BACKGROUND, &[&b"map"[..], b"", b"sum", b"x"]).await;
    client.expect(JOB_CREATED, &[&b"H:test:2"[..]]).await;
    worker.send(GRAB_JOB_UNIQ, &[]).await;
    worker.expect(JOB_ASSIGN_UNIQ, &[&b"H:test:2"[..], b"map", b"", b"x"]).await;
    worker.send(GRAB_JOB_ALL, &[]).await;
    worker.expect(NO_JOB, &[]).await;
}

#[tokio::test]
async fn as_often_as_the_operator_allows() {
    for (runs, tries) in [(Some(1), 1), (Some(3), 3)] {
        let server = Server::with(|config| config.job_runs = runs).await;
        let mut client = server.peer().await;
        client.submit("f", "", b"x").await;
        for n in 0..tries {
            until(&server, "show jobs\n", &format!("H:test:1\t{n}\t0\t0\n.\n")).await;
            let mut worker = server.worker(&["f"]).await;
            assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN, "try {n} of {tries}");
        }
        client.expect(WORK_FAIL, &[&b"H:test:1"[..]]).await;
        until(&server, "show jobs\n", ".\n").await;
    }
    let server = Server::start().await;
    let mut client = server.peer().await;
    client.submit("f", "", b"x").await;
    for n in 0..20 {
        until(&server, "show jobs\n", &format!("H:test:1\t{n}\t0\t0\n.\n")).await;
        let mut worker = server.worker(&["f"]).await;
        assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN, "try {n}");
    }
}

#[tokio::test]
async fn as_many_are_woken_as_the_operator_wants() {
    for (wakeup, woken) in [(1, 1), (2, 2), (0, 4)] {
        let server = Server::with(|config| config.wakeup = wakeup).await;
        let _clock = Frozen::new();
        let mut workers = Vec::new();
        for _ in 0..4 {
            let mut worker = server.worker(&["f"]).await;
            worker.sleep().await;
            workers.push(worker);
        }
        server.peer().await.submit("f", "", b"").await;
        for worker in &mut workers[..woken] {
            worker.expect(NOOP, &[]).await;
        }
        for worker in &mut workers {
            worker.sync().await;
        }
    }
}

#[tokio::test]
async fn functions_without_a_timeout() {
    for timeout in [&b"0"[..], b"-1", b"", b"never"] {
        let server = Server::start().await;
        let mut client = server.peer().await;
        client.submit("f", "", b"x").await;
        let mut worker = server.peer().await;
        worker.send(CAN_DO_TIMEOUT, &[b"f", timeout]).await;
        assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
        tokio::time::pause();
        tokio::time::sleep(Duration::from_secs(100_000)).await;
        tokio::time::resume();
        worker.send(WORK_COMPLETE, &[&b"H:test:1"[..], b"late"]).await;
        client.expect(WORK_COMPLETE, &[&b"H:test:1"[..], b"late"]).await;
    }
}

#[tokio::test]
async fn a_timeout_counts_as_a_try_and_a_late_result_is_no_mistake() {
    let server = Server::with(|config| config.job_runs = Some(1)).await;
    let mut client = server.peer().await;
    client.submit("f", "", b"x").await;
    let mut worker = server.peer().await;
    worker.send(CAN_DO_TIMEOUT, &[&b"f"[..], b"1500"]).await;
    assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    tokio::time::pause();
    client.expect(WORK_FAIL, &[&b"H:test:1"[..]]).await;
    tokio::time::resume();
    worker.send(WORK_STATUS, &[&b"H:test:1"[..], b"1", b"1"]).await;
    worker.send(WORK_COMPLETE, &[&b"H:test:1"[..], b"late"]).await;
    worker.sync().await;
    client.sync().await;
}

#[tokio::test]
async fn a_running_job_that_is_cancelled() {
    let server = Server::start().await;
    let (mut client, mut admin) = (server.peer().await, server.peer().await);
    client.submit("f", "", b"x").await;
    let mut worker = server.worker(&["f"]).await;
    assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    admin.text("cancel job H:test:1\n", "OK\r\n").await;
    admin.text("Cancel Job H:test:1\r\n", "ERR UNKNOWN_JOB\r\n").await;
    client.expect(WORK_FAIL, &[&b"H:test:1"[..]]).await;
    worker.send(WORK_COMPLETE, &[&b"H:test:1"[..], b"late"]).await;
    worker.sync().await;
    admin.text("status\n", "f\t0\t0\t1\n.\n").await;
}

#[tokio::test]
async fn limits_of_queues_in_every_form() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    let full: &[&[u8]] = &[b"QUEUE_ERROR", b"Job queue is full"];
    // (the arguments, how many high, normal and low jobs find room one after the other)
    for (i, (limits, room)) in [
        ("", [3, 3, 3]),
        (" 0", [3, 3, 3]),
        (" 2", [2, 0, 0]),
        (" 1 2 3", [1, 1, 1]),
        (" 0 1 0", [3, 0, 3]),
        (" -1", [3, 3, 3]),
    ]
    .into_iter()
    .enumerate()
    {
        peer.text(&format!("maxqueue f{i}{limits}\n"), "OK\r\n").await;
        for (command, room) in [SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_BG, SUBMIT_JOB_LOW_BG].into_iter().zip(room) {
            for n in 0..3 {
                peer.send(command, &[format!("f{i}").as_bytes(), b"", b""]).await;
                match n < room {
                    true => assert_eq!(peer.read().await.0, JOB_CREATED, "maxqueue f{i}{limits}, {command}, {n}"),
                    false => peer.expect(ERROR, full).await,
                }
            }
        }
    }
    // Jobs that run and jobs that wait for their time count too.
    peer.text("maxqueue g 2\n", "OK\r\n").await;
    peer.send(SUBMIT_JOB_EPOCH, &[&b"g"[..], b"", b"4000000000", b""]).await;
    assert_eq!(peer.read().await.0, JOB_CREATED);
    peer.submit("g", "", b"").await;
    let mut worker = server.worker(&["g"]).await;
    assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    peer.send(SUBMIT_JOB, &[&b"g"[..], b"", b""]).await;
    peer.expect(ERROR, full).await;
}
