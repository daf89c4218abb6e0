//! A model of several servers and their store in virtual time, which drives the code that servers run.

mod broker;
mod memory;
mod promises;
mod protocol;
mod world;
