//! Dead letters, as operators see them.

use super::*;
use crate::cluster::ask::{Bound, Cleared, Letter, Letters, LettersOf, Place};

/// Jobs that died, at these times, of these functions: their numbers are 1, 2 …
async fn bury(server: &Server, dead: &[(&str, &str, u64)]) {
    for ((function, unique, last_ms), id) in dead.iter().zip(1..) {
        server.insert(vec![own(job(id, function, unique))]).await;
        let death = crate::cluster::ask::Death { last_ms: *last_ms, ..settle::death(id) };
        assert_eq!(server.settle(vec![Settle::Bury(Box::new(death))]).await, [Settled::Made]);
    }
}

async fn page(server: &Server, function: Option<&'static str>, after: Option<Place>, limit: u32) -> Letters {
    match server.ask(Ask::Letters { function: function.map(Bytes::from), after, limit }).await {
        Answer::Letters(letters) => letters,
        other => panic!("{other:?}"),
    }
}

fn ids(letters: &Letters) -> Vec<u64> {
    letters.page.iter().map(|letter| letter.row.id).collect()
}

async fn all(server: &Server) -> Vec<u64> {
    ids(&page(server, None, None, 1000).await)
}

async fn cleared(server: &Server, ask: fn(LettersOf) -> Ask, after: Option<Place>) -> Cleared {
    match server.ask(ask(LettersOf { function: Bytes::from("f"), after })).await {
        Answer::Cleared(cleared) => cleared,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn letters_are_shown_by_pages_in_the_order_in_which_they_died() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    assert_eq!(page(&server, None, None, 2).await, Letters::default());
    bury(&server, &[("f", "k", 30), ("g", "", 20), ("f", "", 10), ("f", "", 10), ("f", "", 40)]).await;
    let first = page(&server, None, None, 2).await;
    assert_eq!((ids(&first), first.total), (vec![3, 4], 5));
    let second = page(&server, None, first.next, 2).await;
    assert_eq!((ids(&second), second.next), (vec![2, 1], Some(Place { last_ms: 30, id: 1 })));
    let third = page(&server, None, second.next, 2).await;
    assert_eq!((ids(&third), third.next), (vec![5], None));
    let of = page(&server, Some("f"), first.next, 2).await;
    assert_eq!((ids(&of), of.next, of.total), (vec![1, 5], None, 4));
    let none = page(&server, Some("f"), Some(Place { last_ms: 40, id: 5 }), 2).await;
    assert_eq!((ids(&none), none.next, none.total), (Vec::new(), None, 4));
    let death = settle::death(1);
    let letter = Letter {
        row: JobRow { tries: death.tries, first_ms: death.first_ms, ..job(1, "f", "k") },
        last_ms: 30,
        reason: death.reason,
        text: death.text,
        worker: death.worker,
    };
    assert_eq!(second.page[1], letter);
    assert_eq!(server.ask(Ask::Letter(1)).await, Answer::Letter(Some(Box::new(letter))));
    assert_eq!(server.ask(Ask::Letter(9)).await, Answer::Letter(None));
}

#[tokio::test]
async fn a_page_of_large_letters_is_cut() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    bury(&server, &[("f", "", 1), ("f", "", 2), ("f", "", 3)]).await;
    place.execute("UPDATE @.dead SET data = convert_to(repeat('x', 10000000), 'UTF8')").await;
    let first = page(&server, None, None, 100).await;
    assert_eq!((ids(&first), first.total), (vec![1, 2], 3));
    assert_eq!(ids(&page(&server, None, first.next, 100).await), [3]);
}

#[tokio::test]
async fn surplus_letters_and_those_that_are_too_old_are_deleted() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    bury(&server, &[("f", "", 30), ("f", "", 10), ("f", "", 20), ("g", "", 1), ("h", "", 5), ("h", "", 6)]).await;
    let bound = |name: &'static str, count, oldest_ms| Bound { function: Bytes::from(name), count, oldest_ms };
    let trim = async |bounds: Vec<Bound>| server.ask(Ask::Trim(bounds)).await;
    assert_eq!(trim(vec![bound("f", 3, 10), bound("h", u64::MAX, 0)]).await, Answer::Trimmed(0));
    assert_eq!(trim(vec![bound("f", 2, 0), bound("h", 9, 6), bound("none", 0, 0)]).await, Answer::Trimmed(2));
    assert_eq!(all(&server).await, [4, 6, 3, 1]);
    assert_eq!(trim(vec![bound("f", 0, 0), bound("g", 1, u64::MAX)]).await, Answer::Trimmed(3));
    assert_eq!(all(&server).await, [6]);
    let many =
        "INSERT INTO @.dead SELECT 100 + i, 0, i, 1, 1, 'f', '', NULL, '', '', '', '' FROM generate_series(1, 2500) i";
    place.execute(many).await;
    let rest = async || page(&server, Some("f"), None, 1).await;
    assert_eq!(trim(vec![bound("f", 10, 0)]).await, Answer::Trimmed(1000));
    // The oldest first.
    assert_eq!((ids(&rest().await), rest().await.total), (vec![1101], 1500));
    assert_eq!(trim(vec![bound("f", 10, 0)]).await, Answer::Trimmed(1000));
    assert_eq!(trim(vec![bound("f", 10, 0)]).await, Answer::Trimmed(490));
    assert_eq!((ids(&rest().await), rest().await.total), (vec![2591], 10));
}

#[tokio::test]
async fn servers_that_trim_together_delete_no_more_than_one() {
    let Some(place) = place() else { return };
    let servers = [place.server().await, place.server().await, place.server().await];
    let bound = Bound { function: Bytes::from("f"), count: 100, oldest_ms: 0 };
    for round in 0..10 {
        let many = format!(
            "INSERT INTO @.dead SELECT {round} * 1000 + i, 0, {round} * 1000 + i, 1, 1, 'f', '', NULL, '', '', '', ''
            FROM generate_series(1, 300) i"
        );
        place.execute(&many).await;
        let trim = || Ask::Trim(vec![bound.clone()]);
        in_time(async { tokio::join!(servers[0].ask(trim()), servers[1].ask(trim()), servers[2].ask(trim())) }).await;
        assert_eq!(place.number("SELECT count(*) FROM @.dead").await, 100);
    }
}

#[tokio::test]
async fn all_letters_of_a_function_are_forgotten() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    bury(&server, &[("f", "k", 30), ("g", "", 20), ("f", "", 10)]).await;
    assert_eq!(cleared(&server, Ask::ForgetAll, None).await, Cleared { made: 2, left: 0, next: None });
    assert_eq!(cleared(&server, Ask::ForgetAll, None).await, Cleared::default());
    assert_eq!(all(&server).await, [2]);
}

#[tokio::test]
async fn all_letters_of_a_function_are_tried_again_piece_by_piece() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    bury(&server, &[("f", "taken", 1), ("f", "same", 2), ("f", "same", 3), ("g", "", 4)]).await;
    server.insert(vec![free(job(9, "f", "taken"))]).await;
    let many = "INSERT INTO @.dead SELECT 100 + i, 0, i, 9, 0, 'f', '-', NULL, '', '', '', convert_to(i::text, 'UTF8')
        FROM generate_series(4, 2203) i";
    place.execute(many).await;
    let first = cleared(&server, Ask::ReviveAll, None).await;
    // One key is taken by a job, one by another letter.
    assert_eq!((first.made, first.left), (998, 1203));
    let second = cleared(&server, Ask::ReviveAll, first.next).await;
    assert_eq!((second.made, second.left), (1000, 203));
    let third = cleared(&server, Ask::ReviveAll, second.next).await;
    assert_eq!(third, Cleared { made: 203, left: 0, next: None });
    let (left, jobs) = (page(&server, Some("f"), None, 9).await, server.claim("f", 9999).await);
    assert_eq!((left.total, ids(&left)[0]), (2, 1));
    assert_eq!((jobs.len(), jobs.iter().map(|row| row.tries).max()), (2202, Some(0)));
}

#[tokio::test]
async fn pages_and_bounds_are_read_by_index() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    let many =
        "INSERT INTO @.dead SELECT i, 0, i, 1, 1, 'f', '', NULL, '', '', '', '' FROM generate_series(1, 50000) i";
    place.execute(many).await;
    let of = crate::cluster::postgres::statements::questions::letters("d.function = $6");
    let all = crate::cluster::postgres::statements::questions::letters("true");
    for (text, parameters, index) in
        [(of, "-1, -1, 10, 1000000, 100, 'f'", "dead_function"), (all, "-1, -1, 10, 1000000, 100", "dead_order")]
    {
        let text = place.settings.statement(&text);
        let text = format!(
            "PREPARE p AS {text}; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE p({parameters}); DEALLOCATE p"
        );
        let plan = size::plan(&server.store.asking, &text).await;
        assert!(plan.contains(index) && !plan.contains("Seq Scan on dead"), "{plan}");
        let page = plan.lines().find(|line| line.contains(&format!("using {index}"))).unwrap();
        assert!(page.contains("rows=11 "), "{plan}");
    }
}
