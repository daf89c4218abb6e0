//! Records of TLS 1.3 that no library sends: any content, under the right keys.

use rustls::crypto::cipher::{AeadKey, Iv, MessageEncrypter, NONCE_LEN, OutboundPlainMessage};
use rustls::crypto::tls13::OkmBlock;
use rustls::{ClientConfig, ClientConnection, ContentType, KeyLog, ProtocolVersion, Tls13CipherSuite};
use std::sync::{Arc, Mutex};

/// Length of a key, of AES-256 and of ChaCha20: one of them comes first in what a client offers.
const KEY: usize = 32;

/// Keeps the secret that a client's records are made with.
#[derive(Debug, Default)]
struct Secret(Mutex<Vec<u8>>);

impl KeyLog for Secret {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if label == "CLIENT_TRAFFIC_SECRET_0" {
            *self.0.lock().unwrap() = secret.into();
        }
    }
}

/// Makes a client's records, once its handshake is done. The session itself must send nothing from then on.
pub(crate) struct Forger {
    suite: &'static Tls13CipherSuite,
    secret: Vec<u8>,
    encrypter: Box<dyn MessageEncrypter>,
    /// The number of the next record.
    next: u64,
}

/// A client that agrees to be forged: its settings, and how to go on once its handshake is done.
pub(crate) fn forgeable(
    config: &ClientConfig,
) -> (Arc<ClientConfig>, impl FnOnce(&ClientConnection) -> Forger + use<>) {
    let secret = Arc::new(Secret::default());
    let mut config = config.clone();
    config.key_log = secret.clone();
    // A session that is resumed would do as well, but for the number of its first record.
    config.resumption = rustls::client::Resumption::disabled();
    let begin = move |session: &ClientConnection| {
        let suite = session.negotiated_cipher_suite().and_then(|suite| suite.tls13()).expect("TLS 1.3");
        Forger::new(suite, secret.0.lock().unwrap().clone())
    };
    (config.into(), begin)
}

impl Forger {
    fn new(suite: &'static Tls13CipherSuite, secret: Vec<u8>) -> Forger {
        let (mut key, mut iv) = ([0; KEY], [0; NONCE_LEN]);
        assert_eq!(suite.aead_alg.key_len(), key.len());
        expand(suite, &secret, "key", &mut key);
        expand(suite, &secret, "iv", &mut iv);
        Forger { suite, secret, encrypter: suite.aead_alg.encrypter(AeadKey::from(key), Iv::from(iv)), next: 0 }
    }

    /// One record.
    pub(crate) fn record(&mut self, typ: ContentType, content: &[u8]) -> Vec<u8> {
        let message = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload: content.into() };
        self.next += 1;
        self.encrypter.encrypt(message, self.next - 1).unwrap().encode()
    }

    pub(crate) fn data(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.record(ContentType::ApplicationData, bytes)
    }

    /// A change of the client's keys; whether the server is asked to change its own.
    pub(crate) fn key_update(&mut self, asked: bool) -> Vec<u8> {
        const KEY_UPDATE: u8 = 24;
        let record = self.record(ContentType::Handshake, &[KEY_UPDATE, 0, 0, 1, asked.into()]);
        let mut secret = vec![0; self.secret.len()];
        expand(self.suite, &self.secret, "traffic upd", &mut secret);
        *self = Forger::new(self.suite, secret);
        record
    }

    /// Some 16 KB of records with nothing to read in them, in an order to which rustls sets no end.
    pub(crate) fn nothing(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while records.len() < 16 * 1024 {
            (0..31).for_each(|_| records.extend(self.key_update(false)));
            records.extend(self.data(b""));
        }
        records
    }
}

/// HKDF-Expand-Label of RFC 8446, without a context.
fn expand(suite: &Tls13CipherSuite, secret: &[u8], label: &str, output: &mut [u8]) {
    let label = format!("tls13 {label}");
    let info: [&[u8]; 4] = [&(output.len() as u16).to_be_bytes(), &[label.len() as u8], label.as_bytes(), &[0]];
    suite.hkdf_provider.expander_for_okm(&OkmBlock::new(secret)).expand_slice(&info, output).unwrap();
}
