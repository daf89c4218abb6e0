//! A server that answers rightly at heart, and changes by lot what it sends: bits, lengths, commands, order; cut
//! anywhere, late, never. Seeded, so that what it once did it does again.

use crate::util::{Script, Wire, res};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Numbers by lot (splitmix64).
#[derive(Debug)]
pub(crate) struct Lots(Cell<u64>);

impl Lots {
    pub(crate) fn new(seed: u64) -> Lots {
        Lots(Cell::new(seed))
    }

    pub(crate) fn number(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let n = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let n = (n ^ n >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        n ^ n >> 31
    }

    /// One of 0..`n`.
    pub(crate) fn below(&self, n: usize) -> usize {
        (self.number() % n.max(1) as u64) as usize
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&self, n: usize) -> bool {
        self.below(n) == 0
    }
}

pub(crate) struct Liar {
    pub(crate) script: Script,
    lots: Lots,
    /// Does it change anything at all?
    lies: Cell<bool>,
    /// Was anything changed on this connection, other than when it was sent and in which pieces?
    pub(crate) lied: Cell<bool>,
    /// Waits for [`Liar::repent`].
    waits: Cell<Option<Waker>>,
    /// Sent with the next answer.
    late: RefCell<Vec<u8>>,
    /// Jobs it has named.
    pub(crate) jobs: Cell<u64>,
}

impl Liar {
    pub(crate) fn new(script: Script, seed: u64) -> Liar {
        Liar {
            script,
            lots: Lots::new(seed),
            lies: Cell::new(true),
            lied: Cell::new(false),
            waits: Cell::default(),
            late: RefCell::default(),
            jobs: Cell::new(0),
        }
    }

    /// One connection after the other, for ever.
    pub(crate) async fn serve(&self) {
        loop {
            let mut wire = self.script.accept().await;
            self.late.borrow_mut().clear();
            self.lied.set(false);
            let dirty = self.lies.get();
            loop {
                let packet = tokio::select! {
                    biased;
                    () = self.repented(), if dirty => break,
                    packet = wire.packet() => packet,
                };
                let Some((number, body)) = packet else { break };
                let answers = self.answers(number, &body);
                if !self.answer(&mut wire, answers).await {
                    break;
                }
            }
        }
    }

    /// From now on a good server, as one that was started anew: the connection is closed.
    pub(crate) fn repent(&self) {
        self.lies.set(false);
        self.waits.take().inspect(Waker::wake_by_ref);
    }

    async fn repented(&self) {
        poll_fn(|cx| {
            self.waits.replace(Some(cx.waker().clone()));
            if self.lies.get() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    fn answers(&self, number: u32, body: &[u8]) -> Vec<Vec<u8>> {
        match number {
            16 => vec![res(17, body)],
            18 | 32 | 34 => vec![res(8, self.handle())],
            7 | 21 | 33 => self.foreground(body),
            15 => vec![res(20, [body, b"\x001\x000\x003\x004"].concat())],
            41 => vec![res(42, [body, b"\x001\x001\x003\x004\x002"].concat())],
            26 if self.lots.once_in(3) => vec![res(19, "UNKNOWN_OPTION\0what?")],
            26 => vec![res(27, body)],
            9 | 30 | 39 if self.lies.get() && self.lots.once_in(3) => vec![res(10, "")],
            9 | 30 | 39 => vec![self.job(number)],
            // A worker that sleeps is woken, or given the job.
            4 if self.lots.once_in(4) => vec![self.job(39)],
            4 if self.lies.get() => vec![res(6, "")],
            _ => Vec::new(),
        }
    }

    fn handle(&self) -> String {
        self.jobs.set(self.jobs.get() + 1);
        format!("H:liar:{}", self.jobs.get())
    }

    /// The workload comes back, in parts.
    fn foreground(&self, body: &[u8]) -> Vec<Vec<u8>> {
        let workload = body.splitn(3, |b| *b == 0).nth(2).unwrap_or_default();
        let handle = self.handle();
        let of = |number, data: &[u8]| res(number, [handle.as_bytes(), b"\0", data].concat());
        let (first, last) = workload.split_at(self.lots.below(workload.len()));
        vec![res(8, &handle), of(12, b"1\x002"), of(28, first), of(29, b"careful"), of(13, last)]
    }

    fn job(&self, grab: u32) -> Vec<u8> {
        let handle = self.handle();
        let number = self.jobs.get();
        match grab {
            9 => res(11, format!("{handle}\0f\0job {number}")),
            30 => res(31, format!("{handle}\0f\0u\0job {number}")),
            _ => res(40, format!("{handle}\0f\0u\0\0job {number}")),
        }
    }

    /// False: the connection is to be closed.
    async fn answer(&self, wire: &mut Wire, mut answers: Vec<Vec<u8>>) -> bool {
        let mut open = true;
        if self.lies.get() && !answers.is_empty() {
            match self.lots.below(24) {
                0..10 => {}
                10 => {
                    self.late.borrow_mut().extend(answers.concat());
                    return true;
                }
                lot => {
                    self.lied.set(true);
                    open = self.change(lot, &mut answers);
                }
            }
        }
        let mut bytes = std::mem::take(&mut *self.late.borrow_mut());
        bytes.extend(answers.concat());
        self.pieces(wire, &bytes).await;
        open
    }

    /// False: the connection is to be closed afterwards.
    fn change(&self, lot: usize, answers: &mut Vec<Vec<u8>>) -> bool {
        let lots = &self.lots;
        let (which, other) = (lots.below(answers.len()), lots.below(answers.len()));
        let one = &mut answers[which];
        let place = lots.below(one.len());
        match lot {
            11 | 12 => one[place] ^= 1 << lots.below(8),
            13 => one[place] = lots.number() as u8,
            14 => one.truncate(place), // and the next packet follows
            15 => {
                one.truncate(place);
                answers.truncate(which + 1);
                return false;
            }
            16 => {
                let length = one.len() as u32 - 12;
                let wrong = [length + 1, length.wrapping_sub(1), length << 24, u32::MAX, 0][lots.below(5)];
                one[8..12].copy_from_slice(&wrong.to_be_bytes());
            }
            17 => one[4..8].copy_from_slice(&(lots.below(45) as u32).to_be_bytes()),
            18 => one[..4].copy_from_slice(b"\0REQ"),
            19 => answers.insert(which, answers[which].clone()),
            20 => answers.swap(which, other),
            21 => {
                let other = self.unasked();
                answers.insert(lots.below(answers.len() + 1), other);
            }
            22 => one.extend((0..lots.below(20)).map(|_| lots.number() as u8)),
            _ => {
                answers.clear();
                return lots.once_in(2);
            }
        }
        true
    }

    /// A packet that may come from a server, though not now.
    fn unasked(&self) -> Vec<u8> {
        // Of a job of before, of one that is not known, of none.
        let job = 1 + self.lots.number() % (self.jobs.get() + 3);
        let body = match self.lots.below(3) {
            0 => String::new(),
            1 => format!("H:liar:{job}"),
            _ => format!("H:liar:{job}\x001\x001\0f\0u\0x"),
        };
        res([6, 8, 10, 11, 12, 13, 14, 17, 19, 20, 25, 27, 28, 29, 31, 40, 42][self.lots.below(17)], body)
    }

    /// Cut at any byte; the other side looks between.
    async fn pieces(&self, wire: &mut Wire, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let whole = self.lots.once_in(2);
            let (piece, rest) = bytes.split_at(if whole { bytes.len() } else { 1 + self.lots.below(bytes.len()) });
            wire.try_send(piece).await;
            tokio::task::yield_now().await;
            bytes = rest;
        }
    }
}
