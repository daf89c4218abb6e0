//! Segments -> statements, as many as fit into one message.

use crate::durable::columns::{integer, seconds};
use crate::durable::mysql::schema::Schema;
use crate::durable::mysql::wire::{Wire, WireError};
use crate::durable::remote::Part;
use crate::durable::segments::{Segment, Target};
use crate::durable::{DeadLetter, Row};
use std::io::Write as _;

/// A message that is larger is sent before there is more.
const ENOUGH: usize = 4 << 20;

/// Statements on their way.
pub(super) struct Statements {
    queue: String,
    dead: String,
    settings: String,
    /// The most bytes of a message.
    most: usize,
    text: Vec<u8>,
}

impl Statements {
    pub(super) fn new(schema: &Schema, most: usize) -> Statements {
        let (queue, dead, settings) = (schema.queue.clone(), schema.dead.clone(), schema.settings.clone());
        Statements { queue, dead, settings, most, text: Vec::new() }
    }

    /// What was not sent is not sent any more.
    pub(super) fn clear(&mut self) {
        self.text = Vec::new();
    }

    pub(super) fn execute(&mut self, wire: &mut Wire, segment: &Segment<'_>, part: Part) -> Result<(), WireError> {
        if part.first {
            self.clear();
            self.text.extend_from_slice(b"BEGIN");
        }
        for target in &segment.removed {
            let delete = format!("DELETE FROM {} WHERE ", self.queue);
            self.begin(wire, delete.as_bytes(), 0)?;
            self.row(target);
        }
        self.add(wire, &segment.added)?;
        for retry in &segment.retried {
            let (when, due, tries) = (seconds(retry.due_ms), integer(retry.due_ms), retry.tries);
            let first = integer(retry.first_ms);
            let update = format!(
                "UPDATE {} SET when_to_run = {when}, due_ms = {due}, tries = {tries}, first_ms = {first} WHERE ",
                self.queue
            );
            self.begin(wire, update.as_bytes(), 0)?;
            self.row(&retry.target);
        }
        for letter in &segment.buried {
            self.bury(wire, letter)?;
        }
        for id in &segment.forgotten {
            let delete = format!("DELETE FROM {} WHERE id = {id}", self.dead);
            self.begin(wire, delete.as_bytes(), 0)?;
        }
        for setting in &segment.set {
            let replace = format!("REPLACE INTO {} (name, value) VALUES (", self.settings);
            self.begin(wire, replace.as_bytes(), setting.value.len())?;
            self.value(setting.key);
            self.text.push(b',');
            self.value(setting.value);
            self.text.push(b')');
        }
        for key in &segment.unset {
            let delete = format!("DELETE FROM {} WHERE name = ", self.settings);
            self.begin(wire, delete.as_bytes(), 0)?;
            self.value(key);
        }
        if part.last {
            self.begin(wire, b"COMMIT", 0)?;
            self.send(wire)?;
        }
        Ok(())
    }

    /// A statement begins, with a workload of so many bytes.
    fn begin(&mut self, wire: &mut Wire, statement: &[u8], data: usize) -> Result<(), WireError> {
        if !self.text.is_empty() && self.is_enough(data) {
            self.send(wire)?;
        }
        if !self.text.is_empty() {
            self.text.push(b';');
        }
        self.text.extend_from_slice(statement);
        Ok(())
    }

    /// Whether a workload of so many bytes may be too much for a message that has already begun.
    fn is_enough(&self, data: usize) -> bool {
        self.text.len() + data * 2 >= ENOUGH.min(self.most / 2)
    }

    fn send(&mut self, wire: &mut Wire) -> Result<(), WireError> {
        let text = std::mem::take(&mut self.text);
        match text.len() > self.most {
            true => Err(WireError::Other(format!(
                "a job takes more than the {} bytes of a message: raise the database's max_allowed_packet",
                self.most
            ))),
            false => wire.execute(&text).map(drop),
        }
    }

    fn add(&mut self, wire: &mut Wire, added: &[(Target<'_>, Row<'_>)]) -> Result<(), WireError> {
        let insert = format!(
            "INSERT INTO {} (unique_key, function_name, priority, data, when_to_run, job_id, due_ms, reducer, tries,
                 first_ms) VALUES ",
            self.queue
        );
        let update = b" ON DUPLICATE KEY UPDATE priority = VALUES(priority), data = VALUES(data),
            when_to_run = VALUES(when_to_run), job_id = VALUES(job_id), due_ms = VALUES(due_ms),
            reducer = VALUES(reducer), tries = VALUES(tries), first_ms = VALUES(first_ms)";
        let mut rows = 0;
        for (target, row) in added {
            if rows > 0 && self.is_enough(row.data.len()) {
                self.text.extend_from_slice(update);
                rows = 0;
            }
            if rows == 0 {
                self.begin(wire, insert.as_bytes(), row.data.len())?;
            } else {
                self.text.push(b',');
            }
            rows += 1;
            self.new_row(target, row);
        }
        if rows > 0 {
            self.text.extend_from_slice(update);
        }
        Ok(())
    }

    fn new_row(&mut self, target: &Target<'_>, row: &Row<'_>) {
        self.text.push(b'(');
        self.value(target.key.as_ref());
        self.text.push(b',');
        self.value(target.function);
        self.text.push(b',');
        self.number(row.priority as i64);
        self.text.push(b',');
        self.value(row.data);
        for number in [i64::from(seconds(row.due_ms)), integer(target.id), integer(row.due_ms)] {
            self.text.push(b',');
            self.number(number);
        }
        self.text.push(b',');
        self.some(row.extras.reducer);
        for number in [i64::from(row.extras.tries), integer(row.extras.first_ms)] {
            self.text.push(b',');
            self.number(number);
        }
        self.text.push(b')');
    }

    /// What its worker said goes in a statement of its own: so a letter takes no more than its job did, which was let in.
    fn bury(&mut self, wire: &mut Wire, letter: &DeadLetter<'_>) -> Result<(), WireError> {
        let DeadLetter { row, last_ms, reason, text, worker } = letter;
        let replace = format!(
            "REPLACE INTO {} (id, priority, tries, first_ms, last_ms, unique_key, function_name, data, reason, reducer)
                 VALUES (",
            self.dead
        );
        self.begin(wire, replace.as_bytes(), row.data.len())?;
        let tries = i64::from(row.extras.tries);
        let (first, last) = (integer(row.extras.first_ms), integer(*last_ms));
        for number in [integer(row.name.id), row.priority as i64, tries, first, last] {
            self.number(number);
            self.text.push(b',');
        }
        for bytes in [row.name.unique, row.name.function, row.data, reason] {
            self.value(bytes);
            self.text.push(b',');
        }
        self.some(row.extras.reducer);
        self.text.push(b')');
        let update = format!("UPDATE {} SET message = ", self.dead);
        self.begin(wire, update.as_bytes(), text.len())?;
        self.value(text);
        self.text.extend_from_slice(b", worker = ");
        self.value(worker);
        self.text.extend_from_slice(b" WHERE id = ");
        self.number(integer(row.name.id));
        Ok(())
    }

    /// The row of a job.
    fn row(&mut self, target: &Target<'_>) {
        self.text.extend_from_slice(b"unique_key = ");
        self.value(target.key.as_ref());
        self.text.extend_from_slice(b" AND function_name = ");
        self.value(target.function);
        self.text.extend_from_slice(b" AND job_id = ");
        self.number(integer(target.id));
    }

    fn number(&mut self, number: i64) {
        // Memory is never full.
        let _ = write!(self.text, "{number}");
    }

    fn some(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.value(bytes),
            None => self.text.extend_from_slice(b"NULL"),
        }
    }

    /// Bytes between quotes. Each session takes backslashes for what they are here (`sql_mode`).
    fn value(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(b"_binary'");
        for byte in bytes {
            match byte {
                b'\'' | b'\\' => self.text.extend_from_slice(&[b'\\', *byte]),
                0 => self.text.extend_from_slice(b"\\0"),
                _ => self.text.push(*byte),
            }
        }
        self.text.push(b'\'');
    }
}
