//! `--check-config`: whether what a good file names is there.
//!
//! Owns looks at files and folders. Must never connect, or change anything. What is missing is no mistake of the file: it may be checked on
//! another machine than it is for, and a release may come after it. So it is told, and refused by nobody.

use crate::runner::config::{Config, Group, Sink};
use gearman_core::net::tls::{TlsChoice, session};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What is missing, each in words.
pub fn missing(config: &Config) -> Vec<String> {
    let groups = config.groups.iter().flat_map(|group| {
        let missing = [directory(group), program(group), sink(&group.stdout), sink(&group.stderr)];
        missing.into_iter().flatten().map(|what| format!("{}: {what}", group.name))
    });
    tls(config).into_iter().chain(groups).collect()
}

/// The first server's reason is that of all: they have the same files.
fn tls(config: &Config) -> Option<String> {
    let choice = config.tls.clone().map_or(TlsChoice::Environment, TlsChoice::all);
    let failed = |server| session(&choice.of(server)?, server).err();
    config.servers.iter().find_map(failed).map(|error| error.to_string())
}

fn directory(group: &Group) -> Option<String> {
    (!group.directory.is_dir()).then(|| format!("there is no folder {}", group.directory.display()))
}

/// Where the system will look for it: in `PATH`, unless its name has a slash.
fn program(group: &Group) -> Option<String> {
    let name = group.command.first()?;
    if name.contains('/') {
        let path = group.directory.join(name);
        return (!is_program(&path)).then(|| format!("there is no program {}", path.display()));
    }
    let path = group.env.get("PATH").map(Into::into).or_else(|| std::env::var_os("PATH")).unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| is_program(&group.directory.join(folder).join(name)));
    (!found).then(|| format!("there is no program {name} in PATH"))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn sink(sink: &Sink) -> Option<String> {
    let Sink::File(path) = sink else { return None };
    let folder = path.parent().map_or_else(PathBuf::new, Into::into);
    (!folder.is_dir()).then(|| format!("there is no folder for {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing_of(text: &str) -> Vec<String> {
        missing(&Config::parse(text, Path::new("/runner.toml")).unwrap())
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, wanted) in [
            ("[group.a]\ncommand = 'none-such'\n", "a: there is no program none-such in PATH"),
            ("[group.a]\ncommand = './none-such'\n", "a: there is no program /./none-such"),
            ("[group.a]\ncommand = '/tmp'\n", "a: there is no program /tmp"),
            ("[group.a]\ncommand = 'sh'\nenv = { PATH = '/none' }\n", "a: there is no program sh in PATH"),
            ("[group.a]\ncommand = 'sh'\ndirectory = '/none'\n", "a: there is no folder /none"),
            ("[group.a]\ncommand = 'sh'\nstdout = '/none/out'\n", "a: there is no folder for /none/out"),
            ("[group.a]\ncommand = 'sh'\n[tls]\nca-file = '/none.pem'\n", "/none.pem: No such file or directory"),
        ] {
            let missing = missing_of(text);
            assert!(missing.len() == 1 && missing[0].ends_with(wanted), "{text}: {missing:?}");
        }
    }

    #[test]
    fn nothing_is_missing() {
        let text = "servers = ['a', 'unix:///none']\n[group.a]\ncommand = 'sh'\n[group.b]\ncommand = '/bin/sh'\nstdout = '/tmp/out'\n";
        assert_eq!(missing_of(text), [""; 0]);
    }
}
