//! A server that root starts and that becomes another user: what it may do then, and whose its files are.

use crate::process::{Folder, Running, end, gearmand, stderr, until};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, User, chown, mkfifo};
use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// Whom it becomes. `None`: only root can do so, and that was said.
fn nobody() -> Option<User> {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only for root");
        return None;
    }
    User::from_name("nobody").unwrap()
}

fn owner(file: &str) -> u32 {
    std::fs::metadata(file).unwrap().uid()
}

/// The numbers in a line of what the system tells of a server.
fn ids(server: &Running, line: &str) -> Vec<u32> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    found.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

/// The queue is opened with that one's rights, the pid file written with root's.
#[test]
fn as_another_user() {
    let Some(nobody) = nobody() else { return };
    let folder = Folder::new("user");
    let own = folder.file("own");
    std::fs::create_dir(&own).unwrap();
    chown(Path::new(&own), Some(nobody.uid), Some(nobody.gid)).unwrap();
    let queue = format!("--libsqlite3-db={own}/db");
    let options = ["-u", "nobody", "--queue-type=libsqlite3", &queue];
    let mut server = Running::start(&options, &folder);
    assert_eq!(folder.read("pid").trim(), server.child.id().to_string());
    assert_eq!([owner(&format!("{own}/db")), owner(&folder.file("pid"))], [nobody.uid.as_raw(); 2]);
    assert_eq!(ids(&server, "Uid:"), [nobody.uid.as_raw(); 4], "no way back");
    server.stop();
}

/// It had its first group alone: a key that another of its groups may read was good at the start, and could not be renewed.
#[test]
fn with_all_groups_of_that_user() {
    const GROUP: u32 = 47_300;
    if nobody().is_none() {
        return;
    }
    let folder = Folder::new("user-groups");
    let (groups, own) = (folder.file("group"), folder.file("own"));
    let system = std::fs::read_to_string("/etc/group").unwrap();
    std::fs::write(&groups, format!("{}\ngearmand-test:x:{GROUP}:nobody\n", system.trim_end())).unwrap();
    let script = format!("mount --bind '{groups}' /etc/group && exec \"$@\"");
    let wrapper = ["unshare", "--mount", "sh", "-c", &script, "sh"];
    let may = Command::new(wrapper[0]).args(&wrapper[1..]).arg("true").output();
    if !may.is_ok_and(|output| output.status.success()) {
        return println!("skipped: nothing can be mounted here");
    }
    // Only that group may make a file in it.
    std::fs::create_dir(&own).unwrap();
    chown(Path::new(&own), None, Some(Gid::from_raw(GROUP))).unwrap();
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o770)).unwrap();
    let queue = format!("--libsqlite3-db={own}/db");
    let mut server = Running::within(&wrapper, &["-u", "nobody", "--queue-type=libsqlite3", &queue], &folder);
    let groups = ids(&server, "Groups:");
    assert!(groups.contains(&GROUP), "{groups:?}");
    server.stop();
}

/// Root wrote to what the user had made a link to in the place of the log or the pid file, and gave it to that user.
#[test]
fn links_in_a_folder_of_that_user_lead_root_nowhere() {
    let Some(nobody) = nobody() else { return };
    let folder = Folder::new("user-links");
    let (secret, own, chain) = (folder.file("secret"), folder.file("own"), folder.file("chain"));
    std::fs::write(&secret, "secret").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::create_dir(&own).unwrap();
    chown(Path::new(&own), Some(nobody.uid), Some(nobody.gid)).unwrap();
    let link = format!("{own}/link");
    symlink(&secret, &link).unwrap();
    // One of root's, to that folder.
    symlink(&link, &chain).unwrap();
    // A folder of root's that the user has put in the place of its own.
    symlink(folder.file(""), format!("{own}/folder")).unwrap();
    let made = format!("{own}/folder/made");
    // A further name of root's file, where everybody may make names.
    let everybody = folder.file("everybody");
    std::fs::create_dir(&everybody).unwrap();
    std::fs::set_permissions(&everybody, std::fs::Permissions::from_mode(0o1777)).unwrap();
    let hard = format!("{everybody}/hard");
    std::fs::hard_link(&secret, &hard).unwrap();
    for file in [&link, &chain, &made, &hard] {
        for (option, rest) in [("-l", ["-P", ""]), ("-P", ["-l", "none"])] {
            let mut command = gearmand();
            command.args(["-u", "nobody", "-p", "0", "-L", "127.0.0.1", option, file]).args(rest);
            let output = end(command);
            let text = stderr(&output);
            assert!(output.status.code() == Some(1) && text.contains("Permission denied"), "{option} {file}: {text}");
            assert_eq!((&*folder.read("secret"), owner(&secret)), ("secret", 0), "{option} {file}");
        }
    }
    assert!(!Path::new(&folder.file("made")).exists());
}

/// Where only root could have put it: /var/log/gearmand.log may be on another disk.
#[test]
fn a_link_of_roots_is_followed_and_leads_to_a_file_of_that_user() {
    let Some(nobody) = nobody() else { return };
    let folder = Folder::new("user-link");
    std::fs::create_dir(folder.file("disk")).unwrap();
    for name in ["log", "pid"] {
        symlink(format!("disk/{name}"), folder.file(name)).unwrap();
    }
    let mut server = Running::begin(gearmand(), &["-u", "nobody", "-l", &folder.file("log")], &folder);
    until(|| folder.read("disk/log").contains("listening on"));
    assert_eq!(folder.read("disk/pid").trim(), server.child.id().to_string());
    assert_eq!(["disk/log", "disk/pid"].map(|name| owner(&folder.file(name))), [nobody.uid.as_raw(); 2]);
    server.stop();
}

/// With `--pid-file /dev/null`, that was the user's then.
#[test]
fn what_is_no_regular_file_stays_roots() {
    if nobody().is_none() {
        return;
    }
    let folder = Folder::new("user-pipe");
    let pipe = folder.file("pipe");
    mkfifo(Path::new(&pipe), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    // Who opens it does not wait for others then.
    let _both = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let mut server = Running::start(&["-u", "nobody", "-l", "/proc/self/fd/2", "-P", &pipe], &folder);
    let log = server.take_log();
    let written = File::from(log.get_ref().as_fd().try_clone_to_owned().unwrap());
    assert_eq!([written.metadata().unwrap().uid(), owner(&pipe)], [0; 2]);
    server.stop();
}

/// It was given away at the end of the start, by its name: one that was moved away meanwhile ended that.
#[test]
fn a_log_that_is_moved_away_during_the_start() {
    let Some(nobody) = nobody() else { return };
    for (is_reopened, current) in [(false, "old"), (true, "log")] {
        let folder = Folder::new(&format!("user-moved-{current}"));
        let log = folder.file("log");
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let mut server = Running::begin(gearmand(), &["-u", "nobody", "-p", &port, "-l", &log], &folder);
        until(|| folder.read("log").contains("waiting for it"));
        std::fs::rename(&log, folder.file("old")).unwrap();
        if is_reopened {
            server.signal(Signal::SIGHUP);
            until(|| std::fs::metadata(&log).is_ok_and(|log| log.uid() == nobody.uid.as_raw()));
        }
        drop(taken);
        until(|| folder.read(current).contains("listening on"));
        assert_eq!(owner(&folder.file("old")), nobody.uid.as_raw());
        server.stop();
    }
}
