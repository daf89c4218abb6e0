//! Each packet, as it goes over the wire.

use crate::util::*;

#[tokio::test]
async fn a_foreground_job() {
    let server = Server::start().await;
    let mut worker = server.worker(&["reverse"]).await;
    worker.grab_nothing().await;
    worker.sleep().await;
    let mut client = server.peer().await;
    assert_eq!(client.submit("reverse", "u", b"a\0b").await, b"H:test:1");
    worker.expect(NOOP, &[]).await;
    worker.grab(&[&b"H:test:1"[..], b"reverse", b"a\0b"]).await;
    worker.send(WORK_STATUS, &[&b"H:test:1"[..], b"1", b"2"]).await;
    worker.send(WORK_DATA, &[&b"H:test:1"[..], b"part"]).await;
    worker.send(WORK_WARNING, &[&b"H:test:1"[..], b"careful"]).await;
    client.expect(WORK_STATUS, &[&b"H:test:1"[..], b"1", b"2"]).await;
    client.expect(WORK_DATA, &[&b"H:test:1"[..], b"part"]).await;
    client.expect(WORK_WARNING, &[&b"H:test:1"[..], b"careful"]).await;
    client.send(GET_STATUS, &[&b"H:test:1"[..]]).await;
    client.expect(STATUS_RES, &[&b"H:test:1"[..], b"1", b"1", b"1", b"2"]).await;
    client.send(GET_STATUS_UNIQUE, &[&b"u"[..]]).await;
    client.expect(STATUS_RES_UNIQUE, &[&b"u"[..], b"1", b"1", b"1", b"2", b"1"]).await;
    worker.send(WORK_COMPLETE, &[&b"H:test:1"[..], b"b\0a"]).await;
    client.expect(WORK_COMPLETE, &[&b"H:test:1"[..], b"b\0a"]).await;
    client.send(GET_STATUS, &[&b"H:test:1"[..]]).await;
    client.expect(STATUS_RES, &[&b"H:test:1"[..], b"0", b"0", b"0", b"0"]).await;
}

/// As Perl's workers send it. C leaves such a job with its worker for ever.
#[tokio::test]
async fn work_without_the_separator_is_work_without_data() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    client.submit("f", "", b"x").await;
    let mut worker = server.worker(&["f"]).await;
    assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    for command in [WORK_DATA, WORK_WARNING, WORK_COMPLETE] {
        worker.send(command, &[&b"H:test:1"[..]]).await;
        client.expect(command, &[&b"H:test:1"[..], b""]).await;
    }
    worker.sync().await;
}

#[tokio::test]
async fn every_submit_in_order_of_priority() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    let commands = [SUBMIT_JOB_LOW, SUBMIT_JOB_LOW_BG, SUBMIT_JOB, SUBMIT_JOB_BG, SUBMIT_JOB_HIGH, SUBMIT_JOB_HIGH_BG];
    for (i, command) in commands.into_iter().enumerate() {
        let handle = format!("H:test:{}", i + 1);
        client.send(command, &[&b"f"[..], b"", handle.as_bytes()]).await;
        client.expect(JOB_CREATED, &[handle.as_bytes()]).await;
    }
    let mut worker = server.worker(&["f"]).await;
    for n in [5, 6, 3, 4, 1, 2] {
        let handle = format!("H:test:{n}");
        worker.grab(&[handle.as_bytes(), b"f", handle.as_bytes()]).await;
    }
    worker.send(WORK_FAIL, &[&b"H:test:1"[..]]).await;
    client.expect(WORK_FAIL, &[&b"H:test:1"[..]]).await;
}

#[tokio::test]
async fn reduce_jobs_and_grab_in_its_forms() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    for command in [SUBMIT_REDUCE_JOB, SUBMIT_REDUCE_JOB_BACKGROUND] {
        assert_eq!(client.ask(command, &[&b"f"[..], b"k", b"r", b"w\0w"]).await.0, JOB_CREATED);
        client.send(SUBMIT_JOB, &[&b"f"[..], b"", b"x"]).await;
        assert_eq!(client.read().await.0, JOB_CREATED);
        let mut worker = server.worker(&["f"]).await;
        let (command, body) = worker.ask(GRAB_JOB_ALL, &[]).await;
        assert_eq!(command, JOB_ASSIGN_ALL);
        assert!(body.ends_with(b"\0f\0k\0r\0w\0w"), "{}", body.escape_ascii());
        let (command, body) = worker.ask(GRAB_JOB_UNIQ, &[]).await;
        assert_eq!(command, JOB_ASSIGN_UNIQ);
        assert!(body.ends_with(b"\0f\0\0x"), "{}", body.escape_ascii());
        worker.send(RESET_ABILITIES, &[]).await;
        worker.sync().await;
        for _ in 0..2 {
            let (_, body) = server.worker(&["f"]).await.ask(GRAB_JOB, &[]).await;
            let handle = body.split(|b| *b == 0).next().unwrap();
            client.raw(format!("cancel job {}\n", String::from_utf8_lossy(handle)).as_bytes()).await;
            let mut seen = Vec::new();
            while !seen.ends_with(b"OK\r\n") {
                let mut byte = [0];
                tokio::io::AsyncReadExt::read_exact(&mut client.stream, &mut byte).await.unwrap();
                seen.push(byte[0]);
            }
        }
    }
}

#[tokio::test]
async fn jobs_with_a_time_run_without_being_asked_for() {
    static NOW: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1_000_000);
    let clock = || std::time::Duration::from_secs(NOW.load(std::sync::atomic::Ordering::Relaxed));
    let server = Server::with(|config| config.clock = clock).await;
    let mut client = server.peer().await;
    client.send(SUBMIT_JOB_EPOCH, &[&b"f"[..], b"", b"1000030", b"x"]).await;
    client.expect(JOB_CREATED, &[&b"H:test:1"[..]]).await;
    client.text("status\n", "f\t1\t0\t0\n.\n").await;
    let mut worker = server.worker(&["f"]).await;
    worker.grab_nothing().await;
    worker.sleep().await;
    NOW.store(1_000_030, std::sync::atomic::Ordering::Relaxed);
    tokio::time::pause();
    worker.expect(NOOP, &[]).await;
    worker.grab(&[&b"H:test:1"[..], b"f", b"x"]).await;
}

#[tokio::test]
async fn jobs_with_a_schedule_run_once_at_the_next_such_time() {
    // Monday, 12 January 1970, 13:46:40; the fields ask for 13:48 in Berlin's winter.
    static NOW: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1_000_000);
    let clock = || std::time::Duration::from_secs(NOW.load(std::sync::atomic::Ordering::Relaxed));
    let server = Server::with(|config| {
        config.clock = clock;
        config.zone = "2026-01-01T00:00:00[Europe/Berlin]".parse::<jiff::Zoned>().unwrap().time_zone().clone();
    })
    .await;
    let mut client = server.peer().await;
    client.send(SUBMIT_JOB_SCHED, &[&b"f"[..], b"key", b"48", b"14", b"*", b"1", b"0", b"a\0b"]).await;
    client.expect(JOB_CREATED, &[&b"H:test:1"[..]]).await;
    client.send(SUBMIT_JOB_SCHED, &[&b"f"[..], b"key", b"", b"", b"", b"", b"", b"other"]).await;
    client.expect(JOB_CREATED, &[&b"H:test:1"[..]]).await;
    client.send(GET_STATUS, &[&b"H:test:1"[..]]).await;
    client.expect(STATUS_RES, &[&b"H:test:1"[..], b"1", b"0", b"0", b"0"]).await;
    drop(client); // it is a background job
    let mut worker = server.worker(&["f"]).await;
    worker.grab_nothing().await;
    worker.sleep().await;
    tokio::time::pause();
    NOW.store(1_000_079, std::sync::atomic::Ordering::Relaxed);
    worker.sync().await;
    NOW.store(1_000_080, std::sync::atomic::Ordering::Relaxed);
    worker.expect(NOOP, &[]).await;
    worker.grab(&[&b"H:test:1"[..], b"f", b"a\0b"]).await;
    worker.send(WORK_COMPLETE, &[&b"H:test:1"[..], b""]).await;
    NOW.fetch_add(10_000_000, std::sync::atomic::Ordering::Relaxed);
    worker.grab_nothing().await;
}

#[tokio::test]
async fn schedules_that_are_none() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    for (fields, text) in [
        ([&b"60"[..], b"*", b"*", b"*", b"*"], "The minute of a schedule must be 0 to 59, or * or nothing for any"),
        ([b"0", b"x", b"*", b"*", b"*"], "The hour of a schedule must be 0 to 23, or * or nothing for any"),
        ([b"0", b"0", b"31", b"2", b"*"], "There is no day 31 in month 2"),
    ] {
        let [minute, hour, day, month, weekday] = fields;
        peer.send(SUBMIT_JOB_SCHED, &[b"f", b"", minute, hour, day, month, weekday, b"x"]).await;
        peer.expect(ERROR, &[&b"INVALID_ARGUMENT"[..], text.as_bytes()]).await;
    }
    peer.send(SUBMIT_JOB_SCHED, &[&b"f"[..], b"", b"1", b"2"]).await;
    peer.expect(ERROR, &[&b"INVALID_PACKET"[..], b"protocol error: SUBMIT_JOB_SCHED with too few arguments"]).await;
    peer.text("status\n", ".\n").await;
}

#[tokio::test]
async fn a_timeout_of_seconds_or_milliseconds() {
    for timeout in [&b"30"[..], b"30000"] {
        let server = Server::start().await;
        let mut client = server.peer().await;
        client.submit("f", "", b"x").await;
        let mut worker = server.peer().await;
        worker.send(CAN_DO_TIMEOUT, &[&b"f"[..], timeout]).await;
        worker.grab(&[&b"H:test:1"[..], b"f", b"x"]).await;
        let mut other = server.worker(&["f"]).await;
        other.sleep().await;
        tokio::time::pause();
        let begin = tokio::time::Instant::now();
        other.expect(NOOP, &[]).await;
        let waited = begin.elapsed().as_secs();
        assert!((29..=31).contains(&waited), "{waited} s");
        tokio::time::resume();
        other.grab(&[&b"H:test:1"[..], b"f", b"x"]).await;
    }
}

#[tokio::test]
async fn small_requests() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    peer.send(ECHO_REQ, &[&b"a\0b"[..]]).await;
    peer.expect(ECHO_RES, &[&b"a\0b"[..]]).await;
    peer.send(ECHO_REQ, &[]).await;
    peer.expect(ECHO_RES, &[]).await;
    peer.send(OPTION_REQ, &[&b"exceptions"[..]]).await;
    peer.expect(OPTION_RES, &[&b"exceptions"[..]]).await;
    for option in [&b"all-mine"[..], b"", b"exception"] {
        peer.send(OPTION_REQ, &[option]).await;
        peer.expect(ERROR, &[&b"UNKNOWN_OPTION"[..], b"Server does not recognize given option"]).await;
    }
    peer.send(ALL_YOURS, &[]).await;
    peer.sync().await;
    peer.send(GET_STATUS_UNIQUE, &[&b"nothing"[..]]).await;
    peer.expect(STATUS_RES_UNIQUE, &[&b"nothing"[..], b"0", b"0", b"0", b"0", b"0"]).await;
    peer.send(SUBMIT_JOB, &[&b"f"[..], &[b'u'; 65], b""]).await;
    peer.expect(ERROR, &[&b"ARGUMENT_TOO_LARGE"[..], b"Unique value too large"]).await;
}

#[tokio::test]
async fn exceptions_for_those_who_asked() {
    let server = Server::start().await;
    let (mut one, mut two) = (server.peer().await, server.peer().await);
    one.send(OPTION_REQ, &[&b"exceptions"[..]]).await;
    one.expect(OPTION_RES, &[&b"exceptions"[..]]).await;
    for client in [&mut one, &mut two] {
        assert_eq!(client.submit("f", "same", b"").await, b"H:test:1");
    }
    let mut worker = server.worker(&["f"]).await;
    assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    worker.send(WORK_EXCEPTION, &[&b"H:test:1"[..], b"oh\0no"]).await;
    worker.send(WORK_FAIL, &[&b"H:test:1"[..]]).await;
    worker.sync().await;
    one.expect(WORK_EXCEPTION, &[&b"H:test:1"[..], b"oh\0no"]).await;
    two.expect(WORK_FAIL, &[&b"H:test:1"[..]]).await;
    let everyone = Server::with(|config| config.exceptions = true).await;
    let mut client = everyone.peer().await;
    client.submit("f", "", b"").await;
    let mut worker = everyone.worker(&["f"]).await;
    worker.send(GRAB_JOB, &[]).await;
    worker.send(WORK_EXCEPTION, &[&b"H:test:1"[..], b"oh"]).await;
    client.expect(WORK_EXCEPTION, &[&b"H:test:1"[..], b"oh"]).await;
}

#[tokio::test]
async fn a_workers_death_gives_its_job_to_another() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    client.submit("f", "", b"x").await;
    let mut other = server.worker(&["f"]).await;
    let mut worker = server.worker(&["f"]).await;
    assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    other.sleep().await;
    drop(worker);
    other.expect(NOOP, &[]).await;
    other.grab(&[&b"H:test:1"[..], b"f", b"x"]).await;
    // The same when it withdraws the function.
    other.send(CANT_DO, &[&b"f"[..]]).await;
    other.grab_nothing().await;
    let mut last = server.worker(&["f"]).await;
    last.grab(&[&b"H:test:1"[..], b"f", b"x"]).await;
    last.send(WORK_COMPLETE, &[&b"H:test:1"[..], b"done"]).await;
    client.expect(WORK_COMPLETE, &[&b"H:test:1"[..], b"done"]).await;
}

#[tokio::test]
async fn a_job_that_kills_its_workers_fails_in_the_end() {
    let server = Server::with(|config| config.job_runs = Some(2)).await;
    let mut client = server.peer().await;
    client.submit("f", "", b"x").await;
    for _ in 0..2 {
        let mut worker = server.worker(&["f"]).await;
        worker.send(PRE_SLEEP, &[]).await;
        worker.expect(NOOP, &[]).await;
        assert_eq!(worker.ask(GRAB_JOB, &[]).await.0, JOB_ASSIGN);
    }
    client.expect(WORK_FAIL, &[&b"H:test:1"[..]]).await;
}

#[tokio::test]
async fn a_hundred_sleep_and_one_is_woken() {
    let server = Server::start().await;
    let _clock = Frozen::new();
    let mut workers = Vec::new();
    for _ in 0..100 {
        let mut worker = server.worker(&["f"]).await;
        worker.sleep().await;
        workers.push(worker);
    }
    let mut client = server.peer().await;
    client.submit("f", "", b"").await;
    workers[0].expect(NOOP, &[]).await;
    workers[0].send(GRAB_JOB, &[]).await;
    assert_eq!(workers[0].read().await.0, JOB_ASSIGN);
    for worker in &mut workers {
        worker.sync().await; // and nothing before it
    }
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_queued_jobs_along() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    client.submit("f", "", b"foreground").await;
    client.send(SUBMIT_JOB_BG, &[&b"f"[..], b"", b"background"]).await;
    client.read().await;
    drop(client);
    until(&server, "status\n", "f\t1\t0\t0\n.\n").await;
    let mut worker = server.worker(&["f"]).await;
    worker.grab(&[&b"H:test:2"[..], b"f", b"background"]).await;
}

#[tokio::test]
async fn large_payloads_pass_in_pieces() {
    let server = Server::start().await;
    for size in [16 * 1024 - 1, 16 * 1024, 65_000, 70_000, 5_000_000] {
        let data: Vec<u8> = (0..size).map(|i| ((i * 31) >> 3) as u8).collect();
        let mut client = server.peer().await;
        let handle = client.submit("f", "large", &data).await;
        let mut worker = server.worker(&["f"]).await;
        let (command, body) = worker.ask(GRAB_JOB_UNIQ, &[]).await;
        assert_eq!(command, JOB_ASSIGN_UNIQ);
        assert!(body == [&handle[..], b"f", b"large", &data].join(&0));
        let result = packet(b"\0REQ", WORK_COMPLETE, &[&handle, &data]);
        let sending = worker.raw(&result);
        let (_, (command, body)) = tokio::join!(sending, client.read());
        assert_eq!(command, WORK_COMPLETE);
        assert!(body == [&handle[..], &data].join(&0));
    }
}

#[tokio::test]
async fn byte_by_byte() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    let bytes =
        [packet(b"\0REQ", SUBMIT_JOB_BG, &[&b"f"[..], b"", b"x"]), packet(b"\0REQ", ECHO_REQ, &[&b"e"[..]])].concat();
    for byte in &bytes {
        peer.raw(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    peer.expect(JOB_CREATED, &[&b"H:test:1"[..]]).await;
    peer.expect(ECHO_RES, &[&b"e"[..]]).await;
}
