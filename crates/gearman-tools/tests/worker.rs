use crate::util::{dead_port, run, scripted_server, start};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use std::fs::OpenOptions;
use std::io::Read;
use std::path::{Path, PathBuf};

const JOB: &[u8] = b"H:peer:1";

/// A worker for one job, and what it says of it until it closes the connection.
fn one_job(options: &[&str], workload: &[u8], said: &'static [(u32, &'static [u8])]) -> crate::util::Ended {
    let workload = workload.to_vec();
    let (port, server) = scripted_server(move |server| {
        server.greet(&[b"f"]);
        server.assign(b"f", &workload);
        for (command, data) in said {
            match command {
                14 => server.receive(14, &[JOB]),
                _ => server.receive(*command, &[JOB, data]),
            }
        }
        assert_eq!(server.rest(), b"");
    });
    let ended = run("gearman", &port, &[&["-w", "-f", "f", "-c", "1"], options].concat());
    server.join().unwrap();
    ended
}

#[test]
fn runs_a_command_and_its_output_is_the_result() {
    one_job(&["--", "wc", "-l"], b"a\nb\n", &[(13, b"2\n")]).expect(0, "", "");
}

/// It is no job that -c counts, and no end.
#[test]
fn a_function_that_is_refused_is_reported_and_the_other_goes_on() {
    let (port, server) = scripted_server(|server| {
        server.greet(&[b"g", b"f"]);
        server.send(19, &[b"PERMISSION_DENIED", b"no right to work g"]);
        server.assign(b"f", b"x");
        server.receive(13, &[JOB, b"x"]);
        assert_eq!(server.rest(), b"");
    });
    let ended = run("gearman", &port, &["-w", "-f", "f", "-f", "g", "-c", "1", "--", "cat"]);
    server.join().unwrap();
    ended.expect(1, "", &format!("gearman: server 127.0.0.1:{port} refused: no right to work g (PERMISSION_DENIED)\n"));
}

#[test]
fn without_a_command_prints_workloads() {
    one_job(&[], b"data\n", &[(13, b"")]).expect(0, "data\n", "");
}

#[test]
fn lines_are_sent_at_once_each() {
    let command = ["--", "sh", "-c", "printf 'a\\n\\nlast'"];
    let whole: &[(u32, &[u8])] = &[(28, b"a\n"), (28, b"\n"), (28, b"last"), (13, b"")];
    one_job(&[&["-n"], &command[..]].concat(), b"x", whole).expect(0, "", "");
    let cut: &[(u32, &[u8])] = &[(28, b"a"), (28, b""), (28, b"last"), (13, b"")];
    one_job(&[&["-N"], &command[..]].concat(), b"x", cut).expect(0, "", "");
}

#[test]
fn a_command_that_fails_fails_the_job_and_not_the_worker() {
    let ended = one_job(&["--", "sh", "-c", "echo part; exit 3"], b"x", &[(28, b"part\n"), (14, b"")]);
    ended.expect(0, "", "gearman: f: the command ended with exit status: 3\n");
    let ended = one_job(&["--", "sh", "-c", "kill -9 $$"], b"x", &[(14, b"")]);
    ended.expect(0, "", "gearman: f: the command ended with signal: 9 (SIGKILL)\n");
    let ended = one_job(&["--", "/no/such/command"], b"x", &[(14, b"")]);
    assert!(ended.err.starts_with("gearman: f: could not run /no/such/command: "));
}

#[test]
fn a_command_need_not_read_its_input() {
    one_job(&["--", "echo", "hi"], &[b'x'; 1 << 20], &[(13, b"hi\n")]).expect(0, "", "");
}

#[test]
fn megabytes_pass_through_a_command() {
    let workload: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    let (port, server) = scripted_server(move |server| {
        server.greet(&[b"f"]);
        server.assign(b"f", &workload);
        server.receive(13, &[JOB, &workload]);
    });
    run("gearman", &port, &["-w", "-f", "f", "-c", "1", "--", "cat"]).expect(0, "", "");
    server.join().unwrap();
}

#[test]
fn functions_are_announced_as_libgearman_does_and_the_worker_sleeps_until_woken() {
    let (port, server) = scripted_server(|server| {
        server.greet(&[b"b", b"a"]);
        server.send(10, &[]);
        server.receive(4, &[]);
        server.send(6, &[]);
        server.receive(39, &[]);
        server.assign(b"a", b"x");
        server.receive(13, &[JOB, b"x"]);
        server.receive(39, &[]);
        server.assign(b"b", b"y");
        server.receive(13, &[JOB, b"y"]);
        assert_eq!(server.rest(), b"");
    });
    run("gearman", &port, &["-w", "-f", "a", "-f", "b", "-c", "2", "--", "cat"]).expect(0, "", "");
    server.join().unwrap();
}

#[test]
fn a_server_that_can_gives_the_job_at_once() {
    let (port, server) = scripted_server(|server| {
        server.greet(&[b"f"]);
        server.send(27, &[b"all-yours"]);
        server.send(10, &[]);
        server.receive(4, &[]);
        for workload in [&b"x"[..], b"y"] {
            server.assign(b"f", workload);
            server.receive(13, &[JOB, workload]);
            server.receive(4, &[]);
        }
        // The time is over: it says so, and is told that nothing is on its way.
        server.receive(16, &[b"awake"]);
        server.send(17, &[b"awake"]);
        assert_eq!(server.rest(), b"");
    });
    let ended = run("gearman", &port, &["-w", "-f", "f", "-c", "3", "-t", "2000", "--", "cat"]);
    server.join().unwrap();
    assert_eq!(ended.status, Some(1), "{}", ended.err);
}

#[test]
fn a_wait_in_vain_counts_as_a_job() {
    let (port, server) = scripted_server(|server| server.rest());
    let ended = run("gearman", &port, &["-w", "-f", "f", "-c", "2", "-t", "20"]);
    server.join().unwrap();
    assert_eq!(ended.status, Some(1));
    let timeout = format!("gearman: timeout reached, nothing was heard from 127.0.0.1:{port} for ");
    assert!(ended.err.starts_with(&timeout) && ended.err.lines().count() == 1, "{}", ended.err);

    let port = dead_port();
    let refused = format!("gearman: could not connect to 127.0.0.1:{port}: Connection refused\n");
    run("gearman", &port, &["-w", "-f", "f", "-c", "2"]).expect(1, "", &refused);
}

#[test]
fn a_lost_connection_is_made_anew() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = std::thread::spawn(move || {
        let accept = || {
            let stream = listener.accept().unwrap().0;
            stream.set_read_timeout(Some(crate::util::LONG)).unwrap();
            crate::util::ScriptedServer { stream }
        };
        for broken in [&b"\0RES\0\0\0\x1f\0\0\0\x20H:pe"[..], b""] {
            let mut server = accept();
            server.greet(&[b"f"]);
            server.send(10, &[]);
            server.receive(4, &[]);
            server.raw(broken);
        }
        let mut server = accept();
        server.greet(&[b"f"]);
        server.assign(b"f", b"x");
        server.receive(13, &[JOB, b"x"]);
    });
    run("gearman", &port, &["-w", "-f", "f", "-c", "1", "--", "cat"]).expect(0, "", "");
    server.join().unwrap();
}

#[test]
fn rubbish_is_told_of_with_the_name_of_the_server() {
    let (port, server) = scripted_server(|server| {
        server.greet(&[b"f"]);
        server.raw(b"rubbish, and enough of it");
        server.rest()
    });
    let ended = run("gearman", &port, &["-w", "-f", "f", "-c", "1"]);
    assert_eq!(server.join().unwrap(), b"");
    assert_eq!(ended.status, Some(1));
    assert!(ended.err.contains(&format!("127.0.0.1:{port}")), "{}", ended.err);
}

/// Such a worker, with its pid file, until a signal ends it.
fn idle_until(signal: Signal, file: &Path, meanwhile: impl FnOnce(u32)) {
    let (port, server) = scripted_server(|server| {
        server.greet(&[b"f"]);
        server.send(10, &[]);
        server.receive(4, &[]);
        // Asleep: from here on only the signal can end it.
        server.stream.try_clone().unwrap()
    });
    let child = start("gearman", &port, &["-w", "-f", "f", "-i", file.to_str().unwrap(), "--", "cat"]);
    let mut stream = server.join().unwrap();
    meanwhile(child.id());
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 0);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), ""));
}

fn pid_file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("gearman-{}-{name}.pid", std::process::id()))
}

#[test]
fn sigterm_and_sigint_end_an_idle_worker_and_remove_its_pid_file() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let file = pid_file(signal.as_str());
        idle_until(signal, &file, |id| assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{id}\n")));
        assert!(!file.exists());
    }
}

/// Root's worker with `--pidfile /dev/null` removed that, and one that ended the file of its successor.
#[test]
fn a_pid_file_that_is_not_its_own_stays() {
    let file = pid_file("successor");
    idle_until(Signal::SIGTERM, &file, |_| std::fs::write(&file, "1\n").unwrap());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "1\n");
    std::fs::remove_file(&file).unwrap();
    mkfifo(&file, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let both = OpenOptions::new().read(true).write(true).open(&file).unwrap();
    idle_until(Signal::SIGTERM, &file, |_| {});
    assert!(file.exists());
    drop(both);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn sigterm_gives_a_running_job_back_and_ends_its_command() {
    let (port, server) = scripted_server(|server| {
        server.greet(&[b"f"]);
        server.assign(b"f", b"x");
        server.rest()
    });
    // The command tells that it runs and that it was ended, on standard error.
    let command = "trap 'echo ended >&2; exit' TERM; echo running >&2; while :; do :; done";
    let mut child = start("gearman", &port, &["-w", "-f", "f", "--", "sh", "-c", command]);
    let mut err = child.stderr.take().unwrap();
    let mut running = [0; 8];
    err.read_exact(&mut running).unwrap();
    assert_eq!(&running, b"running\n");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    // Nothing was said of the job: the server gives it to another worker.
    assert_eq!(server.join().unwrap(), b"");
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "ended\n");
}
