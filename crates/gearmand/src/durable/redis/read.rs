//! Keys -> jobs, dead letters and settings. Whoever has `redis-cli` may have written them, so each field is looked at; what is
//! wrong with one is said with its key.

use crate::durable::columns::{priority, tries, whole};
use crate::durable::redis::keys::Keys;
use crate::durable::redis::wire::{Reply, Wire};
use crate::durable::redis::{Lock, all, all_of, locked, text};
use crate::durable::remote::Failure;
use crate::durable::row_key::RowKeys;
use crate::durable::segments::Target;
use crate::durable::{DeadLetter, Extras, MAX_ID, Name, Record, Row, Setting, Take};
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

/// Keys of a page.
const PAGE: usize = 200;

/// Keys of jobs, with their ids.
type Numbered = Vec<(u64, Vec<u8>)>;

/// Gives out all there is, a page at a time: between two of them the lock may be renewed. The largest id.
pub(super) fn replay(lock: &Mutex<Lock>, keys: &Keys, rows: &mut RowKeys, take: &mut Take<'_>) -> Result<u64, Failure> {
    let settings = ask(lock, &[b"HGETALL", &keys.settings])?.list();
    for pair in settings.chunks(2) {
        if let [Reply::Bytes(key), Reply::Bytes(value)] = pair {
            take(&Record::Setting(Setting { key, value })).map_err(|e| wrong(&keys.settings, e))?;
        }
    }
    let mut last = 0;
    let dead = letters(lock, keys)?;
    for page in dead.chunks(PAGE) {
        let names: Vec<Vec<u8>> = page.iter().map(|(_, id)| keys.letter(*id)).collect();
        for ((_, id), (key, fields)) in page.iter().zip(fetch(lock, &names)?) {
            last = last.max(*id);
            let letter = fields.letter(*id).map_err(|e| wrong(&key, &e))?;
            take(&Record::Dead(letter)).map_err(|e| wrong(&key, e))?;
        }
    }
    let dead = dead.into_iter().map(|(_, id)| id).collect();
    let (jobs, largest) = number(lock, keys, &dead, last)?;
    for page in jobs.chunks(PAGE) {
        let names: Vec<Vec<u8>> = page.iter().map(|(_, key)| key.clone()).collect();
        let mut moved = Vec::new();
        for ((id, _), (key, fields)) in page.iter().zip(fetch(lock, &names)?) {
            let row = fields.job(*id, &key, keys, rows).map_err(|e| wrong(&key, &e))?;
            take(&Record::Job(row)).map_err(|e| wrong(&key, e))?;
            let now = keys.job(&Target::new(&row.name, rows));
            // Other names that differ are of C gearmand, and too long: two of them may be cut to one.
            let of_earlier_versions = row.name.function.contains(&b'-') && now != key;
            moved.extend(of_earlier_versions.then(|| (key.clone(), now)));
        }
        rename(lock, &moved)?;
    }
    Ok(largest)
}

fn ask(lock: &Mutex<Lock>, words: &[&[u8]]) -> Result<Reply, Failure> {
    all_of(&mut locked(lock).wire, words)
}

fn wrong(key: &[u8], reason: &str) -> Failure {
    Failure::Refused(format!("its key {}: {reason}", key.escape_ascii()))
}

/// When each died, and its id; in that order.
fn letters(lock: &Mutex<Lock>, keys: &Keys) -> Result<Vec<(u64, u64)>, Failure> {
    let found = ask(lock, &[b"ZRANGE", &keys.dead, b"0", b"-1", b"WITHSCORES"])?.list();
    let number = |reply: &Reply| match reply {
        Reply::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse::<f64>().ok().map(|number| number as u64),
        _ => None,
    };
    let pair = |pair: &[Reply]| Some((number(pair.get(1)?)?, number(&pair[0])?));
    let mut dead: Vec<(u64, u64)> = found.chunks(2).filter_map(pair).collect();
    dead.sort_unstable();
    Ok(dead)
}

/// All keys of jobs with their ids, in the order of these. Those without one get one: C gearmand wrote them, or somebody who
/// copied keys.
fn number(lock: &Mutex<Lock>, keys: &Keys, dead: &HashSet<u64>, last: u64) -> Result<(Numbered, u64), Failure> {
    let found = scan(lock, keys)?;
    let (mut jobs, mut none, mut ids) = (Vec::with_capacity(found.len()), Vec::new(), HashSet::new());
    let mut others = Vec::new();
    for page in found.chunks(PAGE * 10) {
        let wire = &mut locked(lock).wire;
        for key in page {
            wire.push(&[b"HGET", key, b"id"]);
        }
        for (key, reply) in page.iter().zip(wire.answers().map_err(super::lost)?) {
            match reply.error() {
                None => {}
                Some(error) if error.starts_with("WRONGTYPE") => {
                    others.push(key.clone());
                    none.push(key.clone());
                    continue;
                }
                Some(error) => return Err(no_job(key, error)),
            }
            let id = reply.bytes().and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse::<u64>().ok());
            match id.filter(|id| (1..MAX_ID).contains(id) && !dead.contains(id) && ids.insert(*id)) {
                Some(id) => jobs.push((id, key.clone())),
                None => none.push(key.clone()),
            }
        }
    }
    make_hashes(lock, keys, &others)?;
    let mut largest = ids.iter().copied().max().unwrap_or_default().max(last);
    for page in none.chunks(PAGE) {
        let wire: &mut Wire = &mut locked(lock).wire;
        for key in page {
            largest += 1;
            wire.push(&[b"HSET", key, b"id", &text(largest)]);
            jobs.push((largest, key.clone()));
        }
        all(wire)?;
    }
    jobs.sort_unstable();
    Ok((jobs, largest))
}

/// C gearmand up to 1.1.15 kept the workload alone, in a string. It becomes a hash; what is there is always the one or the other.
fn make_hashes(lock: &Mutex<Lock>, keys: &Keys, strings: &[Vec<u8>]) -> Result<(), Failure> {
    for page in strings.chunks(PAGE) {
        let wire = &mut locked(lock).wire;
        for key in page {
            wire.push(&[b"GET", key]);
        }
        let found = wire.answers().map_err(super::lost)?;
        if let Some((key, error)) = page.iter().zip(&found).find_map(|(key, reply)| Some((key, reply.error()?))) {
            return Err(no_job(key, error));
        }
        for (key, data) in page.iter().zip(found).filter_map(|(key, reply)| Some((key, reply.bytes()?))) {
            wire.push(&[b"HSET", &keys.made, b"data", &data, b"priority", b"1"]);
            wire.push(&[b"RENAME", &keys.made, key]);
            wire.send_some().map_err(super::lost)?;
        }
        all(wire)?;
    }
    if !strings.is_empty() {
        let n = strings.len();
        tracing::info!(target: "gearmand::notice", "{n} jobs of a C gearmand before 1.1.16 are hashes now");
    }
    Ok(())
}

/// Something else is there.
fn no_job(key: &[u8], error: &str) -> Failure {
    wrong(key, &format!("{error}; name another prefix by --redis-prefix"))
}

fn scan(lock: &Mutex<Lock>, keys: &Keys) -> Result<Vec<Vec<u8>>, Failure> {
    let (pattern, mut cursor, mut found) = (keys.pattern(), b"0".to_vec(), Vec::new());
    loop {
        let mut reply = ask(lock, &[b"SCAN", &cursor, b"MATCH", &pattern, b"COUNT", b"1000"])?.list().into_iter();
        cursor = reply.next().and_then(Reply::bytes).unwrap_or_else(|| b"0".to_vec());
        found.extend(reply.next().map(Reply::list).unwrap_or_default().into_iter().filter_map(Reply::bytes));
        if cursor == b"0" {
            break;
        }
    }
    // Some may be given twice.
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// These are found under other keys from now on: an earlier version wrote them, or somebody has copied them.
fn rename(lock: &Mutex<Lock>, moved: &[(Vec<u8>, Vec<u8>)]) -> Result<(), Failure> {
    let wire = &mut locked(lock).wire;
    for (before, now) in moved {
        wire.push(&[b"RENAMENX", before, now]);
    }
    all(wire).map(drop)
}

fn fetch(lock: &Mutex<Lock>, names: &[Vec<u8>]) -> Result<Vec<(Vec<u8>, Fields)>, Failure> {
    let wire = &mut locked(lock).wire;
    for name in names {
        wire.push(&[b"HGETALL", name]);
    }
    let answers = all(wire)?;
    Ok(names.iter().cloned().zip(answers.into_iter().map(Fields::new)).collect())
}

/// What is in a hash.
struct Fields(HashMap<Vec<u8>, Vec<u8>>);

impl Fields {
    fn new(reply: Reply) -> Fields {
        let mut words = reply.list().into_iter().filter_map(Reply::bytes);
        Fields(std::iter::from_fn(|| Some((words.next()?, words.next()?))).collect())
    }

    fn some(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name.as_bytes()).map(Vec::as_slice)
    }

    fn bytes(&self, name: &str) -> &[u8] {
        self.some(name).unwrap_or_default()
    }

    fn number(&self, name: &str) -> Result<i64, String> {
        let Some(bytes) = self.some(name) else { return Ok(0) };
        let number = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| format!("its {name} is no number"))
    }

    fn job<'a>(&'a self, id: u64, key: &'a [u8], keys: &Keys, rows: &mut RowKeys) -> Result<Row<'a>, String> {
        let (function, row_key) = keys.parts(key).ok_or("it has no function")?;
        let name = match self.some("function") {
            // What the key says is less.
            Some(function) if function.contains(&b'-') => Name { id, unique: self.bytes("unique"), function },
            _ => Name { id, unique: rows.read(id, row_key), function },
        };
        self.row(name)
    }

    fn row<'a>(&'a self, name: Name<'a>) -> Result<Row<'a>, String> {
        Ok(Row {
            name,
            priority: priority(self.number("priority")?)?,
            data: self.some("data").ok_or("it has no data")?,
            due_ms: whole(self.number("due")?),
            extras: Extras {
                reducer: self.some("reducer"),
                tries: tries(self.number("tries")?)?,
                first_ms: whole(self.number("first")?),
            },
        })
    }

    fn letter(&self, id: u64) -> Result<DeadLetter<'_>, String> {
        let name = Name { id, unique: self.bytes("unique"), function: self.bytes("function") };
        Ok(DeadLetter {
            row: self.row(name)?,
            last_ms: whole(self.number("last")?),
            reason: self.bytes("reason"),
            text: self.bytes("message"),
            worker: self.bytes("worker"),
        })
    }
}
