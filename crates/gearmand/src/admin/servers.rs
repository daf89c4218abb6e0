//! `servers`: those that share a queue. No state here.

use crate::admin::fields::{encoded, field, refused};
use crate::cluster::ask::ServerSeen;

/// A line for each: its name, address and epoch; `lives`, `left` or `dead`; in seconds since 1970 when it joined and ended; how
/// many milliseconds ago it was heard of; how many jobs it has.
pub(crate) fn servers(seen: Result<&[ServerSeen], &str>) -> Vec<u8> {
    let all = match seen {
        Ok(all) => all,
        Err(text) => return refused("QUEUE_ERROR", text),
    };
    let mut out = Vec::new();
    for server in all {
        let some = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        encoded(&mut out, server.name.as_bytes());
        field(&mut out, &server.address);
        field(&mut out, server.epoch.to_string());
        field(&mut out, server.state());
        field(&mut out, (server.joined_ms / 1000).to_string());
        field(&mut out, some(server.died_ms.map(|ms| ms / 1000)));
        field(&mut out, some(server.silent_ms));
        field(&mut out, server.owned.to_string());
        out.push(b'\n');
    }
    out.extend_from_slice(b".\n");
    out
}

/// Where no queue is shared.
pub(crate) fn none() -> Vec<u8> {
    refused("NO_CLUSTER", "this server shares no queue with others (--queue-type cluster)")
}
