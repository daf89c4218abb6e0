//! One packet in, a call of the store, and answers into the mail. Pure.

use crate::mail::Mail;
use crate::store::{Now, Store};
use bytes::Bytes;
use gearman_core::ReturnCode;
use gearman_core::protocol::message::Request;
use gearman_core::protocol::packet::{Frame, Magic};

/// Does what a packet asks for. `owner` is the buffer that the packet was read into, where it holds
/// nothing else and is worth keeping.
pub(crate) fn dispatch(
    store: &mut Store,
    now: &Now,
    peer: u32,
    frame: &Frame<'_>,
    owner: Option<&Bytes>,
    mail: &mut Mail,
) {
    store.hear(now, peer, mail);
    if frame.magic == Magic::Response {
        return mail.error(peer, ReturnCode::InvalidMagic.name(), "Request magic expected");
    }
    let Some(command) = frame.command().filter(|c| c.sender() != gearman_core::protocol::packet::Sender::Server) else {
        return mail.error(peer, ReturnCode::InvalidCommand.name(), "Command not expected");
    };
    let request = match Request::parse(command, frame) {
        Ok(request) => request,
        // The next packet begins where its header says, so the connection can stay.
        Err(error) => return mail.error(peer, ReturnCode::InvalidPacket.name(), &error.to_string()),
    };
    match request {
        Request::Submit(submit) => store.submit(now, peer, &submit, owner, mail),
        Request::GrabJob(grab) => store.grab(now, peer, grab, mail),
        Request::Work(work) => store.work(now, peer, &work, owner, mail),
        Request::PreSleep => store.pre_sleep(now, peer, mail),
        Request::CanDo { function, timeout } => store.can_do(now, peer, function, timeout, mail),
        Request::CantDo(function) => store.cant_do(now, peer, function, mail),
        Request::ResetAbilities => store.reset_abilities(now, peer, mail),
        Request::GetStatus(handle) => store.get_status(peer, handle, mail),
        Request::GetStatusUnique(unique) => store.get_status_unique(peer, unique, mail),
        Request::Echo(data) => store.echo(peer, data, owner, mail),
        Request::Option(name) => store.option(peer, name, mail),
        Request::SetClientId(id) => store.set_client_id(peer, id, mail),
        Request::AllYours => store.all_yours(peer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Bench, check};
    use gearman_core::protocol::packet::{Command, Sender};
    use properties::properties;
    use proptest::prelude::*;

    #[test]
    fn commands_of_a_server_are_refused() {
        let mut b = Bench::new();
        let peer = b.connect();
        for command in Command::ALL {
            let frame = Frame { magic: Magic::Request, number: *command as u32, body: b"" };
            dispatch(&mut b.store, &b.now, peer, &frame, None, &mut b.mail);
            b.end_round();
            let said = b.said(peer);
            let refused = said == "ERROR INVALID_COMMAND|Command not expected";
            assert_eq!(refused, command.sender() == Sender::Server, "{command}: {said}");
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
            let peers = [b.connect(), b.connect(), b.connect(), b.connect()];
            let mut rounds = rounds.into_iter().cycle();
            let mut left = 1;
            for (peer, number, magic, body, own) in packets {
                let magic = if magic == 0 { Magic::Response } else { Magic::Request };
                let owner = own.then(|| Bytes::from(body.clone()));
                let body = owner.as_deref().unwrap_or(&body);
                let frame = Frame { magic, number, body };
                dispatch(&mut b.store, &b.now, peers[peer], &frame, owner.as_ref(), &mut b.mail);
                check(&b);
                left -= 1;
                if left == 0 {
                    left = rounds.next().unwrap_or(1);
                    b.end_round();
                    check(&b);
                }
                peers.iter().for_each(|p| drop(b.said(*p)));
            }
        }
    }
}
