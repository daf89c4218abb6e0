//! The Gearman protocol, with a client and a worker for it. Knows nothing of PHP and nothing of
//! the job server's inside.
//!
//! # A client
//!
//! Submits a job and waits for its result:
//!
//! ```
//! # use gearman_core::protocol::{codec::{Decoded, decode}, message::{Assign, Request, Response, Work}};
//! # use std::io::{Read, Write};
//! # use std::{net::TcpListener, thread::{JoinHandle, spawn}};
//! # /// A server for one connection, which answers each request with these packets.
//! # fn serve(answer: impl Fn(Request<'_>, &mut Vec<u8>) + Send + 'static) -> std::io::Result<(i64, JoinHandle<std::io::Result<()>>)> {
//! #     let listener = TcpListener::bind("127.0.0.1:0")?;
//! #     let port = listener.local_addr()?.port();
//! #     let server = spawn(move || {
//! #         let (mut stream, _) = listener.accept()?;
//! #         let (mut input, mut block) = (Vec::new(), [0; 1024]);
//! #         loop {
//! #             while let Ok(Decoded::Frame(frame, size)) = decode(&input, 1000) {
//! #                 let mut output = Vec::new();
//! #                 if let Some(Ok(request)) = frame.command().map(|command| Request::parse(command, &frame)) {
//! #                     answer(request, &mut output);
//! #                 }
//! #                 stream.write_all(&output)?;
//! #                 input.drain(..size);
//! #             }
//! #             match stream.read(&mut block)? {
//! #                 0 => return Ok(()),
//! #                 n => input.extend_from_slice(&block[..n]),
//! #             }
//! #         }
//! #     });
//! #     Ok((port.into(), server))
//! # }
//! use gearman_core::client::Client;
//! use gearman_core::client::task::{Ask, Event};
//! use gearman_core::net::address::ServerAddress;
//! use gearman_core::protocol::message::{Priority, Update};
//! use gearman_core::server_connection::Settings;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (port, server) = serve(|request, out| {
//! #     let Request::Submit(submit) = request else { return };
//! #     let result: Vec<u8> = submit.workload.iter().rev().copied().collect();
//! #     Response::JobCreated(b"H:1").encode(out);
//! #     Response::Work(Work { handle: b"H:1", update: Update::Complete(&result) }).encode(out);
//! # })?;
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let mut client = Client::new(Settings::default());
//! client.add_server(ServerAddress::new("127.0.0.1", port)?, Vec::new());
//!
//! client.begin();
//! let task = client.call(Ask::submit(Priority::Normal, false, b"reverse", b"a key", b"olleh")?);
//! let end = loop {
//!     match client.take_end(task) {
//!         Some(end) => break end,
//!         None => runtime.block_on(client.wait(None))?,
//!     }
//! };
//! assert_eq!(end, Event::Complete("hello".into()));
//! # drop(client);
//! # server.join().expect("the server does not panic")?;
//! # Ok(())
//! # }
//! ```
//!
//! # A worker
//!
//! Takes a job, runs it and sends the result:
//!
//! ```
//! # use gearman_core::protocol::{codec::{Decoded, decode}, message::{Assign, Request, Response, Work}};
//! # use std::io::{Read, Write};
//! # use std::{net::TcpListener, thread::{JoinHandle, spawn}};
//! # /// A server for one connection, which answers each request with these packets.
//! # fn serve(answer: impl Fn(Request<'_>, &mut Vec<u8>) + Send + 'static) -> std::io::Result<(i64, JoinHandle<std::io::Result<()>>)> {
//! #     let listener = TcpListener::bind("127.0.0.1:0")?;
//! #     let port = listener.local_addr()?.port();
//! #     let server = spawn(move || {
//! #         let (mut stream, _) = listener.accept()?;
//! #         let (mut input, mut block) = (Vec::new(), [0; 1024]);
//! #         loop {
//! #             while let Ok(Decoded::Frame(frame, size)) = decode(&input, 1000) {
//! #                 let mut output = Vec::new();
//! #                 if let Some(Ok(request)) = frame.command().map(|command| Request::parse(command, &frame)) {
//! #                     answer(request, &mut output);
//! #                 }
//! #                 stream.write_all(&output)?;
//! #                 input.drain(..size);
//! #             }
//! #             match stream.read(&mut block)? {
//! #                 0 => return Ok(()),
//! #                 n => input.extend_from_slice(&block[..n]),
//! #             }
//! #         }
//! #     });
//! #     Ok((port.into(), server))
//! # }
//! use gearman_core::net::address::ServerAddress;
//! use gearman_core::protocol::message::Update;
//! use gearman_core::server_connection::Settings;
//! use gearman_core::worker::Worker;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (sender, results) = std::sync::mpsc::channel();
//! # let (port, server) = serve(move |request, out| match request {
//! #     Request::GrabJob(_) => Response::JobAssign(Assign {
//! #         handle: b"H:1", function: b"reverse", unique: None, reducer: None, workload: b"olleh",
//! #     }).encode(out),
//! #     Request::Option(name) => Response::Option(name).encode(out),
//! #     Request::Work(Work { update: Update::Complete(result), .. }) => _ = sender.send(result.to_vec()),
//! #     _ => {}
//! # })?;
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let mut worker = Worker::new(Settings::default());
//! worker.add_server(ServerAddress::new("127.0.0.1", port)?, Vec::new());
//! worker.abilities.add(b"reverse", 0)?;
//!
//! worker.begin();
//! let mut job = runtime.block_on(worker.next_job(None))?;
//! let result: Vec<u8> = job.workload.iter().rev().copied().collect();
//! worker.send(&mut job, Update::Complete(&result))?;
//! runtime.block_on(worker.flush(&job))?;
//! # assert_eq!(results.recv()?, b"hello");
//! # drop(worker);
//! # server.join().expect("the server does not panic")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//!
//! Each module uses only those above it, and a module and its children each other; `scripts/map.sh` checks that.
//!
//! ```text
//! return_code             gearman_return_t: the result of a call, as a number and a name
//! error                   the one Error, and its return code
//! protocol::packet        commands, their arguments, a frame of bytes
//! protocol::codec         bytes -> frame, incremental and bounded; frame -> bytes
//! protocol::message       frame <-> typed Request and Response
//! protocol::names         which function names and unique keys there can be
//! protocol::admin         the text commands on the same port
//! protocol::answer        and what is answered to them
//! protocol::write_buffer  what waits to be written to a socket
//! net::address            "host:port,…", tls://host:port and unix:///path
//! ---- feature "tls" ----
//! regular                 the bytes of a regular file
//! settings_file           the text of a file of settings, and a place in it
//! net::pem                certificates and keys out of PEM files
//! net::x509               what a certificate is for, and whether it names itself as who signed it
//! net::authorities        whom a CA file trusts: certificates of its CAs, and those that it holds itself
//! ---- feature "client" ----
//! pid_file                the end of a pid file
//! random                  random numbers, and forks
//! rights                  with whose rights root opens a file for another user
//! net::fork               which process this is, asked cheaply
//! net::tls::reason        why TLS failed, in words
//! net::tls::files         the files that settings name, and whether they have changed
//! net::tls::verify        who a server must be
//! net::tls                TLS as clients and workers want it, and rustls's configurations for it
//! net::session            a TLS session over a socket
//! net::watch              one descriptor for an event loop of somebody else's
//! net::stream             bytes to and from a server, TCP, Unix or TLS: the only file with sockets
//! net::connection         packets out of a stream, requests into it
//! server_connection       a server and the way to it: connecting, waiting after failures
//! silence                 for how long a server has said nothing
//! client                  any number of tasks over any number of servers; yields events
//! client::unique          keys for jobs that were given none
//! client::pool            idle connections, for the next client
//! client::task            what can be asked for, and what becomes known of it; pure
//! client::inquiry         text commands about one job, put to one server after another
//! client::search          which servers are asked about a job, or given one that another refused; pure
//! client::ongoing         tasks that are not over, and who waits for them; pure
//! client::pending         requests whose answers are due on one connection; pure
//! client::server          a server as a client uses it
//! client::dispatch        which server a waiting task goes to
//! client::exchange        what goes to a server and comes from it
//! client::look            a client in an event loop of somebody else's
//! worker                  jobs of any number of servers, one at a time
//! worker::job             a job that was given to this worker
//! worker::protocol        abilities, grab / pre-sleep / noop on one connection; pure
//! worker::server          a server as a worker uses it
//! worker::hangs           of several servers one that does not answer
//! worker::send            what is sent of jobs, and what of that waits for a socket
//! worker::notices         what servers tell of jobs unasked
//! worker::direct          jobs without a grab, and jobs ahead
//! worker::echo            ECHO_REQ: does a server answer?
//! worker::pace            calls that fail at once are slowed down
//! worker::look            a worker in an event loop of somebody else's
//! ```

#![forbid(unsafe_code)]

pub mod error;
pub mod net;
pub mod protocol;
#[cfg(feature = "tls")]
pub mod regular;
pub mod return_code;
#[cfg(feature = "tls")]
pub mod settings_file;

#[cfg(feature = "client")]
pub mod client;
#[cfg(all(feature = "client", any(test, fuzzing)))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "client")]
pub mod pid_file;
#[cfg(feature = "client")]
mod random;
#[cfg(feature = "client")]
pub mod rights;
#[cfg(feature = "client")]
pub mod server_connection;
#[cfg(feature = "client")]
mod silence;
#[cfg(feature = "client")]
pub mod worker;

pub use error::{Error, Result};
pub use return_code::{PERMISSION_DENIED, ReturnCode};

/// The port of a job server where none is given.
pub const DEFAULT_PORT: u16 = 4730;
/// The host of a job server where none is given.
pub const DEFAULT_HOST: &str = "localhost";

/// Largest unique key in bytes. C peers keep keys in 64 bytes with a NUL after them.
pub const MAX_UNIQUE: usize = 64;
/// Largest function name in bytes.
pub const MAX_FUNCTION: usize = 512;
/// Largest job handle in bytes; C peers keep handles in 64 bytes with a NUL after them.
pub const MAX_HANDLE: usize = 64;
/// Largest client id in bytes.
pub const MAX_CLIENT_ID: usize = 254;
/// Largest packet body that is accepted unless a caller sets another limit: 1 GiB.
pub const MAX_PACKET: usize = 1 << 30;
