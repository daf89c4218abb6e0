//! A certificate for `localhost` that a database may read, and one of somebody else's.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// The user that databases run as where root runs the tests.
const NOBODY: u32 = 65534;

/// `ca.pem` and `key.pem`; `other.pem` has nothing to do with them.
pub(crate) struct Certificate(PathBuf);

impl Certificate {
    pub(crate) fn new(name: &str) -> Certificate {
        let certificate = Certificate(std::env::temp_dir().join(format!("gearmand-tls-{name}-{}", std::process::id())));
        std::fs::create_dir_all(&certificate.0).unwrap();
        let [mine, other] = [(); 2].map(|()| rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap());
        std::fs::write(certificate.file("ca.pem"), mine.cert.pem()).unwrap();
        std::fs::write(certificate.file("other.pem"), other.cert.pem()).unwrap();
        let key = certificate.file("key.pem");
        std::fs::write(&key, mine.signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(&key, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        certificate
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// One that was free a moment ago: databases take no socket that is open already.
    pub(crate) fn free_port() -> u16 {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
