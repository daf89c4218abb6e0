//! Jobs, their keys and their status, wherever they were submitted and are run.

use super::*;
use crate::util::{
    GET_STATUS, GET_STATUS_UNIQUE, STATUS_RES, STATUS_RES_UNIQUE, SUBMIT_JOB, SUBMIT_JOB_EPOCH, SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW_BG, SUBMIT_REDUCE_JOB_BACKGROUND, WORK_FAIL, WORK_STATUS,
};
use std::time::SystemTime;

/// Known, running, numerator, denominator.
fn status(server: &Running, handle: &str) -> [u32; 4] {
    let (command, answer) = peer(server).ask(GET_STATUS, &[handle.as_bytes()]);
    assert_eq!(command, STATUS_RES);
    numbers(&answer)
}

fn status_of_key(server: &Running, unique: &str) -> [u32; 4] {
    let (command, answer) = peer(server).ask(GET_STATUS_UNIQUE, &[unique.as_bytes()]);
    assert_eq!(command, STATUS_RES_UNIQUE);
    numbers(&answer)
}

fn numbers(answer: &str) -> [u32; 4] {
    let fields: Vec<&str> = answer.split("\\x00").collect();
    std::array::from_fn(|i| fields[i + 1].parse().unwrap())
}

fn until_status(server: &Running, handle: &str, wanted: [u32; 4]) {
    until(&format!("{handle} is {wanted:?}"), || (status(server, handle) == wanted).then_some(()));
}

#[test]
fn clients_at_one_server_and_workers_at_another() {
    let Some(cluster) = Cluster::new("apart") else { return };
    let (a, b) = (cluster.start("a"), cluster.start("b"));
    let mut client = peer(&a);
    let function = b"f\xff'\\";
    let mut submitted = Vec::new();
    for (command, unique) in
        [(SUBMIT_JOB_LOW_BG, "low"), (SUBMIT_JOB_BG, ""), (SUBMIT_JOB_BG, "k\"\\"), (SUBMIT_JOB_HIGH_BG, "high")]
    {
        let (created, handle) = client.ask(command, &[function, unique.as_bytes(), b"a\xfe\x01"]);
        assert_eq!(created, JOB_CREATED, "{handle}");
        assert!(handle.starts_with(&format!("H:@{}:", cluster.schema)), "{handle}");
        submitted.push(Job { handle, unique: unique.escape_default().to_string(), workload: "a\\xfe\\x01".into() });
    }
    let reduced = client.ask(SUBMIT_REDUCE_JOB_BACKGROUND, &[function, b"reduced", b"join", b"x"]).1;
    let mut worker = peer(&b);
    worker.send(&[(CAN_DO, &[function])]).unwrap();
    for at in [3, 1, 2] {
        let job = grab(&mut worker);
        assert_eq!(job, submitted[at], "the most urgent first, then the oldest");
        complete(&mut worker, &job);
    }
    let job = grab(&mut worker);
    assert_eq!((&*job.handle, &*job.workload), (&*reduced, "x"));
    complete(&mut worker, &job);
    let last = grab(&mut worker);
    assert_eq!(last, submitted[0]);
    complete(&mut worker, &last);
    grab_nothing(&mut worker);
    assert_eq!(cluster.sql().number("SELECT count(*) FROM @.job"), 0);
    assert_eq!(status(&a, &last.handle), [0; 4]);
}

/// It is asleep at a server that nobody submits anything to.
#[test]
fn a_worker_that_sleeps_at_another_server_is_woken() {
    let Some(cluster) = Cluster::new("asleep") else { return };
    let (a, b) = (cluster.start("a"), cluster.start("b"));
    let mut sleeping = worker(&b, &["f"]);
    sleeping.send(&[(PRE_SLEEP, &[]), (ECHO_REQ, &[b"asleep"])]).unwrap();
    sleeping.expect(ECHO_RES, &[b"asleep"]);
    let handle = submit(&mut peer(&a), "", "x");
    assert_eq!(sleeping.read().unwrap().0, NOOP);
    let job = grab(&mut sleeping);
    assert_eq!(job.handle, handle);
    complete(&mut sleeping, &job);
}

/// As with one server, all that is submitted is run, however many there are of everything.
#[test]
fn many_jobs_over_three_servers() {
    let Some(cluster) = Cluster::new("many") else { return };
    let servers = ["a", "b", "c"].map(|name| cluster.start(name));
    let handles: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = servers
            .iter()
            .map(|server| {
                scope.spawn(|| {
                    let mut client = peer(server);
                    let submits: Vec<(u32, &[&[u8]])> = vec![(SUBMIT_JOB_BG, &[b"f", b"", b"x"]); 500];
                    client.send(&submits).unwrap();
                    let created = (0..submits.len()).map(|_| client.read().unwrap());
                    created
                        .map(|(command, handle)| {
                            assert_eq!(command, JOB_CREATED);
                            String::from_utf8(handle).unwrap()
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let (ran, done) = std::sync::mpsc::channel();
    let workers: Vec<_> = (0..6)
        .map(|i| {
            let (mut worker, ran) = (worker(&servers[i % 2], &["f"]), ran.clone());
            std::thread::spawn(move || {
                loop {
                    let job = grab(&mut worker);
                    complete(&mut worker, &job);
                    if job.workload == "last" || ran.send(job.handle).is_err() {
                        return;
                    }
                }
            })
        })
        .collect();
    let mut seen: Vec<String> = (0..handles.len()).map(|_| done.recv_timeout(LONG).unwrap()).collect();
    let mut client = peer(&servers[2]);
    workers.iter().for_each(|_| drop(submit(&mut client, "", "last")));
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let mut wanted = handles;
    seen.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(seen, wanted, "each once");
    assert_eq!(cluster.sql().number("SELECT count(*) FROM @.job"), 0);
}

#[test]
fn a_delayed_job_runs_elsewhere_when_its_time_has_come() {
    let Some(cluster) = Cluster::new("delayed") else { return };
    let (a, b) = (cluster.start("a"), cluster.start("b"));
    let mut worker = worker(&b, &["f"]);
    let due = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() + 2;
    let (created, handle) = peer(&a).ask(SUBMIT_JOB_EPOCH, &[b"f", b"later", due.to_string().as_bytes(), b"x"]);
    assert_eq!(created, JOB_CREATED, "{handle}");
    for server in [&a, &b] {
        assert_eq!(status(server, &handle), [1, 0, 0, 0]);
    }
    let job = grab(&mut worker);
    assert!(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() >= due);
    assert_eq!(job.handle, handle);
    complete(&mut worker, &job);
}

#[test]
fn a_unique_key_is_one_job_wherever_it_is_submitted() {
    let Some(cluster) = Cluster::new("keys") else { return };
    let servers = ["a", "b", "c"].map(|name| cluster.start(name));
    let everywhere = |unique: &str, workload: &str| {
        let handles = servers.each_ref().map(|server| submit(&mut peer(server), unique, workload));
        assert!(handles.iter().all(|handle| *handle == handles[0]), "{handles:?}");
        handles[0].clone()
    };
    let waiting = submit(&mut peer(&servers[0]), "k", "first");
    assert_eq!(everywhere("k", "second"), waiting);
    // The workload stands for the key.
    let same = everywhere("-", "workload");
    assert_ne!(everywhere("-", "another"), same);
    assert_ne!(submit(&mut peer(&servers[1]), "", "workload"), submit(&mut peer(&servers[2]), "", "workload"));
    // Of another function it is another key.
    let (created, other) = peer(&servers[2]).ask(SUBMIT_JOB_BG, &[b"g", b"k", b"x"]);
    assert!(created == JOB_CREATED && other != waiting);

    let mut worker = worker(&servers[1], &["f"]);
    let job = grab(&mut worker);
    assert_eq!((&job.handle, &*job.workload), (&waiting, "first"));
    assert_eq!(everywhere("k", "third"), waiting, "while it runs");
    complete(&mut worker, &job);
    let next = everywhere("k", "fourth");
    assert_ne!(next, waiting, "it is free when the job is over");
}

/// The key of a job that waits for its next try is taken, that of a dead letter is free; and who has it tried again is
/// refused as long as a job has its key.
#[test]
fn the_key_of_a_job_that_failed() {
    let Some(cluster) = Cluster::new("dead-keys") else { return };
    let (a, b) = (cluster.start("a"), cluster.start("b"));
    assert_eq!(text(&a, "policy f retries=1 backoff=300ms dead-letters=10"), "OK\r\n");
    until_text(&b, "policies", "retries=1");
    let handle = submit(&mut peer(&a), "k", "x");
    let mut worker = worker(&b, &["f"]);
    for tried in 1..=2 {
        let job = grab(&mut worker);
        assert_eq!(job.handle, handle);
        worker.send(&[(WORK_FAIL, &[job.handle.as_bytes()]), (ECHO_REQ, &[b"stored?"])]).unwrap();
        worker.expect(ECHO_RES, &[b"stored?"]);
        if tried == 1 {
            assert_eq!(submit(&mut peer(&a), "k", "y"), handle, "it waits for its next try");
        }
    }
    for server in [&a, &b] {
        until_text(server, "dead", &handle);
        assert_eq!(status(server, &handle), [0; 4]);
    }
    let next = submit(&mut peer(&a), "k", "y");
    assert_ne!(next, handle);
    let refused = text(&a, &format!("dead-retry {handle}"));
    assert!(refused.starts_with("ERR NOT_RETRIED"), "{refused}");
    let job = grab(&mut worker);
    assert_eq!((&job.handle, &*job.workload), (&next, "y"));
    complete(&mut worker, &job);
    assert!(text(&a, &format!("dead-retry {handle}")).starts_with("OK 1"));
    let job = grab(&mut worker);
    assert_eq!((&job.handle, &*job.workload), (&handle, "x"));
    complete(&mut worker, &job);
    until("no dead letter", || (text(&b, "dead") == ".\n").then_some(()));
}

#[test]
fn the_status_of_a_job_at_any_server() {
    let Some(cluster) = Cluster::new("status") else { return };
    let servers = ["a", "b", "c"].map(|name| cluster.start(name));
    let handle = submit(&mut peer(&servers[0]), "k", "x");
    for server in &servers {
        assert_eq!(status(server, &handle), [1, 0, 0, 0], "it waits");
        assert_eq!(status_of_key(server, "k"), [1, 0, 0, 0]);
        assert_eq!(status(server, &format!("{handle}9")), [0; 4]);
        assert_eq!(status_of_key(server, "other"), [0; 4]);
    }
    let mut worker = worker(&servers[1], &["f"]);
    let job = grab(&mut worker);
    for server in &servers {
        until_status(server, &handle, [1, 1, 0, 0]);
        assert!(text(server, &format!("job {handle}")).contains("running"));
    }
    worker.send(&[(WORK_STATUS, &[job.handle.as_bytes(), b"3", b"10"])]).unwrap();
    for server in &servers {
        until_status(server, &handle, [1, 1, 3, 10]);
    }
    complete(&mut worker, &job);
    for server in &servers {
        assert_eq!(status(server, &handle), [0; 4], "it is over");
        assert_eq!(status_of_key(server, "k"), [0; 4]);
    }
}

#[test]
fn a_job_that_waits_is_cancelled_at_any_server() {
    let Some(cluster) = Cluster::new("cancel") else { return };
    let (a, b) = (cluster.start("a"), cluster.start("b"));
    let handle = submit(&mut peer(&a), "k", "x");
    assert_eq!(text(&b, &format!("cancel job {handle}")), "OK\r\n");
    assert_eq!(status(&a, &handle), [0; 4]);
    submit(&mut peer(&a), "l", "x");
    assert_eq!(text(&b, "cancel unique f l"), "OK\r\n");
    assert_eq!(cluster.sql().number("SELECT count(*) FROM @.job"), 0);
    assert!(text(&b, &format!("cancel job {handle}")).starts_with("ERR"));
}

/// It is in the memory of the server that took it, and has nothing to do with the others.
#[test]
fn foreground_jobs_need_no_other_server() {
    let Some(cluster) = Cluster::new("foreground") else { return };
    let (a, b) = (cluster.start("a"), cluster.start("b"));
    let mut client = peer(&a);
    let (created, handle) = client.ask(SUBMIT_JOB, &[b"f", b"k", b"x"]);
    assert_eq!(created, JOB_CREATED);
    assert!(!handle.contains('@'), "{handle}");
    assert_eq!(cluster.sql().number("SELECT count(*) FROM @.job"), 0);
    let mut other = worker(&b, &["f"]);
    grab_nothing(&mut other);
    let mut worker = worker(&a, &["f"]);
    let job = grab(&mut worker);
    assert_eq!(job.handle, handle);
    worker.send(&[(WORK_COMPLETE, &[handle.as_bytes(), b"result"])]).unwrap();
    client.expect(WORK_COMPLETE, &[handle.as_bytes(), b"result"]);
}
