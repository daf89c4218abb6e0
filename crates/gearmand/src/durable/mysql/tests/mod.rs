//! Against a MariaDB of the tests' own: what every backend has to do, and what may be wrong with a database.

use super::*;
use crate::durable::Backend;
use crate::durable::tests::certificate::Certificate;
use crate::durable::tests::databases::{Database as Server, Kind};
use crate::durable::tests::suite::{Place, add, backend_suite, commit, job, letter, lose_the_queue};
use crate::durable::tests::{Letter, Made, read_all};

/// A table of its own.
struct Table<'s> {
    server: &'s Server,
    name: String,
}

/// Of tests, in every database of theirs.
const DATABASE: &str = "jobs";

impl Table<'_> {
    fn with(&self, change: impl FnOnce(&mut super::Target<'_>)) -> Result<Box<dyn Backend>, BackendError> {
        let (host, table) = (self.server.socket(), self.name.clone());
        let mut target = super::Target {
            host: &host,
            port: 0,
            user: "root",
            password: "",
            database: DATABASE,
            table: &table,
            ca: None,
        };
        change(&mut target);
        open(&target)
    }

    fn wire(&self) -> Wire {
        let mut wire = Wire::new(Socket::unix(&self.server.socket()).unwrap());
        let account = Account { user: "root", password: "", database: "", tls: None };
        login::login(&mut wire, &account).unwrap();
        wire.execute(format!("CREATE DATABASE IF NOT EXISTS {DATABASE}; USE {DATABASE}").as_bytes()).unwrap();
        wire
    }

    fn sql(&self, sql: &str) {
        self.wire().execute(sql.replace("TABLE_", &self.name).as_bytes()).unwrap();
    }

    fn one(&self, sql: &str) -> String {
        let found = self.wire().query_one(&sql.replace("TABLE_", &self.name)).unwrap();
        found.map_or_else(|| "NULL".into(), |bytes| String::from_utf8(bytes).unwrap())
    }
}

impl Place for Table<'_> {
    fn open(&self) -> Result<Box<dyn Backend>, BackendError> {
        self.with(|_| {})
    }

    /// Its statement (libgearman-server/plugins/queue/mysql/queue.cc).
    fn c_adds(&self, unique: &str, function: &str) {
        self.sql(&format!(
            "INSERT INTO TABLE_ (unique_key, function_name, priority, data, when_to_run)
                 VALUES('{unique}', '{function}', 1, 'of C', 0)"
        ));
    }

    fn c_done(&self, unique: &str, function: &str) {
        self.sql(&format!("DELETE FROM TABLE_ WHERE unique_key='{unique}' AND function_name='{function}'"));
    }

    fn c_counts(&self) -> usize {
        self.one("SELECT count(*) FROM TABLE_").parse().unwrap()
    }
}

fn of(server: &Server) -> Table<'_> {
    let table = Table { server, name: Server::name() };
    table.wire();
    table
}

fn table() -> Option<Table<'static>> {
    Server::shared(Kind::MariaDb).map(of)
}

backend_suite!(table());

/// C gearmand made it, and wrote all rows of it: keys that MySQL takes for the same, and text.
#[test]
fn c_gearmands_own_table_is_taken_over() {
    let Some(table) = table() else { return };
    table.sql(
        "CREATE TABLE TABLE_(unique_key VARCHAR(64),function_name VARCHAR(255),priority INT,data LONGBLOB,
             when_to_run INT,unique key (unique_key, function_name)) CHARACTER SET latin1;
         INSERT INTO TABLE_ VALUES ('b', 'f', 0, 'x', 0), ('a', 'f', 2, NULL, 2000000000), (_utf8mb4 x'c3bc', 'g', 1, '', 0)",
    );
    let mut queue = table.open().unwrap();
    let (all, last) = read_all(&mut *queue).unwrap();
    let of: Vec<_> = all.jobs.iter().map(|job| (job.id, job.priority as u8, job.due_ms)).collect();
    assert_eq!((of, last), (vec![(1, 0, 0), (2, 2, 2_000_000_000_000), (3, 1, 0)], 3));
    assert_eq!(all.jobs[2].unique, "\u{fc}".as_bytes());
    let other = job(4, "A", None);
    add(&mut *queue, std::slice::from_ref(&other)).unwrap();
    assert_eq!(table.c_counts(), 4, "it is another key");
    commit(&mut *queue, &all.jobs.into_iter().chain([other]).map(Made::Done).collect::<Vec<_>>()).unwrap();
    assert_eq!(table.c_counts(), 0);
}

/// Somebody has changed a time, copied a row, or taken a number.
#[test]
fn rows_that_were_changed_by_hand() {
    let Some(table) = table() else { return };
    let mut queue = table.open().unwrap();
    let dead = letter(job(3, "c", None), 5);
    add(&mut *queue, &[job(1, "a", None), job(2, "b", None), job(3, "c", None)]).unwrap();
    commit(&mut *queue, &[Made::Bury(dead)]).unwrap();
    drop(queue);
    for (key, when, id) in [("copy", 7, 1), ("dead", 0, 3), ("none", 0, -5)] {
        table.sql(&format!(
            "INSERT INTO TABLE_ (unique_key, function_name, priority, data, when_to_run, job_id)
                 VALUES ('{key}', 'f', 1, 'x', {when}, {id})"
        ));
    }
    let mut jobs = table.all().jobs;
    jobs.sort_by(|a, b| a.unique.cmp(&b.unique));
    let of: Vec<_> = jobs.iter().map(|job| (str::from_utf8(&job.unique).unwrap(), job.due_ms)).collect();
    assert_eq!(of, [("a", 0), ("b", 0), ("copy", 7000), ("dead", 0), ("none", 0)]);
    let mut ids: Vec<u64> = jobs.iter().map(|job| job.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 4, 5, 6]);
}

fn refused(opened: Result<Box<dyn Backend>, BackendError>, wanted: &str) -> String {
    let read = opened.and_then(|mut queue| read_all(&mut *queue).map(drop));
    let error = read.expect_err(wanted);
    assert!(!error.held && !error.reason.contains("secret"), "{error}");
    error.reason
}

#[test]
fn what_is_wrong_is_said() {
    let Some(table) = table() else { return };
    table.sql(
        "CREATE USER locked@localhost IDENTIFIED BY 'right'; CREATE USER poor@localhost;
         GRANT SELECT ON jobs.* TO poor@localhost; GRANT ALL ON jobs.* TO locked@localhost;
         CREATE TABLE mine (a int, b int);
         CREATE TABLE loose (unique_key varchar(64), function_name varchar(64), priority int, data longblob,
             when_to_run int);
         CREATE TABLE myisam (unique_key varchar(64), function_name varchar(64), priority int, data longblob,
             when_to_run int, UNIQUE KEY (unique_key, function_name)) ENGINE = MyISAM",
    );
    type Change<'a> = &'a dyn Fn(&mut super::Target<'_>);
    let changes: [(Change<'_>, &str); 9] = [
        (&|t| (t.user, t.password) = ("locked", "secret"), "Access denied"),
        (&|t| (t.user, t.password) = ("locked", "secret"), "--mysql-password"),
        (&|t| t.user = "poor", "needs SELECT"),
        (&|t| t.database = "nowhere", "CREATE DATABASE"),
        (&|t| t.table = "mine", "its columns are a int, b int, not unique_key"),
        (&|t| t.table = "loose", "must be UNIQUE together"),
        (&|t| t.table = "myisam", "ENGINE = InnoDB"),
        (&|t| t.host = "/nowhere", "is the database there"),
        (&|t| (t.host, t.port) = ("127.0.0.1", 1), "Connection refused"),
    ];
    for (change, wanted) in changes {
        let reason = refused(table.with(change), wanted);
        assert!(reason.contains(wanted), "{reason}, not {wanted}");
    }
    let mut queue = table.with(|t| (t.user, t.password) = ("locked", "right")).unwrap();
    add(&mut *queue, &[job(1, "a", None)]).unwrap();
}

#[test]
fn rows_that_cannot_be_read_end_the_start() {
    for (change, wanted) in [
        ("UPDATE TABLE_ SET priority = 7 WHERE job_id = 2", "row 2 of its table `TABLE_`: its priority is 7"),
        ("UPDATE TABLE_ SET unique_key = NULL", "its unique_key is NULL"),
        ("UPDATE TABLE_ SET function_name = NULL", "its function_name is NULL"),
        ("UPDATE TABLE_ SET tries = 70000", "its tries are 70000"),
        ("UPDATE TABLE__dead SET priority = -1", "row 1 of its table `TABLE__dead`: its priority is -1"),
        ("ALTER TABLE TABLE__dead DROP COLUMN worker", "`TABLE__dead` is not gearmand's"),
        ("UPDATE TABLE__owner SET version = 2", "a newer gearmand"),
        ("UPDATE TABLE__owner SET version = 0", "version 0, which there never was"),
        ("DELETE FROM TABLE__owner", "says nothing"),
    ] {
        let Some(table) = table() else { return };
        let mut queue = table.open().unwrap();
        add(&mut *queue, &[job(1, "a", None), job(2, "b", None), job(3, "c", None)]).unwrap();
        commit(&mut *queue, &[Made::Bury(letter(job(3, "c", None), 5))]).unwrap();
        drop(queue);
        table.sql(change);
        let reason = refused(table.open(), wanted);
        assert!(reason.contains(&wanted.replace("TABLE_", &table.name)), "{change}: {reason}, not {wanted}");
    }
}

/// A job that is larger than a message is refused, and those before and after it are not.
#[test]
fn a_job_that_is_too_large_is_refused() {
    let Some(table) = table() else { return };
    let mut queue = table.open().unwrap();
    let large = crate::durable::tests::Stored { data: vec![0; 17 << 20], ..job(1, "a", None) };
    let error = add(&mut *queue, &[large]).unwrap_err();
    assert!(error.reason.contains("max_allowed_packet"), "{error}");
    add(&mut *queue, &[job(2, "b", None)]).unwrap();
    drop(queue);
    assert_eq!(table.all().jobs, [job(2, "b", None)]);
}

/// MySQL's types of bytes are of any length, and what was longer was cut, with a handle for its client.
#[test]
fn a_job_that_does_not_fit_into_a_column_is_refused() {
    let Some(table) = table() else { return };
    table.sql(
        "CREATE TABLE TABLE_ (unique_key VARBINARY(8), function_name VARBINARY(8), priority INT, data BLOB,
             when_to_run INT, UNIQUE KEY (unique_key, function_name))",
    );
    let mut queue = table.open().unwrap();
    let refused = [
        crate::durable::tests::Stored { data: vec![b'x'; 70_000], ..job(1, "a", None) },
        crate::durable::tests::Stored { function: b"resize_all".to_vec(), ..job(1, "a", None) },
        job(1, "customer/1", None),
    ];
    for job in refused {
        let error = add(&mut *queue, &[job]).unwrap_err();
        assert!(error.reason.contains("data LONGBLOB") && !error.held, "{error}");
    }
    let fits = crate::durable::tests::Stored { data: vec![b'x'; 65_535], ..job(2, "b", None) };
    add(&mut *queue, std::slice::from_ref(&fits)).unwrap();
    drop(queue);
    assert!(table.all().jobs == [fits], "what was stored is another");
}

/// A job that was only just taken could not become a dead letter: with what its worker said of it, it was too large for a message.
/// Nothing could be stored any more, after a restart neither.
#[test]
fn the_largest_job_can_become_a_dead_letter_and_a_job_again() {
    let Some(server) = Server::start_with(Kind::MariaDb, &["--max-allowed-packet=1M"]) else { return };
    let table = of(&server);
    let mut queue = table.open().unwrap();
    let of_size = |size| crate::durable::tests::Stored { data: vec![b'x'; size], ..job(1, "a", Some("join")) };
    let (mut fits, mut too_large) = (1 << 19, 1 << 20);
    while fits + 1 < too_large {
        let size = (fits + too_large) / 2;
        match add(&mut *queue, &[of_size(size)]) {
            Ok(()) => fits = size,
            Err(_) => too_large = size,
        }
    }
    add(&mut *queue, &[of_size(fits)]).unwrap();
    let dead = Letter { text: vec![b'\''; 4096], ..letter(of_size(fits), 5) };
    let before = crate::durable::tests::Stored { data: vec![b'x'; 1 << 17], ..job(2, "b", None) };
    commit(&mut *queue, &[Made::Add(before.clone()), Made::Bury(dead.clone()), Made::Add(job(3, "c", None))]).unwrap();
    drop(queue);
    let all = table.all();
    assert!(all.jobs == [before, job(3, "c", None)] && all.dead == [dead], "what was stored is another");
    let mut queue = table.open().unwrap();
    commit(&mut *queue, &[Made::Revive(of_size(fits))]).unwrap();
    drop(queue);
    assert!(table.all().jobs[0] == of_size(fits), "it is another");
}

/// All that was committed is there; what comes meanwhile is refused, and what could not be done is done afterwards.
#[test]
fn the_database_is_restarted() {
    let Some(mut server) = Server::start(Kind::MariaDb) else { return };
    let name = of(&server).name;
    let mut queue = Table { server: &server, name: name.clone() }.open().unwrap();
    add(&mut *queue, &[job(1, "a", None), job(2, "b", None)]).unwrap();
    server.signal("KILL");
    let refused = add(&mut *queue, &[job(3, "c", None)]).unwrap_err();
    assert!(refused.held, "{refused}");
    server.start_again();
    let begin = std::time::Instant::now();
    while commit(&mut *queue, &[Made::Done(job(1, "a", None)), Made::Add(job(4, "d", None))]).is_err() {
        assert!(begin.elapsed() < PATIENCE, "it is not connected again");
        std::thread::sleep(Duration::from_millis(10));
    }
    server.signal("KILL");
    server.start_again();
    commit(&mut *queue, &[Made::Add(job(5, "e", None))]).unwrap();
    drop(queue);
    let left: Vec<u64> = Table { server: &server, name }.all().jobs.iter().map(|job| job.id).collect();
    assert_eq!(left, [2, 4, 5]);
}

/// Its session is cut; where it comes back, another server may have been there.
#[test]
fn who_has_lost_the_queue_changes_nothing_any_more() {
    let Some(table) = table() else { return };
    let holder = "SELECT IS_USED_LOCK(CONCAT('gearmand ', MD5(CONCAT(DATABASE(), '.', 'TABLE_'))))";
    let cut = || table.sql(&format!("KILL {}", table.one(holder)));
    lose_the_queue(|| table.open().unwrap(), cut, PATIENCE);
    assert_eq!(table.all().jobs, [job(1, "a", None), job(2, "b", None), job(3, "x", None)]);
}

/// The certificate's name is `localhost`, and the password of MySQL 8 is sent to nobody else.
#[test]
fn tls_is_spoken_where_that_is_asked_for() {
    let certificate = Certificate::new("mysql");
    let port = Certificate::free_port();
    let words = [
        "--skip-networking=0".to_owned(),
        "--bind-address=127.0.0.1".into(),
        format!("--port={port}"),
        format!("--ssl-cert={}", certificate.file("ca.pem")),
        format!("--ssl-key={}", certificate.file("key.pem")),
    ];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(server) = Server::start_with(Kind::MariaDb, &words) else { return };
    let table = of(&server);
    table.sql("CREATE USER safe@'%' IDENTIFIED BY 'p' REQUIRE SSL; GRANT ALL ON jobs.* TO safe@'%'");
    let [ca, other]: [&str; 2] = ["ca.pem", "other.pem"].map(|name| &*certificate.file(name).leak());
    for (host, ca, wanted) in [
        ("localhost", Some(ca), None),
        ("localhost", None, Some("Access denied")),
        ("localhost", Some(other), Some("certificate")),
        ("127.0.0.1", Some(ca), Some("certificate")),
    ] {
        // Without TLS, `localhost` may be a socket of this host's own database.
        let host = if ca.is_none() { "127.0.0.1" } else { host };
        let opened = table.with(|t| (t.host, t.port, t.user, t.password, t.ca) = (host, port, "safe", "p", ca));
        match (opened, wanted) {
            (Ok(mut queue), None) => add(&mut *queue, &[job(1, "a", None)]).unwrap(),
            (Err(error), Some(wanted)) => assert!(error.reason.contains(wanted), "{error}, not {wanted}"),
            (opened, wanted) => panic!("{host} {ca:?}: {:?}, not {wanted:?}", opened.err()),
        }
    }
}
