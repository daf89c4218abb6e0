//! Whether what a configuration names is there: files of TLS, folders, programs, and output that a user may write. For who asks before
//! a start, which does not ask: what is missing then may come later.
//!
//! Owns nothing, and changes nothing. Must never know how a file is written.

use crate::runner::config::{Config, Group, Sink};
use crate::runner::launch;
use crate::runner::load::tls;
use gearman_core::net::tls::session;
use std::fs::metadata;
use std::path::Path;

/// What is wrong, a line each: with which part of the file, and how to mend it.
pub fn check(config: &Config) -> Vec<String> {
    let mut wrong = Vec::new();
    for server in &config.servers {
        let settings = tls(server, config.tls.as_ref()).map(Into::into);
        if let Some(error) = settings.and_then(|settings| session(&settings, server).err()) {
            wrong.push(format!("[tls]: {error}"));
        }
    }
    for group in &config.groups {
        wrong.extend(wrong_with(group).into_iter().map(|reason| format!("[group.{}]: {reason}", group.name)));
    }
    wrong
}

fn wrong_with(group: &Group) -> Vec<String> {
    let mut wrong = Vec::new();
    // First: where it is not there, nothing else can be found.
    match metadata(&group.directory) {
        Ok(folder) if folder.is_dir() => wrong.extend(launch::check(group).err()),
        Ok(_) => wrong.push(format!("directory = {:?} is no folder: name one", group.directory)),
        Err(e) => wrong.push(format!("directory = {:?}: {e}: make it, or name another", group.directory)),
    }
    for (key, sink) in [("stdout", &group.stdout), ("stderr", &group.stderr)] {
        let Sink::File(path) = sink else { continue };
        let folder = path.parent().unwrap_or(Path::new("/"));
        if path.is_dir() {
            wrong.push(format!("{key} = {path:?} is a folder: name a file in it"));
        } else if !folder.is_dir() {
            wrong.push(format!("{key} = {path:?}: there is no folder {folder:?}: make it, or name another file"));
        }
    }
    wrong
}
