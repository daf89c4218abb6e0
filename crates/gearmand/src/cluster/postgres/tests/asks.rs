//! Inserting, claiming, reading, looking, and writes in doubt.

use super::*;
use crate::cluster::ask::{Seen, SeenState, Which};

#[tokio::test]
async fn what_was_inserted_is_claimed_as_it_was() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    let odd = JobRow {
        function: Bytes::from_static(b"\xff'f"),
        unique: Bytes::from_static(b"key \xfe"),
        priority: Priority::Low,
        data: Bytes::from(vec![0; 100_000]),
        reducer: Some(Bytes::from_static(b"join")),
        tries: u16::MAX,
        first_ms: 17,
        ..job(7, "", "")
    };
    assert_eq!(server.insert(vec![free(odd.clone())]).await, [Inserted::Stored]);
    let want = Want { function: odd.function.clone(), count: 9, limit: None };
    assert_eq!(server.write(Write::Claim(vec![want])).await, Ok(Answer::Rows(vec![odd.clone()], Vec::new())));
    assert_eq!(server.owned().await, [7]);
}

#[tokio::test]
async fn claims_go_by_priority_then_due_then_id_and_leave_what_waits() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    let with = |id, priority, due_ms| free(JobRow { priority, due_ms, ..job(id, "f", "") });
    let rows = vec![
        with(1, Priority::Low, 1),
        with(2, Priority::Normal, 5),
        with(3, Priority::Normal, 5),
        with(4, Priority::Normal, 4),
        with(5, Priority::High, now_ms() + 3_600_000),
        with(6, Priority::Normal, 0),
        with(7, Priority::High, u64::MAX),
        free(job(8, "g", "")),
        own(job(9, "f", "")),
    ];
    a.insert(rows).await;
    assert_eq!(b.claim_ids("f", 2).await, [4, 2]);
    assert_eq!(a.claim_ids("f", 100).await, [3, 6, 1]);
    assert_eq!(a.owned().await, [1, 3, 6, 9]);
    let wants = ["f", "g", "h"].map(|name| Want { function: Bytes::from(name), count: 5, limit: None });
    let Ok(Answer::Rows(rows, _)) = b.write(Write::Claim(wants.into())).await else { panic!() };
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [8]);
}

#[tokio::test]
async fn a_job_is_claimed_once_it_is_due_by_the_clock_of_the_database() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    let soon = place.number("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint + 300").await;
    server.insert(vec![free(JobRow { due_ms: soon as u64, ..job(1, "f", "") })]).await;
    let claimed = until(async || server.claim("f", 1).await.pop()).await;
    assert_eq!((claimed.id, claimed.due_ms), (1, 0));
    assert!(place.number("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").await >= soon);
}

#[tokio::test]
async fn a_claim_of_large_jobs_is_cut() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    for id in 1..=5 {
        server.insert(vec![free(JobRow { data: Bytes::from(vec![1; 30 << 20]), ..job(id, "f", "") })]).await;
    }
    assert_eq!(server.claim_ids("f", 5).await, [1, 2, 3]);
    assert_eq!(server.claim_ids("f", 5).await, [4, 5]);
}

#[tokio::test]
async fn a_key_is_held_by_one_job_of_a_function_over_all_servers() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    let dash = |id, data: &'static str| free(JobRow { data: Bytes::from(data), ..job(id, "f", "-") });
    let rows = vec![dash(1, ""), dash(2, "x"), free(job(3, "f", "k")), free(job(4, "f", "")), free(job(5, "g", "k"))];
    assert_eq!(a.insert(rows).await, [Inserted::Stored; 5]);
    let rows = vec![dash(11, ""), dash(12, "x"), dash(13, "y"), own(job(14, "f", "k")), free(job(15, "f", ""))];
    let (stored, exists) = (Inserted::Stored, Inserted::Exists);
    assert_eq!(b.insert(rows).await, [stored, exists(2), stored, exists(3), stored]);
    assert_eq!(a.settle(vec![Settle::Done(3)]).await, [Settled::Made]);
    assert_eq!(b.insert(vec![own(job(24, "f", "k"))]).await, [stored]);
}

#[tokio::test]
async fn a_number_that_is_taken_is_an_error_and_no_twin() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    server.insert(vec![free(job(1, "f", ""))]).await;
    let again = server.write(Write::Insert(vec![free(job(2, "f", "")), free(job(1, "f", "k"))].into())).await;
    assert!(matches!(again, Err(Fault::NotDone(text)) if text.contains("23505")));
    assert_eq!(place.number("SELECT count(*) FROM @.job").await, 1);
    assert!(!server.store.is_broken());
}

#[tokio::test]
async fn many_connections_that_insert_the_same_keys_store_each_once() {
    let Some(place) = place() else { return };
    let servers = in_time(async {
        let mut servers = Vec::new();
        for _ in 0..6 {
            servers.push(place.server().await);
        }
        servers
    })
    .await;
    let works = servers.into_iter().enumerate().map(|(n, server)| {
        tokio::spawn(async move {
            for round in 0..30_u64 {
                let first = 1 + n as u64 * 10_000 + round * 100;
                let mut keys: Vec<String> = (0..20).map(|k| format!("k{}", (k * 7 + round) % 40)).collect();
                keys.sort_unstable();
                keys.dedup();
                let rows: Vec<_> = keys.iter().zip(first..).map(|(key, id)| own(job(id, "f", key))).collect();
                let fates = server.insert(rows.clone()).await;
                let stored = rows.iter().zip(&fates).filter(|(_, fate)| **fate == Inserted::Stored);
                let ends: Vec<Settle> = stored.map(|(new, _)| Settle::Done(new.row.id)).collect();
                assert!(fates.iter().all(|fate| *fate != Inserted::Exists(0)));
                let made = server.settle(ends.clone()).await;
                assert_eq!(made, vec![Settled::Made; ends.len()]);
            }
        })
    });
    for work in works.collect::<Vec<_>>() {
        in_time(work).await.unwrap();
    }
    assert_eq!(place.number("SELECT count(*) FROM @.job").await, 0);
}

#[tokio::test]
async fn no_row_is_claimed_twice() {
    let Some(place) = place() else { return };
    let first = place.server().await;
    first.insert(jobs(1..=2000, false)).await;
    let mut works = Vec::new();
    for _ in 0..5 {
        let server = place.server().await;
        works.push(tokio::spawn(async move {
            let mut ids = Vec::new();
            loop {
                let claimed = server.claim_ids("f", 7).await;
                // Others may hold what is left for the moment.
                if claimed.is_empty() {
                    return ids;
                }
                ids.extend(claimed);
            }
        }));
    }
    let mut all = Vec::new();
    for work in works {
        all.extend(in_time(work).await.unwrap());
    }
    all.extend(first.claim_ids("f", 2000).await);
    all.sort_unstable();
    assert_eq!(all, (1..=2000).collect::<Vec<_>>());
}

#[tokio::test]
async fn writes_are_made_in_their_turn_only() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    let insert = |turn, id| Ask::Write { epoch: server.epoch, turn, write: Write::Insert(jobs([id], true).into()) };
    assert_eq!(server.ask(insert(2, 1)).await, Answer::Fenced);
    assert_eq!(server.ask(insert(1, 1)).await, Answer::Inserted(vec![Inserted::Stored]));
    assert_eq!(server.ask(insert(1, 2)).await, Answer::Fenced);
    let of_nobody = Ask::Write { epoch: 999, turn: 1, write: Write::Insert(jobs([9], true).into()) };
    assert_eq!(server.ask(of_nobody).await, Answer::Fenced);
    assert_eq!(server.owned().await, [1]);
}

#[tokio::test]
async fn a_write_in_doubt_was_made_or_never_will_be() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    server.insert(vec![free(job(1, "f", "k"))]).await;
    let rows = vec![own(job(11, "f", "")), own(job(12, "f", "k")), own(job(13, "f", "l")), own(job(14, "f", "m"))];
    let rows: std::sync::Arc<[NewRow]> = rows.into();
    let resume = |turn| Ask::Resume { epoch: server.epoch, turn, rows: rows.clone() };
    server.insert(rows.to_vec()).await;
    // Since then, three are over, and the key of one is somebody else's.
    place.execute("DELETE FROM @.job WHERE id IN (13, 14); UPDATE @.job SET unique_key = 'm' WHERE id = 1").await;
    let (stored, exists) = (Inserted::Stored, Inserted::Exists);
    assert_eq!(
        server.ask(resume(2)).await,
        Answer::Resumed(Some(vec![stored, Inserted::Over, Inserted::Over, exists(1)]))
    );
    assert_eq!(server.ask(resume(3)).await, Answer::Resumed(None));
    assert_eq!(server.ask(resume(3)).await, Answer::Resumed(None));
    let write = |turn| Ask::Write { epoch: server.epoch, turn, write: Write::Insert(jobs([20 + turn], true).into()) };
    for turn in [3, 4] {
        assert_eq!(server.ask(write(turn)).await, Answer::Fenced);
    }
    assert_eq!(server.ask(write(5)).await, Answer::Inserted(vec![stored]));
    assert_eq!(server.ask(Ask::Resume { epoch: 999, turn: 1, rows: rows.clone() }).await, Answer::Resumed(None));
}

#[tokio::test]
async fn a_look_finds_a_job_wherever_it_is() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    let dash = JobRow { data: Bytes::from_static(b"x"), ..job(2, "f", "-") };
    let later = now_ms() + 3_600_000;
    server
        .insert(vec![free(JobRow { due_ms: later, ..job(1, "f", "k") }), own(dash.clone()), own(job(3, "f", ""))])
        .await;
    let death = super::settle::death(3);
    server.settle(vec![Settle::Started(2), Settle::Bury(Box::new(death.clone()))]).await;
    let look = async |which| match server.ask(Ask::Look(which)).await {
        Answer::Looked(seen) => seen,
        other => panic!("{other:?}"),
    };
    let waits = Seen { id: 1, function: "f".into(), tries: 0, due_ms: later, state: SeenState::Free };
    assert_eq!(look(Which::Id(1)).await, Some(waits.clone()));
    assert_eq!(look(Which::Key(Box::new(job(0, "f", "k")))).await, Some(waits));
    let runs = Seen {
        id: 2,
        function: dash.function.clone(),
        tries: 0,
        due_ms: 0,
        state: SeenState::Owned { server: "a".into(), started: true, progress: None },
    };
    assert_eq!(look(Which::Key(Box::new(dash))).await, Some(runs.clone()));
    assert_eq!(look(Which::Id(2)).await, Some(runs));
    let dead = Seen { id: 3, function: "f".into(), tries: death.tries, due_ms: 0, state: SeenState::Dead };
    assert_eq!(look(Which::Id(3)).await, Some(dead));
    assert_eq!(look(Which::Id(4)).await, None);
    assert_eq!(look(Which::Key(Box::new(job(0, "g", "k")))).await, None);
    assert_eq!(look(Which::Key(Box::new(job(0, "f", "")))).await, None);
}
