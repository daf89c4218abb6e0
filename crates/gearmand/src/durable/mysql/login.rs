//! How a connection begins: the server greets, TLS where it is wanted, user and password.
//!
//! A password is never sent where somebody else may read it.

use crate::durable::mysql::wire::{Parts, Wire, WireError};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::ClientConfig;
use std::sync::Arc;

/// Long passwords and flags, rows that were found, protocol 4.1, transactions, a password that is a digest, more than one
/// statement and answer, named methods.
const CAPABILITIES: u32 = 0x1 | 0x2 | 0x4 | 0x200 | 0x2000 | 0x8000 | 0x1_0000 | 0x2_0000 | 0x8_0000;
const WITH_DATABASE: u32 = 0x8;
const WITH_TLS: u32 = 0x800;
/// Bytes, not text.
const BINARY: u8 = 63;

/// Who wants to connect, to what.
pub(super) struct Account<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a str,
    pub(super) database: &'a str,
    /// TLS that must be spoken, and the host's name.
    pub(super) tls: Option<(&'a str, Arc<ClientConfig>)>,
}

/// Logs in. The number of the connection.
pub(super) fn login(wire: &mut Wire, account: &Account<'_>) -> Result<u32, WireError> {
    let greeting = wire.read()?;
    let mut parts = Parts(&greeting);
    if parts.bytes(1)? != [10] {
        return Err(WireError::Other("it speaks another protocol than MySQL's".into()));
    }
    parts.text();
    let number = parts.bytes(4)?.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
    let mut challenge = parts.bytes(8)?.to_vec();
    parts.bytes(1)?;
    let low = parts.short()?;
    parts.bytes(3)?;
    let able = u32::from(low) | u32::from(parts.short()?) << 16;
    parts.bytes(11)?;
    challenge.extend_from_slice(parts.bytes(12)?);
    parts.bytes(1)?;
    let method = parts.text().to_vec();
    let mut capabilities = CAPABILITIES & able;
    if !account.database.is_empty() {
        capabilities |= WITH_DATABASE;
    }
    if let Some((host, config)) = &account.tls {
        if able & WITH_TLS == 0 {
            return Err(WireError::Other("it does not speak TLS, which --mysql-ssl-ca asks for".into()));
        }
        capabilities |= WITH_TLS;
        wire.write(&head(capabilities))?;
        wire.encrypt(host, config.clone())?;
    }
    let answer = answer(&method, account.password, &challenge, wire.is_private())?;
    let mut response = head(capabilities);
    response.extend_from_slice(account.user.as_bytes());
    response.extend_from_slice(&[0, answer.len() as u8]);
    response.extend_from_slice(&answer);
    if !account.database.is_empty() {
        response.extend_from_slice(account.database.as_bytes());
        response.push(0);
    }
    response.extend_from_slice(&method);
    response.push(0);
    wire.write(&response)?;
    prove(wire, account.password)?;
    Ok(number)
}

fn head(capabilities: u32) -> Vec<u8> {
    let most = 1u32 << 30;
    [&capabilities.to_le_bytes()[..], &most.to_le_bytes(), &[BINARY], &[0; 23]].concat()
}

/// Until the server is content.
fn prove(wire: &mut Wire, password: &str) -> Result<(), WireError> {
    loop {
        let packet = wire.read()?;
        match packet.first() {
            Some(0) => return Ok(()),
            // Another method.
            Some(0xfe) => {
                let mut parts = Parts(&packet[1..]);
                let method = parts.text();
                let challenge = parts.0.strip_suffix(&[0]).unwrap_or(parts.0);
                wire.write(&answer(method, password, challenge, wire.is_private())?)?;
            }
            // caching_sha2_password: it knows this password; or it does not, and wants the whole.
            Some(1) if packet.get(1) == Some(&3) => {}
            Some(1) if packet.get(1) == Some(&4) && wire.is_private() => {
                wire.write(&[password.as_bytes(), &[0]].concat())?;
            }
            Some(1) => {
                let reason = "caching_sha2_password sends a password only where nobody else reads it: over TLS \
                              (--mysql-ssl-ca), or a socket in the file system (--mysql-host /PATH)";
                return Err(WireError::Other(reason.into()));
            }
            _ => return Err(WireError::Other("its login is another than MySQL's".into())),
        }
    }
}

/// What proves that one knows the password.
fn answer(method: &[u8], password: &str, challenge: &[u8], private: bool) -> Result<Vec<u8>, WireError> {
    if password.is_empty() {
        return Ok(Vec::new());
    }
    let password = password.as_bytes();
    match method {
        b"mysql_native_password" => {
            let once = sha(&SHA1_FOR_LEGACY_USE_ONLY, &[password]);
            let twice = sha(&SHA1_FOR_LEGACY_USE_ONLY, &[&once]);
            Ok(xor(once, &sha(&SHA1_FOR_LEGACY_USE_ONLY, &[challenge, &twice])))
        }
        b"caching_sha2_password" => {
            let once = sha(&SHA256, &[password]);
            let twice = sha(&SHA256, &[&once]);
            Ok(xor(once, &sha(&SHA256, &[&twice, challenge])))
        }
        b"mysql_clear_password" if private => Ok([password, &[0]].concat()),
        b"unix_socket" | b"auth_socket" => Ok(Vec::new()),
        other => {
            Err(WireError::Other(format!("its user logs in by {}, which is not known here", other.escape_ascii())))
        }
    }
}

fn sha(algorithm: &'static Algorithm, parts: &[&[u8]]) -> Vec<u8> {
    digest(algorithm, &parts.concat()).as_ref().to_vec()
}

fn xor(mut a: Vec<u8>, b: &[u8]) -> Vec<u8> {
    a.iter_mut().zip(b).for_each(|(a, b)| *a ^= b);
    a
}
