//! One packet in, a call of the store, and answers into the mail. Pure.

use crate::mail::{Mail, Payload};
use crate::store::{Now, Store};
use bytes::Bytes;
use gearman_core::Code;
use gearman_core::message::Request;
use gearman_core::packet::{Command, Frame, Magic};

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
    if frame.magic == Magic::Response {
        return mail.error(peer, Code::InvalidMagic.name(), "Request magic expected");
    }
    let Some(command) = frame.command().filter(|c| c.sender() != gearman_core::packet::Sender::Server) else {
        return mail.error(peer, Code::InvalidCommand.name(), "Command not expected");
    };
    let request = match Request::parse(command, frame) {
        Ok(request) => request,
        // The next packet begins where its header says, so the connection can stay.
        Err(error) => return mail.error(peer, Code::InvalidPacket.name(), &error.to_string()),
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
        Request::Echo(data) => mail.packet(peer, Command::EchoRes, &[], &Payload::new(data, owner)),
        Request::Option(name) => store.option(peer, name, mail),
        Request::SetClientId(id) => store.set_client_id(peer, id, mail),
        // A wish that is not granted needs no answer.
        Request::AllYours => {}
    }
}
