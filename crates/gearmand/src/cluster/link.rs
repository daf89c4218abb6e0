//! The thread that brings a [`Member`] and its store together: what the broker says goes in, what the store answers, and time;
//! what comes out goes to the store and to the server. A thread of its own, so that neither waits for the other.
//!
//! Owns the connection to the store: made anew, with growing pauses, when it breaks or is silent for long. Must never know what
//! is asked and told, but for counting commits.

use crate::cluster::SharedQueue;
use crate::cluster::ask::{Answer, Ask, Beat, Fault, Settled};
use crate::cluster::member::{Asked, Counts, DOUBT, Member, Settings, Told};
use crate::cluster::mirror::Mirror;
use crate::cluster::postgres::{Store, Unusable};
use crate::cluster::said::Said;
use crate::durable::Change;
use crate::durable::batch::Stats;
use crate::seldom::Seldom;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// Between two tries to reach the store: the first, and the longest; each is up to twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often it is logged that it cannot be reached, or why it does not do what it is asked.
const TROUBLE: Duration = Duration::from_secs(10);
/// So long a question waits for its answer.
const ANSWER: Duration = Duration::from_secs(2);
/// How often free jobs are counted.
const COUNT_EVERY: Duration = Duration::from_secs(2);
/// How many changes one ask makes at most is bounded; so many messages are taken in before it is asked again.
const AT_ONCE: usize = 1_000;

/// A question that has to do with nothing else that is said, and who waits for its answer.
type Aside = (Ask, oneshot::Sender<Result<Answer, Fault>>);

/// The thread, from the server's side. It ends when this is dropped, and is not waited for: a database may hang.
#[derive(Debug)]
pub(crate) struct Link {
    said: UnboundedSender<Vec<Said>>,
    asides: UnboundedSender<Aside>,
    _thread: JoinHandle<()>,
}

impl Link {
    /// Connects to the store; from then on the receiver gets what the broker is to be told. Its times, such as those of leases, are
    /// counted from `begin`, as the broker's are.
    ///
    /// # Errors
    /// Where the store cannot be used, and will not be without somebody who mends it. A store that cannot be reached is waited for.
    pub(crate) fn start(shared: SharedQueue, begin: Instant) -> Result<(Link, UnboundedReceiver<Vec<Told>>), Unusable> {
        let failed = |e: io::Error| Unusable::for_good(format!("no thread for the shared queue: {e}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let first = match runtime.block_on(Store::open(&shared.store)) {
            Ok(open) => Some(open),
            Err(error) if error.passes => {
                tracing::error!("the shared queue cannot be reached, and is tried again: {error}");
                None
            }
            Err(error) => return Err(error),
        };
        let (said, hears) = unbounded_channel();
        let (tells, told) = unbounded_channel();
        let (asides, asked) = unbounded_channel();
        let work = move || runtime.block_on(Driver::new(shared, begin, tells, first).run(hears, asked));
        let thread = std::thread::Builder::new().name("cluster".into()).spawn(work).map_err(failed)?;
        Ok((Link { said, asides, _thread: thread }, told))
    }

    /// Hands over what the broker says. False: the thread is gone.
    pub(crate) fn say(&self, said: Vec<Said>) -> bool {
        self.said.send(said).is_ok()
    }

    /// Asks a question whose answer the broker does not need; of what was said before, only what is stored counts. An error is
    /// that the thread ends.
    pub(crate) fn ask(&self, ask: Ask) -> oneshot::Receiver<Result<Answer, Fault>> {
        let (answers, answer) = oneshot::channel();
        // Where the thread is gone, the other end is dropped, and that is the answer.
        let _ = self.asides.send((ask, answers));
        answer
    }
}

/// Something that the store is asked.
struct UnderWay {
    since: Instant,
    /// It is counted as a commit.
    writes: bool,
    task: AbortHandle,
}

/// Both ends of a channel.
type Channel<T> = (UnboundedSender<T>, UnboundedReceiver<T>);
type Opened = Result<(Store, mpsc::Receiver<Bytes>), Unusable>;

struct Driver {
    shared: SharedQueue,
    member: Member,
    begin: Instant,
    tells: UnboundedSender<Vec<Told>>,
    store: Option<Arc<Store>>,
    /// It has written something since it was opened.
    proven: bool,
    /// It was logged that it does not answer.
    said_silent: bool,
    woken: Option<mpsc::Receiver<Bytes>>,
    under_way: HashMap<u64, UnderWay>,
    answers: Channel<(u64, Result<Answer, Fault>)>,
    /// Questions without answers, and the batches that they were asked ahead of.
    questions: BTreeMap<u64, Option<u64>>,
    answered: Channel<Told>,
    /// When free jobs are counted next; `None`: they are.
    next_count: Option<Duration>,
    count_began: Duration,
    counted: Channel<Result<Answer, Fault>>,
    mirror: Mirror,
    mirrored: Channel<Result<Answer, Fault>>,
    /// What the member told, and what waits for a question that was asked before.
    told: VecDeque<Told>,
    /// A connection that is being made.
    opening: Option<tokio::task::JoinHandle<Opened>>,
    pause: Duration,
    /// As they were told last.
    counts: Counts,
    /// When to log that the store cannot be reached.
    trouble: Seldom,
    /// When to log why it does not do what it is asked.
    refusals: Seldom,
    stats: Stats,
}

impl Driver {
    fn new(
        shared: SharedQueue,
        begin: Instant,
        tells: UnboundedSender<Vec<Told>>,
        first: Option<(Store, mpsc::Receiver<Bytes>)>,
    ) -> Driver {
        let settings: Settings = shared.member.clone();
        let (store, woken) = first.map(|(store, woken)| (Arc::new(store), woken)).unzip();
        Driver {
            shared,
            member: Member::new(settings),
            begin,
            tells,
            said_silent: store.is_none(),
            store,
            proven: false,
            woken,
            under_way: HashMap::new(),
            answers: unbounded_channel(),
            questions: BTreeMap::new(),
            answered: unbounded_channel(),
            next_count: Some(Duration::ZERO),
            count_began: Duration::ZERO,
            counted: unbounded_channel(),
            mirror: Mirror::default(),
            mirrored: unbounded_channel(),
            told: VecDeque::new(),
            opening: None,
            pause: Duration::ZERO,
            counts: Counts::default(),
            trouble: Seldom::every(TROUBLE),
            refusals: Seldom::every(TROUBLE),
            stats: Stats::default(),
        }
    }

    fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Until the epoch is over, or the server is gone.
    async fn run(mut self, mut hears: UnboundedReceiver<Vec<Said>>, mut asked: UnboundedReceiver<Aside>) {
        let mut said = Vec::new();
        loop {
            let next = self.advance();
            if !self.tell() || self.member.has_left() {
                return;
            }
            if self.store.is_none() && self.opening.is_none() {
                self.open();
            }
            tokio::select! {
                count = hears.recv_many(&mut said, AT_ONCE) => {
                    if count == 0 {
                        return;
                    }
                    said.drain(..).flatten().for_each(|said| self.hear(said));
                }
                Some((ask, answers)) = asked.recv() => {
                    let answer = self.look_up(ask);
                    // Nobody may wait for it any more.
                    tokio::spawn(async move { answers.send(answer.await) });
                }
                Some((number, answer)) = self.answers.1.recv() => self.answered(number, answer),
                Some(told) = self.answered.1.recv() => self.question_answered(told),
                Some(answer) = self.mirrored.1.recv() => {
                    let now = self.now();
                    self.told.extend(self.mirror.answer(now, answer));
                }
                Some(counted) = self.counted.1.recv() => self.counted(counted),
                Some(function) = woken(&mut self.woken) => self.member.woken(&function),
                opened = opened(&mut self.opening) => self.opened(opened),
                () = tokio::time::sleep_until((self.begin + next).into()) => {}
            }
        }
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Ask { question, ask } => return self.question(question, ask),
            Said::Batch(ref batch) => {
                let number = batch.number;
                self.questions.values_mut().for_each(|ahead_of| *ahead_of = ahead_of.or(Some(number)));
                for change in batch.changes() {
                    if let Change::Bury(letter) = change {
                        self.mirror.buried(number, letter.row.name.id, letter.last_ms);
                    }
                }
            }
            _ => {}
        }
        self.member.hear(self.now(), &said);
    }

    /// Something is asked aside of the member's asks.
    fn question(&mut self, question: u64, ask: Ask) {
        self.questions.insert(question, None);
        let (answer, answered) = (self.look_up(ask), self.answered.0.clone());
        tokio::spawn(async move {
            // To nobody when the server is gone.
            let _ = answered.send(Told::Answered { question, answer: answer.await });
        });
    }

    /// What the store says, in time.
    fn look_up(&self, ask: Ask) -> impl Future<Output = Result<Answer, Fault>> + use<> {
        let store = self.store.clone();
        async move {
            match &store {
                Some(store) => tokio::time::timeout(ANSWER, store.ask(&ask)).await.unwrap_or(Err(Fault::InDoubt)),
                None => Err(Fault::NotDone("there is no connection to the database".into())),
            }
        }
    }

    fn question_answered(&mut self, told: Told) {
        if let Told::Answered { question, .. } = told {
            self.questions.remove(&question);
        }
        // What the member told before is not known to the store's answer, and does not matter to it.
        self.told.push_front(told);
    }

    /// Asks what the member wants to be asked. When there may be more.
    fn advance(&mut self) -> Duration {
        loop {
            let next = self.member.advance(self.now());
            let asked: Vec<_> = std::iter::from_fn(|| self.member.next_ask()).collect();
            if asked.is_empty() {
                self.ask_mirror();
                self.count();
                let mirror = self.mirror.next().filter(|_| self.member.obeys());
                let others = [mirror, self.next_count].into_iter().flatten().filter(|_| self.store.is_some());
                return others.chain([next]).min().unwrap_or(next);
            }
            asked.into_iter().for_each(|asked| self.ask(asked));
        }
    }

    fn ask(&mut self, asked: Asked) {
        let Asked { number, ask } = asked;
        if self.store.as_ref().is_some_and(|store| store.is_broken()) {
            self.close();
        }
        let Some(store) = self.store.clone() else {
            let fault = Fault::NotDone("there is no connection to the database".into());
            return self.member.answer(self.now(), number, Err(fault));
        };
        let writes = matches!(ask, Ask::Write { .. });
        let answers = self.answers.0.clone();
        // In the order in which they are spawned they are polled first, and sent.
        let task = tokio::spawn(async move {
            let answer = tokio::time::timeout(DOUBT, store.ask(&ask)).await.unwrap_or(Err(Fault::InDoubt));
            // To nobody when the server is gone.
            let _ = answers.send((number, answer));
        });
        self.under_way.insert(number, UnderWay { since: Instant::now(), writes, task: task.abort_handle() });
    }

    /// What dead letters there are. A broker that does not know the policies of all would have some of them forgotten for all.
    fn ask_mirror(&mut self) {
        let Some(store) = self.store.clone().filter(|_| self.member.obeys()) else { return };
        let Some(ask) = self.mirror.next_ask(self.now()) else { return };
        let mirrored = self.mirrored.0.clone();
        tokio::spawn(async move {
            let answer = tokio::time::timeout(DOUBT, store.ask(&ask)).await.unwrap_or(Err(Fault::InDoubt));
            // To nobody when the server is gone.
            let _ = mirrored.send(answer);
        });
    }

    /// How many jobs are free.
    fn count(&mut self) {
        let due = self.next_count.is_some_and(|next| next <= self.now());
        let Some(store) = self.store.clone().filter(|_| due) else { return };
        self.next_count = None;
        let counted = self.counted.0.clone();
        tokio::spawn(async move {
            let answer = tokio::time::timeout(DOUBT, store.ask(&Ask::Counts(None))).await;
            // To nobody when the server is gone.
            let _ = counted.send(answer.unwrap_or(Err(Fault::InDoubt)));
        });
        self.count_began = self.now();
    }

    fn counted(&mut self, counted: Result<Answer, Fault>) {
        let now = self.now();
        // A long queue is counted less often.
        let took = now.saturating_sub(self.count_began);
        self.next_count = Some(now + COUNT_EVERY.max(took * 20));
        if let Ok(Answer::Counts(counts)) = counted {
            self.told.push_back(Told::FreeJobs(counts));
        }
    }

    fn answered(&mut self, number: u64, answer: Result<Answer, Fault>) {
        let Some(UnderWay { since, writes, .. }) = self.under_way.remove(&number) else { return };
        match &answer {
            Ok(answer) => {
                self.stats.failing_since = None;
                if proves(answer) {
                    self.prove();
                }
                if writes {
                    self.stats.commit(changes(answer), since.elapsed());
                }
            }
            Err(fault) => {
                self.stats.failed += u64::from(writes);
                self.stats.failing_since.get_or_insert(since);
                self.log_refusal(fault);
                self.check_store(fault);
            }
        }
        self.member.answer(self.now(), number, answer);
    }

    /// The store works.
    fn prove(&mut self) {
        (self.proven, self.pause) = (true, Duration::ZERO);
        if std::mem::take(&mut self.said_silent) {
            tracing::warn!("the shared queue answers");
        }
    }

    /// The store answers, and says why it does not do what it is asked.
    fn log_refusal(&mut self, fault: &Fault) {
        if let Fault::NotDone(reason) = fault
            && let Some(omitted) = self.refusals.happened(self.now())
        {
            tracing::error!("the shared queue does not do what it is asked: {reason}{omitted}");
        }
    }

    /// Something failed: the connection may be of no use any more.
    fn check_store(&mut self, fault: &Fault) {
        if *fault == Fault::InDoubt || self.store.as_ref().is_some_and(|store| store.is_broken()) {
            self.close();
        }
    }

    /// The connection is given up, and what is under way is in doubt.
    fn close(&mut self) {
        if self.store.take().is_none() {
            return;
        }
        if !std::mem::replace(&mut self.said_silent, true) {
            tracing::warn!("the shared queue does not answer: the connection is made anew");
        }
        if !std::mem::take(&mut self.proven) {
            // It was of no use from the start, and the next is not likely to be.
            self.lengthen_pause();
        }
        self.woken = None;
        let now = self.now();
        let mut under_way: Vec<_> = self.under_way.drain().collect();
        under_way.sort_unstable_by_key(|(number, _)| *number);
        for (number, UnderWay { task, .. }) in under_way {
            task.abort();
            self.member.answer(now, number, Err(Fault::InDoubt));
        }
    }

    fn open(&mut self) {
        let (settings, pause) = (self.shared.store.clone(), jittered(self.pause));
        self.opening = Some(tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            Store::open(&settings).await
        }));
    }

    fn lengthen_pause(&mut self) {
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    }

    fn opened(&mut self, opened: Opened) {
        match opened {
            Ok((store, woken)) => {
                (self.store, self.woken) = (Some(Arc::new(store)), Some(woken));
            }
            Err(error) => {
                self.lengthen_pause();
                if let Some(omitted) = self.trouble.happened(self.now()) {
                    tracing::error!("the shared queue cannot be reached: {error}{omitted}");
                }
            }
        }
    }

    /// Tells the server what the member tells. False: it is gone.
    fn tell(&mut self) -> bool {
        while let Some(mut told) = self.member.next_told() {
            match &mut told {
                Told::Result(result) => {
                    result.stats = self.stats;
                    if result.done {
                        self.mirror.stored(result.batch);
                    }
                }
                Told::Revived { id, outcome: Settled::Made | Settled::Gone } => self.mirror.revived(*id),
                _ => {}
            }
            self.told.push_back(told);
        }
        if self.counts != self.member.counts {
            self.counts = self.member.counts;
            self.told.push_back(Told::Counts(self.counts));
        }
        let first = self.questions.values().flatten().min();
        let waits =
            |told: &Told| matches!((told, first), (Told::Result(result), Some(first)) if result.batch >= *first);
        let free = self.told.iter().position(waits).unwrap_or(self.told.len());
        free == 0 || self.tells.send(self.told.drain(..free).collect()).is_ok()
    }
}

/// Whether a store that answers this can be written to.
fn proves(answer: &Answer) -> bool {
    match answer {
        Answer::Joined { .. } | Answer::Inserted(_) | Answer::Settled(_) | Answer::Rows(..) => true,
        Answer::Beat(beat) => *beat != Beat::Dead,
        _ => false,
    }
}

/// How many jobs a write changed.
fn changes(answer: &Answer) -> u64 {
    match answer {
        Answer::Inserted(outcomes) => outcomes.len() as u64,
        Answer::Settled(outcomes) => outcomes.len() as u64,
        Answer::Rows(rows, _) => rows.len() as u64,
        _ => 0,
    }
}

/// Servers that lost the same database do not all come back at once.
fn jittered(pause: Duration) -> Duration {
    let chance = RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64;
    pause.mul_f64(1.0 + chance)
}

/// A function that others have free jobs of; never, where nobody can say so.
async fn woken(woken: &mut Option<mpsc::Receiver<Bytes>>) -> Option<Bytes> {
    if let Some(receiver) = woken
        && let Some(function) = receiver.recv().await
    {
        return Some(function);
    }
    *woken = None;
    std::future::pending().await
}

/// The connection that is being made; never, where none is.
async fn opened(opening: &mut Option<tokio::task::JoinHandle<Opened>>) -> Opened {
    let Some(task) = opening else { return std::future::pending().await };
    let opened = task.await;
    *opening = None;
    opened.unwrap_or_else(|error| Err(Unusable { text: error.to_string(), passes: true }))
}
