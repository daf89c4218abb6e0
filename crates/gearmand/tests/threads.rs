//! `--threads`: connections on several threads, which write to each other's.

use crate::process::{Folder, Running};
use crate::util::*;
use crate::wire::Wire;
use nix::sys::signal::Signal;
use std::collections::HashMap;

const CLIENTS: usize = 8;
const ROUNDS: usize = 20;
/// Jobs that a client has under way at a time.
const AT_ONCE: usize = 25;

/// Some jobs are larger than the buffer that a thread reads into, and than a socket takes at once.
fn workload(client: usize, job: usize) -> Vec<u8> {
    let size = if job.is_multiple_of(10) { 400_000 } else { job };
    let mut workload = format!("{client}/{job}:").into_bytes();
    workload.resize(workload.len() + size, b'x');
    workload
}

/// Answers jobs in two packets each until the server ends.
fn work(mut wire: Wire) {
    let begin: &[(u32, &[&[u8]])] = &[(CAN_DO, &[b"f"]), (GRAB_JOB, &[])];
    if wire.send(begin).is_err() {
        return;
    }
    while let Ok((command, body)) = wire.read() {
        let sent = match command {
            JOB_ASSIGN => {
                let mut parts = body.splitn(3, |b| *b == 0);
                let (handle, workload) = (parts.next().unwrap(), parts.nth(1).unwrap());
                wire.send(&[(WORK_DATA, &[handle, b"begun"]), (WORK_COMPLETE, &[handle, workload]), (GRAB_JOB, &[])])
            }
            NOOP => wire.send(&[(GRAB_JOB, &[])]),
            NO_JOB => wire.send(&[(PRE_SLEEP, &[])]),
            other => panic!("{other} to a worker"),
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Has many jobs under way at once, so that several threads write to it at a time.
fn submit(mut wire: Wire, client: usize) {
    for round in 0..ROUNDS {
        let mut jobs: HashMap<Vec<u8>, (usize, bool)> = HashMap::new();
        for job in round * AT_ONCE..(round + 1) * AT_ONCE {
            wire.send(&[(SUBMIT_JOB, &[b"f", b"", &workload(client, job)])]).unwrap();
        }
        let (mut created, mut completed) = (0, 0);
        while completed < AT_ONCE {
            let (command, body) = wire.read().unwrap();
            let mut parts = body.splitn(2, |b| *b == 0);
            let (handle, data) = (parts.next().unwrap(), parts.next().unwrap_or_default());
            match command {
                JOB_CREATED => {
                    jobs.insert(handle.to_vec(), (round * AT_ONCE + created, false));
                    created += 1;
                }
                WORK_DATA => {
                    assert_eq!(data, b"begun");
                    assert!(!std::mem::replace(&mut jobs.get_mut(handle).unwrap().1, true));
                }
                WORK_COMPLETE => {
                    let (job, begun) = jobs[handle];
                    assert!(begun && data == workload(client, job), "job {job} of client {client}");
                    completed += 1;
                }
                other => panic!("{other} to a client"),
            }
        }
    }
}

#[test]
fn many_to_many_over_four_threads() {
    let folder = Folder::new("threads");
    let mut server = Running::start(&["--threads=4"], &folder);
    let workers: Vec<_> = (0..6).map(|_| Wire::new(server.connect())).map(|w| std::thread::spawn(|| work(w))).collect();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| (number, Wire::new(server.connect())))
        .map(|(number, wire)| std::thread::spawn(move || submit(wire, number)))
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    let names = std::fs::read_dir(format!("/proc/{}/task", server.child.id())).unwrap();
    let names = names.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
    assert_eq!(names.filter(|name| name.starts_with("connections-")).count(), 3);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}
