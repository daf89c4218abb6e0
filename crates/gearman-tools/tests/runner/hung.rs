//! Files that do not answer, as those of a network file system whose server is down.

use crate::runner::{Folder, PATIENT, Runner, until};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;

/// From here on what this thread mounts is there for it and for the programs that it starts, and for nobody else. False: that
/// is not allowed here.
fn may_mount(at: &Path) -> bool {
    let nothing = None::<&str>;
    let private = unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing));
    let allowed = private.map_err(io::Error::from).and_then(|()| Hung::mount(at));
    if let Err(error) = &allowed {
        eprintln!("skipped: no file system may be mounted here: {error}");
    }
    allowed.is_ok()
}

/// A file system in place of a folder: who looks at it waits until this is gone.
struct Hung {
    folder: PathBuf,
    /// Where the system asks, and nobody answers.
    _questions: File,
}

impl Hung {
    fn at(folder: &Path) -> Hung {
        Hung::mount(folder).unwrap()
    }

    fn mount(folder: &Path) -> io::Result<Hung> {
        let mut questions = OpenOptions::new().read(true).write(true).open("/dev/fuse")?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", questions.as_raw_fd());
        mount(Some("hung"), folder, Some("fuse"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(&*options))?;
        // The first one alone, by which the two agree on a version, is answered: linux/fuse.h.
        let mut question = [0; 64 * 1024];
        let _ = questions.read(&mut question)?;
        let number = u64::from_ne_bytes(question[8..16].try_into().unwrap());
        let mut answer = [&80u32.to_ne_bytes()[..], &[0; 4], &number.to_ne_bytes()].concat();
        answer.extend([7u32, 31, 0, 0, 0, 128 * 1024].map(u32::to_ne_bytes).as_flattened());
        answer.resize(80, 0);
        questions.write_all(&answer)?;
        Ok(Hung { folder: folder.into(), _questions: questions })
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        umount2(&self.folder, MntFlags::MNT_DETACH).unwrap();
    }
}

/// With a path of `watch` that hung no group was started, no signal was heeded and nobody answered, at a start; and no reload
/// came to its end. Nothing was said of it.
#[test]
fn what_is_watched() {
    let folder = Folder::new();
    let src = folder.path("src");
    std::fs::create_dir(&src).unwrap();
    let group = |name| format!("[group.{name}]\ncommand = {PATIENT}\nsettle = '1ms'\n");
    let others = group("b");
    folder.config(&format!("{}watch = 'src'\n{others}", group("a")));
    if !may_mount(&src) {
        return;
    }
    let hung = Hung::at(&src);
    let mut runner = Runner::in_folder(folder, |_| {});
    runner.at_work("a", 1);
    runner.at_work("b", 1);
    runner.line_with(&format!("a: warning: changes of its files are not seen: {}: no answer for 5 s", src.display()));
    for _ in 0..3 {
        runner.ask("reload").unwrap();
    }
    drop(hung);
    // Their first look counts whenever it comes.
    runner.line_with("a: its files are looked at again");
    runner.folder.write("src/a.php", "<?php");
    runner.line_with("a: all processes are replaced: changed files");
    let _hung = Hung::at(&src);
    runner.ask("reload").unwrap();
    runner.folder.config(&others);
    runner.ask("reload").unwrap();
    until("the end of a", || runner.status()["groups"].as_array().unwrap().len(), |n| *n == 1);
    runner.signal(Signal::SIGTERM);
    assert!(runner.ended().success());
}

/// The loop waited for the file: nobody was answered, and no signal heeded.
#[test]
fn the_configuration() {
    let folder = Folder::new();
    let etc = folder.path("etc");
    std::fs::create_dir(&etc).unwrap();
    let socket = folder.path("runner.sock");
    let config = format!("socket = {socket:?}\n[group.a]\ncommand = {PATIENT}\ndirectory = '/'\nsettle = '1ms'\n");
    folder.write("etc/runner.toml", &config);
    if !may_mount(&etc) {
        return;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearman-runner"));
    command.arg("--config").arg(etc.join("runner.toml"));
    let mut runner = Runner::of(folder, command);
    let before = runner.at_work("a", 1);
    let hung = Hung::at(&etc);
    for _ in 0..2 {
        let reason = runner.ask("reload").unwrap_err();
        assert!(reason.ends_with("/etc/runner.toml: no answer for 5 s"), "{reason}");
        assert!(runner.status()["config_error"].as_str().unwrap().ends_with("no answer for 5 s"));
    }
    assert_eq!(runner.at_work("a", 1), before);
    drop(hung);
    assert!(until("a reload", || runner.ask("reload"), Result::is_ok).is_ok());
    let _hung = Hung::at(&etc);
    runner.signal(Signal::SIGHUP);
    runner.signal(Signal::SIGTERM);
    assert!(runner.ended().success());
}
