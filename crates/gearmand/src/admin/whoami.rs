//! `whoami`: who a connection is to the rules, and what it may do for that. A name and a value in each line, with a tab
//! between; where there are several values, a line for each. No state here.

use crate::admin::listing::escaped;
use crate::rights::{Access, Right, Rights};
use std::fmt::Display;

/// The whole answer; without `access` there are no rules.
pub(crate) fn whoami(access: Option<&Access>) -> Vec<u8> {
    let mut lines = Lines(Vec::new());
    let Some(Access { peer, rights }) = access else {
        lines.put("rule", "there are no rules: everybody may do everything");
        for right in [Right::Submit, Right::Work] {
            lines.put(right.name(), "*");
        }
        return lines.end(true, true);
    };
    lines.put("listener", &peer.listener);
    if let Some(address) = peer.address {
        lines.put("address", address);
    }
    if let Some((uid, gid)) = peer.uid_gid {
        lines.put("uid", uid);
        lines.put("gid", gid);
    }
    for name in peer.certificate.iter().flat_map(|certificate| certificate.all()) {
        lines.put("certificate", name);
    }
    let Rights { rule, submit, work, admin, observe } = &**rights;
    lines.put("rule", rule);
    submit.iter().for_each(|pattern| lines.put(Right::Submit.name(), pattern));
    work.iter().for_each(|pattern| lines.put(Right::Work.name(), pattern));
    lines.end(*admin, *observe)
}

/// The lines of the answer.
struct Lines(Vec<u8>);

impl Lines {
    fn put(&mut self, name: &str, value: impl Display) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'\t');
        escaped(&mut self.0, value.to_string().as_bytes());
        self.0.push(b'\n');
    }

    /// What is granted or not, and the end.
    fn end(mut self, admin: bool, observe: bool) -> Vec<u8> {
        for (right, granted) in [(Right::Admin, admin), (Right::Observe, observe)] {
            self.put(right.name(), if granted { "yes" } else { "no" });
        }
        self.0.extend_from_slice(b".\n");
        self.0
    }
}
