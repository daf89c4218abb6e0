//! What is measured, in the table's order.

mod counts;
mod programs;
mod servers;

use crate::row::{Metric, Row};

/// The commonest metric of all.
const MICROSECONDS: Metric = Metric { name: "time", unit: "µs" };

/// All rows.
pub(crate) fn all() -> Vec<Row> {
    [programs::rows(), servers::rows(), counts::rows()].into_iter().flatten().collect()
}
