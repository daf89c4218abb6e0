//! As whom a program runs.
//!
//! Asks the system for users and groups. Must never change this process.

use super::Mistake;
use crate::runner::value::NameOrNumber;
use nix::unistd::{Gid, Group as SystemGroup, Uid, User, geteuid};
use std::path::PathBuf;
use toml::Spanned;

/// As whom a program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// For its groups, and the variables USER and LOGNAME; `None` where a number was given that has no name.
    pub name: Option<String>,
    /// Its home.
    pub home: Option<PathBuf>,
    /// Its number.
    pub uid: u32,
    /// That of its group.
    pub gid: u32,
}

impl Account {
    /// Who the keys `user` and `group` mean, each a name or a number; without them nobody else than the runner.
    pub(super) fn of(
        user: Option<&Spanned<NameOrNumber>>,
        group: Option<&Spanned<NameOrNumber>>,
    ) -> Result<Option<Account>, Mistake> {
        let Some(user) = user else {
            return match group {
                Some(group) => Err(Mistake::of(group, "a group without a user: user = \"...\" is wanted, too")),
                None => Ok(None),
            };
        };
        let found = match user.get_ref().0.parse::<u32>() {
            Ok(uid) => User::from_uid(Uid::from_raw(uid)),
            Err(_) => User::from_name(&user.get_ref().0),
        };
        let found = found.map_err(|e| Mistake::of(user, format!("{}: {e}", user.get_ref().0)))?;
        let mut account = match (found, user.get_ref().0.parse::<u32>()) {
            (Some(known), _) => Account {
                name: Some(known.name),
                home: Some(known.dir),
                uid: known.uid.as_raw(),
                gid: known.gid.as_raw(),
            },
            (None, Ok(uid)) => Account { name: None, home: None, uid, gid: uid },
            (None, Err(_)) => return Err(Mistake::of(user, format!("there is no user {}", user.get_ref().0))),
        };
        if let Some(group) = group {
            account.gid = gid(group)?.as_raw();
        }
        if !geteuid().is_root() && account.uid != geteuid().as_raw() {
            return Err(Mistake::of(user, "only root can run programs as somebody else: leave user out, or be root"));
        }
        Ok(Some(account))
    }
}

fn gid(group: &Spanned<NameOrNumber>) -> Result<Gid, Mistake> {
    let name = &group.get_ref().0;
    if let Ok(number) = name.parse() {
        return Ok(Gid::from_raw(number));
    }
    let found = SystemGroup::from_name(name).ok().flatten();
    found.map(|found| found.gid).ok_or_else(|| Mistake::of(group, format!("there is no group {name}")))
}
