//! Against a Redis of the tests' own: what every backend has to do, and what may be wrong with one.

use super::*;
use crate::durable::Backend;
use crate::durable::tests::certificate::Certificate;
use crate::durable::tests::databases::{Database as Server, Kind};
use crate::durable::tests::suite::{Place, add, backend_suite, commit, job, letter, lose_the_queue, tried};
use crate::durable::tests::{Made, read_all};

/// A prefix of its own.
struct Prefix<'s> {
    server: &'s Server,
    name: String,
}

impl Prefix<'_> {
    fn with(&self, change: impl FnOnce(&mut Target<'_>)) -> Result<Box<dyn Backend>, BackendError> {
        let server = self.server.socket();
        let mut target = Target { server: &server, port: 0, password: "", prefix: &self.name, ca: None };
        change(&mut target);
        open(&target)
    }

    /// What `redis-cli` does, with words at blanks; `_` in front of a key is the prefix.
    fn cli(&self, line: &str) -> Reply {
        let mut wire = Wire::new(Socket::unix(&self.server.socket()).unwrap());
        let line = line.replace("PREFIX", &self.name);
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        wire.ask(&words).unwrap()
    }
}

impl Place for Prefix<'_> {
    fn open(&self) -> Result<Box<dyn Backend>, BackendError> {
        self.with(|_| {})
    }

    /// What C gearmand 1.1.20 makes of a job, as `MONITOR` shows it.
    fn c_adds(&self, unique: &str, function: &str) {
        let mut wire = Wire::new(Socket::unix(&self.server.socket()).unwrap());
        let key = format!("{}-{function}-{unique}", self.name);
        wire.ask(&[b"HMSET", key.as_bytes(), b"data", b"of C", b"priority", b"1"]).unwrap();
    }

    fn c_done(&self, unique: &str, function: &str) {
        self.cli(&format!("DEL PREFIX-{function}-{unique}"));
    }

    fn c_counts(&self) -> usize {
        self.cli("KEYS PREFIX*").list().len()
    }
}

fn prefix() -> Option<Prefix<'static>> {
    // One is never the beginning of another.
    Some(Prefix { server: Server::shared(Kind::Redis)?, name: format!("_{}_", Server::name()) })
}

backend_suite!(prefix());

/// Somebody has copied a key, or taken a number.
#[test]
fn keys_that_were_changed_by_hand() {
    let Some(prefix) = prefix() else { return };
    let mut queue = prefix.open().unwrap();
    add(&mut *queue, &[job(1, "a", None), job(2, "b", None), job(3, "c", None)]).unwrap();
    commit(&mut *queue, &[Made::Bury(letter(job(3, "c", None), 5))]).unwrap();
    drop(queue);
    prefix.cli("COPY PREFIX-f-a PREFIX-f-copy");
    prefix.cli("HSET PREFIX-f-dead data x priority 1 id 3");
    prefix.cli("HSET PREFIX-f-none data x priority 1 id -5");
    let mut jobs = prefix.all().jobs;
    jobs.sort_by(|a, b| a.unique.cmp(&b.unique));
    let of: Vec<_> = jobs.iter().map(|job| (job.id, str::from_utf8(&job.unique).unwrap())).collect();
    assert_eq!(of, [(1, "a"), (2, "b"), (4, "copy"), (5, "dead"), (6, "none")]);
}

/// C's jobs were strings until 2017. The start ended with "name another prefix".
#[test]
fn strings_of_old_versions_of_c_are_jobs() {
    let Some(prefix) = prefix() else { return };
    prefix.c_adds("c", "f");
    prefix.cli("SET PREFIX-f-b x");
    prefix.cli("SET PREFIX-f-a x");
    let of_c = crate::durable::tests::Stored { data: b"of C".to_vec(), ..job(3, "c", None) };
    let jobs = [job(1, "a", None), job(2, "b", None), of_c];
    for _ in 0..2 {
        let mut queue = prefix.open().unwrap();
        let (read, last) = read_all(&mut *queue).unwrap();
        assert_eq!((&read.jobs[..], last), (&jobs[..], 3));
    }
    assert_eq!(prefix.cli("HGET PREFIX-f-a priority"), Reply::Bytes(b"1".to_vec()));
    assert_eq!(prefix.cli("EXISTS gearmand:PREFIX:made"), Reply::Number(0));
    commit(&mut *prefix.open().unwrap(), &jobs.map(Made::Done)).unwrap();
    assert_eq!(prefix.c_counts(), 0);
}

/// Those of functions with hyphens were as a client's may be.
#[test]
fn keys_of_earlier_versions_are_read_and_removed() {
    let Some(prefix) = prefix() else { return };
    let stored = |id, unique: &str, function: &str| {
        let (unique, function) = (unique.into(), function.into());
        crate::durable::tests::Stored { unique, function, ..job(id, "", None) }
    };
    let jobs = [stored(5, "k", "ab-c"), stored(7, "(exact) 9", "ab_c"), stored(9, "", "ab_c"), stored(11, "", "ab-c")];
    let keys = ["ab_c-(exact) 5", "ab_c-(exact) 9", "ab_c-(no key) 9", "ab_c-(exact) 11"];
    let mut wire = Wire::new(Socket::unix(&prefix.server.socket()).unwrap());
    for (job, key) in jobs.iter().zip(keys) {
        push_job(&mut wire, format!("{}-{key}", prefix.name).as_bytes(), &job.row());
    }
    wire.answers().unwrap();
    let mut queue = prefix.open().unwrap();
    let (read, last) = read_all(&mut *queue).unwrap();
    assert_eq!((&read.jobs[..], last), (&jobs[..], 11));
    commit(&mut *queue, &[Made::Retry(tried(jobs[3].clone(), 1, 9001)), Made::Done(jobs[0].clone())]).unwrap();
    drop(queue);
    let mut queue = prefix.open().unwrap();
    assert_eq!(read_all(&mut *queue).unwrap().0.jobs, [&jobs[1..3], &[tried(jobs[3].clone(), 1, 9001)]].concat());
    commit(&mut *queue, &jobs.map(Made::Done)).unwrap();
    drop(queue);
    assert_eq!((prefix.all().jobs.len(), prefix.c_counts()), (0, 0));
}

fn refused(opened: Result<Box<dyn Backend>, BackendError>, wanted: &str) -> String {
    let read = opened.and_then(|mut queue| read_all(&mut *queue).map(drop));
    let error = read.expect_err(wanted);
    assert!(!error.held && !error.reason.contains("secret"), "{error}");
    error.reason
}

#[test]
fn what_is_wrong_is_said() {
    let Some(server) = Server::start_with(Kind::Redis, &["--requirepass", "right"]) else { return };
    let prefix = Prefix { server: &server, name: "_x_".into() };
    type Change<'a> = &'a dyn Fn(&mut Target<'_>);
    let changes: [(Change<'_>, &str); 5] = [
        (&|_| {}, "--redis-password"),
        (&|t| t.password = "secret", "WRONGPASS"),
        (&|t| (t.password, t.prefix) = ("right", "gear"), "--redis-prefix"),
        (&|t| t.server = "/nowhere", "is Redis there"),
        (&|t| (t.server, t.port) = ("127.0.0.1", 1), "Connection refused"),
    ];
    for (change, wanted) in changes {
        let reason = refused(prefix.with(change), wanted);
        assert!(reason.contains(wanted), "{reason}, not {wanted}");
    }
    let mut queue = prefix.with(|t| t.password = "right").unwrap();
    add(&mut *queue, &[job(1, "a", None)]).unwrap();
}

/// Redis ended the connection, and whoever submitted a job in the next seconds was refused, too.
#[test]
fn a_workload_that_is_too_long_for_redis_is_refused_and_the_connection_stays() {
    let Some(server) = Server::start_with(Kind::Redis, &["--proto-max-bulk-len", "1mb"]) else { return };
    let prefix = Prefix { server: &server, name: "_x_".into() };
    let mut queue = prefix.open().unwrap();
    let of = |id, size| crate::durable::tests::Stored { data: vec![b'x'; size], ..job(id, &id.to_string(), None) };
    let error = add(&mut *queue, &[of(1, 1), of(2, (1 << 20) + 1), of(3, 1)]).unwrap_err();
    assert!(!error.held && error.reason.contains("a workload of 1048577 bytes"), "{error}");
    add(&mut *queue, &[of(4, 1 << 20)]).unwrap();
    drop(queue);
    assert_eq!(prefix.all().jobs, [of(4, 1 << 20)]);
}

#[test]
fn keys_that_cannot_be_read_end_the_start() {
    for (change, wanted) in [
        ("HSET PREFIX-f-b priority 7", "its key PREFIX-f-b: its priority is 7"),
        ("HSET PREFIX-f-b tries many", "its tries is no number"),
        ("HDEL PREFIX-f-b data", "it has no data"),
        ("RPUSH PREFIX-f-x 5", "its key PREFIX-f-x: WRONGTYPE"),
        ("HSET gearmand:PREFIX:dead:3 priority 9", "its key gearmand:PREFIX:dead:3: its priority is 9"),
        ("SET gearmand:PREFIX:version 2", "a newer gearmand"),
    ] {
        let Some(prefix) = prefix() else { return };
        let mut queue = prefix.open().unwrap();
        add(&mut *queue, &[job(1, "a", None), job(2, "b", None), job(3, "c", None)]).unwrap();
        commit(&mut *queue, &[Made::Bury(letter(job(3, "c", None), 5))]).unwrap();
        drop(queue);
        prefix.cli(change);
        let reason = refused(prefix.open(), wanted);
        assert!(reason.contains(&wanted.replace("PREFIX", &prefix.name)), "{change}: {reason}, not {wanted}");
    }
}

/// All that was committed is there; what comes meanwhile is refused, and what could not be done is done afterwards.
#[test]
fn redis_is_restarted() {
    let Some(mut server) = Server::start(Kind::Redis) else { return };
    let mut queue = Prefix { server: &server, name: "_x_".into() }.open().unwrap();
    add(&mut *queue, &[job(1, "a", None), job(2, "b", None)]).unwrap();
    server.signal("KILL");
    let refused = add(&mut *queue, &[job(3, "c", None)]).unwrap_err();
    assert!(refused.held, "{refused}");
    let mut until_it_is_there = |queue: &mut dyn Backend, changes: &[Made]| {
        let begin = std::time::Instant::now();
        server.start_again();
        // It reads its file first.
        while commit(queue, changes).is_err() {
            assert!(begin.elapsed() < PATIENCE, "it is not connected again");
            std::thread::sleep(Duration::from_millis(10));
        }
        server.signal("KILL");
    };
    until_it_is_there(&mut *queue, &[Made::Done(job(1, "a", None)), Made::Add(job(4, "d", None))]);
    until_it_is_there(&mut *queue, &[Made::Add(job(5, "e", None))]);
    server.start_again();
    let begin = std::time::Instant::now();
    while commit(&mut *queue, &[Made::Unset(b"none".to_vec())]).is_err() {
        assert!(begin.elapsed() < PATIENCE, "it is not connected again");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(queue);
    let left: Vec<u64> = Prefix { server: &server, name: "_x_".into() }.all().jobs.iter().map(|job| job.id).collect();
    assert_eq!(left, [2, 4, 5]);
}

/// Somebody has flushed the scripts: no failed try could be stored any more, and of jobs that went with one the client was
/// told that they were refused, though they were stored.
#[test]
fn scripts_may_be_flushed() {
    let Some(prefix) = prefix() else { return };
    let mut queue = prefix.open().unwrap();
    add(&mut *queue, &[job(1, "a", None)]).unwrap();
    prefix.cli("SCRIPT FLUSH");
    let tried = tried(job(1, "a", None), 1, 9001);
    commit(&mut *queue, &[Made::Add(job(2, "b", None)), Made::Retry(tried.clone())]).unwrap();
    drop(queue);
    assert_eq!(prefix.all().jobs, [tried, job(2, "b", None)]);
}

/// Redis makes the rest of a commit when one of its commands fails: jobs ran that were refused.
#[test]
fn nothing_is_left_of_a_commit_that_was_half_made() {
    let Some(prefix) = prefix() else { return };
    let mut queue = prefix.open().unwrap();
    prefix.cli("SET gearmand:PREFIX:settings x");
    let changes = [Made::Add(job(1, "a", None)), Made::Set(b"k".to_vec(), b"v".to_vec())];
    let error = commit(&mut *queue, &changes).unwrap_err();
    assert!(error.reason.contains("WRONGTYPE"), "{error}");
    prefix.cli("DEL gearmand:PREFIX:settings");
    let begin = std::time::Instant::now();
    while add(&mut *queue, &[job(2, "b", None)]).is_err() {
        assert!(begin.elapsed() < PATIENCE, "it is not connected again");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(queue);
    assert_eq!(prefix.all().jobs, [job(2, "b", None)]);
}

/// Its lock is gone, as after a stop that was longer than it lasts: what is on its way is not made. Where it comes back,
/// another server may have been there.
#[test]
fn who_has_lost_the_queue_changes_nothing_any_more() {
    let Some(prefix) = prefix() else { return };
    let cut = || drop(prefix.cli("DEL gearmand:PREFIX:lock"));
    lose_the_queue(|| prefix.open().unwrap(), cut, PATIENCE);
    assert_eq!(prefix.all().jobs, [job(1, "a", None), job(2, "b", None), job(3, "x", None)]);
}

/// While nothing is to be written, too.
#[test]
fn the_lock_is_renewed() {
    let Some(prefix) = prefix() else { return };
    let queue = prefix.open().unwrap();
    prefix.cli("PEXPIRE gearmand:PREFIX:lock 100000");
    let begin = std::time::Instant::now();
    // It counts down from what it is set to, and is above that until it was renewed.
    while !matches!(prefix.cli("PTTL gearmand:PREFIX:lock"), Reply::Number(ms) if (1..=6_000).contains(&ms)) {
        assert!(begin.elapsed() < PATIENCE, "it is not renewed");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(queue);
    assert_eq!(prefix.cli("EXISTS gearmand:PREFIX:lock"), Reply::Number(0));
}

/// The certificate's name is `localhost`.
#[test]
fn tls_is_spoken_where_that_is_asked_for() {
    let certificate = Certificate::new("redis");
    let port = Certificate::free_port();
    let (number, ca, key) = (port.to_string(), certificate.file("ca.pem"), certificate.file("key.pem"));
    let words = ["--tls-port", &number, "--bind", "127.0.0.1", "--tls-cert-file", &ca, "--tls-key-file", &key];
    let words = [&words[..], &["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no"]].concat();
    let Some(server) = Server::start_with(Kind::Redis, &words) else { return };
    let prefix = Prefix { server: &server, name: "_x_".into() };
    let [ca, other]: [&str; 2] = ["ca.pem", "other.pem"].map(|name| &*certificate.file(name).leak());
    for (host, ca, works) in [("localhost", ca, true), ("localhost", other, false), ("127.0.0.1", ca, false)] {
        match prefix.with(|t| (t.server, t.port, t.ca) = (host, port, Some(ca))) {
            Ok(mut queue) if works => add(&mut *queue, &[job(1, "a", None)]).unwrap(),
            Err(error) if !works => assert!(error.reason.contains("certificate"), "{error}"),
            opened => panic!("{host} {ca}: {:?}", opened.err()),
        }
    }
}
