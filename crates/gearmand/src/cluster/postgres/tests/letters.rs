//! Dead letters, as servers are told of them.

use super::*;
use crate::cluster::ask::Letter;

/// Jobs that died, at these times, of these functions: their numbers are 1, 2 …
async fn bury(server: &Server, dead: &[(&str, &str, u64)]) {
    for ((function, unique, last_ms), id) in dead.iter().zip(1..) {
        server.insert(vec![own(job(id, function, unique))]).await;
        let death = crate::cluster::ask::Death { last_ms: *last_ms, ..settle::death(id) };
        assert_eq!(server.settle(vec![Settle::Bury(Box::new(death))]).await, [Settled::Made]);
    }
}

async fn letters(server: &Server, ids: &[u64]) -> Vec<Letter> {
    match server.ask(Ask::Letters(ids.into())).await {
        Answer::Letters(letters) => letters,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn letters_are_listed_in_the_order_in_which_they_died_and_told_whole() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    assert_eq!(server.ask(Ask::LetterIds).await, Answer::LetterIds(vec![]));
    bury(&server, &[("f", "k", 30), ("g", "", 20), ("f", "", 10), ("f", "", 10), ("f", "", 40)]).await;
    assert_eq!(server.ask(Ask::LetterIds).await, Answer::LetterIds(vec![(3, 10), (4, 10), (2, 20), (1, 30), (5, 40)]));
    let ids: Vec<_> = letters(&server, &[5, 9, 1]).await.iter().map(|letter| letter.row.id).collect();
    assert_eq!(ids, [5, 1]);
    let death = settle::death(1);
    let letter = Letter {
        row: JobRow { tries: death.tries, first_ms: death.first_ms, ..job(1, "f", "k") },
        last_ms: 30,
        reason: death.reason,
        text: death.text,
        worker: death.worker,
    };
    assert_eq!(letters(&server, &[1]).await, [letter]);
    assert_eq!(server.settle(vec![Settle::Forget(3), Settle::Revive(5)]).await, [Settled::Made, Settled::Made]);
    assert_eq!(server.ask(Ask::LetterIds).await, Answer::LetterIds(vec![(4, 10), (2, 20), (1, 30)]));
}

#[tokio::test]
async fn an_answer_ends_with_what_fits_and_has_one_at_least() {
    let Some(place) = place() else { return };
    let server = place.server().await;
    for id in 1..=3 {
        let large = JobRow { data: vec![b'x'; 12 << 20].into(), ..job(id, "f", "") };
        server.insert(vec![own(large)]).await;
        server.settle(vec![Settle::Bury(Box::new(settle::death(id)))]).await;
    }
    let ids = |letters: Vec<Letter>| letters.iter().map(|letter| letter.row.id).collect::<Vec<_>>();
    assert_eq!(ids(letters(&server, &[1, 2, 3]).await), [1, 2]);
    assert_eq!(ids(letters(&server, &[3]).await), [3]);
}
