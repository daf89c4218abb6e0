//! `gearman-runner` with real processes, and servers that say what a test wants.

mod control;
mod first;
mod hung;
mod limits;
mod output;
mod processes;
mod reload;
mod scaling;
mod soak;
mod unit;

use gearman_tools::runner::control::ask;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::Permissions;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Far beyond what anything here takes.
const LONG: Duration = Duration::from_secs(180);

/// A program that runs until it is asked to end.
const PATIENT: &str = r#"["sh", "-c", "trap 'exit 0' TERM; echo at work; sleep 1000 & wait $!"]"#;

/// Waits for something, and says what was there in its place.
fn until<T: std::fmt::Debug>(what: &str, mut look: impl FnMut() -> T, mut is: impl FnMut(&T) -> bool) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        let found = look();
        if is(&found) {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}: {found:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A folder of this test's own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gearman-runner-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        // What a process of this id has left, which was killed.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        // Some of what is in it is for other users, whatever the umask is.
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        Folder(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn config(&self, text: &str) {
        self.write("runner.toml", &format!("socket = 'runner.sock'\n{text}"));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A runner at work.
struct Runner {
    child: Child,
    folder: Folder,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Runner {
    /// With this configuration, behind the name of the socket.
    fn start(config: &str) -> Runner {
        Runner::with(config, |_| {})
    }

    fn with(config: &str, change: impl FnOnce(&mut Command)) -> Runner {
        let folder = Folder::new();
        folder.config(config);
        Runner::in_folder(folder, change)
    }

    fn in_folder(folder: Folder, change: impl FnOnce(&mut Command)) -> Runner {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gearman-runner"));
        command.arg("--config").arg(folder.path("runner.toml"));
        change(&mut command);
        Runner::of(folder, command)
    }

    /// A program that becomes one, or starts one.
    fn of(folder: Folder, mut command: Command) -> Runner {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (out, taken) = (child.stdout.take().unwrap(), lines.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
                taken.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        let runner = Runner { child, folder, lines };
        until("the socket", || runner.ask_once("status").is_some(), |there| *there);
        runner
    }

    /// What it answers, and refuses; `None`: it does not listen, or not in time.
    fn ask_once(&self, line: &str) -> Option<Result<String, String>> {
        ask(&self.folder.path("runner.sock"), line).ok()
    }

    /// The same, when it has the time.
    #[track_caller]
    fn ask(&self, line: &str) -> Result<String, String> {
        until(line, || self.ask_once(line), Option::is_some).unwrap()
    }

    #[track_caller]
    fn status(&self) -> Value {
        serde_json::from_str(&self.ask("status json").unwrap()).unwrap()
    }

    /// The group of this name, when it is as wanted.
    #[track_caller]
    fn group(&self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        let find = || {
            let status = self.status();
            status["groups"].as_array().unwrap().iter().find(|group| group["group"] == name).cloned()
        };
        until(name, find, |group| group.as_ref().is_some_and(&is)).unwrap()
    }

    /// So many of a group are at work, and nobody else: their numbers.
    #[track_caller]
    fn at_work(&self, name: &str, n: usize) -> Vec<i32> {
        let group =
            self.group(name, |group| group["running"] == n && group["processes"].as_array().unwrap().len() == n);
        pids(&group)
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    #[track_caller]
    fn line_with(&self, text: &str) -> String {
        let lines = until(text, || self.lines(), |lines| lines.iter().any(|line| line.contains(text)));
        lines.into_iter().find(|line| line.contains(text)).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Its end, which somebody has asked for.
    #[track_caller]
    fn ended(&mut self) -> ExitStatus {
        until("the end", || self.child.try_wait().unwrap(), Option::is_some).unwrap()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            // A second signal kills who does not end.
            self.signal(Signal::SIGTERM);
            std::thread::sleep(Duration::from_millis(50));
            let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.lines().join("\n"));
        }
    }
}

fn pids(group: &Value) -> Vec<i32> {
    let processes = group["processes"].as_array().unwrap();
    processes.iter().map(|process| process["pid"].as_i64().unwrap() as i32).collect()
}

/// It is there, and no zombie.
fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

/// A job server that answers text commands.
struct Server {
    port: u16,
    answers: Arc<Mutex<Answers>>,
}

/// What it answers; `None`: it does not know the command.
#[derive(Default)]
struct Answers {
    counters: Option<String>,
    status: Option<String>,
    connections: Option<String>,
    /// So many commands have come.
    asked: u32,
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = Arc::new(Mutex::new(Answers::default()));
        let shared = answers.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answers = shared.clone();
                std::thread::spawn(move || answer(stream, &answers));
            }
        });
        Server { port, answers }
    }

    /// One of ours: jobs of `f` that wait, and run, and milliseconds that the oldest waits.
    fn counts(&self, waiting: u32, running: u32, oldest: u32) {
        let counters = format!(
            "server\tjobs=0\nfunction\tf\thigh=0\tnormal={waiting}\tlow=0\trunning={running}\toldest_us={oldest}000\tpaused=0\n.\n"
        );
        self.answers.lock().unwrap().counters = Some(counters);
    }
}

fn answer(stream: TcpStream, answers: &Mutex<Answers>) {
    let mut writer = stream.try_clone().unwrap();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let mut answers = answers.lock().unwrap();
        answers.asked += 1;
        let answer = match line.trim() {
            "counters" => answers.counters.clone(),
            "status" => answers.status.clone(),
            "connections" => answers.connections.clone(),
            _ => None,
        };
        let answer = answer.unwrap_or_else(|| "ERR UNKNOWN_COMMAND Unknown+server+command\r\n".into());
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
