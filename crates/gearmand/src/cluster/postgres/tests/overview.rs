//! Which servers there are, and how many jobs.

use super::*;
use crate::cluster::ask::{Counted, Counts, ServerSeen};

async fn seen(server: &Server) -> Vec<ServerSeen> {
    match server.ask(Ask::Servers).await {
        Answer::Servers(servers) => servers,
        other => panic!("{other:?}"),
    }
}

async fn counts(server: &Server, functions: Option<Vec<Bytes>>) -> Vec<Counts> {
    match server.ask(Ask::Counts(functions)).await {
        Answer::Counts(counts) => counts,
        other => panic!("{other:?}"),
    }
}

fn exact(count: u64) -> Counted {
    Counted { count, exact: true }
}

#[tokio::test]
async fn servers_are_shown_with_what_they_own_and_when_they_were_heard_of() {
    let Some(place) = place() else { return };
    let (a, b, c) = (place.server().await, place.server().await, Server::join(place.open().await, "c").await);
    a.insert(jobs(1..=5, true)).await;
    b.insert(jobs(6..=9, false)).await;
    place.execute(&format!("UPDATE @.beat SET at = at - interval '40 s' WHERE epoch = {}", a.epoch)).await;
    place.execute(&format!("UPDATE @.beat SET at = at - interval '4000 s' WHERE epoch = {}", c.epoch)).await;
    b.ask(Ask::Leave(b.epoch)).await;
    let d = place.server().await;
    d.ask(Ask::Sweep(d.epoch)).await;
    let servers = seen(&d).await;
    assert_eq!(servers.iter().map(|s| s.epoch).collect::<Vec<_>>(), [&a, &b, &c, &d].map(|s| s.epoch));
    assert_eq!(
        servers.iter().map(|s| (&s.name[..], s.owned)).collect::<Vec<_>>(),
        [("a", 5), ("a", 0), ("c", 0), ("a", 0)]
    );
    assert_eq!(
        servers.iter().map(|s| (s.died_ms.is_some(), s.has_left)).collect::<Vec<_>>(),
        [(false, false), (true, true), (true, false), (false, false)]
    );
    assert!(servers[0].silent_ms >= Some(40_000) && servers[3].silent_ms < Some(40_000));
    let right = |s: &ServerSeen| s.address == "here" && s.silent_ms.is_some() != s.died_ms.is_some();
    assert!(servers.iter().all(right), "{servers:?}");
    let now = now_ms();
    assert!(servers.iter().all(|s| s.joined_ms <= now + 1000 && s.joined_ms + 120_000 > now));
}

#[tokio::test]
async fn of_those_that_died_the_last_are_shown() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    let old = "INSERT INTO @.server (epoch, name, address, died)
        SELECT -i, 'old', '', clock_timestamp() FROM generate_series(1, 200) i";
    place.execute(old).await;
    let servers = seen(&server).await;
    let epochs: Vec<_> = servers.iter().map(|s| (&s.name[..], s.epoch)).collect();
    assert_eq!((epochs.len(), epochs[50]), (51, ("a", server.epoch)));
}

#[tokio::test]
async fn jobs_are_counted_by_what_they_wait_for() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    let later = |id| free(JobRow { due_ms: now_ms() + 3_600_000, priority: Priority::High, ..job(id, "f", "") });
    assert_eq!(counts(&a, None).await, []);
    let rows = vec![later(1), free(job(2, "f", "")), free(JobRow { priority: Priority::Low, ..job(3, "f", "") })];
    a.insert(rows).await;
    a.insert(vec![own(job(4, "f", "")), own(job(5, "only owned", "")), own(job(6, "only dead", ""))]).await;
    b.insert(vec![own(job(7, "f", "")), own(job(8, "f", ""))]).await;
    a.settle(vec![Settle::Bury(Box::new(settle::death(6)))]).await;
    let all = counts(&a, None).await;
    let of = |name: &'static str, due, later, owned, dead| Counts {
        function: Bytes::from(name),
        due: exact(due),
        later: exact(later),
        owned: exact(owned),
        dead: exact(dead),
    };
    assert_eq!(all, [of("f", 2, 1, 3, 0), of("only dead", 0, 0, 0, 1), of("only owned", 0, 0, 1, 0)]);
    let named = counts(&b, Some(vec![Bytes::from("none"), Bytes::from("only dead")])).await;
    assert_eq!(named, [of("none", 0, 0, 0, 0), of("only dead", 0, 0, 0, 1)]);
}

#[tokio::test]
async fn many_jobs_are_estimated_and_not_walked_over() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    size::fill(&place, 1, 60_000).await;
    place.execute("UPDATE @.job SET due = 9e15 WHERE id % 3 = 0; ANALYZE @.job").await;
    let [counts] = &counts(&server, None).await[..] else { panic!() };
    assert_eq!((counts.owned, counts.dead), (exact(0), exact(0)));
    for (counted, count) in [(counts.due, 40_000), (counts.later, 20_000)] {
        assert!(!counted.exact && counted.count > count * 8 / 10 && counted.count < count * 12 / 10, "{counts:?}");
    }
    let text = place.settings.statement(crate::cluster::postgres::statements::questions::COUNTS);
    let text = format!(
        "PREPARE c AS {text}; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE c(ARRAY['f'::bytea], 101);
        DEALLOCATE c"
    );
    let plan = size::plan(&server.store.asking, &text).await;
    let most = plan.lines().filter_map(|line| line.split("rows=").nth(1)?.split(' ').next()?.parse::<u64>().ok()).max();
    assert!(!plan.contains("Seq Scan on job") && most <= Some(101), "{plan}");
}
