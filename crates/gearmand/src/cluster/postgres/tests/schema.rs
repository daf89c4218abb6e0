//! Making the tables, and refusing what is not ours.

use super::*;
use crate::cluster::postgres::error::Unusable;

async fn refused(settings: &Settings) -> Unusable {
    match Store::open(settings).await {
        Ok(_) => panic!("it was opened"),
        Err(unusable) => unusable,
    }
}

/// What is refused says all of these words.
async fn says(place: &Place, words: &[&str]) {
    let error = refused(&place.settings).await;
    assert!(words.iter().all(|word| error.text.contains(word)) && !error.passes, "{words:?}: {error}");
}

#[tokio::test]
async fn servers_that_start_together_make_the_tables_once() {
    let Some(place) = place() else { return };
    let stores = in_time(async { tokio::join!(place.open(), place.open(), place.open(), place.open()) }).await;
    assert!(!stores.0.is_broken());
    assert_eq!(place.number("SELECT count(*) FROM @.cluster").await, 1);
    // What is there is not made anew.
    Server::join(stores.0, "a").await.insert(jobs([1], false)).await;
    assert_eq!(place.server().await.claim_ids("f", 5).await, [1]);
}

/// A session did what its database said: of servers that started together some found tables in their way, and what was acknowledged was
/// in memory alone.
#[tokio::test]
async fn a_database_with_other_defaults() {
    let Some(Place { settings: Settings { schema, .. }, url }) = place() else { return };
    let defaults = "options='-c default_transaction_isolation=serializable -c synchronous_commit=off'";
    let place = Place { settings: settings(&format!("{url} {defaults}"), &schema), url };
    let stores = in_time(async { tokio::join!(place.open(), place.open(), place.open(), place.open()) }).await;
    for (name, wanted) in [("default_transaction_isolation", "read committed"), ("synchronous_commit", "on")] {
        for session in [&stores.0.writing, &stores.0.beside, &stores.0.asking] {
            let rows = session.simple(&format!("SHOW {name}")).await.unwrap();
            let said = rows.iter().find_map(|row| match row {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            assert_eq!(said, Some(wanted), "{name}");
        }
    }
}

#[tokio::test]
async fn an_empty_schema_is_taken() {
    let Some(place) = place() else { return };
    place.execute("CREATE SCHEMA @").await;
    assert_eq!(place.server().await.block(1).await, 1);
}

#[tokio::test]
async fn newer_tables_are_refused() {
    let Some(place) = place() else { return };
    place.open().await;
    place.execute("UPDATE @.cluster SET version = 99").await;
    says(&place, &["newer gearmand", "version 99"]).await;
}

#[tokio::test]
async fn tables_of_somebody_else_are_left_alone() {
    let Some(place) = place() else { return };
    place.execute("CREATE SCHEMA @; CREATE TABLE @.job (x int)").await;
    says(&place, &["somebody else", "(job)", "--cluster-schema"]).await;
    place.execute("CREATE TABLE @.cluster (name text)").await;
    says(&place, &["somebody else", "cluster"]).await;
}

#[tokio::test]
async fn what_was_changed_by_hand_is_named() {
    for (change, word) in [
        ("ALTER TABLE @.job DROP COLUMN reducer", "there is no column job.reducer"),
        ("ALTER TABLE @.job ALTER COLUMN tries TYPE bigint", "there is no needed column job.tries integer"),
        ("DROP INDEX @.job_free", "there is no index job_free"),
        ("DROP INDEX @.job_key; CREATE INDEX job_key ON @.job (unique_key)", "there is no unique index job_key"),
        ("CREATE UNIQUE INDEX one ON @.job (function)", "there is unique index one"),
        ("ALTER TABLE @.job ADD CHECK (tries < 3)", "there is constraint job_tries_check"),
        ("ALTER TABLE @.dead ADD COLUMN x text NOT NULL", "there is needed column dead.x text"),
        ("DROP TABLE @.setting", "setting"),
        ("DELETE FROM @.cluster", "must have one row"),
    ] {
        let Some(place) = place() else { return };
        place.open().await;
        place.execute(change).await;
        let word = word.replace("no needed column job.tries integer", "no column job.tries integer");
        says(&place, &["changed by hand", &word]).await;
    }
    let Some(place) = place() else { return };
    place.open().await;
    place.execute("CREATE INDEX mine ON @.job (due); ALTER TABLE @.job ADD COLUMN note text").await;
    place.open().await;
}

#[tokio::test]
async fn a_user_without_rights_is_told_which() {
    let Some(place) = place() else { return };
    let user = format!("user_{}", Database::name());
    place.execute(&format!("CREATE USER {user}")).await;
    let theirs = |schema: &str| settings(&format!("{} user={user}", place.url), schema);
    let error = refused(&theirs(&place.settings.schema)).await;
    assert!(error.text.contains("cannot be made") && error.text.contains("42501") && !error.passes, "{error}");
    place.open().await;
    let error = refused(&theirs(&place.settings.schema)).await;
    assert!(error.text.contains("42501") && !error.passes, "{error}");
    let grant = format!("GRANT USAGE ON SCHEMA @ TO {user}; GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA @ TO {user};");
    place.execute(&grant).await;
    let error = refused(&theirs(&place.settings.schema)).await;
    assert!(error.text.contains("lacks rights") && error.text.contains("DELETE on job"), "{error}");
    place.execute(&format!("GRANT INSERT, DELETE ON ALL TABLES IN SCHEMA @ TO {user};")).await;
    let store = Store::open(&theirs(&place.settings.schema)).await.map_err(|e| e.text).unwrap().0;
    let server = Server::join(store, "a").await;
    server.insert(jobs([1], false)).await;
    assert_eq!(server.claim_ids("f", 1).await, [1]);
}

#[tokio::test]
async fn what_leads_nowhere_is_explained_and_no_password_shown() {
    let Some(place) = place() else { return };
    let folder = Database::shared(Kind::Postgres).unwrap().folder();
    // Who is asked for a password. Another test may have made it.
    let _ = place.admin().await.batch_execute("CREATE USER guarded PASSWORD 'right'").await;
    let guarded = format!("host={folder} dbname=postgres user=guarded");
    for (url, words, passes) in [
        (format!("host={folder} user=postgres dbname=nowhere"), ["3D000", "make the database"], false),
        (format!("host={folder} user=nobody_here dbname=postgres"), ["28000", "is the user right"], false),
        (format!("{guarded} password=hidden"), ["28P01", "--cluster-password-file"], false),
        ("host=/nowhere user=postgres".to_owned(), ["error connecting", "No such file"], true),
    ] {
        let error = refused(&settings(&url, "x")).await;
        let right = words.iter().all(|word| error.text.contains(word)) && error.passes == passes;
        assert!(right && !error.text.contains("hidden"), "{url}: {error} {}", error.passes);
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let new = |url: &str, file: Option<&str>, schema: &str| {
        let error = Settings::new(url, |_| None, file.map(std::path::Path::new), schema).err().unwrap();
        assert!(!error.passes);
        error.text
    };
    for schema in ["", "pg_x", &"x".repeat(64)] {
        assert!(new("", None, schema).starts_with("--cluster-schema: "));
    }
    let error = new("postgresql://a:hidden@h:port/x", None, "x");
    assert!(error.starts_with("--cluster-url: ") && !error.contains("hidden"), "{error}");
    assert!(new("hots=x", None, "x").contains("hots"));
    assert!(new("host=x", Some("/nowhere"), "x").contains("/nowhere"));
    let folder = std::env::temp_dir().join(format!("gearmand-password-{}", std::process::id()));
    std::fs::write(&folder, "\n").unwrap();
    assert!(new("host=x", folder.to_str(), "x").contains("is empty"));
    std::fs::write(&folder, "it is\r\n").unwrap();
    let settings = Settings::new("host=x password=other", |_| None, Some(&folder), "x").unwrap();
    assert_eq!(settings.conninfo.config.get_password(), Some(&b"it is"[..]));
    std::fs::remove_file(&folder).unwrap();
}

#[test]
fn opening_takes_little_of_a_stack() {
    let Some(place) = place() else { return };
    let size = size_of_val(&Store::open(&place.settings));
    assert!(size < 20_000, "{size}");
}
