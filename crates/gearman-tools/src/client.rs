//! Client mode: submits jobs and shows what comes back, as it comes.
//!
//! One workload at a time: its jobs, one for each function, run side by side; the next workload's are
//! submitted when they have ended. As in C, what went wrong with one does not stop the next.

use crate::error::{Error, Result};
use crate::flags::Lines;
use crate::{print, print_error, report};
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event, TaskId};
use gearman_core::net::address::{Address, ServerAddress};
use gearman_core::net::tls::{TlsChoice, TlsSettings};
use gearman_core::protocol::message::Priority;
use gearman_core::server_connection::Settings;
use std::io::{self, BufRead, Read};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::Instant;

/// Which jobs to submit, and how to show what comes back.
#[derive(Clone, Debug)]
pub struct SubmitOptions {
    /// A job of each for every workload.
    pub functions: Vec<Vec<u8>>,
    /// Key of all jobs; empty: one that no other job has.
    pub unique: Vec<u8>,
    /// Which queue the jobs join.
    pub priority: Priority,
    /// Do not wait for results.
    pub background: bool,
    /// Print the function's name in front of everything.
    pub prefix: bool,
    /// Print handles.
    pub verbose: bool,
    /// Longest silence of the server.
    pub patience: Option<Duration>,
}

/// Where workloads come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// One empty workload.
    Nothing,
    /// These.
    Given(Vec<Vec<u8>>),
    /// All of standard input.
    Whole,
    /// Each line of standard input.
    Lines(Lines),
}

/// Client mode of `gearman`.
#[derive(Debug)]
pub struct Submitter {
    options: SubmitOptions,
    client: Client,
    runtime: Runtime,
    /// Everything went well so far.
    well: bool,
}

impl Submitter {
    /// A client of these servers. Connects when the first job is submitted, with TLS where there are settings for it.
    pub fn new(
        options: SubmitOptions,
        servers: Vec<(ServerAddress, Vec<Address>)>,
        tls: Option<TlsSettings>,
        runtime: Runtime,
    ) -> Submitter {
        let mut client = Client::new(Settings::default());
        client.set_tls(tls.map(TlsChoice::all).unwrap_or_default());
        for (server, addresses) in servers {
            client.add_server(server, addresses);
        }
        Submitter { options, client, runtime, well: true }
    }

    /// Submits a job for every workload and function. False: not all went well, and it was said what did not.
    ///
    /// # Errors
    /// [`Error::Io`] for standard input and output. All else is about one job only.
    pub fn run(mut self, input: &Input) -> Result<bool> {
        let read = || Error::io("read standard input");
        match input {
            Input::Nothing => self.submit(b"")?,
            Input::Given(workloads) => {
                for workload in workloads {
                    self.submit(workload)?;
                }
            }
            Input::Whole => {
                let mut workload = Vec::new();
                io::stdin().lock().read_to_end(&mut workload).map_err(read())?;
                self.submit(&workload)?;
            }
            Input::Lines(lines) => {
                let mut line = Vec::new();
                while io::stdin().lock().read_until(b'\n', &mut line).map_err(read())? > 0 {
                    self.submit(lines.cut(&line))?;
                    line.clear();
                }
            }
        }
        Ok(self.well)
    }

    /// The jobs of one workload.
    fn submit(&mut self, workload: &[u8]) -> Result<()> {
        self.client.begin();
        let mut tasks: Vec<(TaskId, usize)> = Vec::new();
        for i in 0..self.options.functions.len() {
            match self.ask(i, workload) {
                Ok(ask) => tasks.push((self.client.add(ask), i)),
                Err(error) => self.failed(&error),
            }
        }
        while self.client.has_tasks() {
            let until = self.options.patience.and_then(|p| Instant::now().checked_add(p));
            if let Err(error) = self.runtime.block_on(self.client.wait(until)) {
                self.failed(&error);
                // Their answers are not awaited any more; the next workload's jobs are.
                tasks.drain(..).for_each(|(id, _)| self.client.forget(id));
                return Ok(());
            }
            while let Some((id, event)) = self.client.next_event() {
                if let Some((_, i)) = tasks.iter().find(|(task, _)| *task == id) {
                    self.show(*i, &event)?;
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, function: usize, workload: &[u8]) -> gearman_core::Result<Ask> {
        let unique = self.client.unique(&self.options.unique, workload);
        let options = &self.options;
        let function = &options.functions[function];
        match workload {
            b"" => Ask::submit_empty(options.priority, options.background, function, unique.as_ref()),
            _ => Ask::submit(options.priority, options.background, function, unique.as_ref(), workload),
        }
    }

    fn failed(&mut self, error: &gearman_core::Error) {
        self.well = false;
        report("gearman", error);
    }

    /// Results and status on standard output, warnings and failures on standard error.
    fn show(&mut self, function: usize, event: &Event) -> Result<()> {
        let prefix = match self.options.prefix {
            true => [self.options.functions[function].as_slice(), b": "].concat(),
            false => Vec::new(),
        };
        match event {
            Event::Created(handle) if self.options.verbose => {
                print(&[b"Task created: ", handle, b"\n"])?;
            }
            Event::Data(data) | Event::Complete(data) => print(&[&prefix, data])?,
            Event::Status { numerator, denominator } => {
                let percent = (u64::from(*numerator) * 100).checked_div(u64::from(*denominator));
                let line = format!("{}% Complete\n", percent.unwrap_or(0));
                print(&[&prefix, line.as_bytes()])?;
            }
            Event::Warning(text) => print_error(&[&prefix, text]),
            Event::Exception(text) => {
                self.well = false;
                print_error(&[&prefix, text]);
            }
            Event::Fail => {
                self.well = false;
                print_error(&[&prefix, b"Job failed\n"]);
            }
            Event::Error(error) => self.failed(error),
            Event::Created(_) | Event::Known(_) | Event::Echoed(_) => {}
        }
        Ok(())
    }
}
