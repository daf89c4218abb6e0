//! The program: exit codes, `-d`, signals.

use crate::util::LONG;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) fn gearmand() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearmand"));
    let of_tls = ["GEARMAND_SERVER_PEM", "GEARMAND_SERVER_KEY", "GEARMAND_CA_CERTIFICATE"];
    for name in ["GEARMAND_PORT", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID"].iter().chain(&of_tls) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// A folder of a test's own.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("gearmand-test-{}-{number}-{name}", std::process::id()));
        // What a process of this id has left, which was killed.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        // Some of what is in it is for other users, whatever the umask is.
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        Folder(path)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server in the foreground, and its log.
pub(crate) struct Running {
    pub(crate) child: Child,
    log: BufReader<std::process::ChildStderr>,
    pub(crate) port: u16,
    /// The lines of the log that were read.
    pub(crate) seen: Vec<String>,
}

impl Running {
    pub(crate) fn start(arguments: &[&str], folder: &Folder) -> Running {
        Running::with(arguments, folder, &[])
    }

    pub(crate) fn with(arguments: &[&str], folder: &Folder, variables: &[(&str, &str)]) -> Running {
        let mut command = gearmand();
        command.envs(variables.iter().copied());
        Running::run(command, arguments, folder)
    }

    /// By a program that becomes it in the end.
    pub(crate) fn within(wrapper: &[&str], arguments: &[&str], folder: &Folder) -> Running {
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(env!("CARGO_BIN_EXE_gearmand")).stdin(Stdio::null());
        Running::run(command, arguments, folder)
    }

    fn run(command: Command, arguments: &[&str], folder: &Folder) -> Running {
        let mut running = Running::begin(command, arguments, folder);
        running.listens();
        running
    }

    /// Does not wait until it listens.
    pub(crate) fn begin(mut command: Command, arguments: &[&str], folder: &Folder) -> Running {
        let pid = folder.file("pid");
        let fixed = ["-p", "0", "-L", "127.0.0.1", "-l", "stderr", "--verbose=INFO", "-P", &pid];
        command.args(fixed).args(arguments);
        Running::spawn(command)
    }

    /// With all its arguments.
    fn spawn(mut command: Command) -> Running {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Running { child, log, port: 0, seen: Vec::new() }
    }

    pub(crate) fn listens(&mut self) {
        let line = self.said("listening on 127.0.0.1:");
        self.port = line.rsplit(':').next().unwrap().trim().parse().unwrap();
    }

    /// A line that was read already, or is yet to come.
    pub(crate) fn said(&mut self, part: &str) -> String {
        let seen = self.seen.iter().find(|line| line.contains(part)).cloned();
        seen.unwrap_or_else(|| self.line_with(part))
    }

    /// Waits for the next such line. A test whose line had come before another that it waited for hung for ever.
    pub(crate) fn line_with(&mut self, part: &str) -> String {
        let deadline = Instant::now() + LONG * 2;
        loop {
            if self.log.buffer().is_empty() {
                let left = deadline.saturating_duration_since(Instant::now());
                let mut log = [PollFd::new(self.log.get_ref().as_fd(), PollFlags::POLLIN)];
                let some = poll(&mut log, PollTimeout::try_from(left).unwrap()).unwrap();
                assert_ne!(some, 0, "waited in vain for \"{part}\": {:?}", self.seen);
            }
            let mut line = String::new();
            let n = self.log.read_line(&mut line).unwrap();
            assert_ne!(n, 0, "the log ended without \"{part}\": {:?}", self.seen);
            self.seen.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// The log that is yet to come, for who does not look for anything in it: it has to be read.
    pub(crate) fn take_log(&mut self) -> BufReader<std::process::ChildStderr> {
        let (_, empty) = std::os::unix::net::UnixStream::pair().unwrap();
        std::mem::replace(&mut self.log, BufReader::new(std::os::fd::OwnedFd::from(empty).into()))
    }

    /// All that was logged, once the log has ended.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        self.seen.extend(self.log.by_ref().lines().map(Result::unwrap));
        std::mem::take(&mut self.seen)
    }

    /// Nobody looks at the rest of the log, however long it is.
    pub(crate) fn ignore_log(&self) {
        let mut log = File::from(self.log.get_ref().as_fd().try_clone_to_owned().unwrap());
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// By SIGTERM.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        assert!(ended(&mut self.child).success());
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for what is to become true.
pub(crate) fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Kills one that does not end.
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What becomes of one that cannot start.
pub(crate) fn end(mut command: Command) -> Output {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    ended(&mut child);
    child.wait_with_output().unwrap()
}

pub(crate) fn ask(stream: &mut TcpStream, line: &str) -> String {
    stream.write_all(line.as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    answer
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn usage_errors_exit_with_1() {
    for arguments in [&["--bogus"][..], &["--verbose=LOUD"], &["-p", "x"], &["-q", "drizzle"], &["--ssl"], &["word"]] {
        let output = gearmand().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
    let output = gearmand().env("GEARMAND_PORT", "many").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("GEARMAND_PORT=many"), "{}", stderr(&output));
}

#[test]
fn check_args_opens_nothing() {
    let folder = Folder::new("check");
    let (log, pid, socket) = (folder.file("log"), folder.file("pid"), format!("unix://{}", folder.file("socket")));
    let files = ["-d", "-l", &log, "-P", &pid, "-L", &socket, "-L", "nowhere.invalid", "-u", "nobody-of-that-name"];
    let output = gearmand().args(["--check-args", "--syslog", "-t", "4", "-R"]).args(files).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "gearmand: --round-robin is without effect\n");
    assert_eq!(std::fs::read_dir(folder.file("")).unwrap().count(), 0);
}

#[test]
fn options_from_a_file() {
    let folder = Folder::new("file");
    let file = folder.file("conf");
    let check = |text: &str, arguments: &[&str]| {
        std::fs::write(&file, text).unwrap();
        gearmand().args(["--check-args", "--config-file", &file]).args(arguments).output().unwrap().status.code()
    };
    assert_eq!(check("--verbose=INFO\n# a remark\n--listen 127.0.0.1\t-t 2\n", &[]), Some(0));
    assert_eq!(check("--verbose=LOUD\n", &[]), Some(1));
    assert_eq!(check("--verbose=INFO\n", &["--verbose=DEBUG"]), Some(0), "the command line comes last");
    assert_eq!(check("--port 4730 # the usual one\n-t 2 #--bogus\n", &[]), Some(0), "a remark after an option");
    std::fs::write(&file, "--bogus").unwrap();
    let output = gearmand().args(["--check-args", &format!("@{file}")]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_error_in_a_file_names_its_line() {
    let folder = Folder::new("line");
    let file = folder.file("conf");
    let check = |text: &str, how: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let output = gearmand().arg("--check-args").args(how).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        stderr(&output)
    };
    let (option, short) = (format!("--config-file={file}"), format!("@{file}"));
    for (text, line, reason) in [
        ("--verbose=INFO\n# a remark\n--port many\n--threads 2\n", 3, "invalid value 'many' for '--port"),
        ("--listen ::1\n\n--threads 5000 # too many\n-t4\n--port 5000000\n", 5, "'5000000' for '--port"),
        ("-t4\n--queue-type drizzle\n", 2, "--queue-type drizzle: this server has"),
        ("--verbose INFO\n--bogus\n", 2, "unexpected argument '--bogus' found"),
        ("--verbose INFO\nword\n-t4", 2, "unexpected argument 'word' found"),
        ("-t4\n--ssl\n", 2, "--ssl: which certificate?"),
    ] {
        for how in [&option, &short] {
            let text = check(text, &["-L::1", how]);
            assert!(text.starts_with(&format!("gearmand: {file}:{line}: ")) && text.contains(reason), "{text}");
        }
    }
    let text = check("-t4\n", &[&option, "--port=many"]);
    assert!(text.starts_with("error: invalid value 'many'"), "{text}");
    let text = check("-t4\n", &[&option, "--threads=5000"]);
    assert_eq!(text, "gearmand: --threads 5000: at most 1024\n");
}

/// Its options were not read, and nothing said so.
#[test]
fn a_file_names_another_one_as_a_word_of_its_own() {
    let folder = Folder::new("nested");
    let (file, other) = (folder.file("conf"), folder.file("other"));
    std::fs::write(&other, "--verbose=LOUD\n").unwrap();
    for (text, line) in [("-t4\n--config-file={}\n-t5\n", 2), ("-t4\n\n--config {}\n", 3), ("--config-file\n{}\n", 1)] {
        std::fs::write(&file, text.replace("{}", &other)).unwrap();
        let output = gearmand().args(["--check-args", "--config-file", &file]).output().unwrap();
        let reason = "--config-file is for the command line alone; @FILE takes another file in here";
        assert_eq!((output.status.code(), stderr(&output)), (Some(1), format!("gearmand: {file}:{line}: {reason}\n")));
    }
    let check = |text: String| {
        std::fs::write(&file, text).unwrap();
        gearmand().args(["--check-args", "--config-file", &file]).output().unwrap()
    };
    let output = check(format!("@{other}\n"));
    assert!(stderr(&output).starts_with(&format!("gearmand: {other}:1: ")), "{}", stderr(&output));
    std::fs::write(&other, "--verbose=INFO\n").unwrap();
    assert!(check(format!("@{other}\n")).status.success());
}

/// The system refuses them for each connection, which nobody noticed.
#[test]
fn probes_beyond_the_limits_of_the_system_are_refused() {
    for option in ["--keepalive-idle=32768", "--keepalive-interval=9999999999", "--keepalive-count=128"] {
        let output = gearmand().args(["--check-args", option]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{option}");
    }
    let most = ["--keepalive-idle=32767", "--keepalive-interval=32767", "--keepalive-count=127"];
    assert!(gearmand().arg("--check-args").args(most).output().unwrap().status.success());
}

#[test]
fn help_and_version() {
    let output = gearmand().arg("-V").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "gearmand 2.3.0\n");
    let output = gearmand().arg("--help").output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("--job-retries"));
}

#[test]
fn files_that_cannot_be_written_are_errors_when_named() {
    for arguments in [["-l", "/nowhere/log"], ["-P", "/nowhere/pid"]] {
        let output = gearmand().args(["-p", "0", "-L", "127.0.0.1", "-l", "none"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains("/nowhere/"), "{}", stderr(&output));
    }
}

/// A pipe in the place of the pid file: its start waited for a reader, and its end, which looks for its id there, for the end of the pipe.
#[test]
fn a_pid_file_that_is_a_pipe_is_waited_for_at_neither_end() {
    let folder = Folder::new("pid-pipe");
    let pipe = folder.file("pipe");
    mkfifo(Path::new(&pipe), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let mut command = gearmand();
    command.args(["-p", "0", "-L", "127.0.0.1", "-l", "none", "-P", &pipe]);
    let output = end(command);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).starts_with(&format!("gearmand: --pid-file {pipe}: ")), "{}", stderr(&output));
    // This one reads, and keeps it open for writing as well.
    let both = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let mut server = Running::start(&["-P", &pipe], &folder);
    let mut came = [PollFd::new(both.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut came, PollTimeout::try_from(LONG).unwrap()), Ok(1));
    let mut id = String::new();
    BufReader::new(both).read_line(&mut id).unwrap();
    assert_eq!(id.trim(), server.child.id().to_string());
    server.stop();
    assert!(Path::new(&pipe).exists());
}

/// A server that was started with a stricter umask made files that everybody could read.
#[test]
fn files_are_for_no_more_than_the_umask_says() {
    for (umask, mode) in [("077", 0o600), ("027", 0o640), ("000", 0o644)] {
        let folder = Folder::new(&format!("umask-{umask}"));
        let queue = format!("--libsqlite3-db={}", folder.file("queue.db"));
        let wrapper = ["sh", "-c", "umask $0 && exec \"$@\"", umask];
        let _server = Running::within(&wrapper, &["--queue-type=libsqlite3", &queue], &folder);
        for file in ["queue.db", "pid"] {
            let permissions = std::fs::metadata(folder.file(file)).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, mode, "umask {umask}: {file}");
        }
    }
}

#[test]
fn a_daemon_is_there_when_its_caller_returns() {
    let folder = Folder::new("daemon");
    let (pid, log) = (folder.file("pid"), folder.file("log"));
    let fixed = ["-d", "-p", "0", "-L", "127.0.0.1", "--verbose=NOTICE"];
    let output = gearmand().args(fixed).args(["-P", &pid, "-l", &log]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let id: i32 = folder.read("pid").trim().parse().unwrap();
    let text = folder.read("log");
    let port: u16 = text.lines().find_map(|l| l.rsplit_once("127.0.0.1:")).unwrap().1.parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert_eq!(ask(&mut stream, "getpid\n"), format!("OK {id}\n"));
    // Bound by the first, so the second prints that for its caller.
    let port = port.to_string();
    let second = ["-d", "-p", &port, "-L", "127.0.0.1", "-l", "none", "-P", &folder.file("other"), "--bind-wait=0"];
    let output = gearmand().args(second).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", stderr(&output));
    kill(Pid::from_raw(id), Signal::SIGTERM).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
}

#[test]
fn sigterm_and_sigint_stop() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let folder = Folder::new(signal.as_str());
        let mut server = Running::start(&[], &folder);
        let mut stream = server.connect();
        assert!(ask(&mut stream, "version\n").starts_with("OK "));
        server.signal(signal);
        assert!(server.child.wait().unwrap().success());
        assert_eq!(folder.read("pid"), "", "the file is gone with the process");
    }
}

#[test]
fn sighup_opens_the_log_anew() {
    let folder = Folder::new("reopen");
    let log = folder.file("log");
    let pid = folder.file("pid");
    let arguments = ["-p", "0", "-L", "127.0.0.1", "-l", &log, "-P", &pid, "--verbose=INFO"];
    let mut child = gearmand().args(["-d"]).args(arguments).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    let id: i32 = folder.read("pid").trim().parse().unwrap();
    let text = folder.read("log");
    let port: u16 = text.lines().find_map(|l| l.rsplit_once("127.0.0.1:")).unwrap().1.parse().unwrap();
    std::fs::rename(&log, folder.file("old")).unwrap();
    kill(Pid::from_raw(id), Signal::SIGHUP).unwrap();
    // The server handles signals and connections in any order: ask until the new file has a line.
    while !folder.read("log").contains("connection from") {
        assert!(ask(&mut TcpStream::connect(("127.0.0.1", port)).unwrap(), "version\n").starts_with("OK "));
    }
    kill(Pid::from_raw(id), Signal::SIGTERM).unwrap();
}

#[test]
fn the_log_has_who_came_what_appeared_and_why_it_ended() {
    let folder = Folder::new("events");
    let mut server = Running::start(&[], &folder);
    let mut stream = server.connect();
    let address = stream.local_addr().unwrap();
    ask(&mut stream, "create function resize\n");
    stream.write_all(b"\0BAD").unwrap();
    stream.write_all(&[0; 8]).unwrap();
    server.line_with(&format!("connection from {address}"));
    server.line_with(&format!("{address}: new function resize"));
    server.line_with(&format!("{address}: connection closed: "));
}

#[test]
fn a_socket_in_the_file_system() {
    let folder = Folder::new("unix");
    let path = folder.file("socket");
    let listen = format!("--listen=unix://{path}");
    // One that is left over, without a listener.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let mut server = Running::start(&[&listen], &folder);
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream.write_all(b"version\n").unwrap();
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer).unwrap();
    assert_eq!(answer, "OK 2.3.0\n");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let second = [&listen, "-p", "0", "-l", "none", "-P", &folder.file("second"), "--bind-wait", "0"];
    let output = gearmand().args(second).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "somebody answers there");
    server.signal(Signal::SIGTERM);
    server.child.wait().unwrap();
    assert!(!std::path::Path::new(&path).exists());
}

#[test]
fn the_port_from_the_environment() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let arguments = ["-L", "127.0.0.1", "-l", "none", "-P", "", "--bind-wait", "0"];
    let output = gearmand().env("GEARMAND_PORT", &port).args(arguments).output().unwrap();
    assert!(stderr(&output).contains(&port), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));
}

/// Compose files set it to nothing, and Kubernetes to the address of a service named gearmand.
#[test]
fn a_variable_that_is_no_port_is_no_error() {
    let check = |port: &str, arguments: &[&str]| {
        let output = gearmand().env("GEARMAND_PORT", port).arg("--check-args").args(arguments).output().unwrap();
        (output.status.code(), stderr(&output))
    };
    assert_eq!(check("", &[]), (Some(0), String::new()));
    assert_eq!(check(" ", &[]), (Some(0), String::new()));
    let (code, text) = check("tcp://10.96.0.1:4730", &[]);
    assert_eq!(code, Some(0));
    assert!(text.contains("GEARMAND_PORT=tcp://10.96.0.1:4730 is ignored"), "{text}");
    assert_eq!(check("tcp://10.96.0.1:4730", &["--port=0"]), (Some(0), String::new()));
    assert_eq!(check("47 30", &[]).0, Some(1));
}

/// A name that stands for several addresses, some of them named already.
#[test]
fn names_that_overlap() {
    let folder = Folder::new("overlap");
    let socket = folder.file("socket");
    let twice = [format!("-Lunix://{socket}"), format!("-Lunix://{}/./socket", folder.file(""))];
    let names = ["-L", "localhost", "-L127.0.0.1", "-L", "[::1]", "-L", "localhost", &twice[0], &twice[1]];
    let mut server = Running::start(&names, &folder);
    assert!(ask(&mut server.connect(), "version\n").starts_with("OK "));
    server.stop();
    // Whatever stands for all of them.
    let mut server = Running::begin(gearmand(), &["-L", "0.0.0.0"], &folder);
    let line = server.line_with("listening on 0.0.0.0:");
    server.port = line.rsplit(':').next().unwrap().trim().parse().unwrap();
    assert!(ask(&mut server.connect(), "version\n").starts_with("OK "));
    server.stop();
    assert!(!std::path::Path::new(&socket).exists());
    // An IPv4 address in the form of an IPv6 one: EINVAL.
    for more in [&[][..], &["-L", "127.0.0.1"]] {
        let mut command = gearmand();
        command.args(["-p", "0", "-L", "::ffff:127.0.0.1", "-l", "stderr", "--verbose=NOTICE", "-P", ""]).args(more);
        let mut server = Running::spawn(command);
        server.listens();
        assert!(ask(&mut server.connect(), "version\n").starts_with("OK "));
        server.stop();
    }
}

/// As in containers without IPv6, where /etc/hosts gives localhost both addresses nevertheless.
#[test]
fn an_address_that_the_host_lacks_is_skipped_where_its_name_has_another() {
    let folder = Folder::new("lacking");
    std::fs::write(folder.file("hosts"), "192.0.2.77 both\n127.0.0.1 both\n192.0.2.77 neither\n").unwrap();
    let may = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return println!("skipped: no namespaces here");
    }
    let script = format!("mount --bind '{}' /etc/hosts && exec \"$@\"", folder.file("hosts"));
    let wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c", &script, "sh"];
    let mut server = Running::within(&wrapper, &["-L", "both"], &folder);
    assert!(ask(&mut server.connect(), "version\n").starts_with("OK "));
    assert!(server.seen.iter().any(|line| line.contains("WARNING") && line.contains("192.0.2.77 of both")));
    server.stop();
    let rest = ["-p0", "-P", "", "-l", "none", "-L", "127.0.0.1", "-L", "neither"];
    let output =
        Command::new(wrapper[0]).args(&wrapper[1..]).arg(env!("CARGO_BIN_EXE_gearmand")).args(rest).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot listen on neither: "), "{}", stderr(&output));
}

/// A daemon goes to the folder /, and found neither socket nor pid file under their names when it ended.
#[test]
fn a_daemon_removes_what_was_named_from_the_folder_it_was_called_in() {
    let folder = Folder::new("relative");
    let listen = ["-p", "0", "-L", "127.0.0.1", "-L", "unix://rel.sock"];
    let output = gearmand().args(["-d", "-l", "log", "-P", "pid"]).args(listen).current_dir(folder.file("")).output();
    assert!(output.unwrap().status.success());
    assert!(std::path::Path::new(&folder.file("rel.sock")).exists());
    kill(Pid::from_raw(folder.read("pid").trim().parse().unwrap()), Signal::SIGTERM).unwrap();
    until(|| !std::path::Path::new(&folder.file("pid")).exists());
    assert!(!std::path::Path::new(&folder.file("rel.sock")).exists());
}

#[test]
fn the_log_has_why_a_connection_was_closed() {
    let folder = Folder::new("closed");
    let mut server = Running::start(&[], &folder);
    for (bytes, reason) in [
        (b"\0RUBBISH".to_vec(), "wrong magic \"\\x00RUB\""),
        (b"\0REQ\0\0\0\x07\xff\xff\xff\xff".to_vec(), "4294967295"),
        (vec![b'x'; 70_000], "a text line of more than"),
        (b"\0REQ\0\0\0\x07\0\0\0\x09f".to_vec(), "in the middle of a packet"),
    ] {
        let mut peer = server.connect();
        // The server may close while this is being written.
        let _ = peer.write_all(&bytes);
        let _ = peer.shutdown(std::net::Shutdown::Write);
        let line = server.line_with("closed: ");
        assert!(line.contains(reason), "{line}");
        let _ = peer.read_to_end(&mut Vec::new());
    }
    assert_eq!(ask(&mut server.connect(), "version\n"), format!("OK {}\n", gearmand::VERSION));
}

/// It took connections until the system gave no descriptor: nothing was refused, counted or to be seen, since HTTP got none either.
#[test]
fn a_full_server_refuses_connections_and_can_be_looked_at() {
    let folder = Folder::new("full");
    let mut server = Running::start(&["--file-descriptors=400", "--http-listen=127.0.0.1:0"], &folder);
    let line = server.said("HTTP at http://");
    let http = line.rsplit("http://").next().unwrap().trim().to_owned();
    let mut many: Vec<TcpStream> = (0..257).map(|_| server.connect()).collect();
    assert!(many.iter_mut().all(|one| ask(one, "version\n").starts_with("OK ")));
    let mut one_too_many = server.connect();
    one_too_many.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(one_too_many.read(&mut [0]).unwrap(), 0);
    server.line_with("refused, there are 257 already");
    let mut looking = TcpStream::connect(http).unwrap();
    looking.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut metrics = String::new();
    looking.read_to_string(&mut metrics).unwrap();
    for value in ["connections 257", "connections_limit 257", "connections_refused_total 1"] {
        assert!(metrics.lines().any(|line| line == format!("gearmand_{value}")), "{value} in {metrics}");
    }
    many.clear();
    until(|| {
        let mut one = server.connect();
        one.write_all(b"version\n").is_ok() && one.read(&mut [0]).is_ok_and(|n| n > 0)
    });
}

#[test]
fn more_connections_than_the_system_has_descriptors() {
    let folder = Folder::new("descriptors");
    let mut server = Running::start(&["--file-descriptors=40"], &folder);
    let mut first = server.connect();
    assert!(ask(&mut first, "version\n").starts_with("OK "));
    let many: Vec<TcpStream> = (0..60).map(|_| server.connect()).collect();
    server.line_with("cannot accept connections");
    assert!(ask(&mut first, "version\n").starts_with("OK "));
    drop(many);
    assert!(ask(&mut server.connect(), "version\n").starts_with("OK "));
}
