//! Databases that tests start, each as an ordinary user, in a folder of its own and on a socket in that. They end with the
//! test that started them, however that ends.
//!
//! Where they are is said by peers/databases.sh. Where one cannot be had, its tests say so and do nothing; with CI=true they
//! fail.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    MariaDb,
    Redis,
}

/// One that runs.
pub(crate) struct Database {
    kind: Kind,
    folder: PathBuf,
    keeper: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// Starts a database, ends and starts it when it is told to, and at the end of its input removes all of it.
const KEEPER: &str = r#"
folder=$1 last=$2; shift 2
begin() { "$@" >>"$folder/log" 2>&1 </dev/null & pid=$!; }
begin "$@"
while read -r order; do
    case $order in
        START) begin "$@" ;;
        STOP | CONT) kill -"$order" "$pid" ;;
        *) kill -"$order" "$pid"; wait "$pid" ;;
    esac
    echo "$pid"
done
kill -CONT "$pid"; kill -"$last" "$pid"; wait "$pid"; rm -rf "$folder"
"#;

/// Nobody's numbers in Debian.
const NOBODY: u32 = 65534;
/// As long as a busy machine may take.
const LONG: Duration = Duration::from_secs(120);

/// What peers/databases.sh says of this variable.
fn place(name: &str) -> Option<String> {
    let said = std::env::var(name).ok().or_else(|| {
        let vars = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/databases/vars");
        let vars = std::fs::read_to_string(vars).ok()?;
        vars.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    });
    said.filter(|place| !place.is_empty())
}

impl Database {
    /// One for this test alone.
    pub(crate) fn start(kind: Kind) -> Option<Database> {
        Database::start_with(kind, &[])
    }

    pub(crate) fn start_with(kind: Kind, more: &[&str]) -> Option<Database> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let variable = match kind {
            Kind::Postgres => "TEST_POSTGRES",
            Kind::MariaDb => "TEST_MARIADB",
            Kind::Redis => "TEST_REDIS",
        };
        let Some(place) = place(variable) else {
            assert!(std::env::var_os("CI").is_none(), "{variable} is not set: peers/databases.sh");
            println!("skipped: there is no {kind:?}: peers/databases.sh");
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gearmand-{kind:?}-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        if is_root() {
            std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let in_folder = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (mut command, last): (Vec<String>, &str) = match kind {
            Kind::Postgres => {
                let data = in_folder("data");
                make(&format!("{place}/initdb"), &["-D", &data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8"]);
                let users =
                    "local all locked,guarded scram-sha-256\nlocal all all trust\nhost all all all scram-sha-256\n";
                std::fs::write(folder.join("data/pg_hba.conf"), users).unwrap();
                let fixed = ["-F", "-c", "listen_addresses=", "-c", "full_page_writes=off", "-k"];
                let command = [&format!("{place}/postgres"), "-D", &data];
                (command.iter().chain(&fixed).map(|s| s.to_string()).chain([in_folder("")]).collect(), "QUIT")
            }
            Kind::MariaDb => {
                let data = format!("--datadir={}", in_folder("data"));
                // What another one made for the moment, in a folder of both, is deleted by whoever starts.
                let moment = format!("--tmpdir={}", in_folder(""));
                make(&format!("{place}/mariadb-install-db"), &[&data, &moment]);
                let fixed =
                    ["--skip-networking", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M"];
                let socket = format!("--socket={}", in_folder("socket"));
                let command = [format!("{place}/mariadbd"), data, moment, socket];
                (command.into_iter().chain(fixed.map(str::to_owned)).collect(), "KILL")
            }
            Kind::Redis => {
                let fixed = ["--port", "0", "--appendonly", "yes", "--appendfsync", "no", "--save", "", "--dir"];
                let command = [place].into_iter().chain(fixed.map(str::to_owned));
                let socket = ["--unixsocket".to_owned(), in_folder("socket")];
                (command.chain([in_folder("")]).chain(socket).collect(), "KILL")
            }
        };
        command.extend(more.iter().map(|word| (*word).to_owned()));
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper", folder.to_str().unwrap(), last]).args(command);
        as_nobody(&mut keeper).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = keeper.spawn().unwrap();
        let (orders, answers) = (keeper.stdin.take(), BufReader::new(keeper.stdout.take().unwrap()));
        let database = Database { kind, folder, keeper, orders, answers };
        database.is_ready();
        Some(database)
    }

    /// The same for all tests of this process.
    pub(crate) fn shared(kind: Kind) -> Option<&'static Database> {
        static POSTGRES: OnceLock<Option<Database>> = OnceLock::new();
        static MARIADB: OnceLock<Option<Database>> = OnceLock::new();
        static REDIS: OnceLock<Option<Database>> = OnceLock::new();
        let database = match kind {
            Kind::Postgres => &POSTGRES,
            Kind::MariaDb => &MARIADB,
            Kind::Redis => &REDIS,
        };
        database.get_or_init(|| Database::start(kind)).as_ref()
    }

    /// A name that no other test takes.
    pub(crate) fn name() -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// The folder of its socket.
    pub(crate) fn folder(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    pub(crate) fn socket(&self) -> String {
        self.folder.join("socket").to_str().unwrap().to_owned()
    }

    /// Sends a signal; but for STOP and CONT it ends by that.
    pub(crate) fn signal(&mut self, name: &str) {
        self.order(name);
    }

    pub(crate) fn start_again(&mut self) {
        self.order("START");
        self.is_ready();
    }

    fn order(&mut self, order: &str) {
        writeln!(self.orders.as_ref().unwrap(), "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert!(!answer.is_empty(), "the keeper is gone");
    }

    fn is_ready(&self) {
        let begin = Instant::now();
        let ready = || match self.kind {
            Kind::Postgres => {
                let state = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
                state.lines().last().is_some_and(|line| line.trim() == "ready")
            }
            _ => std::os::unix::net::UnixStream::connect(self.socket()).is_ok(),
        };
        while !ready() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(begin.elapsed() < LONG, "{:?} does not start: {}", self.kind, log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The end of its input ends the keeper, also where this is never called.
        drop(self.orders.take());
        let _ = self.keeper.wait();
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Some databases refuse to run as root.
fn as_nobody(command: &mut Command) -> &mut Command {
    if is_root() { command.uid(NOBODY).gid(NOBODY) } else { command }
}

fn make(program: &str, arguments: &[&str]) {
    let made = as_nobody(Command::new(program).args(arguments).current_dir("/")).output().unwrap();
    let said = [made.stdout, made.stderr].concat();
    assert!(made.status.success(), "{program}: {}", String::from_utf8_lossy(&said));
}
