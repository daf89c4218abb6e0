//! Where the database of a shared queue is, and how it is used.
//!
//! Passwords are in no message.

use crate::cluster::lease::{DEAD_AFTER, HEARD_FOR};
use crate::cluster::postgres::error::Unusable;
use crate::durable::postgres::conninfo::Conninfo;
use std::path::Path;
use std::time::Duration;
use tokio_postgres::config::TargetSessionAttrs;

/// The schema's name unless it is given.
pub(crate) const DEFAULT_SCHEMA: &str = "gearmand";

/// How many bytes PostgreSQL keeps of a name.
const MAX_NAME: usize = 63;

/// See the module.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(super) conninfo: Conninfo,
    /// Where the tables are. Its name is that of the channel of wake-ups, too.
    pub(super) schema: String,
    /// Sessions are not ours alone (PgBouncer): nothing is set in them, and nothing is listened to.
    pub(crate) pooled: bool,
    /// How long a statement may take.
    pub(crate) statement_timeout: Duration,
    /// See [`DEAD_AFTER`]. All servers of a queue have the same.
    pub(crate) dead_after: Duration,
    /// See [`HEARD_FOR`].
    pub(crate) heard_for: Duration,
}

impl Settings {
    /// From a URL, or words, as libpq has them, with variables of the environment for what they do not say.
    ///
    /// # Errors
    /// Where they make no sense.
    pub(crate) fn new(
        url: &str,
        variable: impl Fn(&str) -> Option<String>,
        password_file: Option<&Path>,
        schema: &str,
    ) -> Result<Settings, Unusable> {
        let wrong = |what: &str, text: String| Unusable::for_good(format!("{what}: {text}"));
        if schema.is_empty() || schema.len() > MAX_NAME || schema.contains('\0') || schema.starts_with("pg_") {
            let text = format!("a name of 1 to {MAX_NAME} bytes that does not begin with pg_");
            return Err(wrong("--cluster-schema", text));
        }
        let mut conninfo = Conninfo::parse(url, variable).map_err(|text| wrong("--cluster-url", text))?;
        if let Some(file) = password_file {
            let text = std::fs::read_to_string(file);
            let text = text.map_err(|e| wrong("--cluster-password-file", format!("{}: {e}", file.display())))?;
            match text.trim_end_matches(['\r', '\n']) {
                "" => return Err(wrong("--cluster-password-file", format!("{} is empty", file.display()))),
                password => conninfo.config.password(password),
            };
        }
        // One of several hosts may be a standby.
        if conninfo.config.get_hosts().len() > 1 {
            conninfo.config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if conninfo.config.get_application_name().is_none() {
            conninfo.config.application_name("gearmand");
        }
        Ok(Settings {
            conninfo,
            schema: schema.to_owned(),
            pooled: false,
            statement_timeout: Duration::from_secs(30),
            dead_after: DEAD_AFTER,
            heard_for: HEARD_FOR,
        })
    }

    /// A statement in which `@` stands for our schema, `@dead` for how long an epoch lives unheard of, and `@heard` for how long who
    /// declares it dead was heard of.
    pub(super) fn statement(&self, text: &str) -> String {
        let interval = |time: Duration| format!("interval '{} milliseconds'", time.as_millis());
        let text = text.replace("@dead", &interval(self.dead_after)).replace("@heard", &interval(self.heard_for));
        text.replace('@', &quoted(&self.schema))
    }
}

/// A name in a statement.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
