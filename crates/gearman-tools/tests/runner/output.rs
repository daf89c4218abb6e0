//! What processes write, and what they are given.

use crate::runner::{Runner, until};
use serde_json::{Value, json};

#[test]
fn lines_have_the_names_of_their_processes() {
    let runner = Runner::start(
        r#"[group.a]
command = ['sh', '-c', 'echo out; echo err >&2; printf "no end"; printf "\033[31m\377\n" >&2; sleep 1000']
[group.b]
command = ['sh', '-c', 'head -c 100000 /dev/zero | tr "\0" x; echo; sleep 1000']
"#,
    );
    let pid = runner.group("a", |group| group["processes"][0]["pid"].is_u64())["processes"][0]["pid"].clone();
    for text in ["out", "err", "\\x1b[31m\\xff"] {
        runner.line_with(&format!("a[{pid}]: {text}"));
    }
    let long = || runner.lines().into_iter().filter(|line| line.contains(" b[")).map(|line| line.len()).collect();
    let long: Vec<usize> = until("all of it", long, |lines: &Vec<usize>| lines.len() == 7);
    assert!(long.iter().all(|length| *length < 17_000), "{long:?}");
    assert!(!runner.lines().iter().any(|line| line.contains("no end")));
    runner.ask("restart a").unwrap().unwrap();
    // The process ends, and with it its last line.
    runner.line_with("]: no end");
}

#[test]
fn json() {
    let runner =
        Runner::start("log = 'json'\n[group.a]\ncommand = ['sh', '-c', 'echo \"a \\\"b\\\"\" >&2; sleep 1000']\n");
    let line = runner.line_with("stderr");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json!([line["group"], line["stream"], line["text"]]), json!(["a", "stderr", "a \"b\""]));
    assert!(runner.lines().iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{:?}", runner.lines());
}

#[test]
fn what_a_process_is_given() {
    std::fs::create_dir_all(std::env::temp_dir()).unwrap();
    let runner = Runner::start(
        r#"[group.a]
command = ['sh', '-c', 'echo "$PWD $APP_ENV $GEARMAN_RUNNER_GROUP $GEARMAN_RUNNER_ID $NOTIFY_SOCKET"; cat; echo err >&2; sleep 1000']
directory = "/"
env = { APP_ENV = "prod" }
stderr = "/dev/null"
[group.b]
command = ['sh', '-c', 'echo to a file; sleep 1000']
stdout = "b.log"
"#,
    );
    let id = runner.group("a", |group| group["processes"][0]["id"].is_string())["processes"][0]["id"].clone();
    runner.line_with(&format!("]: / prod a {}", id.as_str().unwrap()));
    let file = runner.folder.path("b.log");
    until("b.log", || std::fs::read_to_string(&file).unwrap_or_default(), |text| text == "to a file\n");
    assert!(!runner.lines().iter().any(|line| line.ends_with("err")));
}

#[test]
fn another_user() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: only root can run programs as somebody else");
    }
    let runner = Runner::start(
        "[group.a]\ncommand = ['sh', '-c', 'echo \"$(id -u) $(id -G) $USER $HOME\"; sleep 1000']\nuser = 'nobody'\ndirectory = '/'\n",
    );
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let line = format!("]: {} {} nobody {}", nobody.uid, nobody.gid, nobody.dir.display());
    let [pid] = runner.at_work("a", 1)[..] else { panic!() };
    runner.line_with(&line);
    // It still hears of the runner's end.
    assert_eq!(
        std::fs::metadata(format!("/proc/{pid}")).map(|m| std::os::unix::fs::MetadataExt::uid(&m)).unwrap(),
        nobody.uid.as_raw()
    );
    let mut runner = runner;
    runner.signal(nix::sys::signal::Signal::SIGKILL);
    runner.ended();
    until("its end", || crate::runner::lives(pid), |lives| !lives);
}
