//! How a program is started: [`start`] starts this very program again, and [`become_program`] is what that does first, before it
//! becomes the wanted one. So all between fork and exec is said in ordinary code.
//!
//! Owns what a program inherits. Invariants: it is the head of a session and a process group of its own, which it shares with
//! what it starts itself; it is asked to end when the runner dies, however that happens. Root follows no link that a group's user
//! may have put in the place of a file.

use crate::runner::config::{Account, Group, Sink};
use gearman_core::rights::Rights;
use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{AccessFlags, Gid, Uid, access, dup2_stderr, eaccess, geteuid, getppid, setsid};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The first argument of a runner that is to become another program.
pub const BECOME: &str = "--become";
/// The exit status of one that could not, as a shell's.
const NOT_FOUND: u8 = 127;

/// What is told to the runner that becomes the program. No variables: others could read them for a moment.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    command: Vec<String>,
    directory: PathBuf,
    /// Name, user and group.
    account: Option<(Option<String>, u32, u32)>,
    /// The files of its output that are still to be opened: standard output, standard error.
    outputs: [Option<PathBuf>; 2],
    /// Its standard error goes nowhere.
    silent: bool,
    /// What it is sent when the runner dies.
    signal: i32,
    /// The runner.
    parent: u32,
    /// It is only to be seen whether it could.
    check: bool,
}

/// Starts a program of this group, with this name for the job server. Must be called by the thread whose end is the end of
/// the runner.
///
/// # Errors
/// The system's. A program that is not there is no error here: it says so itself, and ends.
pub fn start(group: &Group, id: &str) -> io::Result<Child> {
    let mut command = command(group, id, false)?;
    command.stdout(output(group, &group.stdout, Stdio::inherit())?);
    // Until the program begins, what is wrong is told in the log: also where nothing that it says itself is wanted.
    command.stderr(match &group.stderr {
        Sink::Null => Stdio::piped(),
        sink => output(group, sink, Stdio::piped())?,
    });
    command.spawn()
}

/// Whether it could be started: as its user, its files opened for that one, in its folder, the program found.
///
/// # Errors
/// Why not, in words.
pub fn check(group: &Group) -> Result<(), String> {
    let tried = command(group, "", true).and_then(|mut command| command.output());
    let tried = tried.map_err(|e| format!("cannot be checked: {e}"))?;
    let said = String::from_utf8_lossy(&tried.stderr);
    if tried.status.success() { Ok(()) } else { Err(said.trim().trim_start_matches("gearman-runner: ").into()) }
}

/// This program, which becomes that of the group.
fn command(group: &Group, id: &str, check: bool) -> io::Result<Command> {
    let account = group.user.as_ref().map(|Account { name, uid, gid, .. }| (name.clone(), *uid, *gid));
    let plan = Plan {
        command: group.command.clone(),
        directory: group.directory.clone(),
        account,
        outputs: [&group.stdout, &group.stderr].map(|sink| match sink {
            Sink::File(path) if opens_itself(group) => Some(path.clone()),
            _ => None,
        }),
        silent: group.stderr == Sink::Null,
        signal: group.stop_signal as i32,
        parent: std::process::id(),
        check,
    };
    // The file that runs, also after another one has taken its place.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("gearman-runner").arg(BECOME).arg(serde_json::to_string(&plan)?).stdin(Stdio::null());
    for ours in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] {
        command.env_remove(ours);
    }
    if let Some(Account { name, home, .. }) = &group.user {
        if let Some(name) = name {
            command.env("USER", name).env("LOGNAME", name);
        }
        home.iter().for_each(|home| _ = command.env("HOME", home));
    }
    command.env("GEARMAN_RUNNER_GROUP", &group.name).env("GEARMAN_RUNNER_ID", id).envs(&group.env);
    Ok(command)
}

/// Whether the runner that becomes the program opens its files, as that is somebody else's. Only that one can take on the rights of
/// its user for a moment: here they would be those of all threads.
fn opens_itself(group: &Group) -> bool {
    group.user.as_ref().is_some_and(|user| user.uid != geteuid().as_raw())
}

/// Where output goes at first: a file that is still to be opened is put in the place of `before`.
fn output(group: &Group, sink: &Sink, before: Stdio) -> io::Result<Stdio> {
    Ok(match sink {
        Sink::Log => Stdio::piped(),
        Sink::Null => Stdio::null(),
        Sink::Inherit => Stdio::inherit(),
        Sink::File(_) if opens_itself(group) => before,
        Sink::File(path) => {
            let file = open(path);
            file.map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?.into()
        }
    })
}

fn open(path: &Path) -> io::Result<File> {
    // A pipe that nobody reads is opened for both: else the runner would wait for a reader, where only who writes may.
    let pipe = std::fs::metadata(path).is_ok_and(|file| file.file_type().is_fifo());
    OpenOptions::new().read(pipe).append(true).create(true).open(path)
}

/// Whether it could be opened. It is not made.
fn may_open(path: &Path) -> io::Result<()> {
    let may = match eaccess(path, AccessFlags::W_OK) {
        // Where a link to nothing leads is not looked at.
        Err(Errno::ENOENT) if path.is_symlink() => Ok(()),
        Err(Errno::ENOENT) => eaccess(path.parent().unwrap_or(path), AccessFlags::W_OK | AccessFlags::X_OK),
        may => may,
    };
    may.map_err(io::Error::from)
}

/// Opens a file for somebody else, by root, or sees whether it could be.
fn open_for<T>(rights: &Rights, path: &Path, open: impl Fn(&Path) -> io::Result<T>) -> Result<T, String> {
    let failed = |e: io::Error| format!("{}: {e}", path.display());
    if rights.may_replace(path).map_err(failed)? {
        let opened = rights.with(|| open(path));
        return opened.map_err(|e| format!("{}, with the rights of the group's user: {e}", path.display()));
    }
    open(path).map_err(failed)
}

/// Becomes the program; only what is wrong comes back, in words, with the exit status. Where it is only to be seen whether it
/// could, it ends well.
pub fn become_program(plan: Option<OsString>) -> (String, u8) {
    let plan = plan.and_then(|plan| serde_json::from_str::<Plan>(&plan.into_string().ok()?).ok());
    let Some(plan) = plan else { return (format!("{BECOME} is for the runner itself"), 1) };
    let [stdout, stderr] = match prepare(&plan) {
        Ok(outputs) => outputs,
        Err(what) => return (what, NOT_FOUND),
    };
    let [program, arguments @ ..] = &plan.command[..] else { return ("there is no program".into(), NOT_FOUND) };
    let folder = plan.directory.display();
    if plan.check {
        if found(program) {
            std::process::exit(0);
        }
        let what = format!("command = {program:?} is not found, or cannot be run, in {folder}: name another");
        return (what, NOT_FOUND);
    }
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(file) = stdout {
        command.stdout(file);
    }
    if let Some(file) = stderr {
        command.stderr(file);
    }
    if plan.silent {
        command.stderr(Stdio::null());
    }
    let before = match io::stderr().as_fd().try_clone_to_owned() {
        Ok(before) => before,
        Err(e) => return (format!("cannot keep standard error: {e}"), NOT_FOUND),
    };
    let error = command.exec();
    // The program's outputs are in place by now, and this is told where all that went wrong before it was. Or else there.
    let _ = dup2_stderr(before);
    (format!("cannot run {program} in {folder}: {error}"), NOT_FOUND)
}

/// Where the system looks for it.
fn found(program: &str) -> bool {
    let runs = |path: &Path| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    if program.contains('/') {
        return runs(Path::new(program));
    }
    let folders = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    std::env::split_paths(&folders).any(|folder| runs(&folder.join(program)))
}

/// All but the program; gives the files of its output that were still to be opened.
fn prepare(plan: &Plan) -> Result<[Option<File>; 2], String> {
    let failed = |what: &'static str| move |e: nix::errno::Errno| format!("cannot {what}: {}", e.desc());
    let mut outputs = [None, None];
    if let Some((name, uid, gid)) = &plan.account
        && (geteuid().is_root() || geteuid().as_raw() != *uid)
    {
        let rights = Rights::of(name.as_deref(), Uid::from_raw(*uid), Gid::from_raw(*gid));
        let rights = rights.map_err(|e| format!("cannot find the groups of the user: {e}"))?;
        for (output, path) in outputs.iter_mut().zip(&plan.outputs) {
            let Some(path) = path else { continue };
            if !plan.check {
                *output = Some(open_for(&rights, path, open)?);
            } else if path.parent().is_some_and(Path::is_dir) {
                // Whoever checks tells of a folder that is not there.
                open_for(&rights, path, may_open)?;
            }
        }
        rights.settle().map_err(failed("become the user"))?;
    }
    // After its files: a terminal that the head of a session opens becomes its own.
    setsid().map_err(failed("begin a session"))?;
    std::env::set_current_dir(&plan.directory)
        .map_err(|e| format!("cannot go to {}: {e}", plan.directory.display()))?;
    // Last, as a change of the user takes it back.
    let signal = Signal::try_from(plan.signal).unwrap_or(Signal::SIGTERM);
    set_pdeathsig(signal).map_err(failed("ask for a signal when the runner dies"))?;
    match getppid().as_raw() as u32 == plan.parent {
        true => Ok(outputs),
        false => Err("the runner has died".into()),
    }
}
