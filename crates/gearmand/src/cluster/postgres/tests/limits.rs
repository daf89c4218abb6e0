//! Claims with limits, which hold over all servers.

use super::*;
use crate::cluster::ask::{Limit, Pace};
use crate::cluster::postgres::statements;

const HOUR: Duration = Duration::from_secs(3600);

fn most(concurrency: u32) -> Limit {
    Limit { concurrency: Some(concurrency), rate: None }
}

fn rate(interval: Duration, burst: u32) -> Limit {
    Limit { concurrency: None, rate: Some(Pace { interval_us: interval.as_micros() as u64, burst }) }
}

fn want(function: &'static str, count: u32, limit: impl Into<Option<Limit>>) -> Want {
    Want { function: Bytes::from(function), count, limit: limit.into() }
}

/// Until others are not in the way: what is claimed, and after how long there may be more.
async fn claim(server: &Server, count: u32, limit: Limit) -> (Vec<u64>, Option<Duration>) {
    loop {
        let claimed = server.write(Write::Claim(vec![want("f", count, limit)])).await;
        let Ok(Answer::Rows(rows, waits)) = claimed else { panic!("{claimed:?}") };
        let after = waits.first().map(|(function, after)| {
            assert_eq!(function, "f");
            *after
        });
        if after != Some(Duration::ZERO) {
            return (rows.iter().map(|row| row.id).collect(), after);
        }
        assert!(rows.is_empty());
    }
}

#[tokio::test]
async fn no_more_are_owned_than_may_be_whoever_owns_them() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.insert(jobs(1..=9, false)).await;
    a.insert(vec![own(job(10, "g", ""))]).await;
    assert_eq!(claim(&a, 2, most(3)).await, (vec![1, 2], None));
    assert_eq!(claim(&b, 5, most(3)).await, (vec![3], None));
    assert_eq!(claim(&a, 5, most(3)).await, (vec![], None));
    a.settle(vec![Settle::Done(1), Settle::Release(2)]).await;
    assert_eq!(claim(&b, 5, most(3)).await, (vec![2, 4], None));
    assert_eq!(claim(&b, 5, most(2)).await, (vec![], None));
    assert_eq!(claim(&b, 5, most(0)).await, (vec![], None));
    // Nobody else's limit.
    assert_eq!(b.claim_ids("f", 2).await, [5, 6]);
}

#[tokio::test]
async fn a_rate_gives_tokens_to_all_servers_together() {
    let Some(place) = place() else { return };
    let (a, b) = (place.server().await, place.server().await);
    let limit = rate(HOUR, 3);
    // None is taken where there is no job.
    assert_eq!(claim(&a, 5, limit).await, (vec![], None));
    a.insert(jobs(1..=9, false)).await;
    assert_eq!(claim(&a, 2, limit).await, (vec![1, 2], None));
    let about = |after: Option<Duration>, hours: f64| {
        let (after, due) = (after.unwrap(), HOUR.mul_f64(hours));
        assert!(after <= due && after + Duration::from_secs(120) > due, "{after:?}, not {due:?}");
    };
    let (ids, after) = claim(&b, 5, limit).await;
    assert_eq!(ids, [3]);
    about(after, 1.0);
    // What is given back gives no token back.
    a.settle(vec![Settle::Release(1)]).await;
    let (ids, after) = claim(&a, 5, limit).await;
    assert_eq!(ids, [0; 0]);
    about(after, 1.0);
    let pass = async |time: &str| {
        place.execute(&format!("UPDATE @.pace SET next_us = next_us - {time}::bigint * 1000000")).await;
    };
    pass("3600").await;
    let (ids, after) = claim(&b, 5, limit).await;
    assert_eq!(ids, [1]);
    about(after, 1.0);
    pass("36000").await;
    assert_eq!(claim(&a, 2, limit).await.0, [4, 5]);
    assert_eq!(claim(&b, 5, limit).await.0, [6]);
    // The clock was set back by four days.
    pass("-345600").await;
    let (ids, after) = claim(&b, 5, limit).await;
    assert_eq!(ids, [0; 0]);
    about(after, 1.0);
}

#[tokio::test]
async fn tokens_that_are_waited_for_are_not_lost_by_coming_late_and_others_not_saved_up() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    server.insert(jobs(1..=5000, false)).await;
    let limit = rate(Duration::from_millis(1), 1);
    let pass = async || {
        place.execute("UPDATE @.pace SET next_us = next_us - 3600000000").await;
    };
    claim(&server, 1, limit).await;
    pass().await;
    // Nobody waited for one.
    assert_eq!(claim(&server, 9, limit).await.0.len(), 1);
    pass().await;
    let late = claim(&server, 5000, limit).await.0.len();
    assert_eq!(late, 1001);
}

#[tokio::test]
async fn functions_with_limits_and_without_are_claimed_together() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    let names = ["a", "b", "c", "d"];
    let rows = (1..=40).map(|id| free(job(id, names[id as usize % 4], "")));
    server.insert(rows.collect()).await;
    let both = Limit { concurrency: Some(4), ..rate(HOUR, 2) };
    let wants = || vec![want("a", 3, None), want("b", 9, most(2)), want("c", 9, rate(HOUR, 3)), want("d", 9, both)];
    let of = |rows: &[JobRow], name| rows.iter().filter(|row| row.function == name).count();
    let Ok(Answer::Rows(rows, waits)) = server.write(Write::Claim(wants())).await else { panic!() };
    assert_eq!(names.map(|name| of(&rows, name)), [3, 0, 0, 0]);
    assert_eq!(waits.iter().map(|(_, after)| *after).collect::<Vec<_>>(), [Duration::ZERO; 3]);
    let Ok(Answer::Rows(rows, waits)) = server.write(Write::Claim(wants())).await else { panic!() };
    assert_eq!(names.map(|name| of(&rows, name)), [3, 2, 3, 2]);
    assert_eq!(waits.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), ["c", "d"]);
    // A fenced one takes nothing.
    let stale = Ask::Write { epoch: server.epoch, turn: 1, write: Write::Claim(wants()) };
    assert_eq!(server.ask(stale).await, Answer::Fenced);
}

#[tokio::test]
async fn who_waited_for_another_claim_counts_again() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    server.insert(jobs(1..=9, false)).await;
    claim(&server, 1, most(5)).await;
    let mut admin = place.admin().await;
    let other = admin.transaction().await.unwrap();
    // As a claim of another server that is not committed yet.
    let owns = place.settings.statement("UPDATE @.pace SET turn = turn + 1; UPDATE @.job SET owner = 99 WHERE id > 5");
    other.batch_execute(&owns).await.unwrap();
    let claims = server.next_write(Write::Claim(vec![want("f", 9, most(5))]));
    let mut claims = std::pin::pin!(server.store.ask(&claims));
    tokio::select! {
        _ = &mut claims => panic!("nobody holds it up"),
        () = servers::waits(&place) => {}
    }
    other.commit().await.unwrap();
    assert_eq!(in_time(claims).await, Ok(Answer::Rows(Vec::new(), vec![(Bytes::from("f"), Duration::ZERO)])));
    assert_eq!(claim(&server, 9, most(5)).await, (vec![], None));
}

#[tokio::test]
async fn many_servers_that_claim_at_the_same_time_keep_to_a_limit() {
    let Some(place) = place() else { return };
    let first = place.server().await;
    first.insert(jobs(1..=300, false)).await;
    first.insert((301..=400).map(|id| free(job(id, "g", ""))).collect()).await;
    let mut works = Vec::new();
    for n in 0..5 {
        let server = place.server().await;
        let settings = place.settings.clone();
        let admin = place.admin().await;
        works.push(tokio::spawn(async move {
            let owned = settings.statement(
                "SELECT count(*) FILTER (WHERE function = 'f'), count(*) FILTER (WHERE function = 'g') FROM @.job
                WHERE owner IS NOT NULL",
            );
            let mut done = 0;
            loop {
                let wants = vec![want("f", 1 + n % 3, most(4)), want("g", 2, most(3))];
                let claimed = server.write(Write::Claim(wants)).await;
                let Ok(Answer::Rows(rows, _)) = claimed else { panic!("{claimed:?}") };
                let row = admin.query_one(&owned, &[]).await.unwrap();
                let (f, g): (i64, i64) = (row.get(0), row.get(1));
                assert!(f <= 4 && g <= 3, "{f} and {g} are owned");
                done += rows.len();
                server.settle(rows.iter().map(|row| Settle::Done(row.id)).collect()).await;
                let left = settings.statement("SELECT count(*) FROM @.job");
                if admin.query_one(&left, &[]).await.unwrap().get::<_, i64>(0) == 0 {
                    return done;
                }
            }
        }));
    }
    let mut done = 0;
    for work in works {
        done += in_time(work).await.unwrap();
    }
    assert_eq!(done, 400);
}

#[tokio::test]
async fn limits_are_looked_at_by_index_however_long_the_queue_is() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    claim(&server, 1, most(1)).await;
    size::fill(&place, 1, 100_000).await;
    place.execute("UPDATE @.job SET owner = id % 3, function = 'other' WHERE id > 99000").await;
    let plan = |most: &str, step: &str| {
        format!(
            "ARRAY['f'::bytea], ARRAY[10::bigint], 1000000, ARRAY[{most}]::bigint[], ARRAY[{step}]::bigint[], ARRAY[1]"
        )
    };
    for parameters in [plan("100", "NULL"), plan("NULL", "1000000"), plan("100", "1000")] {
        let plan = size::claim_plan(&place, &server, statements::CLAIM_LIMITED, &parameters).await;
        size::assert_by_index(&plan);
    }
}
