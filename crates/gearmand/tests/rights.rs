//! Who may do what: what is refused and how, and what becomes of it when the rules change.

use crate::process::{Folder, Running, ask, gearmand, stderr};
use crate::util::*;
use gearmand::Config;
use gearmand::config::Acl;
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpSocket;
use tokio::sync::watch;

/// Rules as each test wants them, which it may change. Peers come from addresses of their own.
struct Ruled {
    server: Server,
    rules: watch::Sender<Arc<Acl>>,
}

fn acl(text: &str) -> Arc<Acl> {
    Arc::new(Acl::parse(text, Path::new("acl.toml")).unwrap())
}

impl Ruled {
    async fn start(text: &str) -> Ruled {
        Ruled::with(text, |_| {}).await
    }

    async fn with(text: &str, change: impl FnOnce(&mut Config)) -> Ruled {
        let rules = watch::Sender::new(acl(text));
        let receiver = rules.subscribe();
        let server = Server::with(|config| {
            config.acl = Some(receiver);
            change(config);
        });
        let server = server.await;
        Ruled { server, rules }
    }

    /// A connection from 127.0.0.`last`.
    async fn from(&self, last: u8) -> Peer {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, last], 0).into()).unwrap();
        let stream = socket.connect(self.server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream }
    }
}

const RULES: &str = r#"
    [[rule]]
    name = "all"
    address = "127.0.0.1"
    submit = "*"
    work = "*"
    admin = true
    observe = true

    [[rule]]
    name = "web"
    address = "127.0.0.2"
    submit = ["resize", "mail.*"]

    [[rule]]
    address = "127.0.0.3"
    work = ["resize", "mail.send"]

    [[rule]]
    address = "127.0.0.4"
    observe = true

    [[rule]]
    address = "127.0.0.5"
    admin = true
"#;

const DENIED: &[u8] = b"PERMISSION_DENIED";

impl Peer {
    async fn refused(&mut self, command: u32, arguments: &[&[u8]], text: &str) {
        self.send(command, arguments).await;
        self.expect(ERROR, &[DENIED, text.as_bytes()]).await;
    }
}

#[tokio::test]
async fn a_client_submits_what_it_may() {
    let ruled = Ruled::start(RULES).await;
    let mut client = ruled.from(2).await;
    let text = "no right to submit secret";
    for command in [SUBMIT_JOB, SUBMIT_JOB_BG, SUBMIT_JOB_HIGH, SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_LOW, SUBMIT_JOB_LOW_BG] {
        client.refused(command, &[b"secret", b"k", b"data"], text).await;
    }
    client.refused(SUBMIT_JOB_EPOCH, &[b"secret", b"", b"4000000000", b""], text).await;
    client.refused(SUBMIT_JOB_SCHED, &[b"secret", b"", b"1", b"1", b"1", b"1", b"1", b""], text).await;
    for command in [SUBMIT_REDUCE_JOB, SUBMIT_REDUCE_JOB_BACKGROUND] {
        client.refused(command, &[b"secret", b"", b"resize", b""], text).await;
        // Who runs it submits to the reducer, perhaps with more rights.
        client.refused(command, &[b"resize", b"", b"secret", b""], text).await;
    }
    // Answers come in the order of their questions, and the connection goes on.
    let packets = [
        packet(b"\0REQ", SUBMIT_JOB_BG, &[b"resize", b"", b"1"]),
        packet(b"\0REQ", SUBMIT_JOB_BG, &[b"resize2", b"", b"2"]),
        packet(b"\0REQ", SUBMIT_JOB_BG, &[b"mail.send", b"", b"3"]),
    ];
    client.raw(&packets.concat()).await;
    client.expect(JOB_CREATED, &[b"H:test:1"]).await;
    client.expect(ERROR, &[DENIED, b"no right to submit resize2"]).await;
    client.expect(JOB_CREATED, &[b"H:test:2"]).await;
    ruled.from(1).await.text("status\n", "resize\t1\t0\t0\nmail.send\t1\t0\t0\n.\n").await;
}

/// Not even its name makes a function; and however long it is, the answer is short.
#[tokio::test]
async fn any_name_is_answered() {
    let ruled = Ruled::start(RULES).await;
    let mut client = ruled.from(2).await;
    let long = [b'x'; 100_000];
    let cut = format!("no right to submit {}", "x".repeat(512));
    client.refused(SUBMIT_JOB, &[&long, b"", b""], &cut).await;
    client.refused(SUBMIT_JOB, &[b"a\n\xff", b"", b""], r"no right to submit a\n\xff").await;
    client.refused(SUBMIT_JOB, &[b"", b"", b""], "no right to submit ").await;
    ruled.from(1).await.text("status\n", ".\n").await;
}

#[tokio::test]
async fn a_worker_keeps_the_functions_that_it_may_have() {
    let ruled = Ruled::start(RULES).await;
    let mut worker = ruled.from(3).await;
    worker.send(CAN_DO, &[b"resize"]).await;
    worker.refused(CAN_DO, &[b"secret"], "no right to work secret").await;
    worker.refused(CAN_DO_TIMEOUT, &[b"secret", b"5"], "no right to work secret").await;
    worker.send(CAN_DO_TIMEOUT, &[b"mail.send", b"60"]).await;
    worker.send(CANT_DO, &[b"secret"]).await;
    worker.sleep().await;
    let mut client = ruled.from(1).await;
    for function in ["secret", "mail.send", "resize"] {
        client.submit(function, "", b"x").await;
    }
    worker.expect(NOOP, &[]).await;
    worker.grab(&[b"H:test:2", b"mail.send", b"x"]).await;
    worker.send(WORK_COMPLETE, &[b"H:test:2", b"done"]).await;
    client.expect(WORK_COMPLETE, &[b"H:test:2", b"done"]).await;
    worker.grab(&[b"H:test:3", b"resize", b"x"]).await;
    worker.grab_nothing().await;
    // It may neither submit, nor ask.
    worker.refused(SUBMIT_JOB, &[b"resize", b"", b""], "no right to submit resize").await;
    worker.refused(GET_STATUS, &[b"H:test:1"], "no right to observe").await;
    client.text("status\n", "resize\t1\t1\t1\nmail.send\t0\t0\t1\nsecret\t1\t0\t0\n.\n").await;
}

#[tokio::test]
async fn text_commands() {
    let ruled = Ruled::start(RULES).await;
    let mut all = ruled.from(1).await;
    all.text("create function f\n", "OK\r\n").await;
    let (mut web, mut observer, mut admin) = (ruled.from(2).await, ruled.from(4).await, ruled.from(5).await);
    let (read, changed) =
        ("ERR PERMISSION_DENIED no+right+to+observe\r\n", "ERR PERMISSION_DENIED no+right+to+admin\r\n");
    let reading =
        ["status", "prioritystatus", "workers", "show jobs", "show unique jobs", "counters", "getpid", "verbose"];
    for line in reading {
        for peer in [&mut web, &mut admin] {
            peer.text(&format!("{line}\r\n"), read).await;
        }
    }
    for line in ["create function g", "drop function f", "maxqueue f 1", "cancel job H:test:1"] {
        for peer in [&mut web, &mut observer] {
            peer.text(&format!("{line}\n"), changed).await;
        }
    }
    observer.text("status\n", "f\t0\t0\t0\n.\n").await;
    admin.text("drop function f\n", "OK\r\n").await;
    for peer in [&mut web, &mut observer, &mut admin] {
        peer.text("version\n", concat!("OK ", env!("CARGO_PKG_VERSION"), "\n")).await;
        peer.text("shutdown\n", "ERR UNKNOWN_COMMAND Unknown+server+commandshutdown\r\n").await;
        peer.sync().await;
    }
}

#[tokio::test]
async fn whoami() {
    let ruled = Ruled::start(RULES).await;
    let listener = ruled.server.address;
    let mut web = ruled.from(2).await;
    let expected = format!(
        "listener\t{listener}\naddress\t127.0.0.2\nrule\t2 (web)\nsubmit\tresize\nsubmit\tmail.*\nadmin\tno\nobserve\tno\n.\n"
    );
    web.text("whoami\n", &expected).await;
    let nobody = format!("listener\t{listener}\naddress\t127.0.0.9\nrule\tnone\nadmin\tno\nobserve\tno\n.\n");
    ruled.from(9).await.text("whoami\r\n", &nobody).await;
    let server = Server::start().await;
    let free =
        "rule\tthere are no rules: everybody may do everything\nsubmit\t*\nwork\t*\nadmin\tyes\nobserve\tyes\n.\n";
    server.peer().await.text("whoami\n", free).await;
}

/// Whether a job exists is not shown to whom it is not for.
#[tokio::test]
async fn jobs_of_others_are_as_if_there_were_none() {
    let ruled = Ruled::start(RULES).await;
    let mut all = ruled.from(1).await;
    all.submit("secret", "key", b"").await;
    all.submit("resize", "other", b"").await;
    let (mut web, mut observer) = (ruled.from(2).await, ruled.from(4).await);
    for (peer, sees) in [(&mut web, b"0"), (&mut observer, b"1")] {
        peer.send(GET_STATUS, &[b"H:test:1"]).await;
        peer.expect(STATUS_RES, &[b"H:test:1", sees, b"0", b"0", b"0"]).await;
        peer.send(GET_STATUS_UNIQUE, &[b"key"]).await;
        peer.expect(STATUS_RES_UNIQUE, &[b"key", sees, b"0", b"0", b"0", sees]).await;
        // It may submit jobs of this one.
        peer.send(GET_STATUS, &[b"H:test:2"]).await;
        peer.expect(STATUS_RES, &[b"H:test:2", b"1", b"0", b"0", b"0"]).await;
        peer.send(GET_STATUS_UNIQUE, &[b"other"]).await;
        peer.expect(STATUS_RES_UNIQUE, &[b"other", b"1", b"0", b"0", b"0", b"1"]).await;
        peer.send(GET_STATUS, &[b"H:test:99"]).await;
        peer.expect(STATUS_RES, &[b"H:test:99", b"0", b"0", b"0", b"0"]).await;
    }
    // A key of two functions: the one that it may not know of does not hide the other.
    all.submit("resize", "key", b"").await;
    web.send(GET_STATUS_UNIQUE, &[b"key"]).await;
    web.expect(STATUS_RES_UNIQUE, &[b"key", b"1", b"0", b"0", b"0", b"1"]).await;
    // Nor does it join a job of a function that it may not submit.
    web.refused(SUBMIT_JOB_BG, &[b"secret", b"key", b""], "no right to submit secret").await;
    let mut nobody = ruled.from(9).await;
    for command in [GET_STATUS, GET_STATUS_UNIQUE] {
        nobody.refused(command, &[b"key"], "no right to observe").await;
    }
    nobody.sync().await;
}

/// What was announced, taken or waited for with rights that are gone is gone with them.
#[tokio::test]
async fn who_loses_rights_is_closed_and_who_keeps_them_is_not() {
    let ruled = Ruled::start("[[rule]]\nsubmit = '*'\nwork = '*'\nadmin = true\nobserve = true\n").await;
    let (mut revoked, mut waits, mut kept) = (ruled.from(2).await, ruled.from(6).await, ruled.from(1).await);
    waits.submit("f", "", b"x").await;
    revoked.send(CAN_DO, &[b"f"]).await;
    revoked.grab(&[b"H:test:1", b"f", b"x"]).await;
    kept.submit("g", "", b"y").await;
    let new = "[[rule]]\naddress = '127.0.0.1'\nsubmit = '*'\nwork = '*'\nadmin = true\nobserve = true\n\
               [[rule]]\naddress = '127.0.0.6'\nsubmit = 'f'\n";
    ruled.rules.send_replace(acl(new));
    revoked.ends().await;
    waits.ends().await;
    // Nobody waits for its first job any more; the other one is still waited for.
    until(&ruled.server, "status\n", "f\t0\t0\t0\ng\t1\t0\t0\n.\n").await;
    let mut worker = ruled.from(1).await;
    worker.send(CAN_DO, &[b"g"]).await;
    worker.grab(&[b"H:test:2", b"g", b"y"]).await;
    worker.send(WORK_COMPLETE, &[b"H:test:2", b"done"]).await;
    kept.expect(WORK_COMPLETE, &[b"H:test:2", b"done"]).await;
    // Back again, with what is left.
    let mut revoked = ruled.from(2).await;
    revoked.refused(CAN_DO, &[b"f"], "no right to work f").await;
    ruled.from(6).await.submit("f", "", b"").await;
}

/// Several workers were closed together: the job of the first was given to the others, one after the other, none of which could
/// be sent anything any more. Each of these was a try, and the job failed without being run.
#[tokio::test]
async fn a_job_is_not_given_to_those_who_lose_their_rights_too() {
    for threads in [1, 4] {
        let change = |config: &mut Config| (config.job_runs, config.threads) = (Some(2), threads);
        let ruled = Ruled::with("[[rule]]\nsubmit = '*'\nwork = '*'\n", change).await;
        let mut client = ruled.from(1).await;
        client.submit("f", "", b"x").await;
        let mut revoked = ruled.from(2).await;
        revoked.send(CAN_DO, &[b"f"]).await;
        revoked.grab(&[b"H:test:1", b"f", b"x"]).await;
        let mut revoked = vec![revoked];
        for _ in 0..8 {
            let mut sleeper = ruled.from(2).await;
            sleeper.send(CAN_DO, &[b"f"]).await;
            sleeper.send(OPTION_REQ, &[b"all-yours"]).await;
            sleeper.expect(OPTION_RES, &[b"all-yours"]).await;
            sleeper.send(PRE_SLEEP, &[]).await;
            revoked.push(sleeper);
        }
        client.sync().await;
        ruled.rules.send_replace(acl("[[rule]]\naddress = '127.0.0.1'\nsubmit = '*'\nwork = '*'\n"));
        for peer in &mut revoked {
            peer.ends().await;
        }
        let mut worker = ruled.from(1).await;
        worker.send(CAN_DO, &[b"f"]).await;
        worker.grab(&[b"H:test:1", b"f", b"x"]).await;
        worker.send(WORK_COMPLETE, &[b"H:test:1", b"done"]).await;
        client.expect(WORK_COMPLETE, &[b"H:test:1", b"done"]).await;
    }
}

#[tokio::test]
async fn who_gains_rights_has_them_at_once() {
    let ruled = Ruled::start("[[rule]]\nsubmit = 'a'\n").await;
    let mut client = ruled.from(1).await;
    client.refused(SUBMIT_JOB, &[b"ab", b"", b""], "no right to submit ab").await;
    ruled.rules.send_replace(acl("[[rule]]\nname = 'more'\nsubmit = 'a*'\nobserve = true\n"));
    // The next question may come before the new rules.
    loop {
        client.raw(b"whoami\n").await;
        let mut answer = Vec::new();
        while !answer.ends_with(b".\n") {
            tokio::io::AsyncReadExt::read_buf(&mut client.stream, &mut answer).await.unwrap();
        }
        if String::from_utf8(answer).unwrap().contains("1 (more)") {
            break;
        }
    }
    client.submit("ab", "", b"").await;
}

#[tokio::test]
async fn a_job_that_was_waited_for_is_run_for_those_who_may_wait() {
    let ruled = Ruled::start("[[rule]]\nsubmit = '*'\nwork = '*'\nobserve = true\n").await;
    let (mut leaves, mut stays) = (ruled.from(2).await, ruled.from(1).await);
    leaves.submit("f", "key", b"x").await;
    stays.submit("f", "key", b"x").await;
    ruled.rules.send_replace(acl("[[rule]]\naddress = '127.0.0.1'\nsubmit = '*'\nwork = '*'\nobserve = true\n"));
    leaves.ends().await;
    let mut worker = ruled.from(1).await;
    worker.send(CAN_DO, &[b"f"]).await;
    worker.grab(&[b"H:test:1", b"f", b"x"]).await;
    worker.send(WORK_COMPLETE, &[b"H:test:1", b"done"]).await;
    stays.expect(WORK_COMPLETE, &[b"H:test:1", b"done"]).await;
}

#[test]
fn a_file_with_a_mistake_is_no_start() {
    let folder = Folder::new("acl-wrong");
    let file = folder.file("acl.toml");
    let start = |more: &[&str]| {
        let output = gearmand()
            .args(["-p", "0", "-L", "127.0.0.1", "-l", "none", "-P", "", "--acl", &file])
            .args(more)
            .output()
            .unwrap();
        (output.status.code(), stderr(&output))
    };
    let (code, text) = start(&[]);
    assert!(code == Some(1) && text.contains(&format!("--acl {file}: No such file")), "{text}");
    std::fs::write(&file, "[[rule]]\nsubmit = '*'\n\n[[rule]]\nadress = '10.0.0.0/8'\n").unwrap();
    for more in [&[][..], &["--check-args"]] {
        let (code, text) = start(more);
        let expected = format!("gearmand: --acl {file}:5:1: unknown field `adress`");
        assert!(code == Some(1) && text.starts_with(&expected), "{text}");
    }
    std::fs::write(&file, "[[rule]]\nsubmit = '*'\n").unwrap();
    assert_eq!(start(&["--check-args"]), (Some(0), String::new()));
}

#[test]
fn sighup_reads_the_rules_anew() {
    let folder = Folder::new("acl");
    let file = folder.file("acl.toml");
    std::fs::write(&file, "[[rule]]\nobserve = true\n").unwrap();
    let mut server = Running::start(&["--acl", &file], &folder);
    let mut peer = server.connect();
    assert_eq!(ask(&mut peer, "status\n"), ".\n");
    let refused = "ERR PERMISSION_DENIED no+right+to+admin\r\n";
    for _ in 0..3 {
        assert_eq!(ask(&mut peer, "create function f\n"), refused);
    }
    let address = peer.local_addr().unwrap();
    let line = server.line_with("refused");
    assert!(
        line.contains("INFO") && line.ends_with(&format!("{address}: refused: no right to admin; rule 1\n")),
        "{line}"
    );

    std::fs::write(&file, "[[rule]]\nobserve = true\nadmin = 1\n").unwrap();
    server.signal(Signal::SIGHUP);
    let line = server.line_with("acl.toml");
    assert!(line.contains("ERROR") && line.contains(&format!("--acl {file}:3:9: invalid type: integer `1`")), "{line}");
    assert!(line.ends_with("; the rules stay as they were\n"), "{line}");
    assert_eq!(ask(&mut peer, "status\n"), ".\n");
    assert_eq!(ask(&mut server.connect(), "create function f\n"), refused);

    std::fs::remove_file(&file).unwrap();
    server.signal(Signal::SIGHUP);
    server.line_with("No such file");
    assert_eq!(ask(&mut peer, "status\n"), ".\n");

    std::fs::write(&file, "[[rule]]\nadmin = true\n").unwrap();
    server.signal(Signal::SIGHUP);
    let line = server.line_with("acl.toml anew");
    assert!(line.contains("NOTICE") && line.ends_with("anew: 1 rules\n"), "{line}");
    server.line_with(&format!("{address}: connection closed: it has lost rights: its rule is 1 now"));
    assert_eq!(ask(&mut server.connect(), "create function f\n"), "OK\r\n");
    // The three above are two lines at most.
    server.stop();
    let seen = server.rest();
    let omitted = seen.iter().filter(|line| line.contains("refused")).count();
    assert!(omitted <= 2, "{seen:?}");
}

#[test]
fn a_local_peer_is_known_by_its_user() {
    let folder = Folder::new("acl-uid");
    let (file, socket) = (folder.file("acl.toml"), folder.file("socket"));
    let (uid, gid) = (nix::unistd::getuid(), nix::unistd::getgid());
    let rules =
        format!("[[rule]]\nname = 'me'\nuid = {uid}\ngid = {gid}\nlistener = 'unix://*/socket'\nobserve = true\n");
    std::fs::write(&file, rules).unwrap();
    let listen = format!("unix://{socket}");
    let server = Running::start(&["-L", &listen, "--acl", &file], &folder);
    let whoami = |stream: &mut dyn Write, answers: &mut dyn BufRead| {
        stream.write_all(b"whoami\n").unwrap();
        let lines = answers.lines().map(Result::unwrap);
        lines.take_while(|line| line != ".").collect::<Vec<_>>().join("; ")
    };
    let mut local = UnixStream::connect(&socket).unwrap();
    let mut answers = BufReader::new(local.try_clone().unwrap());
    let expected = format!("listener\t{listen}; uid\t{uid}; gid\t{gid}; rule\t1 (me); admin\tno; observe\tyes");
    assert_eq!(whoami(&mut local, &mut answers), expected);
    let mut remote = server.connect();
    let mut answers = BufReader::new(remote.try_clone().unwrap());
    assert!(whoami(&mut remote, &mut answers).contains("address\t127.0.0.1; rule\tnone"));
}
