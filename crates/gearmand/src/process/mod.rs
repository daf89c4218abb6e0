//! The program around the library: from the command line to a server that listens, and what the system asks of it
//! while it runs. Everything here belongs to the binary; the library knows nothing of it.
//!
//! ```text
//! wait        waiting for what the server before still holds
//! output      lines to stderr and to files that may have no room
//! user        changing the user, and to whom files belong
//! syslog, log where the log goes
//! notify      what systemd is sent
//! pid         the file with the process id
//! daemon      detaching from the terminal
//! import      --import: from one durable queue into another
//! activation  sockets that systemd gives
//! socket_file sockets in the file system
//! bind        --listen and --port -> sockets
//! reload      what SIGHUP reads anew
//! rule_files  the files of rules and policies, read anew by SIGHUP
//! signals     signals -> whether to go on
//! start       all of it in order: options -> a server that listens
//! ```

pub(crate) mod activation;
pub(crate) mod bind;
pub(crate) mod daemon;
pub(crate) mod import;
pub(crate) mod log;
pub(crate) mod notify;
pub(crate) mod output;
pub(crate) mod pid;
pub(crate) mod reload;
pub(crate) mod rule_files;
pub(crate) mod signals;
pub(crate) mod socket_file;
pub(crate) mod start;
pub(crate) mod syslog;
pub(crate) mod user;
pub(crate) mod wait;
