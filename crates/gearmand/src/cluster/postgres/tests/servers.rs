//! Servers come, are heard of and go.

use super::*;
use crate::cluster::ask::{Beat, Swept};

/// As if nothing had been heard of them for so long.
async fn silent(place: &Place, epoch: Epoch, seconds: u32) {
    place.execute(&format!("UPDATE @.beat SET at = at - interval '{seconds} s' WHERE epoch = {epoch}")).await;
}

async fn sweep(server: &Server) -> Swept {
    match server.ask(Ask::Sweep(server.epoch)).await {
        Answer::Swept(swept) => swept,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_join_is_an_epoch_and_namesakes_are_known() {
    let Some(place) = place() else { return };
    let store = place.open().await;
    let join =
        async |name: &str| match store.ask(&Ask::Join { name: name.into(), address: "x".into(), after: None }).await {
            Ok(Answer::Joined { epoch, namesake }) => (epoch, namesake),
            other => panic!("{other:?}"),
        };
    let (first, alone) = join("a").await;
    let (second, twins) = join("a").await;
    assert!(first > 0 && second > first);
    assert_eq!((alone, twins, join("b").await.1), (false, true, false));
    for epoch in [first, second] {
        store.ask(&Ask::Leave(epoch)).await.unwrap();
        assert_eq!(store.ask(&Ask::Beat(epoch)).await, Ok(Answer::Beat(Beat::Dead)));
    }
    assert!(!join("a").await.1);
}

#[tokio::test]
async fn whoever_is_silent_for_too_long_is_dead_and_its_rows_are_free() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.insert(jobs(1..=3, true)).await;
    b.insert(jobs([4], true)).await;
    a.settle(vec![Settle::Started(2)]).await;
    silent(&place, a.epoch, 3000).await;
    assert_eq!(sweep(&b).await, Swept::default());
    assert_eq!(a.ask(Ask::Beat(a.epoch)).await, Answer::Beat(Beat::Eldest));
    silent(&place, a.epoch, 3601).await;
    // Before anybody has seen it, too.
    assert_eq!(a.ask(Ask::Beat(a.epoch)).await, Answer::Beat(Beat::Dead));
    let claim = Write::Claim(vec![Want { function: Bytes::from("f"), count: 1, limit: None }]);
    let claim = Ask::Write { epoch: a.epoch, turn: 3, write: claim };
    assert_eq!(a.ask(claim.clone()).await, Answer::Fenced);
    assert_eq!(sweep(&b).await, Swept { died: vec!["a".into()], freed: 3 });
    assert_eq!(sweep(&b).await, Swept::default());
    assert_eq!((a.ask(Ask::Beat(a.epoch)).await, a.ask(claim).await), (Answer::Beat(Beat::Dead), Answer::Fenced));
    let rows = b.claim("f", 10).await;
    assert_eq!(rows.iter().map(|row| (row.id, row.tries)).collect::<Vec<_>>(), [(1, 0), (2, 1), (3, 0)]);
    assert!(rows[1].first_ms > 0);
    assert_eq!(b.owned().await, [1, 2, 3, 4]);
    assert_eq!(a.ask(Ask::Resume { epoch: a.epoch, turn: 3, rows: Vec::new().into() }).await, Answer::Resumed(None));
}

#[tokio::test]
async fn the_eldest_is_the_first_that_was_not_declared_dead() {
    let Some(place) = place() else { return };
    let (a, b, c) = (place.server().await, place.server().await, place.server().await);
    let beat = async |server: &Server| server.ask(Ask::Beat(server.epoch)).await;
    assert_eq!((beat(&a).await, beat(&b).await), (Answer::Beat(Beat::Eldest), Answer::Beat(Beat::Lives)));
    a.ask(Ask::Leave(a.epoch)).await;
    assert_eq!((beat(&b).await, beat(&c).await), (Answer::Beat(Beat::Eldest), Answer::Beat(Beat::Lives)));
    silent(&place, b.epoch, 3601).await;
    // The clock may be set back.
    assert_eq!(beat(&c).await, Answer::Beat(Beat::Lives));
    sweep(&c).await;
    assert_eq!((beat(&b).await, beat(&c).await), (Answer::Beat(Beat::Dead), Answer::Beat(Beat::Eldest)));
}

#[tokio::test]
async fn nobody_joins_before_who_has_a_smaller_epoch() {
    let Some(place) = place() else { return };
    let late = place.open().await;
    let mut admin = place.admin().await;
    let first = admin.transaction().await.unwrap();
    let join = place.settings.statement(crate::cluster::postgres::statements::JOIN);
    let epoch: i64 = first.query_one(&join, &[&"slow", &"here", &None::<i64>]).await.unwrap().get(0);
    let mut joins = std::pin::pin!(Server::join(late, "a"));
    tokio::select! {
        _ = &mut joins => panic!("nobody holds it up"),
        () = waits(&place) => {}
    }
    first.commit().await.unwrap();
    let server = in_time(joins).await;
    assert!(server.epoch > epoch as Epoch);
    assert_eq!(server.ask(Ask::Beat(server.epoch)).await, Answer::Beat(Beat::Lives));
}

#[tokio::test]
async fn rows_of_owners_that_nobody_knows_are_freed() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    server.insert(jobs(1..=5, true)).await;
    place.execute("UPDATE @.job SET owner = 1000 + id WHERE id < 4; UPDATE @.job SET owner = 1004 WHERE id = 3").await;
    assert_eq!(sweep(&server).await, Swept { died: Vec::new(), freed: 3 });
    assert_eq!(server.owned().await, [4, 5]);
}

#[tokio::test]
async fn whoever_leaves_leaves_its_rows() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.insert(jobs([1, 2], true)).await;
    assert_eq!(a.ask(Ask::Leave(a.epoch)).await, Answer::Done);
    assert_eq!(b.claim_ids("f", 5).await, [1, 2]);
    assert_eq!(sweep(&b).await, Swept::default());
    assert_eq!(place.number("SELECT count(*) FROM @.server WHERE was_left AND died IS NOT NULL").await, 1);
}

/// Somebody's transaction holds a write of an epoch up.
#[tokio::test]
async fn a_beat_waits_for_no_write_and_nobody_dies_in_the_middle_of_one() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.insert(vec![own(job(1, "f", ""))]).await;
    let mut admin = place.admin().await;
    let holds = admin.transaction().await.unwrap();
    holds.execute(&place.settings.statement("SELECT FROM @.job WHERE id = 1 FOR UPDATE"), &[]).await.unwrap();
    let done = a.next_write(Write::Settle(vec![Settle::Done(1)].into()));
    let mut write = std::pin::pin!(a.store.ask(&done));
    tokio::select! {
        _ = &mut write => panic!("nobody holds it up"),
        () = waits(&place) => {}
    }
    assert_eq!(in_time(a.ask(Ask::Beat(a.epoch))).await, Answer::Beat(Beat::Eldest));
    silent(&place, a.epoch, 3601).await;
    assert_eq!(in_time(sweep(&b)).await, Swept::default());
    holds.commit().await.unwrap();
    assert_eq!(in_time(write).await, Ok(Answer::Settled(vec![Settled::Made])));
    assert_eq!(sweep(&b).await.died, ["a"]);
}

/// Until a statement in this schema waits for a lock.
pub(super) async fn waits(place: &Place) {
    let select = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%\"{}\"%'",
        place.settings.schema
    );
    let admin = place.admin().await;
    until(async || (admin.query_one(&select, &[]).await.unwrap().get::<_, i64>(0) > 0).then_some(())).await;
}

#[tokio::test]
async fn numbers_are_given_once() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    assert_eq!([a.block(1000).await, b.block(1).await, a.block(10).await, b.block(5).await], [1, 1001, 1002, 1012]);
}

#[tokio::test]
async fn wake_ups_reach_every_server_of_the_schema() {
    let Some(place) = place() else { return };
    let (a, mut woken_a) = place.listening().await;
    let (_b, mut woken_b) = place.listening().await;
    let other = super::place().unwrap();
    let (c, mut woken_c) = other.listening().await;
    let (odd, plain) = (Bytes::from_static(b"\xff'x"), Bytes::from("f"));
    a.ask(&Ask::Wake(vec![odd.clone(), plain.clone()])).await.unwrap();
    c.ask(&Ask::Wake(vec![Bytes::from("c")])).await.unwrap();
    for woken in [&mut woken_a, &mut woken_b] {
        assert_eq!(in_time(woken.recv()).await, Some(odd.clone()));
        assert_eq!(in_time(woken.recv()).await, Some(plain.clone()));
    }
    assert_eq!(in_time(woken_c.recv()).await, Some(Bytes::from("c")));
}

#[tokio::test]
async fn behind_a_pooler_nothing_is_set_and_nobody_listens() {
    let Some(mut place) = place() else { return };
    place.settings.pooled = true;
    let (store, mut woken) = place.listening().await;
    let server = Server::join(store, "a").await;
    server.insert(jobs([1], false)).await;
    assert_eq!(server.claim_ids("f", 1).await, [1]);
    assert_eq!(server.ask(Ask::Wake(vec![Bytes::from("f")])).await, Answer::Done);
    assert_eq!(server.ask(Ask::Beat(server.epoch)).await, Answer::Beat(Beat::Eldest));
    assert!(woken.try_recv().is_err());
}

/// PostgreSQL was away for longer than leases last: every server is fenced then, and none has died.
#[tokio::test]
async fn a_server_that_joins_anew_keeps_what_it_has() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.insert(jobs(1..=3, true)).await;
    b.insert(jobs([4], true)).await;
    a.settle(vec![Settle::Started(2)]).await;
    for epoch in [a.epoch, b.epoch] {
        silent(&place, epoch, 3601).await;
    }
    assert_eq!(a.write(Write::Claim(vec![])).await, Ok(Answer::Fenced));
    let join = |after| Ask::Join { name: "a".into(), address: "here".into(), after };
    let Answer::Joined { epoch, namesake: false } = a.ask(join(Some(a.epoch))).await else { panic!("not joined") };
    assert_eq!(a.ask(Ask::Owned(epoch)).await, Answer::Owned(vec![1, 2, 3]));
    assert_eq!(a.ask(Ask::Beat(a.epoch)).await, Answer::Beat(Beat::Dead));
    // The other one was declared dead before it came back: its rows are anybody's, and no try is counted of the first one's.
    assert_eq!(sweep(&place.server().await).await, Swept { died: vec!["a".into()], freed: 1 });
    let Answer::Joined { epoch: other, .. } = b.ask(join(Some(b.epoch))).await else { panic!("not joined") };
    assert_eq!(b.ask(Ask::Owned(other)).await, Answer::Owned(vec![]));
    let done = Write::Settle([Settle::Done(2)].into());
    assert_eq!(a.ask(Ask::Write { epoch, turn: 1, write: done }).await, Answer::Settled(vec![Settled::Made]));
}

/// When the database is back that all had lost, whoever is first must not free what the others still run.
#[tokio::test]
async fn who_was_not_heard_of_itself_declares_nobody_dead() {
    let Some(mut place) = place() else { return };
    place.settings.heard_for = Duration::from_secs(600);
    let (a, b) = (place.server().await, place.server().await);
    a.insert(jobs(1..=3, true)).await;
    silent(&place, a.epoch, 3601).await;
    // It has joined a moment ago.
    assert_eq!(sweep(&b).await, Swept::default());
    let since = async || {
        place.execute(&format!("UPDATE @.beat SET since = since - interval '601 s' WHERE epoch = {}", b.epoch)).await;
    };
    // It was not heard of for a while, and has just come back.
    since().await;
    silent(&place, b.epoch, 1900).await;
    assert_eq!(sweep(&b).await, Swept::default());
    assert_eq!(b.ask(Ask::Beat(b.epoch)).await, Answer::Beat(Beat::Lives));
    assert_eq!(sweep(&b).await, Swept::default());
    since().await;
    assert_eq!(b.ask(Ask::Beat(b.epoch)).await, Answer::Beat(Beat::Lives));
    assert_eq!(sweep(&b).await, Swept { died: vec!["a".into()], freed: 3 });
}

/// A server that died at that time was taken for alive until the clock came there again, and jobs waited for that.
#[tokio::test]
async fn the_clock_is_set_back() {
    let Some(mut place) = place() else { return };
    place.settings.heard_for = Duration::from_secs(600);
    let (a, b) = (place.server().await, place.server().await);
    a.insert(jobs(1..=3, true)).await;
    let day = 86_400_000;
    place.execute("UPDATE @.beat SET at = at + interval '1 day', since = since + interval '1 day'").await;
    place.execute(&format!("UPDATE @.job SET due = due + {day} * id * 4 / 10")).await;
    assert_eq!(b.ask(Ask::Beat(b.epoch)).await, Answer::Beat(Beat::Lives));
    assert_eq!(sweep(&b).await, Swept::default());
    assert_eq!(place.number("SELECT count(*) FROM @.beat WHERE GREATEST(at, since) > clock_timestamp()").await, 0);
    let pass = async |seconds: u32| {
        let text = format!("at = at - interval '{seconds} s', since = since - interval '{seconds} s'");
        place.execute(&format!("UPDATE @.beat SET {text}")).await;
    };
    pass(1200).await;
    assert_eq!(b.ask(Ask::Beat(b.epoch)).await, Answer::Beat(Beat::Lives));
    silent(&place, a.epoch, 3601).await;
    assert_eq!(sweep(&b).await, Swept { died: vec!["a".into()], freed: 3 });
    // The third was not due yet.
    assert_eq!(b.claim_ids("f", 3).await, [1, 2]);
}
