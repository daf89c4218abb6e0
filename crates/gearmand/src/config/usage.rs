//! What is wrong with options, and how their arguments are read.

/// An argument as `-p 4730` in one word has it: with a blank in front.
pub(super) fn text(argument: &str) -> Result<String, String> {
    Ok(argument.trim_start().to_owned())
}

/// The name of a file. An empty one, as of a variable that is not set, would be as good as none.
pub(super) fn file(argument: &str) -> Result<String, String> {
    match text(argument)? {
        name if name.is_empty() => Err("it names no file: leave the option out, or name one".into()),
        name => Ok(name),
    }
}

pub(super) fn number<T: std::str::FromStr<Err = std::num::ParseIntError>>(argument: &str) -> Result<T, T::Err> {
    argument.trim().parse()
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Usage {
    /// clap's text, which for `--help` and `--version` is no error.
    #[error("{0}")]
    Clap(#[from] clap::Error),
    /// An option that cannot be as it was given.
    #[error("{option}: {reason}")]
    Option {
        /// The option, or the variable, with its value.
        option: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Usage {
    pub(super) fn option(option: impl Into<String>, reason: impl ToString) -> Usage {
        Usage::Option { option: option.into(), reason: reason.to_string() }
    }
}
