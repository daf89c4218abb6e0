//! Connections that break, databases that go away, and what is refused.

use super::*;
use crate::cluster::ask::Beat;

/// Ends the sessions of this place that are in the middle of something, or all.
async fn kill(place: &Place, which: &str) {
    let text = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%\"{}\"%' AND {which}",
        place.settings.schema
    );
    place.admin().await.batch_execute(&text).await.unwrap();
}

#[tokio::test]
async fn a_write_whose_connection_is_killed_is_in_doubt_and_then_decided() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.insert(vec![own(job(1, "f", "k"))]).await;
    let mut admin = place.admin().await;
    let holds = admin.transaction().await.unwrap();
    holds.execute(&place.settings.statement("SELECT FROM @.job WHERE id = 1 FOR UPDATE"), &[]).await.unwrap();
    let done = a.next_write(Write::Settle(vec![Settle::Done(1)].into()));
    let killed = async {
        let waiting = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%\"{}\"%'",
            place.settings.schema
        );
        until(async || (place.number(&waiting).await > 0).then_some(())).await;
        kill(&place, "wait_event_type = 'Lock'").await;
    };
    let (answer, ()) = in_time(async { tokio::join!(a.store.ask(&done), killed) }).await;
    assert_eq!(answer, Err(Fault::InDoubt));
    assert!(a.store.is_broken());
    let refused = a.write(Write::Insert(jobs([2], true).into())).await;
    assert!(matches!(refused, Err(Fault::NotDone(text)) if text.contains("no connection")));
    drop(holds);
    // On another connection it is asked what became of it.
    let resume = Ask::Resume { epoch: a.epoch, turn: 2, rows: Vec::new().into() };
    assert_eq!(b.ask(resume).await, Answer::Resumed(None));
    assert_eq!(b.ask(Ask::Owned(a.epoch)).await, Answer::Owned(vec![1]));
}

#[tokio::test]
async fn resuming_waits_for_a_write_that_is_still_being_made() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    b.insert(vec![own(job(1, "f", "k"))]).await;
    let mut admin = place.admin().await;
    let holds = admin.transaction().await.unwrap();
    // As an insert that is not committed yet.
    holds.execute(&place.settings.statement("DELETE FROM @.job WHERE id = 1"), &[]).await.unwrap();
    let rows: std::sync::Arc<[NewRow]> = vec![own(job(11, "f", "k"))].into();
    let insert = a.next_write(Write::Insert(rows.clone()));
    let mut write = Box::pin(a.store.ask(&insert));
    let locks = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%\"{}\"%'",
        place.settings.schema
    );
    tokio::select! {
        _ = &mut write => panic!("nobody holds it up"),
        () = until(async || (place.number(&locks).await == 1).then_some(())) => {}
    }
    // Nobody waits for its answer any more.
    drop(write);
    let resume = Ask::Resume { epoch: a.epoch, turn: 1, rows };
    let mut resumed = Box::pin(b.store.ask(&resume));
    tokio::select! {
        _ = &mut resumed => panic!("it did not wait"),
        () = until(async || (place.number(&locks).await == 2).then_some(())) => {}
    }
    holds.commit().await.unwrap();
    assert_eq!(in_time(resumed).await, Ok(Answer::Resumed(Some(vec![Inserted::Stored]))));
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_not_done() {
    let Some(mut place) = place() else { return };
    place.settings.statement_timeout = Duration::from_millis(300);
    let server = place.server().await;
    server.insert(vec![own(job(1, "f", ""))]).await;
    let mut admin = place.admin().await;
    let holds = admin.transaction().await.unwrap();
    holds.execute(&place.settings.statement("SELECT FROM @.job WHERE id = 1 FOR UPDATE"), &[]).await.unwrap();
    let done = Ask::Write { epoch: server.epoch, turn: 2, write: Write::Settle(vec![Settle::Done(1)].into()) };
    let answer = in_time(server.store.ask(&done)).await;
    assert!(matches!(&answer, Err(Fault::NotDone(text)) if text.contains("55P03")), "{answer:?}");
    drop(holds);
    assert!(!server.store.is_broken());
    // It was not made, so its turn is still to come.
    let answer = until(async || server.store.ask(&done).await.ok()).await;
    assert_eq!(answer, Answer::Settled(vec![Settled::Made]));
}

#[tokio::test]
async fn a_database_that_is_killed_has_all_that_was_answered() {
    let Some(mut database) = Database::start_with(Kind::Postgres, &["-c", "fsync=on", "-c", "full_page_writes=on"])
    else {
        return;
    };
    let place = place_in(&database);
    let server = place.server().await;
    server.insert(jobs(1..=100, true)).await;
    server.settle((1..=50).map(Settle::Done).collect()).await;
    database.signal("QUIT");
    let lost = in_time(server.store.ask(&Ask::Beat(server.epoch))).await;
    assert!(lost.is_err() && server.store.is_broken(), "{lost:?}");
    let gone = Store::open(&place.settings).await.err().unwrap();
    assert!(gone.passes, "{gone}");
    database.start_again();
    let again = Server { store: place.open().await, epoch: server.epoch, turn: AtomicU64::new(2) };
    assert_eq!(again.owned().await, (51..=100).collect::<Vec<_>>());
    assert_eq!(again.ask(Ask::Beat(server.epoch)).await, Answer::Beat(Beat::Eldest));
    again.settle((51..=100).map(Settle::Done).collect()).await;
}

#[tokio::test]
async fn a_standby_is_refused_and_left() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    // In this session alone.
    server.store.writing.simple("SET default_transaction_read_only = on").await.unwrap();
    let refused = server.write(Write::Insert(jobs([1], false).into())).await;
    assert!(matches!(&refused, Err(Fault::NotDone(text)) if text.contains("standby")), "{refused:?}");
    assert!(server.store.is_broken());
}

#[tokio::test]
async fn a_full_database_refuses_a_batch_and_takes_the_next() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    let full = "CREATE FUNCTION @.no_room() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
        CREATE TRIGGER no_room BEFORE INSERT ON @.job FOR EACH ROW WHEN (NEW.id = 2) EXECUTE FUNCTION @.no_room()";
    place.execute(full).await;
    let insert =
        |ids: [u64; 2]| Ask::Write { epoch: server.epoch, turn: 1, write: Write::Insert(jobs(ids, true).into()) };
    let refused = server.store.ask(&insert([1, 2])).await;
    assert!(matches!(&refused, Err(Fault::NotDone(text)) if text.contains("disk is full")), "{refused:?}");
    assert_eq!(server.owned().await, [0; 0]);
    assert_eq!(server.ask(insert([1, 3])).await, Answer::Inserted(vec![Inserted::Stored; 2]));
}

#[tokio::test]
async fn a_write_that_was_made_is_in_doubt_when_what_it_left_cannot_be_looked_for() {
    let Some(place) = place() else { return };
    let (mut a, b) = (place.server().await, place.server().await);
    b.insert(vec![own(job(1, "f", "k"))]).await;
    let fails = "SELECT k.id, 1 / (k.id - k.id)
        FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[]) AS k(id, function, unique_key, data)";
    a.store.writes.twins = a.store.writing.prepare(&place.settings, fails).await.unwrap();
    let rows: std::sync::Arc<[NewRow]> = vec![own(job(11, "f", "j")), own(job(12, "f", "k"))].into();
    assert_eq!(a.write(Write::Insert(rows.clone())).await, Err(Fault::InDoubt));
    assert!(a.store.is_broken());
    let resumed = b.ask(Ask::Resume { epoch: a.epoch, turn: 1, rows }).await;
    assert_eq!(resumed, Answer::Resumed(Some(vec![Inserted::Stored, Inserted::Exists(1)])));
}
