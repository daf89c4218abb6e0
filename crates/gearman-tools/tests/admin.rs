use crate::util::{Ended, dead_port, run, scripted_server};

#[test]
fn asks_in_the_order_of_the_c_tool_and_shows_answers_as_it_does() {
    let script = [
        ("getpid\r\n", &["OK 1", "2\n"][..]),
        ("create function a\r\n", &["OK\r", "\n"]),
        ("drop function b\r\n", &["ERR function not found\r\n"]),
        ("maxqueue c 1 2 3\r\n", &["OK\r\n"]),
        ("show jobs\r\n", &["H:x:1\t0\t0\t1\n", ".\n"]),
        ("show unique jobs\r\n", &[".", "\n"]),
        ("cancel job H:x:9\r\n", &["ERR UNKNOWN_JOB\r\n"]),
        ("verbose\r\n", &["OK INFO\n"]),
        ("version\r\n", &["OK 2.3.0\n"]),
        ("workers\r\n", &["7 127.0.0.1 - :", " a\n.\n"]),
        ("prioritystatus\r\n", &["a\t0\t0\t0\t1\n.\n"]),
        ("status\r\n", &["a\t0\t", "0\t1\n", ".", "\n"]),
    ];
    let (port, server) = scripted_server(move |server| {
        for (command, answer) in script {
            assert_eq!(server.line(), command);
            answer.iter().for_each(|part| server.raw(part.as_bytes()));
        }
        assert_eq!(server.rest(), b"");
    });
    let everything = "--status --priority-status --workers --server-version --server-verbose --show-jobs \
                      --show-unique-jobs --cancel-job=H:x:9 --create-function=a --drop-function b --getpid \
                      --max-queue c 1 2 3";
    let ended = run("gearadmin", &port, &everything.split(' ').collect::<Vec<_>>());
    server.join().unwrap();
    ended.expect(
        0,
        "12\nOK\nOK\nH:x:1\t0\t0\t1\n.\n.\nINFO\n2.3.0\n7 127.0.0.1 - : a\n.\na\t0\t0\t0\t1\n.\na\t0\t0\t1\n.\n",
        "Error: function not found\r\nError: UNKNOWN_JOB\r\n",
    );
}

#[test]
fn a_listing_that_the_server_does_not_know_ends() {
    let (port, server) = scripted_server(|server| {
        server.line();
        server.raw(b"ERR UNKNOWN_COMMAND Unknown+server+command\r\n");
        assert_eq!(server.rest(), b"");
    });
    let ended = run("gearadmin", &port, &["--show-jobs"]);
    server.join().unwrap();
    ended.expect(0, "", "Error: UNKNOWN_COMMAND Unknown+server+command\r\n");
}

#[test]
fn json_is_one_document_whatever_the_bytes() {
    let (port, server) = scripted_server(|server| {
        server.line();
        server.raw(b"OK\r\n");
        server.line();
        server.raw(b"ERR UNKNOWN_JOB\r\n");
        server.line();
        server.raw(b"3 ::1 \"\xff : a\x01b \xc3\xa9\n.\n");
        server.line();
        server.raw(b"\xfff\t3\t1\t1\n.\n");
    });
    let asked = ["--json", "--status", "--workers", "--create-function=f", "--cancel-job=H:x:9"];
    let ended = run("gearadmin", &port, &asked);
    server.join().unwrap();
    let out = concat!(
        r#"{"status":[{"function":"\\xfff","total":3,"queued":2,"running":1,"workers":1}],"#,
        r#""workers":[{"fd":3,"address":"::1","id":"\"\\xff","functions":["a\u0001b","é"]}],"#,
        r#""done":{"create function f":"OK"},"errors":{"cancel job H:x:9":"UNKNOWN_JOB"}}"#,
        "\n"
    );
    ended.expect(0, out, "");
}

#[test]
fn errors_name_the_server_and_the_reason() {
    let close = |answer: &'static [u8]| {
        let (port, server) = scripted_server(move |server| {
            server.line();
            server.raw(answer);
        });
        let ended = run("gearadmin", &port, &["--status"]);
        server.join().unwrap();
        (ended, port)
    };
    let (ended, port) = close(b"");
    let lost = format!("gearadmin: lost connection to 127.0.0.1:{port}: the server closed the connection ");
    ended.expect(1, "", &format!("{lost}without an answer\n"));
    let (ended, port) = close(b"a\t0\t0\t0\n");
    let lost = format!("gearadmin: lost connection to 127.0.0.1:{port}: the server closed the connection ");
    ended.expect(1, "", &format!("{lost}in the middle of its answer\n"));

    let port = dead_port();
    let refused = format!("gearadmin: could not connect to 127.0.0.1:{port}: Connection refused\n");
    run("gearadmin", &port, &["--status"]).expect(1, "", &refused);
}

#[test]
fn a_silent_server_is_not_waited_for_for_ever() {
    let (port, server) = scripted_server(|server| server.rest());
    let ended = run("gearadmin", &port, &["--getpid", "--timeout", "50"]);
    assert_eq!(server.join().unwrap(), b"getpid\r\n");
    assert_eq!(ended.status, Some(1));
    let timeout = format!("gearadmin: timeout reached, nothing was heard from 127.0.0.1:{port} for ");
    assert!(ended.err.starts_with(&timeout), "{}", ended.err);
}

#[test]
fn wrong_options_exit_with_1() {
    for wrong in [&[][..], &["--shutdown"], &["--show"], &["--status=1"], &["--create-function="], &["-x"]] {
        let ended = run("gearadmin", "1", wrong);
        assert_eq!(ended.status, Some(1), "{wrong:?}");
        assert!(!ended.err.is_empty());
    }
    // Such a function cannot be spoken of: another would be hit, the one called like the first word.
    for (unspeakable, reason) in [
        (&["--drop-function", "resize images"][..], "text commands end names at blanks"),
        (&["--drop-function", "resize\timages"], "text commands end names at blanks"),
        (&["--drop-function", "resize\nimages"], "text commands end names at blanks"),
        (&["--drop-function", " resize"], "text commands end names at blanks"),
        (&["--drop-function", ""], "it is empty"),
        (&["--drop-function", "resize", "images"], "no text command can speak of a name with blanks"),
        (&["--create-function", "resize images"], "text commands end names at blanks"),
        (&["--create-function", &"x".repeat(513)], "it is longer than any function's name"),
        (&["--cancel-job", "H:x:1 2"], "text commands end names at blanks"),
        (&["--max-queue", "resize images", "1000"], "text commands end names at blanks"),
        (&["--max-queue", "resize 1000"], "text commands end names at blanks"),
        (&["--max-queue", "resize", "images"], "behind the function there is no number, one, or three"),
        (&["--max-queue", "resize", "images", "1000"], "behind the function there is no number, one, or three"),
        (&["--max-queue", "resize", "2", "1000"], "behind the function there is no number, one, or three"),
    ] {
        // Nobody listens there: it is refused before.
        let ended = run("gearadmin", "1", unspeakable);
        assert_eq!((ended.status, &ended.out[..]), (Some(1), &b""[..]), "{unspeakable:?}");
        assert!(ended.err.contains(reason), "{unspeakable:?}: {}", ended.err);
    }
    let help = run("gearadmin", "1", &["--help"]);
    assert_eq!(help.status, Some(0));
    assert!(String::from_utf8(help.out).unwrap().contains("--priority-status"));
    let two_lines = run("gearadmin", "1", &["--create-function", "a\nb"]);
    assert_eq!(two_lines.status, Some(1));
}

/// A server that gets these lines and gives these answers; how gearadmin ended.
fn play(arguments: &[&str], script: &'static [(&str, &str)]) -> Ended {
    let (port, server) = scripted_server(move |server| {
        for (command, answer) in script {
            assert_eq!(server.line(), format!("{command}\r\n"));
            server.raw(answer.as_bytes());
        }
        assert_eq!(server.rest(), b"");
    });
    let ended = run("gearadmin", &port, arguments);
    server.join().unwrap();
    ended
}

#[test]
fn policies_and_dead_letters() {
    let letter = "H:x:1\tf\tk\t2\t10\t20\tfail\tme\t3\t\n.\n";
    let arguments = [
        "--policies",
        "--dead=f",
        "--retry",
        "f",
        "--forget=H:x:2",
        "--bury",
        "H:x:3",
        "--policy",
        "f*",
        "retries=3",
        "rate=",
    ];
    let ended = play(
        &arguments,
        &[
            ("policy f* retries=3 rate=", "ERR INVALID_POLICY rate:+no\r\n"),
            ("bury H:x:3", "OK 1\n"),
            ("dead-retry f", "OK 2\n"),
            ("dead-forget H:x:2", "ERR UNKNOWN_JOB there+is+none\r\n"),
            ("policies", "f*\tfile:3\tretries=3\n.\n"),
            ("dead f", "H:x:1\tf\tk\t2\t10\t20\tfail\tme\t3\t\n.\n"),
        ],
    );
    let refused = "Error: INVALID_POLICY rate:+no\r\nError: UNKNOWN_JOB there+is+none\r\n";
    ended.expect(1, &format!("1\n2\nf*\tfile:3\tretries=3\n.\n{letter}"), refused);
}

/// Only the server can tell a handle from a function and a key.
#[test]
fn a_job_is_asked_for_by_handle_first() {
    let unknown = "ERR UNKNOWN_JOB there+is+no+such+job\r\n";
    let job = "handle\tX:1\nstate\tqueued\n.\n";
    play(&["--job", "X:1"], &[("job X:1", "handle\tX:1\nstate\tqueued\n.\n")]).expect(0, job, "");
    let script =
        &[("job f:k", "ERR UNKNOWN_JOB there+is+no+such+job\r\n"), ("job f k", "handle\tX:1\nstate\tqueued\n.\n")];
    play(&["--job", "f:k"], script).expect(0, job, "");
    let json = "{\"job\":{\"handle\":\"X:1\",\"state\":\"queued\"}}\n";
    play(&["--job", "f:k", "--json"], script).expect(0, json, "");
    let script = &[("job f", "ERR UNKNOWN_JOB there+is+no+such+job\r\n")];
    play(&["--job", "f"], script).expect(1, "", &format!("Error: {}", &unknown[4..]));
    let json = play(&["--job", "f", "--json"], script);
    assert!(json.status == Some(1) && String::from_utf8_lossy(&json.out).contains("UNKNOWN_JOB"), "{json:?}");
}

#[test]
fn results_are_the_bytes_that_they_are() {
    let ended = play(&["--result", "H:x:1"], &[("result H:x:1", "state\tdone\ndata\tYQD/\n.\n")]);
    assert_eq!((ended.status, &ended.out[..], &*ended.err), (Some(0), &b"a\0\xff"[..], ""));
    play(&["--result", "H:x:1"], &[("result H:x:1", "state\tfailed\nreason\texception\n.\n")]).expect(
        1,
        "",
        "gearadmin: the job failed: exception\n",
    );
    play(&["--result", "H:x:1"], &[("result H:x:1", "state\trunning\n.\n")]).expect(
        1,
        "",
        "gearadmin: the job has not ended: it is running\n",
    );
    // An empty output that is no result must not look like one.
    play(&["--result", "H:x:1"], &[("result H:x:1", "ERR UNKNOWN_JOB it+is+not+kept\r\n")]).expect(
        1,
        "",
        "Error: UNKNOWN_JOB it+is+not+kept\r\n",
    );
    let ended = play(&["--result", "H:x:1"], &[("result H:x:1", "state\tdone\ndata\t?\n.\n")]);
    assert!(ended.status == Some(1) && ended.err.contains("no base64"), "{}", ended.err);
}

#[test]
fn a_server_that_does_not_know_a_command_of_ours() {
    let missing = |words: &str| {
        format!(
            "gearadmin: the server does not know \"{words}\": it is another one than gearman_rs's gearmand, or older\n"
        )
    };
    play(&["--policies"], &[("policies", "ERR UNKNOWN_COMMAND Unknown+server+commandpolicies\r\n")]).expect(
        1,
        "",
        &missing("policies"),
    );
    // The rest is asked nevertheless.
    play(
        &["--cancel-unique", "f:k", "--server-version", "--status"],
        &[("cancel unique f k", "ERR UNKNOWN_ERROR\r\n"), ("version", "OK 1.1.21\r\n"), ("status", ".\n")],
    )
    .expect(1, "1.1.21\r\n.\n", &missing("cancel unique"));
    let json = "{\"errors\":{\"dead\":\"UNKNOWN_COMMAND x\"}}\n";
    play(&["--dead", "--json"], &[("dead", "ERR UNKNOWN_COMMAND x\r\n")]).expect(1, json, "");
}
