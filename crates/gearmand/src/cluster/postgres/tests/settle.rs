//! What becomes of jobs.

use super::*;
use crate::cluster::ask::{AllSettings, Death, Seen, SeenState, Which};

pub(super) fn death(id: u64) -> Death {
    Death {
        id,
        tries: 3,
        first_ms: 5,
        last_ms: 9,
        reason: Bytes::from_static(b"fail"),
        text: Bytes::from_static(b"\xff no"),
        worker: Bytes::from_static(b"w1"),
    }
}

#[tokio::test]
async fn ends_are_made_by_the_owner_and_where_nobody_is() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.insert(jobs([1, 2, 3], true)).await;
    a.insert(jobs([4], false)).await;
    let done = [1, 4, 9].map(Settle::Done);
    assert_eq!(b.settle(done.into()).await, [Settled::Taken, Settled::Made, Settled::Gone]);
    assert_eq!(a.settle(vec![Settle::Done(1)]).await, [Settled::Made]);
    // With others beside them, it is another statement.
    let changes = vec![Settle::Done(2), Settle::Started(3), Settle::Done(4)];
    assert_eq!(b.settle(changes).await, [Settled::Taken, Settled::Taken, Settled::Gone]);
    let changes = vec![Settle::Started(3), Settle::Done(2), Settle::Set(Bytes::from("k"), Bytes::from("v"))];
    assert_eq!(a.settle(changes).await, [Settled::Made; 3]);
    assert_eq!(place.number("SELECT sum(id)::bigint FROM @.job WHERE started").await, 3);
}

#[tokio::test]
async fn a_job_that_is_tried_again_or_released_is_free() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.insert(jobs(1..=4, true)).await;
    a.settle((1..=4).map(Settle::Started).collect()).await;
    let retry = |id, tries, due_ms| Settle::Retry { id, tries, first_ms: 7, due_ms };
    let changes = vec![retry(1, 2, 0), Settle::Release(2), retry(3, 1, u64::MAX)];
    assert_eq!(b.settle(changes.clone()).await, [Settled::Taken; 3]);
    assert_eq!(a.settle(changes).await, [Settled::Made; 3]);
    assert_eq!(a.settle(vec![Settle::Release(1)]).await, [Settled::Taken]);
    assert_eq!(a.owned().await, [4]);
    assert_eq!(place.number("SELECT count(*) FROM @.job WHERE started").await, 1);
    // Nobody has it: what is known of it never goes down.
    let late = vec![retry(3, 0, 1), retry(2, 5, 0)];
    assert_eq!(b.settle(late).await, [Settled::Made; 2]);
    let rows = b.claim("f", 10).await;
    let known: Vec<_> = rows.iter().map(|row| (row.id, row.tries, row.first_ms)).collect();
    assert_eq!(known, [(1, 2, 7), (2, 5, 7)]);
    assert_eq!(place.number("SELECT tries::bigint FROM @.job WHERE id = 3 AND owner IS NULL").await, 1);
}

#[tokio::test]
async fn a_dead_letter_frees_its_key_and_comes_back_once_it_is_free() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.insert(vec![own(job(1, "f", "k")), free(job(2, "f", ""))]).await;
    let bury = |id| Settle::Bury(Box::new(death(id)));
    assert_eq!(b.settle(vec![bury(1), bury(2), bury(3)]).await, [Settled::Taken, Settled::Made, Settled::Gone]);
    assert_eq!(a.settle(vec![bury(1)]).await, [Settled::Made]);
    assert_eq!(place.number("SELECT count(*) FROM @.dead WHERE text = '\\xff206e6f' AND tries = 3").await, 2);
    assert_eq!(b.insert(vec![own(job(5, "f", "k"))]).await, [Inserted::Stored]);
    let changes = vec![Settle::Revive(1), Settle::Revive(2), Settle::Revive(3), Settle::Forget(4)];
    let fates = [Settled::Exists(5), Settled::Made, Settled::Gone, Settled::Gone];
    assert_eq!(a.settle(changes).await, fates);
    // Its rival ends in the same write.
    assert_eq!(b.settle(vec![Settle::Revive(1), Settle::Done(5)]).await, [Settled::Made; 2]);
    let mut rows = a.claim("f", 10).await;
    // Both are due since they were revived, perhaps in one millisecond.
    rows.sort_by_key(|row| row.id);
    assert_eq!(rows.iter().map(|row| (row.id, row.tries, row.first_ms)).collect::<Vec<_>>(), [(1, 0, 0), (2, 0, 0)]);
    assert_eq!((&rows[0].unique[..], &rows[0].data[..]), (&b"k"[..], &b"data\0"[..]));
    a.settle(vec![bury(1)]).await;
    assert_eq!(a.settle(vec![Settle::Forget(1)]).await, [Settled::Made]);
    assert_eq!(place.number("SELECT count(*) FROM @.dead").await, 0);
}

#[tokio::test]
async fn progress_is_seen_while_its_epoch_owns_the_job() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.insert(jobs([1, 2, 3], true)).await;
    let so_far = |id, numerator| Settle::Progress { id, numerator, denominator: u32::MAX };
    let progress = async |id| match b.ask(Ask::Look(Which::Id(id))).await {
        Answer::Looked(Some(Seen { state: SeenState::Owned { progress, .. }, .. })) => progress,
        other => panic!("{other:?}"),
    };
    assert_eq!(progress(1).await, None);
    assert_eq!(b.settle(vec![so_far(1, 9), so_far(9, 9)]).await, [Settled::Taken, Settled::Gone]);
    assert_eq!(a.settle(vec![so_far(2, 7), so_far(1, 1), Settle::Started(3)]).await, [Settled::Made; 3]);
    assert_eq!(a.settle(vec![so_far(1, 2)]).await, [Settled::Made]);
    assert_eq!((progress(1).await, progress(2).await), (Some((2, u32::MAX)), Some((7, u32::MAX))));
    // Another owner knows nothing of it.
    a.settle(vec![Settle::Release(1)]).await;
    assert_eq!(b.claim_ids("f", 1).await, [1]);
    assert_eq!(progress(1).await, None);
    let over = Settle::Progress { id: 1, numerator: 0, denominator: 0 };
    assert_eq!(a.settle(vec![over.clone()]).await, [Settled::Made]);
    assert_eq!(place.number("SELECT sum(id)::bigint FROM @.progress").await, 2);
    // And what is known of dead servers' jobs is forgotten.
    b.settle(vec![so_far(1, 3)]).await;
    a.ask(Ask::Leave(a.epoch)).await;
    assert_eq!(place.number("SELECT epoch FROM @.progress").await, b.epoch as i64);
    place.execute("DELETE FROM @.beat").await;
    place.open().await.ask(&Ask::Sweep(b.epoch)).await.unwrap();
    assert_eq!(place.number("SELECT count(*) FROM @.progress").await, 0);
}

#[tokio::test]
async fn settings_are_the_last_that_were_said() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    let set = |key: &'static str, value: &'static str| Settle::Set(Bytes::from(key), Bytes::from(value));
    a.settle(vec![set("x", "1"), set("y", "1")]).await;
    let unset = Settle::Unset(Bytes::from("x"));
    assert_eq!(b.settle(vec![set("y", "2"), unset]).await, [Settled::Made; 2]);
    assert_eq!(place.number("SELECT count(*) FROM @.setting WHERE key = 'y' AND value = '2'").await, 1);
    assert_eq!(place.number("SELECT count(*) FROM @.setting").await, 1);
}

#[tokio::test]
async fn settings_are_read_when_their_version_is_another() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    let read = async |known| match a.ask(Ask::Settings { known }).await {
        Answer::Settings(settings) => settings.map(|AllSettings { version, mut all }| {
            all.sort_unstable();
            (version, all)
        }),
        other => panic!("{other:?}"),
    };
    let (none, all) = read(None).await.unwrap();
    assert_eq!((all, read(Some(none)).await), (Vec::new(), None));
    let (x, y) = (Bytes::from("x"), Bytes::from_static(b"\xff y"));
    b.settle(vec![Settle::Set(x.clone(), y.clone()), Settle::Set(y.clone(), Bytes::new())]).await;
    let (some, all) = read(Some(none)).await.unwrap();
    assert_eq!(all, [(x.clone(), y.clone()), (y.clone(), Bytes::new())]);
    assert_eq!(read(None).await, Some((some, all)));
    // Others change nothing of it.
    b.insert(jobs([1], true)).await;
    b.settle(vec![Settle::Started(1)]).await;
    assert_eq!(read(Some(some)).await, None);
    b.settle(vec![Settle::Unset(x)]).await;
    assert_eq!(read(Some(some)).await.unwrap().1, [(y, Bytes::new())]);
}

#[tokio::test]
async fn nothing_is_settled_out_of_turn() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    server.insert(jobs([1], true)).await;
    for change in [Settle::Done(1), Settle::Release(1), Settle::Set(Bytes::from("k"), Bytes::new())] {
        let write = Ask::Write { epoch: server.epoch, turn: 1, write: Write::Settle(vec![change].into()) };
        assert_eq!(server.ask(write).await, Answer::Fenced);
    }
    assert_eq!(server.owned().await, [1]);
    assert_eq!(place.number("SELECT count(*) FROM @.setting").await, 0);
}
