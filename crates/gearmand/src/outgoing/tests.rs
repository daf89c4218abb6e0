//! Order, batches and limits, as connections see them.

use super::*;

#[test]
fn answers_wait_for_their_batch_and_all_after_them_too() {
    let mut outgoing = Outgoing::new(1 << 20);
    outgoing.open(0);
    put(&mut outgoing, 5);
    outgoing.after_batch(0, Some(1), Answer::Created(1), |outgoing| put(outgoing, 7));
    put(&mut outgoing, 3);
    outgoing.after_batch(0, Some(2), Answer::Echo, |outgoing| put(outgoing, 11));
    outgoing.after_batch(0, None, Answer::Echo, |outgoing| put(outgoing, 1));
    assert_eq!((write(&mut outgoing, 5), outgoing.waiting(0)), (5, 22));
    assert!(!outgoing.writable(0) && outgoing.begin_write(0).is_none());
    while outgoing.next_dirty().is_some() {}
    outgoing.settle(BatchResult { batch: 1, added: true, done: false, ..BatchResult::default() });
    assert_eq!((outgoing.next_dirty(), write(&mut outgoing, 0)), (Some(0), 10));
    outgoing.settle(BatchResult { batch: 2, added: false, done: true, ..BatchResult::default() });
    assert_eq!((write(&mut outgoing, 10), write(&mut outgoing, 12), outgoing.waiting(0)), (10, 12, 0));
}

#[test]
fn answers_that_are_not_true_become_errors() {
    let mut outgoing = Outgoing::new(10_000);
    outgoing.open(0);
    put(&mut outgoing, 2);
    for batch in 1..=3 {
        outgoing
            .after_batch(0, Some(batch), Answer::Created(1), |outgoing| outgoing.send(0, |out| out.put(b"created")));
    }
    outgoing.send(0, |out| out.put(&[b'x'; LARGE]));
    outgoing.after_batch(0, Some(4), Answer::Created(1), |outgoing| outgoing.send(0, |out| out.put(b"last")));
    assert_eq!(write(&mut outgoing, 1), 2);
    outgoing.settle(BatchResult { batch: 1, added: true, done: true, ..BatchResult::default() });
    outgoing.settle(BatchResult { batch: 3, added: false, done: true, ..BatchResult::default() });
    let error = b"\0RES\0\0\0\x13\0\0\0'QUEUE_ERROR\0The job could not be stored";
    assert_eq!(outgoing.waiting(0), 1 + 7 + 2 * error.len() + LARGE + 4);
    assert_eq!(outgoing.take(0)[..8 + 2 * error.len()], [&b"\0created"[..], error, error].concat());
    assert_eq!(outgoing.waiting(0), 4);
}

fn put(outgoing: &mut Outgoing, bytes: usize) {
    outgoing.send(0, |out| out.put(&vec![0; bytes]));
}

/// Lets the socket take `n` bytes; returns how many there were to write.
fn write(outgoing: &mut Outgoing, n: usize) -> usize {
    let mut in_flight = outgoing.begin_write(0).unwrap();
    let whole = in_flight.bytes.len();
    in_flight.bytes.advance(n);
    assert!(outgoing.sent(in_flight));
    whole
}

#[test]
fn one_writes_and_what_others_send_meanwhile_goes_next() {
    let mut outgoing = Outgoing::new(1000);
    outgoing.open(0);
    put(&mut outgoing, 5);
    let mut in_flight = outgoing.begin_write(0).unwrap();
    put(&mut outgoing, 7);
    assert!(outgoing.begin_write(0).is_none() && !outgoing.writable(0) && !outgoing.is_empty());
    assert_eq!((outgoing.next_dirty(), outgoing.next_dirty(), outgoing.waiting(0)), (Some(0), None, 12));
    in_flight.bytes.advance(3);
    outgoing.sent(in_flight);
    assert!(outgoing.writable(0));
    assert_eq!((write(&mut outgoing, 2), outgoing.next_dirty()), (2, Some(0)));
    assert_eq!((write(&mut outgoing, 7), outgoing.next_dirty(), outgoing.is_empty()), (7, None, true));
}

#[test]
fn bytes_in_flight_of_a_connection_that_is_gone_are_dropped() {
    let mut outgoing = Outgoing::new(1000);
    outgoing.open(0);
    put(&mut outgoing, 5);
    let late = outgoing.begin_write(0).unwrap();
    outgoing.close(0);
    outgoing.open(0);
    put(&mut outgoing, 7);
    let next = outgoing.begin_write(0).unwrap();
    assert!(!outgoing.sent(late));
    assert_eq!((next.bytes.len(), outgoing.sent(next), write(&mut outgoing, 7)), (7, true, 7));
}

#[test]
fn the_limit_is_counted_beyond_a_large_packet() {
    let mut outgoing = Outgoing::new(1000);
    outgoing.open(0);
    put(&mut outgoing, 10 * LARGE);
    put(&mut outgoing, 900);
    write(&mut outgoing, LARGE);
    put(&mut outgoing, 200);
    assert!(!outgoing.overflowed(0));
    put(&mut outgoing, 1);
    assert!(outgoing.overflowed(0));
    assert_eq!(outgoing.waiting(0), 9 * LARGE + 1100);
}

#[test]
fn a_large_packet_after_a_small_one_passes_too() {
    let mut outgoing = Outgoing::new(1000);
    outgoing.open(0);
    put(&mut outgoing, 500);
    put(&mut outgoing, 2 * LARGE);
    put(&mut outgoing, 100);
    assert!(!outgoing.overflowed(0));
    put(&mut outgoing, 2 * LARGE);
    put(&mut outgoing, 1);
    assert!(outgoing.overflowed(0));
}

#[test]
fn closed_ones_get_nothing_and_their_number_can_be_used_again() {
    let mut outgoing = Outgoing::new(1000);
    outgoing.open(0);
    put(&mut outgoing, 5);
    outgoing.close(0);
    put(&mut outgoing, 5);
    assert_eq!(outgoing.waiting(0), 0);
    outgoing.open(0);
    put(&mut outgoing, 5);
    assert_eq!((outgoing.next_dirty(), outgoing.next_dirty()), (Some(0), None));
    assert_eq!(outgoing.take(0).len(), 5);
    assert!(outgoing.is_empty());
}
