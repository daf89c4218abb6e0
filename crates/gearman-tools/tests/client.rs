use crate::util::{dead_port, feed, request, run, run_with, scripted_server};

/// Takes a job, and ends it.
fn one_job(
    command: u32,
    arguments: &'static [&'static [u8]],
    result: &'static [u8],
) -> (String, std::thread::JoinHandle<()>) {
    scripted_server(move |server| {
        server.receive(command, arguments);
        server.send(8, &[b"H:peer:1"]);
        server.send(13, &[b"H:peer:1", result]);
        assert_eq!(server.rest(), b"");
    })
}

#[test]
fn data_become_a_job_and_its_result_is_printed_as_it_is() {
    let (port, server) = one_job(7, &[b"wc", b"key", b"some data"], b"3\0\xff");
    let ended = run("gearman", &port, &["-f", "wc", "-u", "key", "some data"]);
    server.join().unwrap();
    assert_eq!((ended.status, ended.out.as_slice(), &*ended.err), (Some(0), &b"3\0\xff"[..], ""));
}

#[test]
fn all_of_standard_input_is_one_job_nul_bytes_too() {
    let (port, server) = one_job(7, &[b"wc", b"-", b"a\nb\0c\n"], b"");
    let ended = feed("gearman", &port, &["-f", "wc", "-u", "-"], b"a\nb\0c\n");
    server.join().unwrap();
    ended.expect(0, "", "");
}

#[test]
fn priorities_and_background_choose_the_command() {
    for (options, command) in [(&["-I"][..], 21), (&["-L"], 33), (&["-b"], 18), (&["-bI"], 32), (&["-b", "-L"], 34)] {
        let (port, server) = scripted_server(move |server| {
            server.receive(command, &[b"f", b"k", b"x"]);
            server.send(8, &[b"H:peer:1"]);
            if command == 21 || command == 33 {
                server.send(13, &[b"H:peer:1", b""]);
            }
            server.rest()
        });
        let ended = run("gearman", &port, &[options, &["-v", "-P", "-f", "f", "-u", "k", "x"]].concat());
        assert_eq!(server.join().unwrap(), b"", "{options:?}");
        let result = if options.concat().contains('b') { "" } else { "f: " };
        ended.expect(0, &format!("Task created: H:peer:1\n{result}"), "");
    }
}

#[test]
fn without_input_and_without_a_key() {
    let (port, server) = scripted_server(|server| {
        let packet = server.packet();
        server.send(8, &[b"H:peer:1"]);
        packet
    });
    run("gearman", &port, &["-b", "-s", "-f", "f"]).expect(0, "", "");
    let packet = server.join().unwrap();
    // A key of its own in the form of a UUID, and an empty workload.
    assert_eq!(packet.len(), 12 + 2 + 37);
    assert_eq!((packet[12 + 2 + 8], packet.last()), (b'-', Some(&0)));
}

#[test]
fn each_line_a_job_one_after_the_other() {
    for (option, expected) in [("-n", [&b"a\n"[..], b"\n", b"c"]), ("-N", [b"a", b"", b"c"])] {
        let (port, server) = scripted_server(move |server| {
            for workload in expected {
                server.receive(7, &[b"f", b"k", workload]);
                server.receive(7, &[b"g", b"k", workload]);
                server.send(8, &[b"H:peer:1"]);
                server.send(8, &[b"H:peer:2"]);
                server.send(13, &[b"H:peer:2", workload]);
                server.send(13, &[b"H:peer:1", workload]);
            }
            server.rest()
        });
        let ended = feed("gearman", &port, &["-P", option, "-f", "f", "-f", "g", "-u", "k"], b"a\n\nc");
        assert_eq!(server.join().unwrap(), b"");
        let shown: String =
            expected.map(|w| String::from_utf8_lossy(w).into_owned()).iter().map(|w| format!("g: {w}f: {w}")).collect();
        ended.expect(0, &shown, "");
    }
}

#[test]
fn news_of_a_job_go_where_they_belong() {
    let (port, server) = scripted_server(|server| {
        server.packet();
        server.send(8, &[b"H:peer:1"]);
        server.send(12, &[b"H:peer:1", b"1", b"4"]);
        server.send(12, &[b"H:peer:1", b"1", b"0"]);
        server.send(29, &[b"H:peer:1", b"careful\n"]);
        server.send(28, &[b"H:peer:1", b"part "]);
        server.send(14, &[b"H:peer:1"]);
        server.rest()
    });
    let ended = run("gearman", &port, &["-P", "-f", "f", "x"]);
    assert_eq!(server.join().unwrap(), b"");
    ended.expect(1, "f: 25% Complete\nf: 0% Complete\nf: part ", "f: careful\nf: Job failed\n");
}

#[test]
fn a_failed_job_does_not_stop_the_next() {
    let (port, server) = scripted_server(|server| {
        server.receive(7, &[b"f", b"k", b"one"]);
        server.raw(b"\0RES\0\0\0\x13\0\0\0\x1fQUEUE_ERROR\0Job queue is full\0\0");
        server.receive(7, &[b"f", b"k", b"two"]);
        server.send(8, &[b"H:peer:1"]);
        server.send(25, &[b"H:peer:1", b"thrown"]);
        server.receive(7, &[b"f", b"k", b"three"]);
        server.send(8, &[b"H:peer:2"]);
        server.send(13, &[b"H:peer:2", b"done"]);
        server.rest()
    });
    let ended = run("gearman", &port, &["-f", "f", "-u", "k", "one", "two", "three"]);
    assert_eq!(server.join().unwrap(), b"");
    assert_eq!((ended.status, ended.out.as_slice()), (Some(1), &b"done"[..]));
    assert!(ended.err.contains("Job queue is full"), "{}", ended.err);
    assert!(ended.err.ends_with("thrown"), "{}", ended.err);
}

#[test]
fn errors_name_the_server_and_the_reason() {
    for answer in
        [&b"\0RES\0\0\0\x08\0\0\0\x20H:pe"[..], b"\0REQ\0\0\0\x08\0\0\0\x08H:peer:1", b"rubbish, and enough of it", b""]
    {
        let (port, server) = scripted_server(move |server| {
            server.packet();
            server.raw(answer);
        });
        let ended = run("gearman", &port, &["-f", "f", "x"]);
        server.join().unwrap();
        assert_eq!((ended.status, ended.out.len()), (Some(1), 0), "{}", answer.escape_ascii());
        assert!(ended.err.contains(&format!("127.0.0.1:{port}")), "{}", ended.err);
        assert_eq!(ended.err.lines().count(), 1);
    }
    let (port, server) = scripted_server(|server| {
        server.packet();
        server.raw(b"\0RES\0\0\0\x08\xff\xff\xff\xffH:peer");
        server.rest()
    });
    let ended = run("gearman", &port, &["-f", "f", "x"]);
    assert_eq!(server.join().unwrap(), b"");
    assert!(ended.status == Some(1) && ended.err.contains("4294967295 bytes from"), "{}", ended.err);

    let port = dead_port();
    let refused = format!("gearman: could not connect to 127.0.0.1:{port}: Connection refused\n");
    run("gearman", &port, &["-f", "f", "x"]).expect(1, "", &refused);
}

#[test]
fn a_silent_server_is_not_waited_for_for_ever() {
    let (port, server) = scripted_server(|server| server.rest());
    let ended = run("gearman", &port, &["-f", "f", "-u", "k", "-t", "50", "x"]);
    assert_eq!(server.join().unwrap(), request(7, &[b"f", b"k", b"x"]));
    assert_eq!(ended.status, Some(1));
    let timeout = format!("gearman: timeout reached, nothing was heard from 127.0.0.1:{port} for ");
    assert!(ended.err.starts_with(&timeout), "{}", ended.err);
}

#[test]
fn servers_are_read_from_the_environment() {
    let (port, server) = one_job(7, &[b"f", b"k", b"x"], b"ok");
    let list = format!("127.0.0.1:{},127.0.0.1:{port}", dead_port());
    let ended = run_with("gearman", "1", &["-f", "f", "-u", "k", "x"], &[("GEARMAN_SERVER", &list)]);
    server.join().unwrap();
    ended.expect(0, "ok", "");
}

#[test]
fn wrong_options_exit_with_1() {
    for wrong in [&["x"][..], &["-f"], &["-f", "f", "-p", "70000"], &["-f", "f", "-Z"], &["-f", "", "x"]] {
        let ended = run("gearman", "1", wrong);
        assert_eq!(ended.status, Some(1), "{wrong:?}");
        assert!(!ended.err.is_empty());
    }
    let help = run("gearman", "1", &["-H"]);
    assert_eq!(help.status, Some(0));
    assert!(String::from_utf8(help.out).unwrap().contains("gearman -w -f wc -- wc -l"));
}
