//! A client's TLS session, and records to which anything happens: see gearman-core's src/fuzzing/tls.rs.
#![no_main]

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::{Arc, LazyLock};

static SERVER: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["server".into()]).unwrap().self_signed(&key).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap())
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gearman_core::fuzzing::tls::run(bytes, &SERVER));
