//! The options of `gearman-runner`.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// The options.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "gearman-runner",
    version,
    about = "Keep worker programs running: as many as there are jobs for",
    after_help = AFTER
)]
pub struct Runner {
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "/etc/gearman-runner.toml", global = true)]
    pub config: PathBuf,
    /// Say whether the configuration is good, and what it names that is not there, and end
    #[arg(long)]
    pub check_config: bool,
    /// Socket of the runner that is asked [default: that of the configuration]
    #[arg(long, value_name = "PATH", global = true)]
    pub socket: Option<PathBuf>,
    /// What to do; without it, run
    #[command(subcommand)]
    pub command: Option<Ask>,
}

/// What a runner is asked.
#[derive(Clone, Debug, Subcommand)]
pub enum Ask {
    /// Show servers, groups and processes
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Read the configuration again, and replace all processes
    Reload,
    /// Replace all processes of a group
    Restart {
        /// Its name
        group: String,
    },
    /// End; processes may end their jobs, also where it is asked for again
    Stop,
}

impl Ask {
    /// As the runner reads it.
    pub fn line(&self) -> String {
        match self {
            Ask::Status { json: false } => "status".into(),
            Ask::Status { json: true } => "status json".into(),
            Ask::Reload => "reload".into(),
            Ask::Restart { group } => format!("restart {group}"),
            Ask::Stop => "stop".into(),
        }
    }
}

const AFTER: &str = "\
Signals:
  SIGTERM, SIGINT, SIGQUIT  end: processes may end their jobs; a second one kills them
  SIGHUP                    read the configuration again, and replace all processes
  SIGUSR1, SIGUSR2          are passed on to all processes

Exit status:
  0  it was asked to end, and all processes have; or what was asked is done
  1  the configuration cannot be used, or something else keeps it from starting;
     what was asked was refused, or there is no runner
  10  it was asked to end, and a process had to be killed for that

Examples:
  gearman-runner --config runner.toml --check-config
  gearman-runner --config runner.toml
  gearman-runner --config runner.toml status
  gearman-runner --config runner.toml restart mail";
