//! Long queues, churn, and the pace. Those that are ignored take minutes: `cargo test -p gearmand store_by_hand -- --ignored
//! --nocapture`.

use super::*;
use crate::cluster::postgres::statements::CLAIM;
use std::time::Instant;

/// What is claimed of one function.
const TEN: &str = "ARRAY['f'::bytea], ARRAY[10::bigint], 1000000";

/// Free rows, made by the database.
pub(super) async fn fill(place: &Place, from: u64, count: u64) {
    let text = format!(
        "INSERT INTO @.job (id, function, unique_key, priority, due, data)
        SELECT {from} + i, 'f', '', 1, 1000 + i, 'some data' FROM generate_series(0, {count} - 1) i"
    );
    place.execute(&text).await;
}

/// The median of claims of ten, once all is warm.
async fn claim_time(server: &Server) -> Duration {
    server.claim("f", 200).await;
    let mut times = Vec::new();
    for _ in 0..80 {
        let begin = Instant::now();
        assert_eq!(server.claim("f", 10).await.len(), 10);
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

/// What a claim reads of the table and its indexes, as EXPLAIN says it.
pub(super) async fn claim_plan(place: &Place, server: &Server, text: &str, parameters: &str) -> String {
    let text = place.settings.statement(text);
    let text = format!(
        "BEGIN; PREPARE c AS {text}; EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)
        EXECUTE c({}, {}, {parameters}); ROLLBACK; DEALLOCATE c",
        server.epoch,
        server.turn.load(Ordering::Relaxed) + 1
    );
    plan(&server.store.writing, &text).await
}

/// What these statements return, as lines.
pub(super) async fn plan(session: &crate::cluster::postgres::Session, text: &str) -> String {
    let lines = session.simple(text).await.unwrap();
    let rows = lines.iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    rows.collect::<Vec<_>>().join("\n")
}

pub(super) fn assert_by_index(plan: &str) {
    assert!(plan.contains("Index Scan using job_free") && plan.contains("Index Scan using job_pkey"), "{plan}");
    assert!(!plan.contains("Seq Scan on job") && !plan.contains("Sort"), "{plan}");
    let most = plan.lines().filter_map(|line| line.split("rows=").nth(1)?.split(' ').next()?.parse::<u64>().ok()).max();
    assert!(most.is_some_and(|rows| rows <= 11), "{plan}");
}

#[tokio::test]
async fn a_claim_reads_what_it_takes_however_long_the_queue_is() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    // Planned while there was nothing, and kept.
    assert_eq!(server.claim_ids("f", 10).await, [0; 0]);
    fill(&place, 1, 100_000).await;
    // These wait, and are in front by their priority.
    place.execute("UPDATE @.job SET priority = 0, due = 9e15 WHERE id % 2 = 0").await;
    assert_by_index(&claim_plan(&place, &server, CLAIM, TEN).await);
    assert_eq!(server.claim_ids("f", 3).await, [1, 3, 5]);
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn store_by_hand_ten_million_free_rows() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    fill(&place, 1, 1000).await;
    let few = claim_time(&server).await;
    for part in 0..10 {
        fill(&place, 1001 + part * 1_000_000, 1_000_000).await;
    }
    // What was begun by filling is over.
    place.admin().await.batch_execute("CHECKPOINT").await.unwrap();
    let many = claim_time(&server).await;
    let begin = Instant::now();
    let other = place.server().await;
    println!(
        "claims of 10: {few:?} with 1,000 rows, {many:?} with 10 million; a server starts in {:?}",
        begin.elapsed()
    );
    assert_eq!(other.claim("f", 1000).await.len(), 1000);
    assert_by_index(&claim_plan(&place, &server, CLAIM, TEN).await);
    println!("{}", sizes(&place).await);
    let begin = Instant::now();
    server.ask(Ask::Sweep(server.epoch)).await;
    println!("a sweep: {:?}", begin.elapsed());
    place.execute("ANALYZE @.job").await;
    for which in [None, Some(vec![Bytes::from("f")])] {
        let begin = Instant::now();
        let counts = server.ask(Ask::Counts(which)).await;
        println!("{counts:?} in {:?}", begin.elapsed());
    }
}

async fn sizes(place: &Place) -> String {
    let text = "SELECT relname || ' ' || pg_size_pretty(pg_relation_size(oid)) FROM pg_class
        WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = '@.job'::regclass) AND relname LIKE 'job%'";
    let rows = place.admin().await.query(&place.settings.statement(text), &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join(", ")
}

/// Insert, claim and settle, in batches of so many; half of the jobs are owned from the start.
async fn churn(server: &Server, batch: u64, batches: u64) {
    for _ in 0..batches {
        let first = server.block(batch).await;
        server.insert(jobs(first..first + batch / 2, true)).await;
        server.insert(jobs(first + batch / 2..first + batch, false)).await;
        let claimed = server.claim_ids("f", (batch / 2) as u32).await;
        let ends = (first..first + batch / 2).chain(claimed).map(Settle::Done).collect();
        server.settle(ends).await;
    }
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn store_by_hand_a_million_jobs_leave_the_table_small() {
    let more = ["-c", "autovacuum_naptime=5s"];
    let Some(database) = Database::start_with(Kind::Postgres, &more) else { return };
    let place = place_in(&database);
    let server = place.server().await;
    for part in 0..10 {
        churn(&server, 1000, 100).await;
        println!("{},000 jobs: {}", (part + 1) * 100, sizes(&place).await);
    }
    assert!(place.number("SELECT pg_total_relation_size('@.job')").await < 200 << 20);
}

#[tokio::test]
#[ignore = "takes a minute"]
async fn store_by_hand_pace() {
    let durable = ["-c", "fsync=on", "-c", "full_page_writes=on"];
    let Some(database) = Database::start_with(Kind::Postgres, &durable) else { return };
    let place = place_in(&database);
    let fsync: String = place.admin().await.query_one("SHOW fsync", &[]).await.unwrap().get(0);
    println!("fsync {fsync}; a dev build");
    for (connections, batch) in [(1, 100), (1, 1000), (3, 100), (3, 1000)] {
        let batches = 90_000 / batch / connections;
        let mut works = Vec::new();
        for _ in 0..connections {
            let server = place.server().await;
            works.push(async move {
                churn(&server, batch, batches).await;
            });
        }
        let begin = Instant::now();
        let works: Vec<_> = works.into_iter().map(tokio::spawn).collect();
        for work in works {
            work.await.unwrap();
        }
        let jobs = (batches * batch * connections) as f64;
        println!(
            "{connections} connections, batches of {batch}: {:.0} jobs/s inserted, half of them claimed, settled",
            jobs / begin.elapsed().as_secs_f64()
        );
    }
}
