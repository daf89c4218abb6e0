//! In which order tasks leave, and what becomes of many and of large ones.

use super::{background, bytes, submit};
use crate::conversation::*;
use crate::util::{Script, client, echo, end, events, join, within};
use bytes::Bytes;
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event};

#[test]
fn tasks_leave_in_one_write_and_in_order_and_answers_are_told_apart() {
    client_meets(
        async |script| {
            let mut server = script.conversation().await;
            let jobs: Vec<_> = (0..5).map(|n| SUBMIT_JOB.with(format!("f\0{n}\0w"))).collect();
            server.expect_in_one_write(&jobs).await;
            // The first one fails, before the others are known to be created.
            server.reply(JOB_CREATED, "H:x:0").await;
            server.reply(WORK_FAIL, "H:x:0").await;
            let created: Vec<_> = (1..5).map(|n| JOB_CREATED.with(format!("H:x:{n}"))).collect();
            server.reply_at_once(&created).await;
            server.reply(WORK_STATUS, "H:x:3\x001\x0099999999999").await;
            server.reply(WORK_WARNING, "H:x:1\0careful").await;
            server.reply(WORK_COMPLETE, "H:x:2\0two").await;
            server.reply(WORK_EXCEPTION, "H:x:1\0thrown").await;
            server.reply_at_once(&[WORK_FAIL.with("H:x:4\0"), WORK_COMPLETE.with("H:x:3\0")]).await;
            server
        },
        async |client| {
            client.begin();
            let t: Vec<_> = (0..5).map(|n| client.add(submit(&n.to_string(), b"w"))).collect();
            let created = |n: usize| (t[n], Event::Created(Bytes::from(format!("H:x:{n}"))));
            let status = Event::Status { numerator: 1, denominator: u32::MAX };
            let expected = vec![
                created(0),
                (t[0], Event::Fail),
                created(1),
                created(2),
                created(3),
                created(4),
                (t[3], status),
                (t[1], Event::Warning(bytes("careful"))),
                (t[2], Event::Complete(bytes("two"))),
                (t[1], Event::Exception(bytes("thrown"))),
                (t[4], Event::Fail),
                (t[3], Event::Complete(bytes(""))),
            ];
            assert_eq!(events(client).await, expected);
        },
    );
}

#[test]
fn large_tasks_all_arrive_however_slowly_they_are_read() {
    const LARGE: usize = 300_000;
    client_meets(
        async |script| {
            let mut server = script.conversation().await;
            for n in 0..40 {
                let body = server.receive(SUBMIT_JOB_BG).await;
                assert_eq!((body.len(), body.last()), (LARGE + 3, Some(&n)));
                server.reply(JOB_CREATED, format!("H:x:{n}")).await;
            }
            server
        },
        async |client| {
            client.begin();
            for n in 0..40u8 {
                client.add(background(&[n; LARGE]));
            }
            assert_eq!(events(client).await.len(), 40);
        },
    );
}

/// A look at the second server made room for a task of the first one's, which had been looked at before: it was
/// written when the second server sent something, and that may be never.
#[test]
fn a_task_for_an_earlier_server_does_not_wait_for_a_later_one() {
    within(async || {
        let (first, second) = (Script::tcp().await, Script::tcp().await);
        let mut client = client(&[first.server(), second.server()]);
        let servers = async {
            let (mut a, mut b) = join(first.conversation(), second.conversation()).await;
            let reads = async {
                b.receive(ECHO_REQ).await;
                b.receive(ECHO_REQ).await;
            };
            join(reads, a.echo("one")).await;
            (a, b)
        };
        let calls = async {
            client.begin();
            client.connect_all().await.unwrap();
            let large = Ask::echo(&[b'x'; 300_000]).unwrap();
            client.call_at(1, large.clone());
            client.call_at(1, large);
            let id = client.call_at(0, Ask::echo(b"one").unwrap());
            assert_eq!(end(&mut client, id, None).await, Ok(Event::Echoed(bytes("one"))));
        };
        join(servers, calls).await;
    });
}

#[test]
fn a_task_that_was_forgotten_in_time_is_never_sent() {
    client_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.echo("one").await;
            server
        },
        async |client| {
            client.begin();
            let id = client.add(background(b"never"));
            client.forget(id);
            assert!(!client.has_tasks());
            echo(client, b"one").await;
        },
    );
}

#[test]
fn keys_are_made_where_none_is_given() {
    let mut client = Client::default();
    let made = client.unique(b"", b"w");
    assert_eq!(made.as_ref().len(), 36);
    assert_ne!(made, client.unique(b"", b"w"));
    assert_eq!(client.unique(b"#", b"w"), client.unique(b"#", b"w"));
    assert_eq!(client.unique(b"mine", b"w").as_ref(), b"mine");
    assert_eq!(client.unique(b"-", b"w").as_ref(), b"-");
    assert_eq!(client.unique(&[b'k'; 100], b"w").as_ref(), [b'k'; 100]);
}
