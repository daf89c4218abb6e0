//! What `gearman` and `gearadmin` are made of. Their names, options and output are those of the C
//! tools, so that scripts go on working.
//!
//! ```text
//! error       what can go wrong, and where
//! flags       the options of both programs, and how they become settings
//! text        gearadmin: commands and answers of the text protocol
//! listing     … what their lists say
//! json        … gearadmin --json
//! watch       … gearadmin --watch: the table
//! screen      … and where it is shown
//! client      gearman: submits jobs and shows what comes back
//! worker      gearman -w: runs a command for each job
//! daemon      gearman -d and -i: detaching, and the pid file
//! bin/        main functions
//! ```

#![forbid(unsafe_code)]

pub mod client;
pub mod daemon;
pub mod error;
pub mod flags;
pub mod json;
pub mod listing;
mod screen;
pub mod text;
pub mod watch;
pub mod worker;

pub use error::{Error, Result};

use std::fmt::Display;
use std::io::Write;

/// A line on standard error, behind the program's name. Where that is closed nobody wants to know.
pub fn report(program: &str, what: impl Display) {
    let _ = writeln!(std::io::stderr(), "{program}: {what}");
}
