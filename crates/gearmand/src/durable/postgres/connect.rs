//! Connecting to the first of a database's hosts that can be used.
//!
//! What always holds: a host that takes the connection and then says nothing, as a frozen machine does, is passed over like one that
//! cannot be reached. tokio-postgres itself would wait for it, and never come to the next.

use crate::durable::postgres::conninfo::CONNECT;
use crate::durable::postgres::tls::Tls;
use std::time::Duration;
use tokio_postgres::config::{Config, Host, LoadBalanceHosts};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Connection, Error, Socket};

type Connected = (Client, Connection<Socket, <Tls as MakeTlsConnect<Socket>>::Stream>);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotConnected {
    #[error(transparent)]
    Failed(#[from] Error),
    #[error("the database takes connections, and says nothing for {} s", .0.as_secs())]
    Silent(Duration),
}

/// What is said on a connection before it can be used may take as long again as the connection itself. The error is that of the last
/// host.
pub(crate) async fn connect(config: &Config, tls: &Tls) -> Result<Connected, NotConnected> {
    let patience = 2 * *config.get_connect_timeout().unwrap_or(&CONNECT);
    let mut failed = NotConnected::Silent(patience);
    for host in hosts(config) {
        match tokio::time::timeout(patience, Box::pin(host.connect(tls.clone()))).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => failed = error.into(),
            Err(_) => failed = NotConnected::Silent(patience),
        }
    }
    Err(failed)
}

/// The same for each host alone.
fn hosts(config: &Config) -> Vec<Config> {
    let (names, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = names.len().max(addresses.len());
    // Lists that do not fit are refused as they are.
    let fit = [names.len(), addresses.len()].iter().all(|len| [0, count].contains(len))
        && [0, 1, count].contains(&ports.len());
    // In any order: each time, another one comes first.
    if !fit || config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        return vec![config.clone()];
    }
    let host = |at: usize| {
        let mut one = without_hosts(config);
        match names.get(at) {
            Some(Host::Tcp(name)) => drop(one.host(name)),
            Some(Host::Unix(path)) => drop(one.host_path(path)),
            None => {}
        }
        addresses.get(at).map(|address| one.hostaddr(*address));
        ports.get(at).or(ports.first()).map(|port| one.port(*port));
        one
    };
    (0..count).map(host).collect()
}

fn without_hosts(config: &Config) -> Config {
    let mut one = Config::new();
    one.ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding());
    config.get_user().map(|user| one.user(user));
    config.get_password().map(|password| one.password(password));
    config.get_dbname().map(|name| one.dbname(name));
    config.get_options().map(|options| one.options(options));
    config.get_application_name().map(|name| one.application_name(name));
    config.get_connect_timeout().map(|timeout| one.connect_timeout(*timeout));
    config.get_tcp_user_timeout().map(|timeout| one.tcp_user_timeout(*timeout));
    config.get_keepalives_interval().map(|interval| one.keepalives_interval(interval));
    config.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(text: &str) -> Vec<Config> {
        hosts(&text.parse().unwrap())
    }

    #[test]
    fn each_host_has_all_that_was_said() {
        let rest = "user=u password=p dbname=d options='-c a=b' application_name=n sslmode=require sslnegotiation=direct \
            connect_timeout=3 tcp_user_timeout=4 keepalives=0 keepalives_idle=5 keepalives_interval=6 keepalives_retries=7 \
            target_session_attrs=read-write channel_binding=require";
        let one = |hosts: &str| format!("{hosts} {rest}").parse::<Config>().unwrap();
        let both = [one("host=a port=1"), one("host=/b port=2")];
        assert_eq!(each(&format!("host=a,/b port=1,2 {rest}")), both);
        assert_eq!(each(&format!("host=a port=1 {rest}")), both[..1]);
        let addresses = [one("host=a hostaddr=10.0.0.1 port=1"), one("host=b hostaddr=10.0.0.2 port=1")];
        assert_eq!(each(&format!("host=a,b hostaddr=10.0.0.1,10.0.0.2 port=1 {rest}")), addresses);
    }

    #[test]
    fn what_does_not_fit_or_has_no_order_stays_one() {
        for text in
            ["host=a,b port=1,2,3", "host=a,b,c hostaddr=10.0.0.1,10.0.0.2", "host=a,b load_balance_hosts=random"]
        {
            assert_eq!(each(text), [text.parse::<Config>().unwrap()]);
        }
    }
}
