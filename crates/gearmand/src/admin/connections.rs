//! `connections`: who is connected, and how many jobs they have, have ended and wait for. No state here.

use crate::admin::fields::{encoded, field};
use crate::broker::snapshot::peers::Peer;

/// A connection: its descriptor, its address, what it calls itself, jobs that it has, has ended and waits for.
pub(crate) fn line(out: &mut Vec<u8>, peer: &Peer) {
    encoded(out, peer.fd.to_string().as_bytes());
    field(out, peer.address.map_or("unix".into(), |ip| ip.to_canonical().to_string()));
    field(out, peer.id.as_deref().unwrap_or_default());
    for count in [peer.jobs.into(), peer.done, peer.waiting.into()] {
        field(out, count.to_string());
    }
    out.push(b'\n');
}
