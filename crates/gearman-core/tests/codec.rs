//! Properties of the codec: where the stream is split does not matter, and nothing the other side sends
//! makes it panic or ask for more than the limit.

use gearman_core::protocol::codec::{Decoded, decode, encode};
use gearman_core::protocol::message::{Request, Response};
use gearman_core::protocol::packet::{Command, Frame, HEADER, Magic, Sender};
use properties::properties;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const LIMIT: usize = 1000;

/// An argument that is not the last.
fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(1u8..=255, 0..12)
}

/// A packet with arguments that fit its command.
fn fitting(commands: Vec<Command>) -> impl Strategy<Value = (Command, Vec<Vec<u8>>)> {
    (select(commands), vec(name(), 8), vec(any::<u8>(), 0..100)).prop_map(|(command, mut arguments, last)| {
        arguments.truncate(command.arguments());
        if let Some(place) = arguments.last_mut().filter(|_| command != Command::WorkFail) {
            *place = last;
        }
        let flags = match command {
            Command::StatusRes | Command::StatusResUnique => 1..3,
            _ => 0..0,
        };
        for flag in flags {
            arguments[flag] = vec![b'0' + arguments[flag].len() as u8 % 2];
        }
        (command, arguments)
    })
}

fn sent_by(senders: &[Sender]) -> Vec<Command> {
    let all = Command::ALL.iter().copied();
    all.filter(|c| senders.contains(&c.sender())).collect()
}

fn bytes(magic: Magic, command: Command, arguments: &[Vec<u8>]) -> Vec<u8> {
    let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
    let mut out = Vec::new();
    encode(&mut out, magic, command, &arguments);
    out
}

/// What a reader finds who gets the stream in these pieces.
fn read(pieces: &[&[u8]]) -> Vec<(Magic, u32, Vec<u8>)> {
    let (mut buffer, mut found) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match decode(&buffer, LIMIT).unwrap() {
                Decoded::Frame(frame, size) => {
                    found.push((frame.magic, frame.number, frame.body.to_vec()));
                    buffer.drain(..size);
                }
                Decoded::Partial(size) => {
                    assert!(size > buffer.len() && size <= LIMIT + HEADER);
                    break;
                }
            }
        }
    }
    assert!(buffer.is_empty());
    found
}

properties! {
    cases: 256;

    #[test]
    fn splits_do_not_matter(
        packets in vec((any::<bool>(), select(Command::ALL), vec(any::<u8>(), 0..200)), 0..20),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for (request, command, body) in &packets {
            let magic = if *request { Magic::Request } else { Magic::Response };
            stream.extend(bytes(magic, *command, std::slice::from_ref(body)));
            expected.push((magic, *command as u32, body.clone()));
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
        prop_assert_eq!(&read(&pieces), &expected);
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(&read(&single), &expected);
    }

    #[test]
    fn rubbish_asks_for_no_more_than_the_limit(start in select(vec![&b""[..], b"\0REQ", b"\0RES", b"\0RE"]),
                                               rest in vec(any::<u8>(), 0..100), limit in 0usize..200) {
        let buffer = [start, &rest].concat();
        match decode(&buffer, limit) {
            Ok(Decoded::Partial(size)) => prop_assert!(size > buffer.len() && size <= limit + HEADER),
            Ok(Decoded::Frame(frame, size)) => {
                prop_assert!(size <= buffer.len());
                prop_assert_eq!(frame.body.len() + HEADER, size);
            }
            Err(error) => prop_assert!(error.closes()),
        }
    }

    #[test]
    fn any_body_of_any_command_is_parsed_or_refused(number in 0u32..50, body in vec(0u8..4, 0..30), request: bool) {
        let magic = if request { Magic::Request } else { Magic::Response };
        let frame = Frame { magic, number, body: &body };
        if let Some(command) = frame.command() {
            let _ = Request::parse(command, &frame);
        }
        let response = Response::parse(&frame);
        prop_assert!(!request || response.is_err());
    }

    #[test]
    fn requests_keep_every_byte((command, arguments) in fitting(sent_by(&[Sender::Peer, Sender::Both]))) {
        let sent = bytes(Magic::Request, command, &arguments);
        let Ok(Decoded::Frame(frame, _)) = decode(&sent, LIMIT) else { panic!("{command}") };
        let mut again = Vec::new();
        Request::parse(command, &frame).unwrap().encode(&mut again);
        prop_assert_eq!(again, sent);
    }

    #[test]
    fn responses_keep_every_byte((command, arguments) in fitting(sent_by(&[Sender::Server, Sender::Both]))) {
        let sent = bytes(Magic::Response, command, &arguments);
        let Ok(Decoded::Frame(frame, _)) = decode(&sent, LIMIT) else { panic!("{command}") };
        let mut again = Vec::new();
        Response::parse(&frame).unwrap().encode(&mut again);
        prop_assert_eq!(again, sent);
    }
}

#[test]
fn nobody_says_what_is_not_for_him_to_say() {
    for command in Command::ALL {
        let body = vec![0; 16];
        let frame = |magic| Frame { magic, number: *command as u32, body: &body };
        let request = Request::parse(*command, &frame(Magic::Request));
        assert_eq!(request.is_ok(), command.sender() != Sender::Server, "{command}");
        let response = Response::parse(&frame(Magic::Response));
        assert_eq!(response.is_ok(), command.sender() != Sender::Peer, "{command}");
    }
}
