//! `--import`: moves all jobs, dead letters and settings of one queue into another.
//!
//! ```text
//! source ── a page ──> target, with a mark that says what is in the page      until all are there
//! source: what was moved is removed, a page at a time; then the marks are, too
//! ```
//!
//! What always holds: at the source nothing is removed before it is committed in the target. Wherever this is interrupted,
//! what is in both is known by the marks when it is done again, also where servers had the queues meanwhile. Nothing in the
//! target is replaced: what has a key that is taken there stays where it is.

use crate::durable::batch::PendingChanges;
use crate::durable::recovery::recover;
use crate::durable::{Backend, BackendError, Change, DeadLetter, IMPORT, MAX_ID, Name, Record, Row, Setting};
use bytes::Bytes;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};

/// Jobs of a page, and bytes.
const PAGE: usize = 1000;
const BYTES: usize = 4 << 20;

/// How far it is, or what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Jobs and dead letters of the source.
    pub total: u64,
    /// Those that are in the target, and will be removed at the source.
    pub jobs: u64,
    /// And dead letters.
    pub dead: u64,
    /// And settings.
    pub settings: u64,
    /// Those of them that an import before this one had moved.
    pub before: u64,
    /// What stays at the source, as the target has something with its key.
    pub left: u64,
}

/// Moves all. Is told now and then how far it is.
///
/// # Errors
/// Those of the queues. Doing it again goes on where it ended.
pub fn import(
    source: &mut dyn Backend,
    target: &mut dyn Backend,
    report: &mut dyn FnMut(&Moved),
) -> Result<Moved, BackendError> {
    let mut here = Target::read(target)?;
    let (name, total, last) = look(source)?;
    let name = match name {
        Some(name) => name,
        None => {
            let name = format!("{:016x}", RandomState::new().build_hasher().finish());
            let setting = Setting { key: IMPORT.as_bytes(), value: name.as_bytes() };
            source.commit(&mut std::iter::once(Change::Set(setting)))?;
            name
        }
    };
    here.begin(target, &name, last)?;
    let moved = Moved { total, ..Moved::default() };
    let mut copy = Copy { target, here, page: Page::default(), moved, gone: Vec::new(), report };
    let mut failed = None;
    recover(source, &mut |record| {
        copy.take(record).map_err(|error| {
            failed = Some(error);
            "it could not be stored in the other queue"
        })
    })
    .map_err(|error| failed.unwrap_or(error))?;
    copy.flush()?;
    let Copy { target, here, moved, gone, report, .. } = copy;
    for page in gone.chunks(PAGE) {
        source.commit(&mut page.iter().map(Gone::change))?;
    }
    target.commit(&mut here.marks.iter().map(|key| Change::Unset(key)))?;
    source.commit(&mut std::iter::once(Change::Unset(IMPORT.as_bytes())))?;
    report(&moved);
    Ok(moved)
}

/// The name of the import that is under way, how much there is, and the largest id.
fn look(source: &mut dyn Backend) -> Result<(Option<String>, u64, u64), BackendError> {
    let (mut name, mut total) = (None, 0);
    let last = recover(source, &mut |record| {
        match record {
            Record::Setting(setting) if setting.key == IMPORT.as_bytes() => {
                name = Some(String::from_utf8_lossy(setting.value).into_owned());
            }
            Record::Setting(_) => {}
            Record::Job(_) | Record::Dead(_) => total += 1,
        }
        Ok(())
    })?;
    Ok((name, total, last))
}

/// What is known of the queue that jobs go to.
#[derive(Default)]
struct Target {
    ids: HashSet<u64>,
    /// Keys that clients gave, each with its function.
    keys: HashSet<(Vec<u8>, Vec<u8>)>,
    settings: HashMap<Vec<u8>, Vec<u8>>,
    /// What a page before has brought here: its id at the source, and its digest: [`mark`].
    known: HashSet<(u64, u64)>,
    /// The keys of all marks.
    marks: Vec<Vec<u8>>,
    name: String,
    /// The last id that was taken when the import began, and the next one that is free.
    base: u64,
    next: u64,
}

impl Target {
    fn read(target: &mut dyn Backend) -> Result<Target, BackendError> {
        let mut here = Target::default();
        let last = recover(target, &mut |record| {
            match record {
                Record::Setting(setting) => drop(here.settings.insert(setting.key.into(), setting.value.into())),
                Record::Dead(letter) => drop(here.ids.insert(letter.row.name.id)),
                Record::Job(Row { name, .. }) => {
                    here.ids.insert(name.id);
                    here.keys.extend(key(name));
                }
            }
            Ok(())
        })?;
        (here.base, here.next) = (last, last + 1);
        Ok(here)
    }

    /// Goes on with the import of this name, or begins it. `last`: the largest id of the source.
    fn begin(&mut self, target: &mut dyn Backend, name: &str, last: u64) -> Result<(), BackendError> {
        self.name = name.to_owned();
        self.next = self.next.max(last + 1);
        let first = format!("{IMPORT} {name}").into_bytes();
        let number = |bytes: &[u8], radix| u64::from_str_radix(str::from_utf8(bytes).ok()?, radix).ok();
        let marks = self.settings.iter().filter(|(key, _)| key.starts_with(&first));
        for (key, value) in marks {
            self.marks.push(key.clone());
            if *key == first {
                self.base = number(value, 10).unwrap_or(self.base);
            }
            for mark in value.split(|b| *b == b'\n') {
                let (id, digest) = mark.split_at(mark.len().min(16));
                self.known.extend(number(id, 16).zip(number(digest, 16)));
            }
        }
        if !self.settings.contains_key(&first) {
            let base = self.base.to_string();
            let setting = Setting { key: &first, value: base.as_bytes() };
            target.commit(&mut std::iter::once(Change::Set(setting)))?;
            self.marks.push(first);
        }
        Ok(())
    }

    /// The id of something that had this one: the same, where nobody can have been given it here.
    fn id(&mut self, id: u64) -> Option<u64> {
        let id = if id > self.base && !self.ids.contains(&id) { id } else { self.next };
        self.next = self.next.max(id + 1);
        self.ids.insert(id);
        (id < MAX_ID).then_some(id)
    }
}

/// A key that a client gave.
fn key(name: &Name<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let given = !matches!(name.unique, b"" | b"-");
    given.then(|| (name.unique.to_vec(), name.function.to_vec()))
}

/// Copies what it is given.
struct Copy<'a> {
    target: &'a mut dyn Backend,
    here: Target,
    page: Page,
    moved: Moved,
    /// What is to be removed at the source.
    gone: Vec<Gone>,
    report: &'a mut dyn FnMut(&Moved),
}

impl Copy<'_> {
    fn take(&mut self, record: &Record<'_>) -> Result<(), BackendError> {
        match record {
            Record::Setting(setting) => self.setting(setting),
            Record::Dead(letter) => self.letter(letter),
            Record::Job(row) => self.job(row),
        }
        match self.page.marks.len() >= PAGE || self.page.bytes >= BYTES {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn setting(&mut self, setting: &Setting<'_>) {
        let Setting { key, value } = setting;
        if key.starts_with(IMPORT.as_bytes()) {
            return;
        }
        match self.here.settings.get(*key) {
            Some(other) if other != value => self.moved.left += 1,
            _ => {
                self.page.changes.set(key, value);
                self.moved.settings += 1;
                self.gone.push(Gone::Setting(key.to_vec()));
            }
        }
    }

    fn letter(&mut self, letter: &DeadLetter<'_>) {
        let id = letter.row.name.id;
        let Some(row) = self.moves(&letter.row) else { return };
        self.moved.dead += 1;
        self.gone.push(Gone::Letter(id));
        if let Some(row) = row {
            self.page.changes.bury(&DeadLetter { row, ..*letter }, || Bytes::copy_from_slice(row.data));
        }
    }

    fn job(&mut self, row: &Row<'_>) {
        let Name { id, unique, function } = row.name;
        let known = self.here.known.contains(&mark(row));
        let key = key(&row.name);
        if !known && key.as_ref().is_some_and(|key| self.here.keys.contains(key)) {
            self.moved.left += 1;
            return;
        }
        let Some(moved) = self.moves(row) else { return };
        self.moved.jobs += 1;
        self.gone.push(Gone::Job { id, unique: unique.to_vec(), function: function.to_vec() });
        if let Some(row) = moved {
            self.here.keys.extend(key);
            self.page.changes.add(&row, || Bytes::copy_from_slice(row.data));
        }
    }

    /// How it is to be added, unless it is there already. `None`: there is no number left for it.
    fn moves<'r>(&mut self, row: &Row<'r>) -> Option<Option<Row<'r>>> {
        let mark = mark(row);
        if self.here.known.contains(&mark) {
            self.moved.before += 1;
            return Some(None);
        }
        let Some(id) = self.here.id(row.name.id) else {
            self.moved.left += 1;
            return None;
        };
        self.page.marks.push(mark);
        self.page.bytes += row.data.len();
        Some(Some(Row { name: Name { id, ..row.name }, ..*row }))
    }

    /// A page goes to the target, with its mark.
    fn flush(&mut self) -> Result<(), BackendError> {
        let Page { mut changes, marks, .. } = std::mem::take(&mut self.page);
        if !marks.is_empty() {
            let key = format!("{IMPORT} {} {:016x}{:016x}", self.here.name, marks[0].0, marks[0].1).into_bytes();
            let lines: Vec<String> = marks.iter().map(|(id, digest)| format!("{id:016x}{digest:016x}")).collect();
            changes.set(&key, lines.join("\n").as_bytes());
            self.here.marks.push(key);
        }
        if let Some(batch) = changes.take() {
            self.target.commit(&mut batch.changes())?;
        }
        (self.report)(&self.moved);
        Ok(())
    }
}

/// What a job or dead letter is known by at the source: its id, which another may get when it is gone, and what it is.
fn mark(row: &Row<'_>) -> (u64, u64) {
    // FNV-1a: the same in all versions of this program.
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let parts = [row.name.unique, b"\0", row.name.function, b"\0", &[row.priority as u8], row.data];
    for byte in parts.into_iter().flatten() {
        digest = (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (row.name.id, digest)
}

/// A page on its way.
#[derive(Default)]
struct Page {
    changes: PendingChanges,
    marks: Vec<(u64, u64)>,
    bytes: usize,
}

/// Something that is in the target now.
enum Gone {
    Job { id: u64, unique: Vec<u8>, function: Vec<u8> },
    Letter(u64),
    Setting(Vec<u8>),
}

impl Gone {
    fn change(&self) -> Change<'_> {
        match self {
            Gone::Job { id, unique, function } => Change::Done(Name { id: *id, unique, function }),
            Gone::Letter(id) => Change::Forget(*id),
            Gone::Setting(key) => Change::Unset(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::sqlite::{DEFAULT_TABLE, Sqlite};
    use crate::durable::tests::suite::{add, commit, job, letter, tried};
    use crate::durable::tests::{Contents, Made, Stored, read_all};
    use crate::durable::{Changes, Take};
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Two files.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Folder {
            static LAST: AtomicU32 = AtomicU32::new(0);
            let name = format!("gearmand-import-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir(&folder).unwrap();
            Folder(folder)
        }

        fn open(&self, name: &str) -> Sqlite {
            Sqlite::open(&self.0.join(name), DEFAULT_TABLE).unwrap()
        }

        fn all(&self, name: &str) -> Contents {
            read_all(&mut self.open(name)).unwrap().0
        }

        fn import(&self) -> Result<Moved, BackendError> {
            import(&mut self.open("from"), &mut self.open("into"), &mut |_| {})
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// A queue with some of everything, and more than a page of jobs.
    fn fill(queue: &mut Sqlite) -> Contents {
        let jobs: Vec<Stored> = (1..2501).map(|id| job(id, "", None)).collect();
        let waits = tried(job(2501, "k", Some("join")), 2, 4_000_000_000_123);
        add(queue, &jobs).unwrap();
        let dead = letter(job(2502, "dead", None), 7);
        commit(
            queue,
            &[Made::Add(waits.clone()), Made::Bury(dead.clone()), Made::Set(b"policy f".into(), b"x".into())],
        )
        .unwrap();
        let jobs = [jobs, vec![waits]].concat();
        Contents { jobs, dead: vec![dead], settings: [(b"policy f".to_vec(), b"x".to_vec())].into() }
    }

    #[test]
    fn all_is_moved_as_it_is() {
        let folder = Folder::new();
        let wanted = fill(&mut folder.open("from"));
        let moved = folder.import().unwrap();
        assert_eq!(moved, Moved { total: 2502, jobs: 2501, dead: 1, settings: 1, before: 0, left: 0 });
        assert_eq!((folder.all("into"), folder.all("from")), (wanted, Contents::default()));
    }

    /// Ids that are taken, or may have been, are not given once more; jobs with a key of another stay where they are.
    #[test]
    fn what_is_in_the_target_stays_as_it_is() {
        let folder = Folder::new();
        let mine = [Stored { data: b"mine".to_vec(), ..job(1, "k", None) }, job(2, "", None), job(2503, "", None)];
        add(&mut folder.open("into"), &mine).unwrap();
        commit(&mut folder.open("into"), &[Made::Set(b"policy f".into(), b"mine".into())]).unwrap();
        let wanted = fill(&mut folder.open("from"));
        let moved = folder.import().unwrap();
        assert_eq!(moved, Moved { total: 2502, jobs: 2500, dead: 1, settings: 0, before: 0, left: 2 });
        let into = folder.all("into");
        assert_eq!((&into.jobs[..3], into.jobs.len()), (&mine[..], 2503));
        assert!(into.jobs[3..].iter().all(|job| job.id > 2503));
        assert_eq!(into.settings, [(b"policy f".to_vec(), b"mine".to_vec())].into());
        let from = folder.all("from");
        assert_eq!((from.jobs, from.dead, from.settings), (wanted.jobs[2500..].to_vec(), vec![], wanted.settings));
    }

    /// Ends with the commit of this number, as if it were killed then.
    struct Ends<'a>(&'a mut dyn Backend, &'a AtomicU32, bool);

    impl Backend for Ends<'_> {
        fn replay(&mut self, take: &mut Take<'_>) -> Result<u64, BackendError> {
            self.0.replay(take)
        }

        fn commit(&mut self, changes: &mut Changes<'_, '_>) -> Result<(), BackendError> {
            let ends = self.1.fetch_sub(1, Ordering::Relaxed) == 1;
            let killed = || Err(BackendError { queue: "q".into(), reason: "killed".into(), held: false });
            if ends && !self.2 {
                return killed();
            }
            self.0.commit(changes)?;
            if ends { killed() } else { Ok(()) }
        }

        fn probe(&mut self) -> Result<(), BackendError> {
            self.0.probe()
        }
    }

    /// Before or after each of its commits, at either end; and servers have the queues before it goes on.
    #[test]
    fn wherever_it_is_killed_nothing_is_lost_or_doubled() {
        let mut points = 0;
        for after in [false, true] {
            for point in 1.. {
                let folder = Folder::new();
                let wanted = fill(&mut folder.open("from"));
                let left = AtomicU32::new(point);
                let (mut from, mut into) = (folder.open("from"), folder.open("into"));
                let ended = import(&mut Ends(&mut from, &left, after), &mut Ends(&mut into, &left, after), &mut |_| {});
                drop((from, into));
                // A server of the target has run one of them.
                let mut into = folder.open("into");
                let ran = read_all(&mut into).unwrap().0.jobs.first().cloned();
                commit(&mut into, &ran.iter().cloned().map(Made::Done).collect::<Vec<_>>()).unwrap();
                drop(into);
                if ended.is_err() {
                    points += 1;
                    folder.import().unwrap();
                }
                let ran = ran.map_or(0, |job| job.id);
                let jobs = wanted.jobs.into_iter().filter(|job| job.id != ran).collect();
                assert_eq!(folder.all("into"), Contents { jobs, ..wanted }, "{point} {after}");
                assert_eq!(folder.all("from"), Contents::default(), "{point} {after}");
                if ended.is_ok() {
                    break;
                }
            }
        }
        assert!(points > 16, "{points}");
    }
}
