//! Bytes written out by hand, as the protocol's description has them: each message, and a worked
//! exchange between a client, a worker and the server.

use crate::util::{Script, ask, join, req, res, within};
use bytes::Bytes;
use gearman_core::client::task::{Ask, Event, Known};
use gearman_core::error::Error;
use gearman_core::protocol::codec::{Decoded, decode};
use gearman_core::protocol::message::{Assign, Grab, Priority, Request, Response, Start, Status, Submit, Update, Work};

#[test]
fn every_request() {
    let submit = Submit {
        priority: Priority::Normal,
        background: false,
        function: b"f",
        unique: b"u",
        workload: b"a\0b",
        start: Start::Now,
        reducer: None,
    };
    let job = |priority, background| Request::Submit(Submit { priority, background, ..submit });
    let background = Submit { background: true, ..submit };
    let work = |update| Request::Work(Work { handle: b"H:x:1", update });
    let can_do = |timeout| Request::CanDo { function: b"f", timeout };
    let all: &[(Request, &[u8])] = &[
        (can_do(None), b"\0REQ\0\0\0\x01\0\0\0\x01f"),
        (Request::CantDo(b"f"), b"\0REQ\0\0\0\x02\0\0\0\x01f"),
        (Request::ResetAbilities, b"\0REQ\0\0\0\x03\0\0\0\0"),
        (Request::PreSleep, b"\0REQ\0\0\0\x04\0\0\0\0"),
        (job(Priority::Normal, false), b"\0REQ\0\0\0\x07\0\0\0\x07f\0u\0a\0b"),
        (Request::GrabJob(Grab::Plain), b"\0REQ\0\0\0\x09\0\0\0\0"),
        (work(Update::Status(b"1", b"2")), b"\0REQ\0\0\0\x0c\0\0\0\x09H:x:1\x001\x002"),
        (work(Update::Complete(b"r\0")), b"\0REQ\0\0\0\x0d\0\0\0\x08H:x:1\0r\0"),
        (work(Update::Fail), b"\0REQ\0\0\0\x0e\0\0\0\x05H:x:1"),
        (Request::GetStatus(b"H:x:1"), b"\0REQ\0\0\0\x0f\0\0\0\x05H:x:1"),
        (Request::Echo(b"\0"), b"\0REQ\0\0\0\x10\0\0\0\x01\0"),
        (job(Priority::Normal, true), b"\0REQ\0\0\0\x12\0\0\0\x07f\0u\0a\0b"),
        (job(Priority::High, false), b"\0REQ\0\0\0\x15\0\0\0\x07f\0u\0a\0b"),
        (Request::SetClientId(b"w1"), b"\0REQ\0\0\0\x16\0\0\0\x02w1"),
        (can_do(Some(b"5000")), b"\0REQ\0\0\0\x17\0\0\0\x06f\x005000"),
        (Request::AllYours, b"\0REQ\0\0\0\x18\0\0\0\0"),
        (work(Update::Exception(b"e")), b"\0REQ\0\0\0\x19\0\0\0\x07H:x:1\0e"),
        (Request::Option(b"exceptions"), b"\0REQ\0\0\0\x1a\0\0\0\x0aexceptions"),
        (work(Update::Data(b"d")), b"\0REQ\0\0\0\x1c\0\0\0\x07H:x:1\0d"),
        (work(Update::Warning(b"w")), b"\0REQ\0\0\0\x1d\0\0\0\x07H:x:1\0w"),
        (Request::GrabJob(Grab::Uniq), b"\0REQ\0\0\0\x1e\0\0\0\0"),
        (job(Priority::High, true), b"\0REQ\0\0\0\x20\0\0\0\x07f\0u\0a\0b"),
        (job(Priority::Low, false), b"\0REQ\0\0\0\x21\0\0\0\x07f\0u\0a\0b"),
        (job(Priority::Low, true), b"\0REQ\0\0\0\x22\0\0\0\x07f\0u\0a\0b"),
        (
            Request::Submit(Submit { start: Start::Schedule([b"1", b"2", b"3", b"4", b"5"]), ..background }),
            b"\0REQ\0\0\0\x23\0\0\0\x11f\0u\x001\x002\x003\x004\x005\0a\0b",
        ),
        (
            Request::Submit(Submit { start: Start::Epoch(b"17"), ..background }),
            b"\0REQ\0\0\0\x24\0\0\0\x0af\0u\x0017\0a\0b",
        ),
        (Request::Submit(Submit { reducer: Some(b"r"), ..submit }), b"\0REQ\0\0\0\x25\0\0\0\x09f\0u\0r\0a\0b"),
        (Request::Submit(Submit { reducer: Some(b"r"), ..background }), b"\0REQ\0\0\0\x26\0\0\0\x09f\0u\0r\0a\0b"),
        (Request::GrabJob(Grab::All), b"\0REQ\0\0\0\x27\0\0\0\0"),
        (Request::GetStatusUnique(b"u"), b"\0REQ\0\0\0\x29\0\0\0\x01u"),
    ];
    for (request, bytes) in all {
        let mut out = Vec::new();
        request.encode(&mut out);
        assert_eq!(out.escape_ascii().to_string(), bytes.escape_ascii().to_string());
        let Ok(Decoded::Frame(frame, size)) = decode(bytes, 100) else {
            panic!("{request:?}");
        };
        assert_eq!(size, bytes.len());
        assert_eq!(&Request::parse(frame.command().unwrap(), &frame).unwrap(), request);
    }
}

#[test]
fn every_response() {
    let status = Status { known: true, running: false, numerator: b"1", denominator: b"2" };
    let assign = |unique, reducer| {
        Response::JobAssign(Assign { handle: b"H", function: b"f", unique, reducer, workload: b"a\0b" })
    };
    let work = |update| Response::Work(Work { handle: b"H", update });
    let all: &[(Response, &[u8])] = &[
        (Response::Noop, b"\0RES\0\0\0\x06\0\0\0\0"),
        (Response::JobCreated(b"H"), b"\0RES\0\0\0\x08\0\0\0\x01H"),
        (Response::NoJob, b"\0RES\0\0\0\x0a\0\0\0\0"),
        (assign(None, None), b"\0RES\0\0\0\x0b\0\0\0\x07H\0f\0a\0b"),
        (work(Update::Status(b"1", b"2")), b"\0RES\0\0\0\x0c\0\0\0\x05H\x001\x002"),
        (work(Update::Complete(b"r")), b"\0RES\0\0\0\x0d\0\0\0\x03H\0r"),
        (work(Update::Fail), b"\0RES\0\0\0\x0e\0\0\0\x01H"),
        (Response::Echo(b"\0"), b"\0RES\0\0\0\x11\0\0\0\x01\0"),
        (Response::Error { code: b"QUEUE_ERROR", text: b"full" }, b"\0RES\0\0\0\x13\0\0\0\x10QUEUE_ERROR\0full"),
        (Response::Status { handle: b"H", status }, b"\0RES\0\0\0\x14\0\0\0\x09H\x001\x000\x001\x002"),
        (work(Update::Exception(b"e")), b"\0RES\0\0\0\x19\0\0\0\x03H\0e"),
        (Response::Option(b"exceptions"), b"\0RES\0\0\0\x1b\0\0\0\x0aexceptions"),
        (work(Update::Data(b"d")), b"\0RES\0\0\0\x1c\0\0\0\x03H\0d"),
        (work(Update::Warning(b"w")), b"\0RES\0\0\0\x1d\0\0\0\x03H\0w"),
        (assign(Some(b"u"), None), b"\0RES\0\0\0\x1f\0\0\0\x09H\0f\0u\0a\0b"),
        (assign(Some(b"u"), Some(b"r")), b"\0RES\0\0\0\x28\0\0\0\x0bH\0f\0u\0r\0a\0b"),
        (
            Response::StatusUnique { unique: b"u", status, clients: b"3" },
            b"\0RES\0\0\0\x2a\0\0\0\x0bu\x001\x000\x001\x002\x003",
        ),
    ];
    for (response, bytes) in all {
        let mut out = Vec::new();
        response.encode(&mut out);
        assert_eq!(out.escape_ascii().to_string(), bytes.escape_ascii().to_string());
        let Ok(Decoded::Frame(frame, _)) = decode(bytes, 100) else {
            panic!("{response:?}");
        };
        assert_eq!(&Response::parse(&frame).unwrap(), response);
    }
}

#[test]
fn a_failure_with_the_nul_that_c_servers_leave_behind_the_handle() {
    let Ok(Decoded::Frame(frame, _)) = decode(b"\0RES\0\0\0\x0e\0\0\0\x02H\0", 100) else {
        panic!();
    };
    let fail = Work { handle: b"H", update: Update::Fail };
    assert_eq!(Response::parse(&frame), Ok(Response::Work(fail)));
}

#[test]
fn a_worked_exchange() {
    within(async || {
        let script = Script::tcp().await;
        let (mut client, mut worker) = (script.client(), script.worker(b"reverse"));
        let server = async {
            let mut w = script.accept().await;
            w.expect(b"\0REQ\0\0\0\x01\0\0\0\x07reverse").await; // CAN_DO
            w.expect(b"\0REQ\0\0\0\x27\0\0\0\0").await; // GRAB_JOB_ALL
            w.send(b"\0RES\0\0\0\x0a\0\0\0\0").await; // NO_JOB
            w.expect(b"\0REQ\0\0\0\x04\0\0\0\0").await; // PRE_SLEEP

            let mut c = script.accept().await;
            c.expect(b"\0REQ\0\0\0\x07\0\0\0\x15reverse\0key\0te\0st\x00123").await; // SUBMIT_JOB
            c.send(b"\0RES\0\0\0\x08\0\0\0\x05H:x:1").await; // JOB_CREATED
            w.send(b"\0RES\0\0\0\x06\0\0\0\0").await; // NOOP
            w.expect(b"\0REQ\0\0\0\x27\0\0\0\0").await; // GRAB_JOB_ALL
            w.send(b"\0RES\0\0\0\x1f\0\0\0\x1bH:x:1\0reverse\0key\0te\0st\x00123").await; // JOB_ASSIGN_UNIQ
            w.expect(b"\0REQ\0\0\0\x0c\0\0\0\x09H:x:1\x001\x002").await; // WORK_STATUS
            c.send(b"\0RES\0\0\0\x0c\0\0\0\x09H:x:1\x001\x002").await;
            w.expect(b"\0REQ\0\0\0\x1c\0\0\0\x0aH:x:1\x00321\0").await; // WORK_DATA
            c.send(b"\0RES\0\0\0\x1c\0\0\0\x0aH:x:1\x00321\0").await;
            w.expect(b"\0REQ\0\0\0\x0d\0\0\0\x0bH:x:1\0ts\0et").await; // WORK_COMPLETE
            c.send(b"\0RES\0\0\0\x0d\0\0\0\x0bH:x:1\0ts\0et").await;
            w.expect(b"\0REQ\0\0\0\x27\0\0\0\0").await; // GRAB_JOB_ALL

            c.expect(b"\0REQ\0\0\0\x0f\0\0\0\x05H:x:1").await; // GET_STATUS
            c.send(b"\0RES\0\0\0\x14\0\0\0\x0dH:x:1\x000\x000\x000\x000").await; // STATUS_RES
            w.send(b"\0RES\0\0\0\x28\0\0\0\x0dH:x:2\0f\0\0r\0ab").await; // JOB_ASSIGN_ALL
            (c, w)
        };
        let work = async {
            let mut job = worker.next_job(None).await.unwrap();
            assert_eq!((&job.handle[..], &job.function[..]), (&b"H:x:1"[..], &b"reverse"[..]));
            assert_eq!((&job.unique[..], &job.workload[..]), (&b"key"[..], &b"te\0st\x00123"[..]));
            worker.send(&mut job, Update::Status(b"1", b"2")).unwrap();
            worker.send(&mut job, Update::Data(b"321\0")).unwrap();
            worker.send(&mut job, Update::Complete(b"ts\0et")).unwrap();
            assert!(job.has_ended());
            worker.send(&mut job, Update::Fail).unwrap(); // too late, and not sent
            let split = worker.next_job(None).await.unwrap();
            assert_eq!(split.reducer.as_deref(), Some(&b"r"[..]));
        };
        let call = async {
            let submit = Ask::submit(Priority::Normal, false, b"reverse", b"key", b"te\0st\x00123").unwrap();
            let result = ask(&mut client, submit, None).await.unwrap();
            assert_eq!(result, Event::Complete(Bytes::from_static(b"321\0ts\0et")));
            let status = ask(&mut client, Ask::status(b"H:x:1").unwrap(), None).await;
            assert_eq!(status, Ok(Event::Known(Known::default())));
        };
        join(server, join(work, call)).await;
    });
}

#[test]
fn a_question_for_a_key() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let server = async {
            let mut c = script.accept().await;
            c.expect(b"\0REQ\0\0\0\x29\0\0\0\x03key").await;
            c.send(b"\0RES\0\0\0\x2a\0\0\0\x0ekey\x001\x001\x005\x0010\x002").await;
            c
        };
        let (_, known) = join(server, ask(&mut client, Ask::status_unique(b"key").unwrap(), None)).await;
        let expected = Known { known: true, running: true, numerator: 5, denominator: 10, clients: 2 };
        assert_eq!(known, Ok(Event::Known(expected)));
    });
}

/// C servers never answer a question about a key of 64 bytes, and whoever asks waits for ever: so a server is asked
/// first whether it does. Once a connection, and only for such keys.
#[test]
fn a_question_for_the_longest_key() {
    within(async || {
        let script = Script::tcp().await;
        let mut client = script.client();
        let key = [b'k'; 64];
        let answer = [&key[..], b"\x001\x000\x000\x000\x001"].concat();
        let server = async {
            let mut c = script.accept().await;
            c.expect(&req(26, "unique-64")).await;
            c.send(&res(27, "unique-64")).await;
            for _ in 0..2 {
                c.expect(&req(41, key)).await;
                c.send(&res(42, &answer)).await;
            }
            drop(c); // a new connection may be to another server
            let mut c = script.accept().await;
            c.expect(&req(26, "unique-64")).await;
            c.send(&res(19, "UNKNOWN_OPTION\0Server does not recognize given option")).await;
            c.expect(&req(41, &key[..63])).await;
            c.send(&res(42, [&key[..63], b"\x000\x000\x000\x000\x000"].concat())).await;
            c
        };
        let call = async {
            let known = Event::Known(Known { known: true, clients: 1, ..Known::default() });
            for _ in 0..2 {
                assert_eq!(ask(&mut client, Ask::status_unique(&key).unwrap(), None).await, Ok(known.clone()));
            }
            let refused = loop {
                match ask(&mut client, Ask::status_unique(&key).unwrap(), None).await {
                    Err(Error::Lost { .. }) => {} // the end of the connection may only be seen by this question
                    other => break other,
                }
            };
            assert!(matches!(refused, Err(Error::Argument(_))), "{refused:?}");
            let shorter = ask(&mut client, Ask::status_unique(&key[..63]).unwrap(), None).await;
            assert_eq!(shorter, Ok(Event::Known(Known::default())));
        };
        join(server, call).await;
    });
}
