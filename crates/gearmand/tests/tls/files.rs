//! The program's options and files: what is wrong with them is said, and no byte of a key.

use crate::process::{Folder, Running, ask, gearmand, stderr, until};
use crate::tls::{Ca, Files, server_name};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcgen::date_time_ymd;
use rustls::{ClientConnection, StreamOwned};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::sync::Arc;

fn check(arguments: &[&str]) -> Output {
    gearmand().arg("--check-args").args(arguments).output().unwrap()
}

/// What is wrong with these files.
fn wrong(files: &Files, certificate: &str, key: &str, ca: &str) -> String {
    let [certificate, key, ca] = [certificate, key, ca].map(|name| files.folder.file(name));
    let options = ["--ssl", "--ssl-certificate", &certificate, "--ssl-key", &key, "--ssl-ca-file", &ca];
    let output = check(&options);
    let started =
        gearmand().args(["-l", "stderr", "-P", "", "-L", "127.0.0.1", "-p", "0"]).args(options).output().unwrap();
    assert_eq!((output.status.code(), started.status.code()), (Some(1), Some(1)));
    let text = stderr(&output);
    assert!(stderr(&started).ends_with(&text), "{} and {text}", stderr(&started));
    let text = text.strip_prefix("gearmand: ").unwrap();
    text.trim_end().replace(&files.folder.file(""), "")
}

#[test]
fn a_bad_file_is_named_with_what_is_wrong() {
    let files = Files::new("tls-bad");
    let good = |certificate: &str, key: &str| wrong(&files, certificate, key, "ca.pem");
    files.write("empty", "");
    files.write("text", "this is no certificate\n");
    files.write("broken", "-----BEGIN CERTIFICATE-----\nSECRET!\n-----END CERTIFICATE-----\n");
    files.write("nonsense", "-----BEGIN CERTIFICATE-----\nSECRET==\n-----END CERTIFICATE-----\n");
    std::fs::create_dir(files.path("folder")).unwrap();
    std::fs::File::create(files.path("large")).unwrap().set_len(1 << 30).unwrap();
    nix::unistd::mkfifo(&files.path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let none = "there is no certificate in it (in PEM: -----BEGIN CERTIFICATE-----)";
    for (file, reason) in [
        ("missing", "No such file or directory"),
        ("empty", "it is empty"),
        ("folder", "it is a directory"),
        ("pipe", "it is no regular file"),
        ("large", "it is larger than 4 MiB, which no file of certificates is"),
        ("text", none),
        ("server.key", none),
    ] {
        assert_eq!(good(file, "server.key"), format!("{file}: {reason}"));
        assert_eq!(wrong(&files, "server.pem", "server.key", file), format!("{file}: {reason}"));
        let of_key =
            reason.replace("certificate in it", "private key in it").replace("BEGIN CERT", "BEGIN PRIVATE KEY");
        let of_key = of_key.replace("PRIVATE KEYIFICATE", "PRIVATE KEY");
        if file != "server.key" {
            assert_eq!(good("server.pem", file), format!("{file}: {of_key}"));
        }
    }
    assert_eq!(good("broken", "server.key"), "broken: it is no PEM: a section in it cannot be decoded");
    let text = good("nonsense", "server.key");
    assert!(text.starts_with("nonsense: its certificate number 1 cannot be read: "), "{text}");
}

#[test]
fn a_bad_key_is_named_and_never_shown() {
    let files = Files::new("tls-key");
    let of = |key: &str| wrong(&files, "server.pem", key, "ca.pem");
    files.write("other.key", &files.ca.sign("another").key.serialize_pem());
    assert_eq!(of("other.key"), "other.key: the key does not fit the certificate in server.pem");
    let secret = "c2VjcmV0IGJ5dGVzIG9mIGEga2V5";
    let encrypted = "the key is encrypted, and nobody is there to type the password; \
                     `openssl pkey -in FILE -out NEW` makes one that is not";
    for kind in ["ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY"] {
        let head = if kind.starts_with("RSA") { "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n" } else { "" };
        files.write("encrypted", &format!("-----BEGIN {kind}-----\n{head}{secret}\n-----END {kind}-----\n"));
        assert_eq!(of("encrypted"), format!("encrypted: {encrypted}"));
    }
    for text in [secret, &format!("{secret}!"), "-----BEGIN"] {
        files.write("broken", &format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"));
        let error = of("broken");
        assert!(error.starts_with("broken: ") && !error.contains("c2Vj"), "{error}");
    }
    // Where the file may not be read, root may nevertheless.
    if !nix::unistd::geteuid().is_root() {
        std::fs::set_permissions(files.path("server.key"), std::fs::Permissions::from_mode(0o000)).unwrap();
        assert_eq!(of("server.key"), "server.key: Permission denied");
    }
}

#[test]
fn a_chain_is_in_its_order() {
    let files = Files::new("tls-chain");
    let between = files.ca.under("between");
    let server = between.sign("a server");
    files.write("server.key", &server.key.serialize_pem());
    let [leaf, middle, root] = [server.certificate.pem(), between.certificate.pem(), files.ca.certificate.pem()];
    files.write("chain", &[&*leaf, &*middle, &*root].concat());
    let (chain, key) = (files.folder.file("chain"), files.folder.file("server.key"));
    assert!(check(&["--ssl", "--ssl-certificate", &chain, "--ssl-key", &key]).status.success());
    let right = "that of the key comes first, then the one that signed it, and so on";
    for (order, what) in [
        ([&*middle, &*leaf, &*root], "the key is that of number 2"),
        ([&*leaf, &*root, &*middle], "number 2 did not sign number 1"),
        ([&*root, &*middle, &*leaf], "the key is that of number 3"),
    ] {
        files.write("chain", &order.concat());
        let text = format!("chain: its certificates are in the wrong order: {what}; {right}");
        assert_eq!(wrong(&files, "chain", "server.key", "ca.pem"), text);
    }
}

/// It was taken, at a SIGHUP too, and from then on no client could connect.
#[test]
fn a_chain_that_no_client_takes() {
    let files = Files::new("tls-long");
    let one = std::fs::read_to_string(files.path("ca.pem")).unwrap();
    let der = files.ca.certificate.der().len();
    let many = 60 * 1024 / der;
    let text = |n: usize| {
        files.write("chain", &[&std::fs::read_to_string(files.path("server.pem")).unwrap(), &*one.repeat(n)].concat())
    };
    let key = files.folder.file("server.key");
    assert!(check(&["--ssl", "--ssl-certificate", &text(many - 2), "--ssl-key", &key]).status.success());
    text(many + 1);
    let error = wrong(&files, "chain", "server.key", "ca.pem");
    assert!(error.starts_with(&format!("chain: its {} certificates have ", many + 2)), "{error}");
    assert!(error.ends_with(" bytes together, and nobody takes so many"), "{error}");
}

#[test]
fn what_has_expired_is_remarked() {
    let files = Files::new("tls-expired");
    files.write_server(&files.ca.sign_with("old", |params| params.not_after = date_time_ymd(2020, 1, 1)));
    let (certificate, key) = (files.folder.file("server.pem"), files.folder.file("server.key"));
    let options = ["--ssl", "--ssl-certificate", &certificate, "--ssl-key", &key];
    let output = check(&options);
    assert!(output.status.success());
    let remark = format!("{certificate}: the certificate of CN=old has expired on 2020-01-01T00:00:00Z");
    assert_eq!(stderr(&output), format!("gearmand: {remark}\n"));
    let mut server = Running::begin(gearmand(), &options, &files.folder);
    server.line_with(&remark);
    server.line_with("listening on tls://127.0.0.1:");
}

#[test]
fn options_that_lack_others() {
    let folder = Folder::new("tls-lack");
    let file = folder.file("x");
    for (options, text) in [
        (&["--ssl"][..], "--ssl: which certificate? Name it by --ssl-certificate, or by GEARMAND_SERVER_PEM"),
        (
            &["-L", "tls://localhost"],
            "--listen tls://localhost: which certificate? Name it by --ssl-certificate, or by GEARMAND_SERVER_PEM",
        ),
        (
            &["--ssl", "--ssl-certificate", &file],
            "--ssl: which private key? Name it by --ssl-key, or by GEARMAND_SERVER_KEY",
        ),
        (
            &["--ssl", "--ssl-certificate", &file, "--ssl-key", &file, "--ssl-verify", "require"],
            "--ssl-verify require: by which CA? Name its file by --ssl-ca-file, or by GEARMAND_CA_CERTIFICATE",
        ),
        (
            &["-L", "tls:///run/x"],
            "--listen tls:///run/x: TLS is for TCP alone; who may use a socket in the file system is told by its mode",
        ),
        (
            &["-L", "tls://unix:///run/x"],
            "--listen tls://unix:///run/x: TLS is for TCP alone; who may use a socket in the file system is told by its mode",
        ),
        (&["-L", "tls://localhost:x"], "--listen tls://localhost:x: \"x\" is no port"),
    ] {
        let output = check(options);
        assert_eq!((output.status.code(), stderr(&output)), (Some(1), format!("gearmand: {text}\n")));
    }
    let output = check(&["--ssl-certificate", &file, "--ssl-verify=none"]);
    let unused = "gearmand: --ssl-certificate without --ssl is without effect\ngearmand: --ssl-verify without --ssl is without effect\n";
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), unused.into()));
}

/// An empty name of a CA let everybody in, and nothing said so: `--ssl-ca-file=$CA` where there is no such variable. It hid the
/// file that the environment names, too; and a name there that is no UTF-8 was none.
#[test]
fn a_ca_that_is_named_is_asked_or_an_error() {
    let files = Files::new("tls-empty");
    let (certificate, key) = (files.folder.file("server.pem"), files.folder.file("server.key"));
    let with = |ca: &OsStr, more: &[&str]| {
        let mut command = gearmand();
        command.args(["--check-args", "--ssl", "--ssl-certificate", &certificate, "--ssl-key", &key]);
        let output = command.env("GEARMAND_CA_CERTIFICATE", ca).args(more).output().unwrap();
        (output.status.success(), stderr(&output))
    };
    let (set, unset) = (files.path("ca.pem"), OsStr::new(""));
    for (ca, more) in [(unset, "--ssl-ca-file="), (set.as_os_str(), "--ssl-ca-file= "), (unset, "--ssl-certificate=")] {
        let (well, text) = with(ca, &[more]);
        let reason = "it names no file: leave the option out, or name one";
        let option = more.split('=').next().unwrap();
        assert!(!well && text.contains(option) && text.contains(reason), "{more}: {text}");
    }
    // Whether a CA is asked is seen by what lacks without one.
    let required = ["--ssl-verify=require"];
    assert!(with(unset, &required).1.contains("by which CA?"), "an empty variable is not set");
    assert_eq!(with(unset, &[]), (true, String::new()));
    let odd = files.path("").join(OsStr::from_bytes(b"ca-\xe9.pem"));
    std::fs::copy(&set, &odd).unwrap();
    assert_eq!(with(odd.as_os_str(), &required), (true, String::new()));
}

/// A text command through TLS to this port.
fn version(files: &Files, port: u16) -> std::io::Result<String> {
    let shown = files.ca.sign("web");
    let tls = ClientConnection::new(Arc::new(files.client(Some(&shown))), server_name()).unwrap();
    let mut stream = BufReader::new(StreamOwned::new(tls, TcpStream::connect(("127.0.0.1", port))?));
    stream.get_mut().write_all(b"version\n")?;
    let mut line = String::new();
    stream.read_line(&mut line)?;
    Ok(line)
}

fn port(line: &str) -> u16 {
    line.rsplit(':').next().unwrap().trim().parse().unwrap()
}

#[test]
fn some_ports_with_tls_and_some_without() {
    let files = Files::new("tls-listen");
    let variables = [
        ("GEARMAND_SERVER_PEM", "server.pem"),
        ("GEARMAND_SERVER_KEY", "server.key"),
        ("GEARMAND_CA_CERTIFICATE", "ca.pem"),
    ];
    for (options, plain, encrypted) in
        [(&["-L", "tls://127.0.0.1:0"][..], 0, 1), (&["--ssl", "-L", "tcp://127.0.0.1:0"], 1, 0)]
    {
        let mut command = gearmand();
        command.envs(variables.iter().map(|(name, file)| (name, files.path(file))));
        let mut server = Running::begin(command, options, &files.folder);
        let lines = [server.line_with("listening on "), server.line_with("listening on ")];
        assert!(lines[encrypted].contains(" tls://127.0.0.1:"), "{lines:?}");
        assert!(
            ask(&mut TcpStream::connect(("127.0.0.1", port(&lines[plain]))).unwrap(), "version\n").starts_with("OK ")
        );
        assert!(version(&files, port(&lines[encrypted])).unwrap().starts_with("OK "));
        server.line_with("with the certificate of web");
        server.stop();
    }
}

#[test]
fn one_address_cannot_be_both() {
    let files = Files::new("tls-both");
    let (certificate, key) = (files.folder.file("server.pem"), files.folder.file("server.key"));
    let options =
        ["--ssl-certificate", &certificate, "--ssl-key", &key, "-L", "tls://127.0.0.1", "-l", "stderr", "-P", ""];
    let output = gearmand().args(options).args(["-L", "127.0.0.1", "-p", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("it is to speak TLS, and not to speak it"), "{}", stderr(&output));
    // That is seen before it is started.
    let both = check(&[&options[..], &["-L", "tcp://127.0.0.1:4730"]].concat());
    assert_eq!(both.status.code(), Some(1));
    let text = "gearmand: --listen tcp://127.0.0.1:4730: it is to speak TLS, and not to speak it\n";
    assert_eq!(stderr(&both), text);
    // Of free ports each is another.
    let free = ["-L", "tls://127.0.0.1:0", "-L", "tcp://127.0.0.1:0"];
    let mut server = Running::begin(gearmand(), &[&options[..4], &free].concat(), &files.folder);
    server.said("listening on tls://127.0.0.1:");
    server.stop();
}

/// It had gone to the folder /, where no file of theirs was found again.
#[test]
fn sighup_of_a_daemon_finds_files_that_were_named_from_another_folder() {
    let files = Files::new("tls-daemon");
    let names =
        ["--ssl-certificate=server.pem", "--ssl-key=server.key", "--ssl-ca-file=ca.pem", "-l", "log", "-P", "pid"];
    let fixed = ["-d", "--ssl", "-p", "0", "-L", "127.0.0.1", "--verbose=NOTICE"];
    let output = gearmand().args(fixed).args(names).current_dir(files.folder.file("")).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let id = Pid::from_raw(files.folder.read("pid").trim().parse().unwrap());
    kill(id, Signal::SIGHUP).unwrap();
    until(|| files.folder.read("log").contains("read anew"));
    kill(id, Signal::SIGTERM).unwrap();
    until(|| !files.path("pid").exists());
    let log = files.folder.read("log");
    assert!(log.contains("the files of TLS are read anew"), "{log}");
}

#[test]
fn sighup_reads_the_files_anew() {
    let files = Files::new("tls-hup");
    let (certificate, key) = (files.folder.file("server.pem"), files.folder.file("server.key"));
    let ca = files.folder.file("ca.pem");
    let options = ["--ssl", "--ssl-certificate", &certificate, "--ssl-key", &key, "--ssl-ca-file", &ca];
    let mut server = Running::begin(gearmand(), &options, &files.folder);
    server.port = port(&server.line_with("listening on tls://127.0.0.1:"));
    assert!(version(&files, server.port).unwrap().starts_with("OK "));
    std::fs::write(files.path("ca.pem"), "nothing").unwrap();
    server.signal(Signal::SIGHUP);
    server.line_with(&format!(
        "the files of TLS are not read anew, those before stay: {ca}: there is no certificate in it"
    ));
    assert!(version(&files, server.port).unwrap().starts_with("OK "));
    files.write("ca.pem", &Ca::new("another").certificate.pem());
    server.signal(Signal::SIGHUP);
    server.line_with("the files of TLS are read anew");
    assert!(version(&files, server.port).is_err());
    let line = server.line_with("the TLS handshake failed: ");
    assert!(line.contains("UnknownIssuer"), "{line}");
    server.stop();
}
