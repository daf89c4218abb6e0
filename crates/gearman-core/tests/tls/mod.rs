//! Clients and workers that speak TLS, beside a server that does.

use crate::authorities::{Authority, Folder, names};
use crate::util::{Script, ask};
use gearman_core::client::Client;
use gearman_core::client::task::{Ask, Event};
use gearman_core::net::tls::{TlsChoice, TlsSettings};
use gearman_core::{Error, Result};
use std::sync::Arc;
use tokio_rustls::rustls::ServerConfig;

mod files;
mod mutated;
mod named;
mod records;
mod refused;
mod resumed;

/// A CA, a server with a certificate of it for localhost, and a client that trusts it.
struct Party {
    folder: Folder,
    authority: Authority,
    script: Script,
    settings: TlsSettings,
}

impl Party {
    async fn new() -> Party {
        Party::of(|authority| authority.issue(names(&["localhost", "127.0.0.1"])).server()).await
    }

    async fn of(server: impl FnOnce(&Authority) -> Arc<ServerConfig>) -> Party {
        let (folder, authority) = (Folder::new(), Authority::new("the CA"));
        let script = Script::tls_as(server(&authority)).await;
        Party { settings: folder.trusting(&authority), folder, authority, script }
    }

    fn client(&self) -> Client {
        self.client_with(self.settings.clone())
    }

    fn client_with(&self, settings: TlsSettings) -> Client {
        let mut client = self.script.client();
        client.set_tls(TlsChoice::all(settings));
        client
    }
}

async fn echo_or_error(client: &mut Client) -> Result<Event> {
    ask(client, Ask::echo(b"x").unwrap(), None).await
}

/// The reason of an [`Error::Tls`].
#[track_caller]
fn reason(result: Result<Event>) -> String {
    match result.unwrap_err() {
        Error::Tls { reason, .. } => reason,
        other => panic!("{other}"),
    }
}
