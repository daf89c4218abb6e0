//! `gearman-runner`: keeps worker programs running, as many as there are jobs for.
//!
//! One thread supervises and never waits; servers, files and standard output have others. What is decided is decided by
//! values alone, in `scale`, `backoff` and `plan`.

pub mod backoff;
pub mod check;
pub mod child;
pub mod config;
pub mod control;
pub mod files;
pub mod flags;
pub mod group;
pub mod http;
pub mod launch;
pub mod lines;
pub mod load;
pub mod log;
pub mod metrics;
pub mod notify;
pub mod orders;
pub mod plan;
pub mod process;
pub mod reload;
pub mod run;
pub mod scale;
pub mod servers;
pub mod status;
pub mod supervisor;
pub mod task;
pub mod value;
pub mod watching;
