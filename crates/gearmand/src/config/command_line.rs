//! The command line and the files that it names: words, and the options that they make.
//!
//! Must never know what an option means. The words of files come first, so that the command line has the last one.

use crate::config::file::{self, Word};
use crate::config::options::{DEFAULT_FILE, Options};
use crate::config::usage::Usage;
use clap::{ArgAction, CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::path::Path;

/// Options of the C server's plugins, which this server has no use for. They take an argument.
const PLUGINS: &[&str] = &["libmemcached-servers", "libmemcached-prefix", "libtokyocabinet-file"];
/// And those without an argument.
const PLUGIN_SWITCHES: &[&str] = &["libtokyocabinet-optimize"];

impl Options {
    /// Reads a command line, with the files it names; the words of a file come before it, so that the
    /// command line overrides them. Also returns the options that are without effect.
    ///
    /// # Errors
    /// [`Usage`] where the server should not start.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<(Options, Vec<String>), Usage> {
        let given: Vec<Word> = arguments.into_iter().map(|word| Word::from(word.as_os_str())).collect();
        let given = expanded(given)?;
        let first = Options::parse(&given).map_err(|error| Options::with_line(error, &given))?;
        let words = match &first.0.config_file {
            Some(file) => file_words(file)?,
            None if Path::new(DEFAULT_FILE).exists() => file_words(DEFAULT_FILE)?,
            None => Vec::new(),
        };
        let (name, rest) = given.split_at(given.len().min(1));
        let of_file = [name, &expanded(words)?].concat();
        Options::refuse_another_file(&of_file)?;
        let words = [&of_file[..], rest].concat();
        Options::checked(&words).map_err(|error| Options::with_line(error, &words))
    }

    /// These words of the file name no other one, which would not be read.
    fn refuse_another_file(words: &[Word]) -> Result<(), Usage> {
        let names =
            |words: &[Word], another| Options::parse(words).is_ok_and(|read| read.0.config_file.is_some() == another);
        // Where they are no options, that is told of all words together.
        if !names(words, true) {
            return Ok(());
        }
        let line = file::wrong_line(words, |words| names(words, false));
        let option = line.map_or("--config-file".into(), |line| line.to_string());
        Err(Usage::option(option, "--config-file is for the command line alone; @FILE takes another file in here"))
    }

    /// The options, where the server may start with them.
    fn checked(words: &[Word]) -> Result<(Options, Vec<String>), Usage> {
        let (options, unused) = Options::parse(words)?;
        options.check()?;
        Ok((options, unused))
    }

    /// An error of these words, with the line of the file that it is about.
    fn with_line(error: Usage, words: &[Word]) -> Usage {
        let reason = match &error {
            // --help and --version.
            Usage::Clap(error) if !error.use_stderr() => None,
            // clap's first paragraph: what follows is about the command line.
            Usage::Clap(error) => {
                error.to_string().split("\n\n").next().map(|s| s.trim_start_matches("error: ").to_owned())
            }
            error => Some(error.to_string()),
        };
        let line = || file::wrong_line(words, |words| Options::checked(words).is_ok());
        match reason.and_then(|reason| Some((line()?, reason))) {
            Some((line, reason)) => Usage::option(line.to_string(), reason),
            None => error,
        }
    }

    fn parse(words: &[Word]) -> Result<(Options, Vec<String>), Usage> {
        let mut command = Options::command();
        let hidden = |name: &'static str| clap::Arg::new(name).long(name).hide(true);
        for name in PLUGINS {
            command = command.arg(hidden(name).num_args(1));
        }
        for name in PLUGIN_SWITCHES {
            command = command.arg(hidden(name).action(ArgAction::SetTrue));
        }
        let matches = command.try_get_matches_from(words.iter().map(|word| &word.text))?;
        let set = |name: &&&str| matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine);
        let mut unused: Vec<String> =
            PLUGINS.iter().chain(PLUGIN_SWITCHES).filter(set).map(|n| format!("--{n}")).collect();
        let options = Options::from_arg_matches(&matches)?;
        unused.extend(options.unused());
        Ok((options, unused))
    }
}

/// The words, with those of the files that are named as @FILE.
fn expanded(words: Vec<Word>) -> Result<Vec<Word>, Usage> {
    let mut expanded = Vec::new();
    for word in words {
        match word.text.to_str().and_then(|w| w.strip_prefix('@')) {
            Some(file) => expanded.extend(file_words(file)?),
            None => expanded.push(word),
        }
    }
    Ok(expanded)
}

fn file_words(file: &str) -> Result<Vec<Word>, Usage> {
    file::of_file(file).map_err(|e| Usage::option(format!("--config-file {file}"), e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Level;

    fn read(words: &[&str]) -> Result<(Options, Vec<String>), Usage> {
        let words = ["gearmand"].iter().chain(words).map(OsString::from);
        Options::read(words)
    }

    #[test]
    fn as_the_c_server_takes_them() {
        assert!(read(&["--sys", "--da", "--pid=x", "--log=x"]).unwrap().0.syslog);
        assert_eq!(read(&["--po=7"]).unwrap().0.port, Some(7));
        let (options, unused) =
            read(&["-p 40123", "--listen=::1", "-L", "localhost", "--verb=INFO", "-j", "3", "-t4", "-R"]).unwrap();
        assert_eq!(options.port().unwrap(), 40123);
        assert_eq!(options.listen, ["::1", "localhost"]);
        assert_eq!(options.verbose, Level::Info);
        assert_eq!(options.config().job_runs, Some(3));
        assert_eq!(options.config().threads, 4);
        assert_eq!(unused, ["--round-robin"]);
        assert_eq!(read(&["--threads=0"]).unwrap().0.config().threads, 1);
        assert_eq!(read(&["-j", "-1"]).unwrap().0.config().job_runs, None);
        assert_eq!(read(&["--job-retries=0"]).unwrap().0.config().job_runs, Some(1));
        assert!(read(&[]).unwrap().0.config().direct_assignment);
        assert!(!read(&["--direct-assignment", "off"]).unwrap().0.config().direct_assignment);
        assert_eq!(read(&["--libtokyocabinet-file=f", "--store-queue-on-shutdown"]).unwrap().1.len(), 2);
    }

    #[test]
    fn servers_to_help() {
        let (options, unused) =
            read(&["--peer", "a:1", "--peer=tls://b,unix:///run/g.sock", "--ssl-ca-file=/ca.pem"]).unwrap();
        let peers: Vec<String> = options.config().peers.iter().map(ToString::to_string).collect();
        assert_eq!(peers, ["a:1", "tls://b:4730", "unix:///run/g.sock"]);
        assert!(unused.is_empty(), "{unused:?}");
        let tls =
            options.config().peers.iter().filter_map(|peer| options.config().peer_tls.of(peer)).collect::<Vec<_>>();
        assert_eq!(tls.len(), 1);
        assert_eq!(tls[0].ca_file.as_deref(), Some(Path::new("/ca.pem")));
        assert!(read(&[]).unwrap().0.config().peers.is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bad in [
            "--verbose=LOUD",
            "-p=x",
            "--port=70000",
            "--threads=1025",
            "--bogus",
            "--direct-assignment=maybe",
            "word",
            "--ssl",
            "-qdrizzle",
            "--config-file=/nowhere/x",
            "--keepalive-idle=32768",
            "--keepalive-interval=99999999999",
            "--keepalive-count=128",
            "--keepalive-count=-2",
            "--peer=",
            "--peer=host:x",
            "--peer=tls://",
        ] {
            let error = read(&[bad]).unwrap_err().to_string();
            assert!(!error.is_empty(), "{bad}");
        }
    }

    #[test]
    fn help_lists_every_option() {
        Options::command().debug_assert();
    }
}
