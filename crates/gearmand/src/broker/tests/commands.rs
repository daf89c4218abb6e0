//! Text commands about policies, dead letters and single jobs.

use super::*;
use crate::net::peer::Peer;
use crate::rights::tests::patterns;
use crate::rights::{Access, Rights};

/// Has the job with this handle fail once.
fn fail(b: &mut Bench, worker: u32, handle: &str) {
    assert!(b.ask(worker, GRAB).starts_with(&format!("JOB_ASSIGN {handle}|f")), "{handle}");
    b.send(worker, work(handle, Update::Exception(b"no\tdisk\n100%")));
}

/// The lines of an answer to `job`, as `key=value`.
fn fields(answer: &str) -> String {
    let lines = answer.strip_suffix(".\n").unwrap().lines();
    lines.map(|line| line.replacen('\t', "=", 1)).collect::<Vec<_>>().join(" ")
}

#[test]
fn policies_are_set_and_listed() {
    let mut b = Bench::new();
    let admin = b.connect();
    assert_eq!(b.text(admin, "policies"), ".\n");
    assert_eq!(b.text(admin, "policy f* retries=2 backoff=5s"), "OK\r\n");
    assert_eq!(b.text(admin, "policy f paused=yes"), "OK\r\n");
    let rule = policy::Rule {
        pattern: policy::Rule::pattern("a\tb*").unwrap(),
        policy: policy::Policy::parse(["retries=1"].into_iter()).unwrap(),
        source: policy::Source::File(7),
    };
    b.broker.replace_policies(&b.now, vec![rule]);
    let listed = "f\trun-time\tpaused=yes\na%09b*\tfile:7\tretries=1\nf*\trun-time\tretries=2\tbackoff=5s\n.\n";
    assert_eq!(b.text(admin, "policies"), listed);
    // All or nothing.
    let wrong = b.text(admin, "policy f retries=1 retry=2");
    assert!(wrong.starts_with("ERR INVALID_POLICY there+is+no+key+retry;+the+keys+are+retries,+"), "{wrong}");
    assert_eq!(b.text(admin, "policy f paused"), "ERR INVALID_POLICY paused+is+not+KEY=VALUE\r\n",);
    assert_eq!(b.text(admin, "policy f** retries=1"), "ERR INVALID_POLICY f**:+a+pattern+has+one+*+at+most\r\n");
    assert!(b.text(admin, "policy f").starts_with("ERR INVALID_ARGUMENTS "));
    assert_eq!(b.text(admin, "policies"), listed);
    assert_eq!(b.text(admin, "policy f paused="), "OK\r\n");
    assert_eq!(b.text(admin, "policy f* backoff="), "OK\r\n");
    assert_eq!(b.text(admin, "policies"), "a%09b*\tfile:7\tretries=1\nf*\trun-time\tretries=2\n.\n");
}

/// More than two pages.
#[test]
fn many_policies() {
    let mut b = Bench::new();
    let admin = b.connect();
    for n in 1000..3500 {
        assert_eq!(b.text(admin, &format!("policy f{n} retries={}", n % 7)), "OK\r\n");
    }
    let listed = b.text(admin, "policies");
    let expected: String = (1000..3500).map(|n| format!("f{n}\trun-time\tretries={}\n", n % 7)).collect();
    assert_eq!(listed, expected + ".\n");
}

#[test]
fn a_job_and_its_dead_letter() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    let admin = b.connect();
    b.text(admin, "policy f retries=1 backoff=5s");
    b.send(client, background("f", "k", "a\tb"));
    let fixed = "handle=H:1 function=f unique=k";
    assert_eq!(
        fields(&b.text(admin, "job H:1")),
        format!("{fixed} state=queued priority=normal background=1 tries=0 age=0")
    );
    b.tick(2);
    assert_eq!(b.ask(worker, GRAB), "JOB_ASSIGN H:1|f|a\tb");
    b.send(worker, work("H:1", Update::Status(b"1", b"4")));
    b.tick(3);
    let running =
        format!("{fixed} state=running priority=normal background=1 tries=0 age=3 worker=- numerator=1 denominator=4");
    assert_eq!(fields(&b.text(admin, "job f k")), running);
    b.send(worker, work("H:1", Update::Fail));
    let due = b.now.wall.as_secs() + 5;
    let delayed = fields(&b.text(admin, "job H:1"));
    assert!(
        delayed.starts_with(&format!("{fixed} state=delayed priority=normal background=1 tries=1 due={due}")),
        "{delayed}"
    );
    assert_eq!(b.text(admin, "status"), "f\t1\t0\t1\n.\n");
    let counters = b.text(admin, "counters");
    assert!(counters.contains("\tdelayed=1\t") && counters.contains("\tretried=1\t"), "{counters}");
    assert_eq!(b.text(admin, "dead"), ".\n");

    b.tick(6);
    fail(&mut b, worker, "H:1");
    let (first, last) = (due - 5, due + 1);
    let letter = format!("H:1\tf\tk\t2\t{first}\t{last}\texception\t-\t3\tno%09disk%0A100%25\n.\n");
    for list in ["dead", "dead f"] {
        assert_eq!(b.text(admin, list), letter);
    }
    assert_eq!(b.text(admin, "dead g"), ".\n");
    b.tick(1);
    assert_eq!(
        b.text(admin, "dead-show H:1"),
        format!(
            "handle\tH:1\nfunction\tf\nunique\tk\npriority\tnormal\ntries\t2\nfirst\t{first}\nlast\t{last}\n\
             reason\texception\ntext\tno%09disk%0A100%25\nworker\t-\nworkload\ta%09b\n.\n"
        )
    );
    let dead = format!(
        "{fixed} state=dead priority=normal background=1 tries=2 age=1 worker=- reason=exception text=no%09disk%0A100%25"
    );
    assert_eq!([fields(&b.text(admin, "job H:1")), fields(&b.text(admin, "job f k"))], [dead.clone(), dead]);
    assert_eq!(b.text(admin, "result H:1"), "state\tdead\nreason\texception\ntext\tno%09disk%0A100%25\n.\n");
    let counters = b.text(admin, "counters");
    assert!(counters.starts_with("server\t") && counters.contains("\tdead=1\tdead_dropped=0\t"), "{counters}");
    assert!(counters.contains("\tretried=1\tdead=1\treleased=0\trevived=0\t"), "{counters}");
    assert_eq!(b.text(admin, "status"), "f\t0\t0\t1\n.\n");
    check(&b);
}

#[test]
fn dead_letters_are_tried_again_and_forgotten() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    let admin = b.connect();
    b.text(admin, "policy f retries=0 dead-letters=10");
    for key in ["k", "l", "m"] {
        b.send(client, background("f", key, ""));
    }
    for handle in ["H:1", "H:2", "H:3"] {
        fail(&mut b, worker, handle);
    }
    b.send(client, background("f", "k", ""));
    assert_eq!(b.text(admin, "dead-retry H:1"), "ERR NOT_RETRIED its+unique+key+is+that+of+job+H:4\r\n");
    assert_eq!(b.text(admin, "dead-retry H:2"), "OK 1\n");
    assert_eq!(b.text(admin, "dead-retry f"), "OK 1\n");
    assert_eq!(b.text(admin, "job H:2").lines().nth(3), Some("state\tqueued"));
    assert_eq!(b.text(admin, "cancel unique f k"), "OK\r\n");
    assert_eq!(b.text(admin, "cancel unique f k"), "ERR UNKNOWN_JOB no+job+of+this+function+has+this+key\r\n");
    assert_eq!(b.text(admin, "dead-retry H:2"), "ERR UNKNOWN_JOB there+is+no+dead+letter+of+H:2\r\n");
    assert_eq!(b.text(admin, "dead-retry g"), "ERR UNKNOWN_JOB there+is+no+dead+letter+of+g\r\n");
    assert_eq!(b.text(admin, "dead-forget H:1"), "OK 1\n");
    assert_eq!(b.text(admin, "dead-forget f"), "ERR UNKNOWN_JOB there+is+no+dead+letter+of+f\r\n");
    // What waits is buried, and what runs.
    assert_eq!(b.text(admin, "bury H:2"), "OK 1\n");
    assert!(b.ask(worker, GRAB).starts_with("JOB_ASSIGN H:3|"));
    assert_eq!(b.text(admin, "bury H:3"), "OK 1\n");
    assert!(b.text(admin, "dead").contains("\tburied\t"));
    assert_eq!(b.text(admin, "bury H:3"), "ERR UNKNOWN_JOB there+is+no+such+job\r\n");
    assert_eq!(b.text(admin, "dead-forget f"), "OK 2\n");
    b.send(client, submit("f", "", ""));
    assert!(b.text(admin, "bury H:5").starts_with("ERR NOT_BURIED it+is+in+the+foreground"));
    for unknown in ["job H:1", "job f k", "dead-show H:1", "result H:1", "job X:5", "job H:99"] {
        assert!(b.text(admin, unknown).starts_with("ERR UNKNOWN_JOB there+is+no+such+"), "{unknown}");
    }
    check(&b);
}

#[test]
fn what_is_kept_of_jobs_that_are_over() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    let admin = b.connect();
    b.text(admin, "policy f keep-results=10,60s");
    for _ in 0..4 {
        b.send(client, background("f", "", ""));
    }
    assert!(b.ask(worker, GRAB).starts_with("JOB_ASSIGN H:1|"));
    assert_eq!(b.text(admin, "result H:1"), "state\trunning\n.\n");
    b.send(worker, work("H:1", Update::Complete(b"a\0\xff")));
    fail(&mut b, worker, "H:2");
    b.cancel("H:3");
    let text = "reason\texception\ntext\tno%09disk%0A100%25\n.\n";
    assert_eq!(b.text(admin, "result H:1"), "state\tdone\ndata\tYQD/\n.\n");
    assert_eq!(b.text(admin, "result H:2"), format!("state\tfailed\n{text}"));
    assert_eq!(b.text(admin, "result H:3"), "state\tfailed\nreason\tcancelled\n.\n");
    assert_eq!(b.text(admin, "result H:4"), "state\tqueued\n.\n");
    assert_eq!(fields(&b.text(admin, "job H:1")), "handle=H:1 function=f state=done");
    assert_eq!(b.text(admin, "job H:2"), format!("handle\tH:2\nfunction\tf\nstate\tfailed\n{text}"));
    let mut may = |submit: &str, line: &str| {
        let rights = Rights { rule: "1".into(), submit: patterns(&[submit]), ..Rights::default() };
        let peer = Peer { certificate: None, uid_gid: None, address: None, listener: "x".into() };
        b.broker.set_access(admin, Access { peer, rights: rights.into() });
        !b.text(admin, line).starts_with("ERR UNKNOWN_JOB")
    };
    for line in ["result H:1", "job H:1"] {
        assert_eq!((may("f", line), may("g", line)), (true, false), "{line}");
    }
    b.tick(60);
    let admin = b.connect();
    for line in ["result H:1", "job H:1", "result H:3"] {
        assert!(b.text(admin, line).starts_with("ERR UNKNOWN_JOB there+is+no+such+job"), "{line}");
    }
}

/// More than two pages, of one function and of all.
#[test]
fn many_dead_letters() {
    let mut b = Bench::new();
    let (client, worker) = b.pair();
    let admin = b.connect();
    b.text(admin, "policy f retries=0 dead-letters=5000");
    for n in 1..=2500 {
        b.send(client, background("f", "", ""));
        fail(&mut b, worker, &format!("H:{n}"));
    }
    for list in ["dead", "dead f"] {
        let listed = b.text(admin, list);
        let handles: Vec<&str> = listed.lines().map(|line| line.split('\t').next().unwrap()).collect();
        let expected: Vec<String> = (1..=2500).map(|n| format!("H:{n}")).chain([".".into()]).collect();
        assert!(handles == expected, "{list}");
    }
    assert_eq!(b.text(admin, "dead-retry f"), "OK 2500\n");
}

/// Who may only submit sees jobs of its functions; any other looks as if it were not there.
#[test]
fn who_sees_a_job() {
    let mut b = Bench::new();
    let (client, _) = b.pair();
    b.send(client, background("f", "k", ""));
    let user = b.connect();
    let mut may = |submit: &[&str], observe, admin, line: &str| {
        let rights = Rights { rule: "1".into(), submit: patterns(submit), work: [].into(), admin, observe };
        let peer = Peer { certificate: None, uid_gid: None, address: None, listener: "x".into() };
        b.broker.set_access(user, Access { peer, rights: rights.into() });
        let answer = b.text(user, line);
        answer.split(['\t', '\r']).next().unwrap().to_owned()
    };
    let unknown = "ERR UNKNOWN_JOB there+is+no+such+job";
    for line in ["job H:1", "job f k"] {
        assert_eq!(may(&["f"], false, false, line), "handle");
        assert_eq!(may(&[], true, false, line), "handle");
        assert_eq!(may(&["g"], false, true, line), unknown);
        assert_eq!(may(&[], false, true, line), "ERR PERMISSION_DENIED no+right+to+observe");
    }
    assert_eq!(may(&["f"], false, false, "result H:1"), "state");
    assert!(may(&["g"], false, false, "result H:1").starts_with("ERR UNKNOWN_JOB"));
    for line in ["policies", "dead", "dead-show H:1"] {
        assert_eq!(may(&["*"], false, true, line), "ERR PERMISSION_DENIED no+right+to+observe");
    }
    for line in ["policy f retries=1", "dead-retry f", "dead-forget f", "bury H:1", "cancel unique f k"] {
        assert_eq!(may(&["*"], true, false, line), "ERR PERMISSION_DENIED no+right+to+admin");
    }
}
