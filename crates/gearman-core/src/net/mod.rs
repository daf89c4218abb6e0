//! The only sockets of this crate, the addresses they connect to, and which process made them.
//!
//! Must never know what a packet means.

pub mod address;
#[cfg(feature = "tls")]
pub mod authorities;
#[cfg(feature = "client")]
pub mod connection;
#[cfg(feature = "client")]
pub mod fork;
#[cfg(feature = "tls")]
pub mod pem;
#[cfg(feature = "client")]
pub(crate) mod session;
#[cfg(feature = "client")]
mod stream;
#[cfg(feature = "client")]
pub mod tls;
#[cfg(feature = "client")]
pub mod watch;
#[cfg(feature = "tls")]
pub mod x509;
