//! Options of `gearadmin` that only our server can answer: policies, dead letters, single jobs.
//!
//! Owns what they are called, and the text commands that they stand for. Must never know the answers.

use crate::error::{Error, Result};
use clap::Args;
use gearman_core::protocol::admin;

/// See the module. A job is named by its handle, or by its function and unique key.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Policies, dead letters, single jobs; only gearman_rs's gearmand answers")]
pub struct JobFlags {
    /// Policies: pattern, where it comes from, keys and values
    #[arg(long)]
    pub policies: bool,

    /// Jobs that the server submits itself: name, cron expression, zone, function, unique key, next and last run
    #[arg(long)]
    pub schedules: bool,

    /// Servers that share a queue with this one: name, address, epoch, state, when each joined and ended, how many
    /// milliseconds ago it was heard of, how many jobs it has
    #[arg(long)]
    pub servers: bool,
    /// Set keys of the policy of a function, or of all that a pattern matches (one * stands for anything);
    /// KEY= takes one back
    #[arg(long, value_names = ["FUNCTION", "KEY=VALUE"], num_args = 2.., value_parser = word)]
    pub policy: Option<Vec<String>>,
    /// Dead letters, of one function or of all: handle, function, unique key, tries, first and last time,
    /// reason, worker, bytes, text
    #[arg(long, value_name = "FUNCTION", num_args = 0..=1, value_parser = word)]
    pub dead: Option<Option<String>>,
    /// One dead letter, with its workload
    #[arg(long, value_name = "HANDLE", value_parser = word)]
    pub dead_show: Option<String>,
    /// Make a dead letter a job again, or all of a function
    #[arg(long, value_name = "HANDLE|FUNCTION", value_parser = word)]
    pub retry: Option<String>,
    /// Drop a dead letter, or all of a function
    #[arg(long, value_name = "HANDLE|FUNCTION", value_parser = word)]
    pub forget: Option<String>,
    /// Make a background job a dead letter
    #[arg(long, value_name = "HANDLE", value_parser = word)]
    pub bury: Option<String>,
    /// What is known of a job
    #[arg(long, value_name = "HANDLE|FUNCTION:UNIQUE", value_parser = word)]
    pub job: Option<String>,
    /// The result of a job, where the policy of its function keeps results
    #[arg(long, value_name = "HANDLE", value_parser = word)]
    pub result: Option<String>,
    /// Cancel the job that has a unique key, queued or running
    #[arg(long, value_name = "FUNCTION:UNIQUE", value_parser = word)]
    pub cancel_unique: Option<String>,
}

impl JobFlags {
    /// Commands that change something.
    ///
    /// # Errors
    /// [`Error::Usage`] for what is no key with a value, and no function with a key.
    pub fn changes(&self) -> Result<Vec<String>> {
        let named = |command: &str, name: &Option<String>| name.as_ref().map(|name| format!("{command} {name}"));
        let policy = self.policy.as_ref().map(|words| match words.split_first() {
            Some((_, keys)) if keys.iter().all(|key| key.contains('=')) => Ok(format!("policy {}", words.join(" "))),
            _ => Err(Error::Usage("--policy: behind the function are words that are not KEY=VALUE")),
        });
        let cancel = self.cancel_unique.as_deref().map(|name| {
            let wrong = Error::Usage("--cancel-unique: a function, a colon, and the unique key in it are wanted");
            unique(name).map(|(function, key)| format!("cancel unique {function} {key}")).ok_or(wrong)
        });
        let changes = [
            policy.transpose()?,
            cancel.transpose()?,
            named("bury", &self.bury),
            named("dead-retry", &self.retry),
            named("dead-forget", &self.forget),
        ];
        Ok(changes.into_iter().flatten().collect())
    }

    /// Commands that only ask.
    pub fn questions(&self) -> Vec<String> {
        let named = |command: &str, name: &Option<String>| name.as_ref().map(|name| format!("{command} {name}"));
        let dead = self.dead.as_ref().map(|of| named("dead", of).unwrap_or_else(|| "dead".into()));
        let policies = self.policies.then(|| "policies".to_owned());
        let questions = [
            policies,
            self.schedules.then(|| "schedules".to_owned()),
            self.servers.then(|| "servers".to_owned()),
            dead,
            named("dead-show", &self.dead_show),
            named("job", &self.job),
            named("result", &self.result),
        ];
        questions.into_iter().flatten().collect()
    }
}

/// What a text command can name.
pub(crate) fn word(text: &str) -> std::result::Result<String, &'static str> {
    admin::unspeakable(text.as_bytes()).map_or_else(|| Ok(text.to_owned()), Err)
}

/// `FUNCTION:UNIQUE`.
fn unique(name: &str) -> Option<(&str, &str)> {
    name.split_once(':').filter(|(function, key)| !function.is_empty() && !key.is_empty())
}

/// What to ask one after the other where the server does not know the job of this command. A handle has colons too, and what
/// it begins with is the server's to say: only the server can tell it from a function and a key. So it is with a function's
/// name that has colons.
pub fn otherwise(command: &str) -> Vec<String> {
    let (verb, name, asked) = match (command.strip_prefix("job "), command.strip_prefix("cancel unique ")) {
        (Some(name), _) if !name.contains(' ') => ("job", name.to_owned(), 0),
        (_, Some(words)) => ("cancel unique", words.replacen(' ', ":", 1), 1),
        _ => return Vec::new(),
    };
    let parts = name.match_indices(':').skip(asked).map(|(colon, _)| (&name[..colon], &name[colon + 1..]));
    let named = parts.filter(|(function, key)| !function.is_empty() && !key.is_empty());
    named.map(|(function, key)| format!("{verb} {function} {key}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Gearadmin;
    use clap::Parser;

    fn commands(words: &str) -> Result<Vec<String>> {
        Gearadmin::try_parse_from(words.split(' ')).unwrap().commands()
    }

    #[test]
    fn each_has_its_command() {
        let all = "gearadmin --policy f* retries=3 paused= --policies --schedules --servers --dead --dead-show H:x:1 --retry f --forget H:x:2 \
                   --bury H:x:3 --job f:k:1 --result H:x:4 --cancel-unique f:k --status";
        let expected = [
            "policy f* retries=3 paused=",
            "cancel unique f k",
            "bury H:x:3",
            "dead-retry f",
            "dead-forget H:x:2",
            "status",
            "policies",
            "schedules",
            "servers",
            "dead",
            "dead-show H:x:1",
            "job f:k:1",
            "result H:x:4",
        ];
        assert_eq!(commands(all).unwrap(), expected);
        assert_eq!(commands("gearadmin --dead f").unwrap(), ["dead f"]);
        assert_eq!(otherwise("job f:k:1"), ["job f k:1", "job f:k 1"]);
        assert_eq!(otherwise("cancel unique f k:1:"), ["cancel unique f:k 1:"]);
        for none in ["job f", "job :k", "job f:", "dead f:k", "job f k"] {
            assert_eq!(otherwise(none), [""; 0], "{none}");
        }
    }

    #[test]
    fn what_is_refused() {
        for wrong in [
            "--policy f retries",
            "--policy f retries=3 x",
            "--cancel-unique f",
            "--cancel-unique :k",
            "--bury H:x:1 2",
        ] {
            assert!(commands(&format!("gearadmin {wrong}")).is_err(), "{wrong}");
        }
        for wrong in
            ["--policy", "--policy=f", "--dead-show", "--watch --dead", "--watch --policies", "--watch --job H:x:1"]
        {
            assert!(Gearadmin::try_parse_from(format!("gearadmin {wrong}").split(' ')).is_err(), "{wrong}");
        }
    }

    /// Beginnings that the C tool takes.
    #[test]
    fn options_of_the_c_tool_keep_their_beginnings() {
        for beginning in ["--ca", "--cancel", "--cancel-", "--cancel-j"] {
            assert_eq!(commands(&format!("gearadmin {beginning} H:x:1")).unwrap(), ["cancel job H:x:1"], "{beginning}");
        }
        assert_eq!(commands("gearadmin --d f").unwrap(), ["drop function f"]);
        assert_eq!(Gearadmin::try_parse_from(["gearadmin", "--po", "7", "--status"]).unwrap().port, 7);
        assert!(Gearadmin::try_parse_from(["gearadmin", "--j", "--status"]).unwrap().json);
    }
}
