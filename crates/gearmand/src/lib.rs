//! A job server for Gearman, as a library: [`run`] serves the listeners it is given until it is to stop,
//! so that tests own both.
//!
//! Each module uses only those above it, and a module and its children each other; `scripts/map.sh` checks that.
//!
//! ```text
//! durable            what a durable queue is: a trait, changes and rows
//! durable::batch     changes on their way there
//! cluster::ask       what a server asks of a store that it shares, and is answered
//! cluster::lease     until when a server may hand out what it owns
//! cluster::changes   what a broker wants to be changed there, in rounds
//! cluster::held      rows that a server holds, and how many more it may
//! cluster::member    one server's part in it
//! cluster::member::serial  … what it asks one after the other
//! cluster::member::known   … what its broker has to know first
//! cluster::mirror    dead letters that the broker was told of
//! cluster::said      what a broker tells it
//! outgoing           what is to be sent, by connection
//! seldom             what is logged only now and then
//! net::peer          who is at the other end of a connection
//! rights             what a connection may do; what each packet and text command needs
//! broker::policy::value  times, rates and bounds, as people write them
//! broker::policy     what an operator wants for the jobs of a function
//! broker::activity   what became of a function's jobs, in numbers
//! broker::arena      values under small numbers, memory given back
//! broker::jobs       jobs, by handle and by unique key
//! broker::dead       jobs that ran out of tries
//! broker::taken      unique keys that are not free yet when their jobs are over
//! broker::kept       results of jobs that are over
//! broker::queue      lists threaded through jobs; a function's three priorities
//! broker::schedule   when a SUBMIT_JOB_SCHED runs
//! broker::cron       when a cron expression fires
//! broker::sessions   connections, as the broker sees them
//! broker::wakeups    wake-ups without an answer, and who is woken then
//! broker::limits     what limits of a policy let run, and who is woken when one ends
//! broker::functions  what waits in each function, and who can run it
//! broker             all state; connections come and go …
//! broker::status     … clients ask for the status of their jobs
//! broker::notices    … workers are told of their jobs what they asked to be told
//! broker::outcomes   … what is remembered of jobs that are over
//! broker::submit     … and submit jobs
//! broker::assign     … workers are woken, and get jobs
//! broker::retries    … jobs that were not done are tried again, or become dead letters
//! broker::results    … and send results
//! broker::recurring  … the server submits jobs itself, by schedules
//! broker::proxies    … work for other servers, and have others' jobs run
//! broker::storing    … jobs go to the durable queue, and come back
//! broker::questions  … a shared queue is asked of jobs that are elsewhere
//! broker::shared_letters  … servers that share a queue show the dead letters of all
//! broker::membership  … which jobs of a shared queue may be handed out
//! broker::shared_rows  … jobs of a shared queue come, wait and go
//! broker::manage     … operators make, limit and drop functions, and cancel jobs
//! broker::snapshot::page   where a part of a list begins and ends
//! broker::snapshot   … what is to be seen from outside
//! broker::snapshot::peers  … connections with what they do
//! broker::dispatch   a packet -> a call of the broker
//! admin::fields      pieces of answers of our own
//! admin::policies    policies are set and shown
//! admin::dead        dead letters are shown, tried again and forgotten
//! admin::job         what is known of one job
//! admin::connections  who is connected -> lines
//! admin::schedules   schedules -> lines
//! admin::servers     servers that share a queue -> lines
//! admin::listing     the snapshot -> lists of lines
//! admin::whoami      who a connection is, and its rights -> a list of lines
//! admin::text        text commands -> answers
//! durable::writer    the thread that writes changes
//! durable::recovery  reading the jobs at the start
//! durable::row_key   the keys of rows in C gearmand's tables
//! durable::columns   what the columns of C gearmand's tables hold
//! durable::segments  changes in groups, for databases
//! durable::remote    what queues in databases share: reconnecting, being the only owner
//! durable::client_tls  TLS to databases
//! durable::postgres  a durable queue in PostgreSQL
//! durable::postgres::tls       TLS, as tokio-postgres wants it
//! durable::postgres::conninfo  where the database is
//! durable::postgres::connect   connecting to the first host that can be used
//! durable::postgres::names     what C gearmand's columns hold of names
//! durable::postgres::schema    the tables, and whose they are
//! durable::postgres::statements  changes -> statements
//! durable::postgres::read      its rows -> jobs
//! durable::socket    a socket to a database, with TLS or without
//! durable::redis     a durable queue in Redis
//! durable::redis::wire         its protocol
//! durable::redis::keys         where what is
//! durable::redis::read         its keys -> jobs
//! durable::mysql     a durable queue in MySQL or MariaDB
//! durable::mysql::wire         its protocol
//! durable::mysql::login        how a connection begins
//! durable::mysql::schema       the tables, and whose they are
//! durable::mysql::statements   changes -> statements
//! durable::mysql::read         its rows -> jobs
//! cluster::postgres::error       errors of PostgreSQL, and what they mean for what was asked
//! cluster::postgres::settings    which database, and how it is used
//! cluster::postgres::schema      the tables: making, migrating and checking them
//! cluster::postgres::session     a connection
//! cluster::postgres::statements  the text of every statement
//! cluster::postgres::statements::questions  … that answers a question
//! cluster::postgres::rows        jobs -> columns, rows -> jobs
//! cluster::postgres::servers     servers come and go, settings, wake-ups, looking
//! cluster::postgres::letters     dead letters
//! cluster::postgres::overview    which servers, how many jobs
//! cluster::postgres::writes      new jobs, claims, what became of jobs
//! cluster::postgres  the store of a shared queue in PostgreSQL
//! cluster::link      the thread that brings a member and its store together
//! cluster            a queue that several servers share
//! durable::import    all of one queue -> another
//! durable::sqlite    a durable queue in an SQLite file
//! durable::sqlite::schema  our tables there, beside C gearmand's
//! durable::sqlite::rows    its rows -> jobs
//! durable::sqlite::extras  what C gearmand's table there has no columns for
//! durable::sqlite::dead    dead letters and settings there
//! config::file       words of a command line and of files
//! config::rule_file  files of rules: their text, and a place in it
//! config::acl        the file of rules: who has which rights
//! config::tokens     the file of tokens: who may do what over HTTP
//! config::schedules  what is to be submitted regularly
//! config::policies   the file of policies: what is wanted for the jobs of functions
//! config::verify     which clients are let in by their certificates
//! config::tls        certificates and keys, from their files
//! config::listen     a word of --listen
//! config             what a server is run with
//! config::usage      what is wrong with options
//! config::queues     options of durable queues
//! config::options    every option, with default and meaning
//! config::command_line  words of the command line and of files -> options
//! peers::counts      what is to be seen of servers that this one helps
//! ---- below: sockets ----
//! net::stream::socket  a socket, TCP or Unix
//! net::stream::tls   its bytes, encrypted
//! net::stream        both: what connections have
//! net::handshakes    TLS handshakes under way
//! net::listener      what is listened on
//! net::alarm         a timer for short waits
//! net::threads       what connections are spread over
//! shared             the state that all connections share, and its lock
//! shared::storing    … its changes go to the durable queue
//! net::connection    bytes of one connection -> packets -> the broker
//! ---- other servers ----
//! peers::offers      for which functions workers are idle, and jobs may be asked for
//! peers::proxy       a connection to another server, as its worker
//! peers::forward     a job of another server, to its end here
//! peers::asker       another server is asked for a job
//! peers              servers that this one helps
//! ---- HTTP ----
//! http::patience     a stream whose peer has to read
//! http::places       connections, so many at most
//! http::small        texts and values of JSON, cut to what is small
//! http::reply        bodies, and problems
//! http::budget       memory for large bodies
//! http::request      paths, queries and bodies, within bounds
//! http::names        names of functions, keys and jobs -> text and paths
//! http::origin       where a request comes from, as browsers tell
//! http::pieces       large bodies, encoded while they are sent
//! http::auth         who a request is from, and what it may do
//! http::ending       requests under way are answered before the end
//! http::client       a client of this very server, for jobs that are submitted
//! http::live         what is sent to those who watch
//! http::samples      what happened in a while
//! http::history      … in the last quarter of an hour
//! http               what handlers share
//! http::elsewhere    what other servers have that share a queue
//! http::submitting   a job that is submitted, to its end
//! http::api::list    parts of lists
//! http::api::functions   functions -> JSON
//! http::api::jobs        jobs
//! http::api::dead        dead letters
//! http::api::policies    rules
//! http::api::schedules   schedules
//! http::api::peers       connections
//! http::metrics::process  what the system knows of the process
//! http::api::server      facts and counts
//! http::api::servers     servers that share a queue
//! http::api::history     samples, for charts
//! http::api::events      all of that, again and again
//! http::api::submit      a job that is submitted
//! http::api::actions     functions, jobs and dead letters are changed
//! http::api::set_policy  keys of a policy are set
//! http::api::openapi     the description of the API
//! http::c_submit     jobs are submitted as to C gearmand
//! http::metrics      what Prometheus reads
//! http::metrics::functions  functions, in numbers
//! http::metrics::families   their metrics
//! http::metrics::server     metrics of the server
//! http::health       whether the process answers, and takes jobs
//! http::login        the form to log in, and who somebody is
//! http::page         the files of the web page
//! http::routes       paths, methods, rights -> who answers
//! http::listener     accepting, and serving within bounds
//! ---- all of it ----
//! server             accepting, timers, stopping
//! ```
//!
//! The program around it is in `main.rs` and `process/`.

#![forbid(unsafe_code)]

mod admin;
mod broker;
mod cluster;
pub mod config;
pub mod durable;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod net;
mod outgoing;
mod peers;
mod rights;
mod seldom;
mod server;
mod shared;

pub use cluster::SharedQueue;
pub use config::tls::Tls;
pub use config::{Config, Queue};
pub use durable::Durable;
pub use net::listener::{Listener, SocketFile};
pub use server::{Server, Stop, run};

/// The version that `version` answers.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
