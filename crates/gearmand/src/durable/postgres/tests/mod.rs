//! Against a PostgreSQL of the tests' own: what every backend has to do, and what may be wrong with a database.

use super::*;
use crate::durable::tests::certificate::Certificate;
use crate::durable::tests::databases::{Database as Server, Kind};
use crate::durable::tests::suite::{Place, add, backend_suite, commit, job, letter, lose_the_queue};
use crate::durable::tests::{Contents, Made, read_all};
use crate::durable::{Backend, Change};
use tokio_postgres::SimpleQueryMessage;

/// A table of its own.
struct Table<'s> {
    server: &'s Server,
    name: String,
}

impl Table<'_> {
    fn conninfo(&self) -> String {
        format!("host={} user=postgres dbname=postgres", self.server.folder())
    }

    fn with(&self, more: &str) -> Result<Box<dyn Backend>, BackendError> {
        open(&format!("{} {more}", self.conninfo()), &self.name)
    }

    /// What `psql` prints: the first column.
    fn sql(&self, sql: &str) -> Vec<String> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.conninfo(), tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            let rows = client.simple_query(&sql.replace("TABLE_", &self.name)).await.unwrap();
            let text = |message| match message {
                SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
                _ => None,
            };
            rows.into_iter().filter_map(text).collect()
        })
    }
}

impl Place for Table<'_> {
    fn open(&self) -> Result<Box<dyn Backend>, BackendError> {
        self.with("")
    }

    /// Its statement (libgearman-server/plugins/queue/postgres/queue.cc).
    fn c_adds(&self, unique: &str, function: &str) {
        self.sql(&format!(
            "INSERT INTO TABLE_ (priority, unique_key, function_name, data, when_to_run)
                 VALUES (1, '{unique}', '{function}', 'of C', 0)"
        ));
    }

    fn c_done(&self, unique: &str, function: &str) {
        self.sql(&format!("DELETE FROM TABLE_ WHERE unique_key='{unique}' AND function_name='{function}'"));
    }

    fn c_counts(&self) -> usize {
        self.sql("SELECT count(*) FROM TABLE_")[0].parse().unwrap()
    }
}

fn table() -> Option<Table<'static>> {
    Some(Table { server: Server::shared(Kind::Postgres)?, name: Server::name() })
}

backend_suite!(table());

/// A name of a schema in front, quotes, a name that is no word.
#[test]
fn tables_of_other_names() {
    let Some(table) = table() else { return };
    table.sql("CREATE SCHEMA IF NOT EXISTS other");
    for name in ["other.q", "what \"they\" call it", "Queue"] {
        let mut queue = open(&table.conninfo(), name).unwrap();
        add(&mut *queue, &[job(1, "k", Some("join"))]).unwrap();
        drop(queue);
        assert_eq!(read_all(&mut *open(&table.conninfo(), name).unwrap()).unwrap().0.jobs, [job(1, "k", Some("join"))]);
    }
    assert_eq!(table.sql("SELECT count(*) FROM other.q"), ["1"]);
}

/// C gearmand made it, and wrote all rows of it.
#[test]
fn c_gearmands_own_table_is_taken_over() {
    let Some(table) = table() else { return };
    table.sql(
        "CREATE TABLE TABLE_ (unique_key VARCHAR(64), function_name VARCHAR(255), priority INTEGER, data BYTEA,
             when_to_run INTEGER, UNIQUE (unique_key, function_name));
         INSERT INTO TABLE_ VALUES ('b', 'f', 0, 'x', 0), ('a', 'f', 2, NULL, 2000000000), ('', 'g', 1, '', 0)",
    );
    let (all, last) = read_all(&mut *table.open().unwrap()).unwrap();
    let of: Vec<_> = all.jobs.iter().map(|job| (job.id, &job.unique[..], job.priority as u8, job.due_ms)).collect();
    assert_eq!((of, last), (vec![(1, &b"b"[..], 0, 0), (2, b"a", 2, 2_000_000_000_000), (3, b"", 1, 0)], 3));
    let mut queue = table.open().unwrap();
    let jobs = read_all(&mut *queue).unwrap().0.jobs;
    commit(&mut *queue, &jobs.into_iter().map(Made::Done).collect::<Vec<_>>()).unwrap();
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
    table
        .sql("INSERT INTO TABLE_ SELECT 'copy', function_name, priority, data, 7, job_id FROM TABLE_ WHERE job_id = 1");
    table.sql(
        "INSERT INTO TABLE_ SELECT 'dead', function_name, priority, data, 0, 3 FROM TABLE_ WHERE unique_key = 'a'",
    );
    table.sql("INSERT INTO TABLE_ SELECT 'none', function_name, priority, data, 0, -5 FROM TABLE_ WHERE job_id = 2");
    let jobs = table.all().jobs;
    let of: Vec<_> = jobs.iter().map(|job| (job.id, str::from_utf8(&job.unique).unwrap(), job.due_ms)).collect();
    assert_eq!(of, [(1, "a", 0), (2, "b", 0), (4, "copy", 7000), (5, "dead", 0), (6, "none", 0)]);
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
        "CREATE ROLE locked LOGIN PASSWORD 'right'; CREATE ROLE poor LOGIN; CREATE ROLE rows LOGIN;
         CREATE SCHEMA IF NOT EXISTS closed; CREATE TABLE mine (a int, b int); CREATE TABLE odd (unique_key text,
             function_name text, priority text, data text, when_to_run int, UNIQUE (unique_key, function_name));
         CREATE TABLE loose (unique_key text, function_name text, priority int, data bytea, when_to_run int);
         CREATE TABLE theirs (unique_key text, function_name text, priority int, data bytea, when_to_run int,
             UNIQUE (unique_key, function_name)); GRANT ALL ON theirs TO rows",
    );
    let to = |conninfo: &str, name: &str| open(&format!("host={} {conninfo}", table.server.folder()), name);
    for (opened, wanted) in [
        (to("user=locked password=secret dbname=postgres", "t"), "password authentication failed"),
        (to("user=locked password=secret dbname=postgres", "t"), "--libpq-conninfo"),
        (to("user=nobody_there dbname=postgres", "t"), "role \"nobody_there\" does not exist"),
        (to("user=postgres dbname=nowhere", "t"), "createdb"),
        (to("user=poor dbname=postgres", "closed.t"), "allowed to make tables"),
        (to("user=rows dbname=postgres", "theirs"), "must own the table"),
        (to("user=postgres dbname=postgres", "mine"), "its columns are a integer, b integer, not unique_key"),
        (to("user=postgres dbname=postgres", "odd"), "priority text, data text"),
        (to("user=postgres dbname=postgres", "loose"), "must be UNIQUE together"),
        (to("user=postgres dbname=postgres port=1", "t"), "is the database there"),
        (open("host=/nowhere user=postgres", "t"), "is the database there"),
        (open("host=127.0.0.1 port=1 user=postgres password=secret", "t"), "Connection refused"),
        (open("hots=x", "t"), "--libpq-conninfo"),
    ] {
        let reason = refused(opened, wanted);
        assert!(reason.contains(wanted), "{reason}, not {wanted}");
    }
}

#[test]
fn rows_that_cannot_be_read_end_the_start() {
    for (change, wanted) in [
        ("UPDATE TABLE_ SET priority = 7 WHERE job_id = 2", "row 2 of its table \"TABLE_\": its priority is 7"),
        ("UPDATE TABLE_ SET unique_key = NULL", "its unique_key is NULL"),
        ("UPDATE TABLE_ SET function_name = NULL", "its function_name is NULL"),
        ("UPDATE TABLE_ SET tries = 70000", "its tries are 70000"),
        ("UPDATE TABLE_dead SET priority = -1", "row 1 of its table \"TABLE_dead\": its priority is -1"),
        ("ALTER TABLE TABLE_dead DROP COLUMN worker", "worker"),
        ("UPDATE TABLE_owner SET version = 2", "a newer gearmand"),
        ("UPDATE TABLE_owner SET version = 0", "version 0, which there never was"),
        ("DELETE FROM TABLE_owner", "says nothing"),
    ] {
        let Some(table) = table() else { return };
        let mut queue = table.open().unwrap();
        add(&mut *queue, &[job(1, "a", None), job(2, "b", None), job(3, "c", None)]).unwrap();
        commit(&mut *queue, &[Made::Bury(letter(job(3, "c", None), 5))]).unwrap();
        drop(queue);
        table.sql(&change.replace("TABLE_dead", "TABLE__dead").replace("TABLE_owner", "TABLE__owner"));
        let reason = refused(table.open(), wanted);
        let wanted = wanted.replace("TABLE_dead", "TABLE__dead").replace("TABLE_", &table.name);
        assert!(reason.contains(&wanted), "{change}: {reason}, not {wanted}");
    }
}

/// All that was committed is there; what comes meanwhile is refused, and what could not be done is done afterwards.
#[test]
fn the_database_is_restarted() {
    for signal in ["QUIT", "INT"] {
        let Some(mut server) = Server::start(Kind::Postgres) else { return };
        let name = Server::name();
        let mut queue = Table { server: &server, name: name.clone() }.open().unwrap();
        add(&mut *queue, &[job(1, "a", None), job(2, "b", None)]).unwrap();
        server.signal(signal);
        let refused = add(&mut *queue, &[job(3, "c", None)]).unwrap_err();
        assert!(refused.held, "{refused}");
        server.start_again();
        let begin = std::time::Instant::now();
        while commit(&mut *queue, &[Made::Done(job(1, "a", None)), Made::Add(job(4, "d", None))]).is_err() {
            assert!(begin.elapsed() < PATIENCE, "it is not connected again");
            std::thread::sleep(Duration::from_millis(10));
        }
        let at_once = {
            server.signal(signal);
            server.start_again();
            commit(&mut *queue, &[Made::Add(job(5, "e", None))])
        };
        at_once.unwrap();
        drop(queue);
        let left: Vec<u64> = Table { server: &server, name }.all().jobs.iter().map(|job| job.id).collect();
        assert_eq!(left, [2, 4, 5]);
    }
}

/// Its session is cut; where it comes back, another server may have been there.
#[test]
fn who_has_lost_the_queue_changes_nothing_any_more() {
    let Some(table) = table() else { return };
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'gearmand %'
                   AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory'
                   AND objid = 'TABLE_'::regclass::oid)";
    let cut = || assert_eq!(table.sql(cut), ["t"]);
    lose_the_queue(|| table.open().unwrap(), cut, PATIENCE);
    assert_eq!(table.all().jobs, [job(1, "a", None), job(2, "b", None), job(3, "x", None)]);
}

/// A commit that was reported as failed leaves nothing, though the database has made it: here the connection is cut while it
/// waits.
#[test]
fn what_was_refused_is_not_there_afterwards() {
    let Some(table) = table() else { return };
    let mut queue = connect(&table.conninfo(), &table.name).unwrap();
    add(&mut queue, &[job(1, "a", None)]).unwrap();
    // As if it had not been heard that this was made.
    let refused = [job(2, "", None), job(3, "b", None)];
    add(&mut queue, &refused).unwrap();
    let refused: Vec<_> = refused.iter().map(|job| Change::Add(job.row())).collect();
    queue.doubt(&refused);
    let again = job(4, "b", None);
    add(&mut queue, std::slice::from_ref(&again)).unwrap();
    drop(queue);
    assert_eq!(table.all(), Contents { jobs: vec![job(1, "a", None), again], ..Contents::default() });
}

/// The certificate's name is `localhost`.
#[test]
fn the_certificate_is_verified_where_that_is_asked_for() {
    let certificate = Certificate::new("postgres");
    let port = Certificate::free_port();
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "ssl=on".into(),
        format!("ssl_cert_file={}", certificate.file("ca.pem")),
        format!("ssl_key_file={}", certificate.file("key.pem")),
    ];
    let words: Vec<&str> = settings.iter().flat_map(|setting| ["-c", setting]).collect();
    let Some(server) = Server::start_with(Kind::Postgres, &words) else { return };
    let local = format!("host={} port={port} user=postgres dbname=postgres", server.folder());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&local, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("ALTER ROLE postgres PASSWORD 'p'").await.unwrap();
    });
    let (ca, other) = (certificate.file("ca.pem"), certificate.file("other.pem"));
    for (words, works) in [
        ("host=localhost sslmode=disable".to_owned(), true),
        ("host=localhost sslmode=require".into(), true),
        (format!("host=localhost sslmode=verify-full sslrootcert={ca}"), true),
        (format!("host=127.0.0.1 sslmode=verify-full sslrootcert={ca}"), false),
        (format!("host=127.0.0.1 sslmode=verify-ca sslrootcert={ca}"), true),
        (format!("host=localhost sslmode=verify-ca sslrootcert={other}"), false),
        (format!("host=localhost sslmode=require sslrootcert={other}"), false),
    ] {
        let opened = open(&format!("{words} port={port} user=postgres password=p dbname=postgres"), "t");
        match opened {
            Ok(mut queue) => {
                assert!(works, "{words}");
                add(&mut *queue, &[job(1, "a", None)]).unwrap();
            }
            Err(error) => assert!(!works && error.reason.contains("certificate"), "{words}: {error}"),
        }
    }
}
