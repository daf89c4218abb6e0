//! What is wanted for the jobs of functions holds at all servers, whichever was told: retries, dead letters, limits, schedules.

use super::*;
use crate::util::WORK_EXCEPTION;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

fn set(servers: &[Running], policy: &str, shown: &str) {
    assert_eq!(text(&servers[0], &format!("policy {policy}")), "OK\r\n");
    servers.iter().for_each(|server| drop(until_text(server, "policies", shown)));
}

fn fail(worker: &mut Wire, job: &Job) {
    worker.send(&[(WORK_EXCEPTION, &[job.handle.as_bytes(), b"no disk"]), (ECHO_REQ, &[b"stored?"])]).unwrap();
    worker.expect(ECHO_RES, &[b"stored?"]);
}

/// Each try at another server; an operator of a third has the dead letter tried again.
#[test]
fn tries_are_counted_wherever_they_are() {
    let Some(cluster) = Cluster::new("tries") else { return };
    let mut servers = ["a", "b", "c"].map(|name| cluster.start(name));
    set(&servers, "f retries=2 backoff=10ms dead-letters=10", "retries=2");
    let handle = submit(&mut peer(&servers[0]), "k", "x");
    for at in [1, 2, 0] {
        let mut worker = worker(&servers[at], &["f"]);
        let job = grab(&mut worker);
        assert_eq!(job.handle, handle);
        fail(&mut worker, &job);
    }
    assert_eq!(cluster.sql().number("SELECT count(*) FROM @.job"), 0);
    for server in &servers {
        let letters = until_text(server, "dead", &handle);
        assert!(letters.contains("\t3\t") && letters.contains("no+disk") | letters.contains("no disk"), "{letters}");
        assert!(text(server, &format!("dead-show {handle}")).contains("exception"));
    }
    // It outlives them all.
    servers.iter_mut().for_each(Running::stop);
    let servers = ["d", "e"].map(|name| cluster.start(name));
    until_text(&servers[1], "policies", "retries=2");
    assert!(text(&servers[0], &format!("dead-retry {handle}")).starts_with("OK 1"));
    let mut worker = worker(&servers[1], &["f"]);
    let job = grab(&mut worker);
    assert_eq!(job.handle, handle);
    fail(&mut worker, &job);
    assert_eq!(grab(&mut worker).handle, handle, "its tries count anew");
}

/// It was given back as if nobody had tried it, and killed worker after worker.
#[test]
fn a_job_that_kills_its_workers_is_given_up_whichever_servers_they_are_at() {
    let Some(cluster) = Cluster::new("poison") else { return };
    let servers = ["a", "b"].map(|name| cluster.start_with(name, &["--job-retries=3"]));
    let (handle, sql) = (submit(&mut peer(&servers[0]), "k", "x"), cluster.sql());
    for (at, tries) in [(0, 1), (1, 2)] {
        let mut worker = worker(&servers[at], &["f"]);
        assert_eq!(grab(&mut worker).handle, handle);
        drop(worker);
        let given_back = format!("SELECT count(*) FROM @.job WHERE owner IS NULL AND tries = {tries}");
        sql.until(&given_back, 1);
    }
    let mut last = worker(&servers[0], &["f"]);
    assert_eq!(grab(&mut last).handle, handle);
    drop(last);
    sql.until("SELECT count(*) FROM @.job", 0);
}

#[test]
fn letters_are_forgotten_and_tried_again_by_function() {
    let Some(cluster) = Cluster::new("letters") else { return };
    let servers = ["a", "b"].map(|name| cluster.start(name));
    set(&servers, "f dead-letters=3", "dead-letters=3");
    let mut worker = worker(&servers[1], &["f"]);
    for unique in ["1", "2", "3", "4", "5"] {
        let handle = submit(&mut peer(&servers[0]), unique, "x");
        let job = grab(&mut worker);
        assert_eq!(job.handle, handle);
        fail(&mut worker, &job);
    }
    let sql = cluster.sql();
    sql.until("SELECT count(*) FROM @.dead", 3);
    let kept = |server: &Running| text(server, "dead f").lines().filter(|line| *line != ".").count();
    until("the oldest are gone", || servers.iter().all(|server| kept(server) == 3).then_some(()));
    assert!(!text(&servers[0], "dead").contains("\t1\t1\t"), "the oldest");
    let last = text(&servers[0], "dead").lines().next().unwrap().split('\t').next().unwrap().to_owned();
    assert!(text(&servers[0], &format!("dead-forget {last}")).starts_with("OK 1"));
    assert!(text(&servers[0], "dead-retry f").starts_with("OK 2"));
    for _ in 0..2 {
        let job = grab(&mut worker);
        complete(&mut worker, &job);
    }
    grab_nothing(&mut worker);
    until("there are none at the other server", || (text(&servers[1], "dead") == ".\n").then_some(()));
}

/// Workers that count how many of them run.
fn run_all(servers: &[Running], workers: usize, ran: &Arc<AtomicU32>, most: &Arc<AtomicU32>) {
    let running = Arc::new(AtomicU32::new(0));
    for i in 0..workers {
        let mut worker = worker(&servers[i % servers.len()], &["f"]);
        let (running, ran, most) = (running.clone(), ran.clone(), most.clone());
        std::thread::spawn(move || {
            loop {
                // The server's end is the end of this.
                if worker.send(&[(GRAB_JOB_ALL, &[])]).is_err() {
                    return;
                }
                match worker.read() {
                    Ok((NO_JOB, _)) => {
                        if worker.send(&[(PRE_SLEEP, &[])]).and_then(|()| worker.read()).is_err() {
                            return;
                        }
                    }
                    Ok((command, body)) => {
                        most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                        std::thread::sleep(Duration::from_millis(20));
                        running.fetch_sub(1, SeqCst);
                        let job = job_of(command, &body);
                        drop(worker.send(&[(WORK_COMPLETE, &[job.handle.as_bytes(), b""])]));
                        ran.fetch_add(1, SeqCst);
                    }
                    Err(_) => return,
                }
            }
        });
    }
}

#[test]
fn no_more_run_at_once_than_may_over_all_servers() {
    let Some(cluster) = Cluster::new("concurrency") else { return };
    let servers = ["a", "b", "c"].map(|name| cluster.start(name));
    set(&servers, "f concurrency=2", "concurrency=2");
    let (ran, most) = (Arc::default(), Arc::default());
    run_all(&servers, 9, &ran, &most);
    for i in 0..30 {
        submit(&mut peer(&servers[i % 3]), "", "x");
    }
    until("all are run", || (ran.load(SeqCst) == 30).then_some(()));
    assert_eq!(most.load(SeqCst), 2, "more is not allowed, and less a pity");
    cluster.sql().until("SELECT count(*) FROM @.job", 0);
}

/// One at once and two ahead, and the next tomorrow.
#[test]
fn no_more_begin_than_may_over_all_servers() {
    let Some(cluster) = Cluster::new("rate") else { return };
    let servers = ["a", "b", "c"].map(|name| cluster.start(name));
    set(&servers, "f rate=1/d+2", "rate=1/d+2");
    for i in 0..12 {
        submit(&mut peer(&servers[i % 3]), "", "x");
    }
    let (ran, most) = (Arc::default(), Arc::default());
    run_all(&servers, 6, &ran, &most);
    let sql = cluster.sql();
    sql.until("SELECT count(*) FROM @.job", 9);
    // All have looked for more since.
    sql.until_heard_of(3, sql.now() + 2000);
    assert_eq!((ran.load(SeqCst), sql.number("SELECT count(*) FROM @.job")), (3, 9));
    set(&servers, "f rate=", ".\n");
    sql.until("SELECT count(*) FROM @.job", 0);
}

#[test]
fn a_paused_function_waits_at_all_servers() {
    let Some(cluster) = Cluster::new("paused") else { return };
    let servers = ["a", "b"].map(|name| cluster.start(name));
    set(&servers, "f paused=yes", "paused=yes");
    let handle = submit(&mut peer(&servers[0]), "", "x");
    let mut worker = worker(&servers[1], &["f"]);
    grab_nothing(&mut worker);
    let sql = cluster.sql();
    sql.until_heard_of(2, sql.now() + 2000);
    grab_nothing(&mut worker);
    set(&servers, "f paused=", ".\n");
    assert_eq!(grab(&mut worker).handle, handle);
}

/// By whoever is the eldest; the one that was is dead, though it may have seen a minute begin itself.
#[test]
fn a_schedule_is_run_once_whoever_runs_it() {
    let Some(cluster) = Cluster::new("schedules") else { return };
    let file = cluster.file("policies.toml");
    std::fs::write(&file, "[schedule.tick]\ncron = '* * * * *'\nfunction = 'tick'\nunique = ''\n").unwrap();
    let option = format!("--policy-file={file}");
    let [mut a, b, c] = ["a", "b", "c"].map(|name| cluster.start_with(name, &[&option]));
    a.child.kill().unwrap();
    a.child.wait().unwrap();
    let sql = cluster.sql();
    sql.until("SELECT count(*) FROM @.server WHERE died IS NOT NULL AND name = 'a'", 1);
    let since = format!("SELECT count(*) FROM @.job WHERE due > {}", sql.now());
    // Under way for a minute, and then some.
    until("the minute is over", || (sql.number(&since) > 0).then_some(()));
    sql.until_heard_of(2, sql.now() + 3000);
    let most = "SELECT max(n) FROM (SELECT count(*) AS n FROM @.job GROUP BY due / 60000) AS minute";
    assert_eq!(sql.number(most), 1);
    for server in [&b, &c] {
        assert!(text(server, "schedules").contains("tick"));
    }
}

/// Servers plan before they know of last runs.
#[test]
fn a_run_that_was_missed_while_no_server_ran_is_made_up() {
    let Some(cluster) = Cluster::new("missed") else { return };
    cluster.start("a").stop();
    let sql = cluster.sql();
    sql.execute("INSERT INTO @.setting (key, value) VALUES ('schedule yearly', '1000')");
    let file = cluster.file("policies.toml");
    std::fs::write(&file, "[schedule.yearly]\ncron = '@yearly'\nfunction = 'f'\ncatch-up = 'one'\n").unwrap();
    let _servers = ["b", "c"].map(|name| cluster.start_with(name, &[&format!("--policy-file={file}")]));
    sql.until("SELECT count(*) FROM @.setting WHERE key = 'schedule yearly' AND value <> '1000'", 1);
    assert_eq!(sql.number("SELECT count(*) FROM @.job"), 1);
}
