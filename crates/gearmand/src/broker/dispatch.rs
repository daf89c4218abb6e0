//! One packet in, a call of the broker, and answers into [`Outgoing`]. No state here.

use crate::broker::{Broker, Now};
use crate::outgoing::Outgoing;
use bytes::Bytes;
use gearman_core::protocol::message::Request;
use gearman_core::protocol::packet::{Frame, Magic};
use gearman_core::{PERMISSION_DENIED, ReturnCode};

/// Does what a packet asks for. `owner` is the buffer that the packet was read into, where it holds
/// nothing else and is worth keeping.
pub(crate) fn dispatch(
    broker: &mut Broker,
    now: &Now,
    session: u32,
    frame: &Frame<'_>,
    owner: Option<&Bytes>,
    outgoing: &mut Outgoing,
) {
    broker.receive(now, session, outgoing);
    if frame.magic == Magic::Response {
        return outgoing.error(session, ReturnCode::InvalidMagic.name(), "Request magic expected");
    }
    let Some(command) = frame.command().filter(|c| c.sender() != gearman_core::protocol::packet::Sender::Server) else {
        return outgoing.error(session, ReturnCode::InvalidCommand.name(), "Command not expected");
    };
    let request = match Request::parse(command, frame) {
        Ok(request) => request,
        // The next packet begins where its header says, so the connection can stay.
        Err(error) => return outgoing.error(session, ReturnCode::InvalidPacket.name(), &error.to_string()),
    };
    if let Some(access) = broker.access(session)
        && let Err(lacking) = access.rights.allow(command, &request)
    {
        broker.denied(now, session, &lacking);
        return outgoing.error(session, PERMISSION_DENIED, &lacking.to_string());
    }
    match request {
        Request::Submit(submit) => broker.submit(now, session, &submit, owner, outgoing),
        Request::GrabJob(grab) => broker.grab(now, session, grab, outgoing),
        Request::Work(work) => broker.work(now, session, &work, owner, outgoing),
        Request::PreSleep => broker.pre_sleep(now, session, outgoing),
        Request::CanDo { function, timeout } => broker.can_do(now, session, function, timeout, outgoing),
        Request::CantDo(function) => broker.cant_do(now, session, function, outgoing),
        Request::ResetAbilities => broker.reset_abilities(now, session, outgoing),
        Request::GetStatus(handle) => broker.get_status(session, handle, outgoing),
        Request::GetStatusUnique(unique) => broker.get_status_unique(session, unique, outgoing),
        Request::Echo(data) => broker.echo(session, data, owner, outgoing),
        Request::Option(name) => broker.option(now, session, name, outgoing),
        Request::SetClientId(id) => broker.set_client_id(session, id, outgoing),
        Request::AllYours => broker.all_yours(session),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::tests::{Bench, check};
    use crate::net::peer::Peer;
    use crate::rights::{Access, Rights, tests::patterns};
    use gearman_core::protocol::packet::{Command, Sender};
    use properties::properties;
    use proptest::prelude::*;

    #[test]
    fn commands_of_a_server_are_refused() {
        let mut b = Bench::new();
        let session = b.connect();
        for command in Command::ALL {
            let frame = Frame { magic: Magic::Request, number: *command as u32, body: b"" };
            dispatch(&mut b.broker, &b.now, session, &frame, None, &mut b.outgoing);
            b.end_round();
            let received = b.received(session);
            let refused = received == "ERROR INVALID_COMMAND|Command not expected";
            assert_eq!(refused, command.sender() == Sender::Server, "{command}: {received}");
        }
    }

    /// Bodies that are likely to be something: a few words, NULs between them.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            prop::sample::select(vec![&b"f"[..], b"g", b"H:1", b"H:2", b"k", b"-", b"1", b"5000", b"1000001", b""])
                .prop_map(<[u8]>::to_vec),
            prop::collection::vec(any::<u8>(), 0..5),
        ];
        prop::collection::vec(word, 0..5).prop_map(|words| words.join(&0))
    }

    properties! {
        cases: 256;

        #[test]
        fn any_packets_from_anybody(
            packets in prop::collection::vec((0..4usize, 0..45u32, any::<u8>(), body(), any::<bool>()), 1..150),
            rounds in prop::collection::vec(1..10usize, 1..150),
        ) {
            let mut b = Bench::new();
            let sessions = [b.connect(), b.connect(), b.connect(), b.connect()];
            // One may do just this.
            let peer = Peer { certificate: None, uid_gid: None, address: None, listener: "x".into() };
            let rights = Rights { submit: patterns(&["f"]), work: patterns(&["g"]), ..Rights::default() };
            b.broker.set_access(sessions[3], Access { peer, rights: rights.into() });
            let mut rounds = rounds.into_iter().cycle();
            let mut left = 1;
            for (session, number, magic, body, own) in packets {
                let magic = if magic == 0 { Magic::Response } else { Magic::Request };
                let owner = own.then(|| Bytes::from(body.clone()));
                let body = owner.as_deref().unwrap_or(&body);
                let frame = Frame { magic, number, body };
                dispatch(&mut b.broker, &b.now, sessions[session], &frame, owner.as_ref(), &mut b.outgoing);
                check(&b);
                left -= 1;
                if left == 0 {
                    left = rounds.next().unwrap_or(1);
                    b.end_round();
                    check(&b);
                }
                sessions.iter().for_each(|p| drop(b.received(*p)));
            }
        }
    }
}
