//! A server that root starts and that becomes another user: what it may do then, and whose its files are.

use crate::process::{Folder, Running};
use nix::unistd::{Gid, User, chown};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
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
    let owner = |file: &str| std::fs::metadata(file).unwrap().uid();
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
