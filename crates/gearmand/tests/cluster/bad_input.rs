//! What a server refuses at its start, or goes on with nevertheless.

use super::*;
use crate::process::{gearmand, stderr};

/// A start that must fail: what is said.
fn not_started(words: &[String]) -> String {
    let fixed = ["-p", "0", "-L", "127.0.0.1", "-l", "stderr", "-P", "", "--bind-wait=0"];
    let mut command = gearmand();
    for name in ["PGHOST", "PGUSER", "PGPASSWORD", "PGDATABASE"] {
        command.env_remove(name);
    }
    let output = command.args(fixed).args(words).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{words:?}: {}", stderr(&output));
    stderr(&output)
}

fn says(words: &[String], parts: &[&str]) {
    let said = not_started(words);
    let right = parts.iter().all(|part| said.contains(part));
    assert!(right && !said.contains("hidden") && !said.contains("panicked"), "{words:?}, {parts:?}: {said}");
}

#[test]
fn databases_that_are_not_there_or_do_not_let_us_in() {
    let Some(cluster) = Cluster::new("nowhere") else { return };
    let at = |url: &str| cluster.options(url, "a");
    let socket = cluster.url();
    // Another test may have made it.
    let user = "DO $$BEGIN CREATE USER guarded PASSWORD 'right'; EXCEPTION WHEN OTHERS THEN NULL; END$$";
    cluster.sql().execute(user);
    let guarded = socket.replace("user=postgres", "user=guarded");
    for (url, parts) in [
        ("mysql://a:hidden@host/x", &["--cluster-url"][..]),
        ("postgresql://a:hidden@host:port/x", &["--cluster-url"]),
        ("hots=x password=hidden", &["--cluster-url", "hots"]),
        (&format!("{socket} dbname=not_there"), &["not_there"]),
        (&format!("{guarded} password=hidden"), &["28P01", "--cluster-password-file"]),
    ] {
        says(&at(url), parts);
    }
    let file = cluster.file("password");
    let with_file = [at(&guarded), vec![format!("--cluster-password-file={file}")]].concat();
    says(&with_file, &["--cluster-password-file", &file]);
    std::fs::write(&file, "\n").unwrap();
    says(&with_file, &["is empty"]);
    std::fs::write(&file, "hidden\n").unwrap();
    says(&with_file, &["28P01"]);
}

#[test]
fn a_password_in_a_file() {
    let Some(database) = Database::start(Kind::Postgres) else { return };
    let cluster = Cluster::of(&database, "password");
    cluster
        .sql()
        .execute("CREATE USER guarded PASSWORD 'it is this one'; GRANT CREATE ON DATABASE postgres TO guarded");
    let file = cluster.file("password");
    std::fs::write(&file, "it is this one\n").unwrap();
    let url = cluster.url().replace("user=postgres", "user=guarded");
    let server = cluster.start_at(&url, "a", &[&format!("--cluster-password-file={file}")]);
    submit(&mut peer(&server), "", "x");
    assert_eq!(cluster.sql().number("SELECT count(*) FROM @.job"), 1);
}

#[test]
fn tables_that_are_not_ours_or_not_as_they_were() {
    let make = |name: &str, change: &str| {
        let cluster = Cluster::new(name)?;
        cluster.start("first").stop();
        cluster.sql().execute(change);
        Some(cluster)
    };
    for (name, change, parts) in [
        ("newer", "UPDATE @.cluster SET version = 99", &["newer gearmand", "version 99"][..]),
        ("column", "ALTER TABLE @.job DROP COLUMN reducer", &["changed by hand", "job.reducer"]),
        ("index", "DROP INDEX @.job_key", &["changed by hand", "job_key"]),
        ("table", "DROP TABLE @.setting", &["changed by hand", "setting"]),
        ("row", "DELETE FROM @.cluster", &["must have one row"]),
    ] {
        let Some(cluster) = make(name, change) else { return };
        says(&cluster.options(&cluster.url(), "a"), &[parts, &[&cluster.schema]].concat());
    }
    let Some(cluster) = Cluster::new("somebody") else { return };
    cluster.sql().execute("CREATE SCHEMA @; CREATE TABLE @.job (x int); INSERT INTO @.job VALUES (1)");
    says(&cluster.options(&cluster.url(), "a"), &["somebody else", "--cluster-schema"]);
    assert_eq!(cluster.sql().number("SELECT x::bigint FROM @.job"), 1, "it is left alone");
}

#[test]
fn rights_that_are_missing_are_named() {
    let Some(cluster) = Cluster::new("rights") else { return };
    let (user, sql) = (format!("user_{}", cluster.schema), cluster.sql());
    sql.execute(&format!("CREATE USER {user}"));
    let options = cluster.options(&cluster.url().replace("user=postgres", &format!("user={user}")), "a");
    says(&options, &["cannot be made", "42501"]);
    cluster.start("first").stop();
    says(&options, &["42501"]);
    sql.execute(&format!(
        "GRANT USAGE ON SCHEMA @ TO {user}; GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA @ TO {user}"
    ));
    says(&options, &["lacks rights", "DELETE on job", "INSERT on job"]);
}

#[test]
fn options_that_make_no_sense() {
    for (words, parts) in [
        (&["--queue-type=cluster", "--cluster-schema="][..], &["--cluster-schema"][..]),
        (&["--queue-type=cluster", "--cluster-schema=pg_mine"], &["--cluster-schema", "pg_"]),
        (&["--queue-type=cluster", "--cluster-window=many"], &["--cluster-window", "many"]),
        (&["--queue-type=cluster", "--cluster-url=hots=x"], &["--cluster-url", "hots"]),
        (&["--queue-type=cluster", "--store-queue-on-shutdown"], &["--store-queue-on-shutdown"]),
    ] {
        says(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), parts);
    }
}

/// Both work, and the operator is told.
#[test]
fn two_servers_with_one_name() {
    let Some(cluster) = Cluster::new("namesakes") else { return };
    let a = cluster.start("same");
    // It has joined, now that it takes a job.
    let handle = submit(&mut peer(&a), "k", "x");
    let mut b = cluster.start("same");
    // It may have joined before it listens.
    b.said("another server of the cluster is called same");
    assert_eq!(submit(&mut peer(&b), "k", "x"), handle);
    let mut worker = worker(&b, &["f"]);
    let job = grab(&mut worker);
    assert_eq!(job.handle, handle);
    complete(&mut worker, &job);
    assert_eq!(cluster.sql().number("SELECT count(*) FROM @.server WHERE died IS NULL"), 2);
}

/// Ones with schemas of their own have nothing to do with each other.
#[test]
fn two_clusters_in_one_database() {
    let (Some(one), Some(two)) = (Cluster::new("one"), Cluster::new("two")) else { return };
    let (a, b) = (one.start("a"), two.start("a"));
    let (first, second) = (submit(&mut peer(&a), "k", "x"), submit(&mut peer(&b), "k", "x"));
    assert_ne!(first, second);
    let mut worker = worker(&b, &["f"]);
    let job = grab(&mut worker);
    assert_eq!(job.handle, second);
    complete(&mut worker, &job);
    grab_nothing(&mut worker);
}

/// Nothing works until there are tables again, which the next server makes that is started.
#[test]
fn tables_that_are_dropped_under_a_server() {
    let Some(cluster) = Cluster::new("dropped") else { return };
    let a = cluster.start("a");
    submit(&mut peer(&a), "", "x");
    cluster.sql().execute("DROP SCHEMA @ CASCADE");
    refuses(&a);
    let b = cluster.start("b");
    let handles = [
        submit(&mut peer(&b), "", "x"),
        until("it takes jobs again", || {
            let (command, handle) = peer(&a).ask(SUBMIT_JOB_BG, &[b"f", b"", b"x"]);
            (command == JOB_CREATED).then_some(handle)
        }),
    ];
    let mut worker = worker(&a, &["f"]);
    for _ in &handles {
        let job = grab(&mut worker);
        assert!(handles.contains(&job.handle));
        complete(&mut worker, &job);
    }
}
