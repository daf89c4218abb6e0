//! Packets and records: neither begins or ends where the other does.

use super::{Party, echo_or_error};
use crate::authorities::{anyone, names};
use crate::conversation::*;
use crate::util::{Script, ask, echo, events, join, pass, req, res, soon, within, within_a_minute};
use gearman_core::client::pool::{Counts, Pool};
use gearman_core::client::task::{Ask, Event};
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::{TlsChoice, TlsSettings};
use gearman_core::protocol::message::{Priority, Update};
use gearman_core::{Error, ReturnCode};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConnection;

fn submit(workload: &[u8]) -> Ask {
    Ask::submit(Priority::Normal, false, b"f", b"u", workload).unwrap()
}

#[test]
fn many_packets_in_a_record_and_many_records_for_a_packet() {
    within(async || {
        let script = Script::tls().await;
        let mut client = script.client();
        let parts: Vec<Packet> = (0..200).map(|n| WORK_DATA.with(format!("H:x:1\0{n:03}"))).collect();
        let expected: String = (0..200).map(|n| format!("{n:03}")).collect();
        let large = vec![b'x'; 100_000];
        let server = async {
            let mut server = script.conversation().await;
            server.expect(SUBMIT_JOB, "f\0u\0w").await;
            server.reply_at_once(&[JOB_CREATED.with("H:x:1")]).await;
            server.reply_at_once(&parts).await;
            server.reply(WORK_COMPLETE, "H:x:1\0").await;
            server.expect(SUBMIT_JOB, [&b"f\0u\0"[..], &large].concat()).await;
            server
                .reply_at_once(&[JOB_CREATED.with("H:x:2"), WORK_COMPLETE.with([b"H:x:2\0", &large[..]].concat())])
                .await;
            server.expect(SUBMIT_JOB, "f\0u\0slow").await;
            server.drip(&[JOB_CREATED.with("H:x:3"), WORK_COMPLETE.with("H:x:3\0slow")]).await;
            server
        };
        let calls = async {
            let end = ask(&mut client, submit(b"w"), None).await;
            assert_eq!(end, Ok(Event::Complete(expected.into())));
            let end = ask(&mut client, submit(&large), None).await;
            assert_eq!(end, Ok(Event::Complete(large.clone().into())));
            assert_eq!(ask(&mut client, submit(b"slow"), None).await, Ok(Event::Complete("slow".into())));
        };
        join(server, calls).await;
    });
}

/// A server that sends and reads one byte of the encrypted stream at a time, or what else it is told.
struct Slow {
    socket: TcpStream,
    tls: ServerConnection,
    step: usize,
}

impl Slow {
    async fn accept(script: &Script, step: usize) -> Slow {
        let socket = script.accept_raw().await;
        socket.set_nodelay(true).unwrap();
        Slow { socket, tls: ServerConnection::new(anyone()).unwrap(), step }
    }

    async fn send(&mut self) {
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut out).unwrap();
        }
        for piece in out.chunks(self.step) {
            self.socket.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
    }

    async fn read(&mut self, expected: &[u8]) {
        let mut seen = Vec::new();
        let mut room = vec![0; self.step];
        while seen.len() < expected.len() {
            self.send().await;
            let n = self.socket.read(&mut room).await.unwrap();
            assert!(n > 0, "the end after {} bytes", seen.len());
            self.tls.read_tls(&mut &room[..n]).unwrap();
            let state = self.tls.process_new_packets().unwrap();
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            std::io::Read::read_exact(&mut self.tls.reader(), &mut plain).unwrap();
            seen.extend(plain);
        }
        assert_eq!(seen.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    async fn write(&mut self, bytes: &[u8]) {
        std::io::Write::write_all(&mut self.tls.writer(), bytes).unwrap();
        self.send().await;
    }
}

/// A wake-up is lost where somebody waits for the socket while rustls holds what came.
#[test]
fn records_that_come_byte_by_byte() {
    within(async || {
        for step in [1, 2, 7, 100] {
            let script = Script::tls().await;
            let mut client = script.client();
            let server = async {
                let mut server = Slow::accept(&script, step).await;
                server.read(&req(16, "x")).await;
                server.write(&res(17, "x")).await;
                server.read(&req(7, "f\0u\0w")).await;
                server.write(&[res(8, "H:x:1"), res(28, "H:x:1\0one"), res(13, "H:x:1\0two")].concat()).await;
                server
            };
            let calls = async {
                echo(&mut client, b"x").await;
                assert_eq!(ask(&mut client, submit(b"w"), None).await, Ok(Event::Complete("onetwo".into())));
            };
            join(server, calls).await;
        }
    });
}

#[test]
fn a_worker_over_tls() {
    within(async || {
        let script = Script::tls().await;
        let mut worker = script.worker(b"f");
        let large = vec![b'x'; 3 << 20];
        let server = async {
            let mut server = script.conversation().await;
            server.lull("f").await;
            server.wake().await;
            server.assign("H:x:1").await;
            server.expect(WORK_DATA, [b"H:x:1\0", &large[..]].concat()).await;
            server.done("H:x:1").await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.assign("H:x:2").await;
            server
        };
        let work = async {
            let mut job = worker.next_job(None).await.unwrap();
            worker.send(&mut job, Update::Data(&large)).unwrap();
            worker.flush(&job).await.unwrap();
            worker.send(&mut job, Update::Complete(b"r")).unwrap();
            assert_eq!(next(&mut worker).await, "H:x:2");
        };
        join(server, work).await;
    });
}

#[test]
fn what_is_asked_together_goes_out_together() {
    within(async || {
        let script = Script::tls().await;
        let mut client = script.client();
        let server = async {
            let mut server = script.conversation().await;
            let jobs: Vec<Packet> = (0..50).map(|n| SUBMIT_JOB.with(format!("f\0u\0{n}"))).collect();
            server.expect_in_one_write(&jobs).await;
            for n in 0..50 {
                server
                    .reply_at_once(&[JOB_CREATED.with(format!("H:x:{n}")), WORK_COMPLETE.with(format!("H:x:{n}\0"))])
                    .await;
            }
            server
        };
        let calls = async {
            client.begin();
            for n in 0..50 {
                client.add(submit(n.to_string().as_bytes()));
            }
            assert_eq!(events(&mut client).await.len(), 100);
        };
        join(server, calls).await;
    });
}

#[test]
fn as_much_as_there_is_room_for_both_ways() {
    within_a_minute(async || {
        let script = Script::tls().await;
        let mut client = script.client();
        let large: Vec<u8> = (0..64 << 20).map(|n: u32| (n >> 8) as u8).collect();
        let server = async {
            let mut server = script.accept().await;
            let (number, body) = server.packet().await.unwrap();
            assert_eq!(number, 16);
            server.send(res(17, body)).await;
            server
        };
        let call = ask(&mut client, Ask::echo(&large).unwrap(), None);
        let (_server, end) = join(server, call).await;
        assert!(end == Ok(Event::Echoed(large.into())));
    });
}

/// The tickets of TLS 1.3 come after the handshake, unasked.
#[test]
fn tickets_are_no_sign_of_trouble() {
    within(async || {
        let script = Script::tls().await;
        let mut client = script.client();
        client.begin();
        let (mut server, connected) = join(script.conversation(), client.connect_all()).await;
        connected.unwrap();
        let server = async {
            for n in ["a", "b"] {
                server.echo(n).await;
            }
            server
        };
        let calls = async {
            for n in [b"a", b"b"] {
                pass(Duration::from_secs(1)).await;
                echo(&mut client, n).await;
            }
        };
        join(server, calls).await;
    });
}

#[test]
fn an_idle_connection_over_which_something_came_is_made_anew() {
    within(async || {
        for end in ["data", "close_notify", "the end", "garbage"] {
            let script = Script::tls().await;
            let mut client = script.client();
            let server = async {
                let mut stream = script.accept_tls().await.unwrap();
                let mut request = [0; 13];
                stream.read_exact(&mut request).await.unwrap();
                stream.write_all(&res(17, "x")).await.unwrap();
                stream
            };
            let (mut stream, ()) = join(server, echo(&mut client, b"x")).await;
            match end {
                "data" => stream.write_all(&res(6, "")).await.unwrap(),
                "close_notify" => {
                    stream.get_mut().1.send_close_notify();
                    stream.flush().await.unwrap();
                }
                "garbage" => stream.get_mut().0.write_all(b"garbage").await.unwrap(),
                _ => stream.get_mut().0.shutdown().await.unwrap(),
            }
            pass(Duration::from_secs(1)).await;
            let server = async { script.conversation().await.echo("x").await };
            join(server, echo(&mut client, b"x")).await;
        }
    });
}

/// What came before the garbage is understood, and a request that may have been heard is not asked elsewhere.
#[test]
fn garbage_in_the_middle() {
    within(async || {
        let script = Script::tls().await;
        let mut client = script.client();
        let server = async {
            let mut stream = script.accept_tls().await.unwrap();
            let mut request = [0; 17];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(&res(8, "H:x:1")).await.unwrap();
            stream.get_mut().0.write_all(b"\x17\x03\x03\x00\x20garbage garbage garbage garbage.").await.unwrap();
            // We are told, and then it is over.
            let mut rest = [0; 1];
            stream.read(&mut rest).await.unwrap_err()
        };
        let calls = async {
            client.begin();
            client.add(submit(b"w"));
            events(&mut client).await
        };
        let (told, events) = join(server, calls).await;
        assert!(told.to_string().contains("BadRecordMac"), "{told}");
        let [(_, Event::Created(_)), (_, Event::Error(error))] = &events[..] else { panic!("{events:?}") };
        let expected = "what came was changed on its way, and cannot be decrypted";
        assert_eq!(**error, Error::lost(script.server(), expected));
        assert!(error.closes() && !error.elsewhere());
    });
}

#[test]
fn who_closes_says_so() {
    within(async || {
        let script = Script::tls().await;
        let mut client = script.client();
        client.begin();
        let (mut server, connected) = join(script.accept_tls(), client.connect_all()).await;
        connected.unwrap();
        drop(client);
        // Without close_notify this is an error.
        assert_eq!(server.as_mut().unwrap().read(&mut [0; 1]).await.unwrap(), 0);
    });
}

#[test]
fn settings_hold_for_servers_of_before_and_after() {
    within(async || {
        let party = Party::new().await;
        let ServerAddress::Tcp { port, .. } = party.script.server() else { panic!("TCP") };
        let mut client = gearman_core::client::Client::default();
        let plain = ServerAddress::new("127.0.0.1", port.into()).unwrap();
        client.add_server(plain.clone(), Vec::new());
        client.set_tls(TlsChoice::all(party.settings.clone()));
        client.add_server(plain.clone(), Vec::new());
        for server in 0..2 {
            let asked = async {
                client.begin();
                let id = client.call_at(server, Ask::echo(b"x").unwrap());
                crate::util::end(&mut client, id, None).await.unwrap();
            };
            join(async { party.script.conversation().await.echo("x").await }, asked).await;
        }
        // Nothing more goes over what was made in the clear, nor the other way round.
        let bare = Script::tcp().await;
        let mut client = bare.client();
        join(async { bare.conversation().await.echo("x").await }, echo(&mut client, b"x")).await;
        client.set_tls(TlsChoice::all(party.settings.clone()));
        let server = async {
            let mut hello = [0; 2];
            bare.accept_raw().await.read_exact(&mut hello).await.unwrap();
            assert_eq!(hello, [0x16, 3]);
        };
        let ((), refused) = join(server, echo_or_error(&mut client)).await;
        assert_eq!(refused.unwrap_err().code(), ReturnCode::CouldNotConnect);
        client.set_tls(TlsChoice::default());
        join(async { bare.conversation().await.echo("x").await }, echo(&mut client, b"x")).await;
    });
}

#[test]
fn what_runs_when_tls_is_switched_on_ends() {
    within(async || {
        let script = Script::tcp().await;
        let (mut client, mut worker) = (script.client(), script.worker(b"f"));
        let server = async {
            let mut server = script.conversation().await;
            server.expect(SUBMIT_JOB, "f\0u\0w").await;
            server
        };
        let call = async {
            client.begin();
            client.add(submit(b"w"));
            assert_eq!(client.wait(soon()).await.unwrap_err().code(), ReturnCode::Timeout);
            client.set_tls(TlsChoice::all(TlsSettings::default()));
            let Some((_, Event::Error(error))) = client.next_event() else { panic!("no event") };
            assert!(error.to_string().contains("TLS was switched on"), "{error}");
        };
        let (server, ()) = join(server, call).await;
        server.ended().await;
        let server = async {
            let mut server = script.conversation().await;
            server.greeted("f").await;
            server.assign("H:x:1").await;
            server
        };
        let work = async {
            let mut job = worker.next_job(None).await.unwrap();
            worker.set_tls(TlsChoice::all(TlsSettings::default()));
            assert_eq!(worker.send(&mut job, Update::Complete(b"")).unwrap_err().code(), ReturnCode::LostConnection);
        };
        let (server, ()) = join(server, work).await;
        server.ended().await;
    });
}

#[test]
fn connections_are_left_to_who_has_the_same_settings() {
    within(async || {
        let party = Party::new().await;
        let pool = Pool::default();
        let other = TlsSettings { peer_name: Some("localhost".into()), ..party.settings.clone() };
        let client = |settings: &TlsSettings| {
            let mut client = gearman_core::client::Client::default();
            client.set_pool(pool.clone());
            client.set_tls(TlsChoice::all(settings.clone()));
            client.add_server(party.script.server(), Vec::new());
            client
        };
        let server = async {
            let mut one = party.script.conversation().await;
            one.echo("a").await;
            one.echo("b").await;
            let mut two = party.script.conversation().await;
            two.echo("c").await;
            one.echo("d").await;
            (one, two)
        };
        let calls = async {
            for (settings, data) in
                [(&party.settings, b"a"), (&party.settings, b"b"), (&other, b"c"), (&party.settings, b"d")]
            {
                echo(&mut client(settings), data).await;
            }
        };
        let (servers, ()) = join(server, calls).await;
        assert_eq!(pool.counts(), Counts { idle: 2, reused: 2, made: 2 });
        pool.close();
        servers.0.ended().await;
        servers.1.ended().await;
    });
}

/// Of the certificate that the other side shows nothing is kept, so this is about who is trusted only.
#[test]
fn nobody_is_verified_where_that_is_switched_off() {
    within(async || {
        let party = Party::of(|_| crate::authorities::Issued::self_signed(names(&["x"])).server()).await;
        let mut client = party.client_with(TlsSettings { verify: false, ..TlsSettings::default() });
        join(async { party.script.conversation().await.echo("x").await }, echo(&mut client, b"x")).await;
        let mut client = party.client();
        let (_, refused) = join(party.script.accept_tls(), echo_or_error(&mut client)).await;
        assert!(refused.is_err());
    });
}
