//! Each text command, byte for byte.

use crate::util::*;

#[tokio::test]
async fn listings() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    peer.text("status\n", ".\n").await;
    for (command, unique) in
        [(SUBMIT_JOB, "a"), (SUBMIT_JOB_BG, "b"), (SUBMIT_JOB_HIGH_BG, ""), (SUBMIT_JOB_LOW_BG, "")]
    {
        peer.send(command, &[&b"f"[..], unique.as_bytes(), b""]).await;
        assert_eq!(peer.read().await.0, JOB_CREATED);
    }
    let mut worker = server.peer().await;
    worker.send(SET_CLIENT_ID, &[&b"w1"[..]]).await;
    for function in [&b"f"[..], b"g", b"f"] {
        worker.send(CAN_DO, &[function]).await;
    }
    worker.send(GRAB_JOB, &[]).await;
    assert_eq!(worker.read().await.0, JOB_ASSIGN);
    peer.text("status\r\n", "f\t4\t1\t1\ng\t0\t0\t1\n.\n").await;
    peer.text("prioritystatus\n", "f\t0\t2\t1\t1\ng\t0\t0\t0\t1\n.\n").await;
    peer.text("show unique jobs\n", "a\nb\n\n\n.\n").await;
    let jobs = "H:test:1\t0\t0\t0\nH:test:2\t0\t0\t1\nH:test:3\t0\t0\t1\nH:test:4\t0\t0\t1\n.\n";
    peer.text("SHOW Jobs\n", jobs).await;
    peer.raw(b"workers\n").await;
    let mut answer = Vec::new();
    while !answer.ends_with(b".\n") || answer.len() < 5 {
        tokio::io::AsyncReadExt::read_buf(&mut peer.stream, &mut answer).await.unwrap();
        if answer.ends_with(b"\n.\n") {
            break;
        }
    }
    let answer = String::from_utf8(answer).unwrap();
    let lines: Vec<&str> = answer.lines().map(|line| line.split_once(' ').map_or(line, |l| l.1)).collect();
    assert_eq!(lines, ["127.0.0.1 - :", "127.0.0.1 w1 : f g", "."]);
    assert!(answer.lines().next().unwrap().split(' ').next().unwrap().parse::<u32>().is_ok());
}

#[tokio::test]
async fn words_and_lines() {
    let server = Server::with(|config| config.level = gearmand::config::Level::Notice).await;
    let mut peer = server.peer().await;
    let pid = format!("OK {}\n", std::process::id());
    let incomplete = "ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+";
    let unknown = "ERR UNKNOWN_COMMAND Unknown+server+command";
    for (line, answer) in [
        ("version\n", "OK 2.3.0\n"),
        ("VERSION\r\n", "OK 2.3.0\n"),
        ("getpid\n", pid.as_str()),
        ("verbose\n", "OK NOTICE\n"),
        ("create function f\n", "OK\r\n"),
        ("status\n", "f\t0\t0\t0\n.\n"),
        ("drop function f\n", "OK\r\n"),
        ("drop function f\n", "ERR function not found\r\n"),
        ("status\n", ".\n"),
        ("maxqueue f 1\n", "OK\r\n"),
        ("cancel job H:test:1\n", "ERR UNKNOWN_JOB\r\n"),
        ("create\n", &format!("{incomplete}create\r\n")),
        ("create function\n", &format!("{incomplete}create\r\n")),
        ("drop\n", &format!("{incomplete}drop\r\n")),
        ("maxqueue\n", &format!("{incomplete}maxqueue\r\n")),
        ("show\n", &format!("{unknown}show\r\n")),
        ("cancel job\n", &format!("{unknown}cancel\r\n")),
        ("\n", &format!("{unknown}\r\n")),
        ("shutdown\n", &format!("{unknown}shutdown\r\n")),
        ("bogus words\n", &format!("{unknown}bogus\r\n")),
        ("show foo\n", "ERR UNKNOWN_SHOW_ARGUMENTS\r\n"),
        // More words than a command takes, as the C server answers them.
        ("status of all\n", ".\n"),
        ("show jobs f\n", "ERR UNKNOWN_SHOW_ARGUMENTS\r\n"),
        ("create function resize images\n", &format!("{incomplete}create\r\n")),
        ("drop function resize images\n", &format!("{incomplete}drop\r\n")),
        ("cancel job H:test:1 2\n", "ERR UNKNOWN_ERROR\r\n"),
        ("cancel function resize\n", "ERR UNKNOWN_ERROR\r\n"),
        ("maxqueue f -1\n", "OK\r\n"),
        // Those C takes, or ends the connection for them.
        ("maxqueue resize images 1000\n", &format!("{incomplete}maxqueue\r\n")),
        ("maxqueue resize images\n", &format!("{incomplete}maxqueue\r\n")),
        ("maxqueue resize 1 2 3 4\n", &format!("{incomplete}maxqueue\r\n")),
    ] {
        peer.text(line, answer).await;
    }
}

#[tokio::test]
async fn a_full_queue() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    peer.text("maxqueue f 3 2 1\n", "OK\r\n").await;
    let full: &[&[u8]] = &[&b"QUEUE_ERROR"[..], b"Job queue is full"];
    // low and normal share the total.
    peer.send(SUBMIT_JOB_LOW_BG, &[&b"f"[..], b"", b""]).await;
    peer.expect(JOB_CREATED, &[&b"H:test:1"[..]]).await;
    peer.send(SUBMIT_JOB_LOW_BG, &[&b"f"[..], b"", b""]).await;
    peer.expect(ERROR, full).await;
    peer.send(SUBMIT_JOB_BG, &[&b"f"[..], b"k", b""]).await;
    peer.expect(JOB_CREATED, &[&b"H:test:2"[..]]).await;
    peer.send(SUBMIT_JOB_BG, &[&b"f"[..], b"", b""]).await;
    peer.expect(ERROR, full).await;
    peer.send(SUBMIT_JOB_BG, &[&b"f"[..], b"k", b""]).await;
    peer.expect(JOB_CREATED, &[&b"H:test:2"[..]]).await;
    peer.text("maxqueue f\n", "OK\r\n").await;
    peer.send(SUBMIT_JOB_LOW_BG, &[&b"f"[..], b"", b""]).await;
    peer.expect(JOB_CREATED, &[&b"H:test:3"[..]]).await;
    peer.text("maxqueue f 3\n", "OK\r\n").await;
    peer.send(SUBMIT_JOB_HIGH_BG, &[&b"f"[..], b"", b""]).await;
    peer.expect(ERROR, full).await;
    peer.text("maxqueue f 0\n", "OK\r\n").await;
    peer.send(SUBMIT_JOB_HIGH_BG, &[&b"f"[..], b"", b""]).await;
    peer.expect(JOB_CREATED, &[&b"H:test:4"[..]]).await;
}

#[tokio::test]
async fn dropping_and_cancelling() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    let mut admin = server.peer().await;
    for _ in 0..3 {
        client.submit("f", "", b"").await;
    }
    client.send(SUBMIT_JOB_EPOCH, &[&b"f"[..], b"", b"4000000000", b""]).await;
    assert_eq!(client.read().await.0, JOB_CREATED);
    admin.text("cancel job H:test:2\n", "OK\r\n").await;
    client.expect(WORK_FAIL, &[&b"H:test:2"[..]]).await;
    let mut worker = server.worker(&["f"]).await;
    let busy = "ERR there are still connected workers or executing clients\r\n";
    admin.text("drop function f\n", busy).await;
    worker.send(RESET_ABILITIES, &[]).await;
    worker.sync().await;
    admin.text("drop function f\n", "OK\r\n").await;
    client.expect(WORK_FAIL, &[&b"H:test:1"[..]]).await;
    client.expect(WORK_FAIL, &[&b"H:test:3"[..]]).await;
    admin.text("status\n", ".\n").await;
    admin.text("show jobs\n", ".\n").await;
}

/// A name with a blank was taken for its first word: `resize` was dropped with its jobs, its limit was lifted, and a
/// job of it was cancelled.
#[tokio::test]
async fn a_name_with_blanks_hits_no_other_function() {
    let server = Server::start().await;
    let mut client = server.peer().await;
    let mut admin = server.peer().await;
    admin.text("maxqueue resize 1\n", "OK\r\n").await;
    client.submit("resize", "", b"").await;
    let refused = "ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+";
    admin.text("drop function resize images\r\n", &format!("{refused}drop\r\n")).await;
    admin.text("maxqueue resize images\r\n", &format!("{refused}maxqueue\r\n")).await;
    admin.text("maxqueue resize images 1000\r\n", &format!("{refused}maxqueue\r\n")).await;
    admin.text("create function crop images\r\n", &format!("{refused}create\r\n")).await;
    admin.text("cancel job H:test:1 H:test:2\r\n", "ERR UNKNOWN_ERROR\r\n").await;
    admin.text("status\n", "resize\t1\t0\t0\n.\n").await;
    let full: &[&[u8]] = &[&b"QUEUE_ERROR"[..], b"Job queue is full"];
    client.send(SUBMIT_JOB, &[&b"resize"[..], b"", b""]).await;
    client.expect(ERROR, full).await;
}

#[tokio::test]
async fn binary_and_text_take_turns() {
    let server = Server::start().await;
    let mut peer = server.peer().await;
    let bytes = [b"version\n".to_vec(), packet(b"\0REQ", ECHO_REQ, &[&b"1"[..]]), b"vers".to_vec()];
    peer.raw(&bytes.concat()).await;
    peer.text("", "OK 2.3.0\n").await;
    peer.expect(ECHO_RES, &[&b"1"[..]]).await;
    peer.text("ion\r\n", "OK 2.3.0\n").await;
    peer.sync().await;
    // Answers leave in the order of their questions, though one for a job is answered as late as may be.
    peer.raw(&[packet(b"\0REQ", GRAB_JOB, &[]), b"version\n".to_vec()].concat()).await;
    peer.expect(NO_JOB, &[]).await;
    peer.text("", "OK 2.3.0\n").await;
}
