//! Files that are read whole, at the start and while the server runs: what is in them, and what is no such file. Must never
//! wait for anybody, nor read more than it is told.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The bytes of a file; of one that has more than `most`, one more than that.
///
/// # Errors
/// Those of the system; and for what is no regular file, in words.
pub fn read(file: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Otherwise to open a FIFO is to wait for who writes it. It is looked at when it is open: by then a name may lead
    // elsewhere.
    let open = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(file)?;
    let kind = open.metadata()?;
    if kind.is_dir() {
        return Err(io::Error::other("it is a directory"));
    }
    // It may have no end, or nobody who writes it.
    if !kind.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    open.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// What it was had been asked by its name, before it was opened by its name: a FIFO that came to be there in between kept
    /// the whole server waiting, at a SIGHUP, for somebody to write it.
    #[test]
    fn a_name_that_leads_to_a_file_and_to_a_fifo_by_turns() {
        let folder = std::env::temp_dir().join(format!("gearman-regular-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let name = folder.join("name");
        nix::unistd::mkfifo(&folder.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::write(folder.join("file"), "text").unwrap();
        let lead_to = |target: &str| {
            std::os::unix::fs::symlink(folder.join(target), folder.join("next")).unwrap();
            std::fs::rename(folder.join("next"), &name).unwrap();
        };
        lead_to("file");
        let _watched = properties::watch(properties::LONGEST_CASE);
        let over = AtomicBool::new(false);
        let mut seen = [0, 0];
        std::thread::scope(|threads| {
            threads.spawn(|| {
                for target in ["fifo", "file"].iter().cycle() {
                    lead_to(target);
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
            while seen.iter().any(|n| *n < 1000) {
                match read(&name, 3) {
                    Ok(bytes) => {
                        assert_eq!(bytes, b"text");
                        seen[0] += 1;
                    }
                    Err(error) => {
                        assert_eq!(error.to_string(), "it is no regular file");
                        seen[1] += 1;
                    }
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        std::fs::remove_dir_all(folder).unwrap();
    }
}
