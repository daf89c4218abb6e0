//! What is measured with: the programs that are compared, the scripts, a folder for files that come and go. Nothing
//! is started here.

use crate::Result;
use crate::certificate::Files;
use std::path::PathBuf;

/// From the environment that scripts/bench.sh sets.
pub(crate) struct Setup {
    /// This program, which is also the null server and the raw floor's processes.
    pub(crate) bench: PathBuf,
    pub(crate) php: String,
    pub(crate) module: String,
    pub(crate) pecl: String,
    pub(crate) phpredis: Vec<String>,
    pub(crate) gearmand: String,
    pub(crate) c_gearmand: String,
    pub(crate) redis: String,
    /// LD_LIBRARY_PATH of what was not installed.
    pub(crate) libraries: String,
    pub(crate) server_user: String,
    pub(crate) scripts: PathBuf,
    /// For files that come and go; scripts/bench.sh removes it.
    pub(crate) scratch: PathBuf,
    /// In `scratch`.
    pub(crate) tls: Files,
    /// Only to see that everything works: a hundredth of all jobs.
    pub(crate) quick: bool,
}

impl Setup {
    pub(crate) fn find(quick: bool) -> Result<Setup> {
        let get = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set: make bench"));
        let scratch: PathBuf = get("BENCH_SCRATCH")?.into();
        Ok(Setup {
            bench: std::env::current_exe()?,
            php: get("PHP")?,
            module: get("BENCH_MODULE")?,
            pecl: get("BENCH_PECL")?,
            phpredis: get("BENCH_PHPREDIS")?.split_whitespace().map(String::from).collect(),
            gearmand: get("BENCH_GEARMAND")?,
            c_gearmand: get("C_GEARMAND")?,
            redis: get("BENCH_REDIS")?,
            libraries: get("BENCH_LIBS")?,
            server_user: get("BENCH_SERVER_USER")?,
            scripts: get("BENCH_SCRIPTS")?.into(),
            tls: Files::make(&scratch)?,
            scratch,
            quick,
        })
    }

    /// How many jobs to take where a measurement would take `n`.
    pub(crate) fn jobs(&self, n: u64) -> u64 {
        if self.quick { n.div_ceil(100) } else { n }
    }
}
