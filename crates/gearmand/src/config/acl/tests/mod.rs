use super::*;
use crate::config::rule_file::tests::no_text_breaks;
use crate::net::peer::CertificateName;
use crate::rights::tests::patterns;
use properties::properties;
use proptest::prelude::*;

fn parse(text: &str) -> Result<Acl, String> {
    Acl::parse(text, Path::new("acl.toml")).map_err(|e| e.to_string())
}

fn peer() -> Peer {
    Peer { certificate: None, uid_gid: None, address: None, listener: "127.0.0.1:4730".into() }
}

fn from(address: &str) -> Peer {
    Peer { address: Some(address.parse().unwrap()), ..peer() }
}

/// The number of the rule that decides.
fn rule(acl: &Acl, peer: &Peer) -> String {
    acl.decide(peer).rule.to_string()
}

#[test]
fn the_first_rule_that_fits_decides() {
    let acl = parse(
        r#"
        [[rule]]
        name = "operators"
        uid = [0, 1000]
        listener = "unix://*"
        submit = "*"
        work = ["*"]
        admin = true
        observe = true

        [[rule]]
        address = ["10.0.0.0/8", "fd00::/8", "192.0.2.7"]
        submit = ["resize", "mail.*"]

        [[rule]]
        certificate = "*.example.com"
        gid = 33
        "#,
    )
    .unwrap();
    let local = |uid_gid| Peer { uid_gid: Some(uid_gid), listener: "unix:///run/g.sock".into(), ..peer() };
    let certified = |name: &str, gid| Peer {
        certificate: Some(CertificateName { common_name: Some(name.into()), sans: [].into() }),
        ..local((7, gid))
    };
    for (peer, expected) in [
        (local((0, 0)), "1 (operators)"),
        (local((1000, 33)), "1 (operators)"),
        (Peer { listener: "127.0.0.1:4730".into(), ..local((0, 0)) }, "none"),
        (from("10.1.2.3"), "2"),
        (from("::ffff:10.1.2.3"), "2"),
        (from("fd12::1"), "2"),
        (from("192.0.2.7"), "2"),
        (from("192.0.2.8"), "none"),
        (from("fe80::1"), "none"),
        (peer(), "none"),
        (certified("web.example.com", 33), "3"),
        (certified("web.example.com", 34), "none"),
        (certified("example.org", 33), "none"),
        (local((7, 33)), "none"),
    ] {
        assert_eq!(rule(&acl, &peer), expected, "{peer:?}");
    }
    let granted = acl.decide(&from("10.1.2.3"));
    let expected = Rights { rule: "2".into(), submit: patterns(&["resize", "mail.*"]), ..Rights::default() };
    assert_eq!(*granted, expected);
    assert_eq!(*acl.decide(&peer()), Rights { rule: "none".into(), ..Rights::default() });
    assert!(Arc::ptr_eq(&granted, &acl.decide(&from("10.9.9.9"))), "all of a rule share its rights");
}

/// A name that is in the certificate counts, whichever it is.
#[test]
fn any_name_of_a_certificate_counts() {
    let acl = parse("[[rule]]\ncertificate = [\"ops@example.com\", \"web-*\"]\n").unwrap();
    let with = |common: Option<&str>, sans: &[&str]| Peer {
        certificate: Some(CertificateName {
            common_name: common.map(Into::into),
            sans: sans.iter().map(|s| (*s).into()).collect(),
        }),
        ..peer()
    };
    assert_eq!(rule(&acl, &with(Some("web-1"), &[])), "1");
    assert_eq!(rule(&acl, &with(Some("other"), &["a", "ops@example.com"])), "1");
    assert_eq!(rule(&acl, &with(Some("other"), &["ops@example.com.evil", "xweb-"])), "none");
    assert_eq!(rule(&acl, &with(None, &[])), "none");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, expected) in [
        ("", "1:1: there is no [[rule]]: nobody could do anything"),
        ("# only a remark\n", "1:1: there is no [[rule]]: nobody could do anything"),
        ("[[rule]]\nadmin = yes\n", "2:9: "),
        ("[[rule]]\nadmin = \"yes\"\n", "2:9: invalid type: string \"yes\", expected a boolean"),
        ("[[rule]]\n  amdin = true\n", "2:3: unknown field `amdin`, expected one of "),
        ("[[rules]]\nadmin = true\n", "1:3: unknown field `rules`, expected `rule`"),
        ("[rule]\nadmin = true\n", "1:1: invalid type: map, expected a sequence"),
        ("[[rule]]\nadmin = true\nadmin = true\n", "3:1: duplicate key"),
        ("[[rule]]\nuid = -1\n", "2:7: -1: the number of a user or a group is wanted"),
        ("[[rule]]\nuid = 4294967296\n", "2:7: 4294967296: the number of a user or a group is wanted"),
        ("[[rule]]\nuid = [0,\n  'root']\n", "3:3: \"root\": the number of a user or a group is wanted"),
        (
            "[[rule]]\nuid = 1.5\n",
            "2:7: invalid type: floating point `1.5`, expected the number of a user or a group, or a list of them",
        ),
        ("[[rule]]\ngid = []\n", "2:7: an empty list is nobody: a rule that never applies"),
        (
            "[[rule]]\naddress = '10.0.0'\n",
            "2:11: \"10.0.0\" is no address and no range, such as 10.0.0.0/8 or fd00::/8",
        ),
        ("[[rule]]\naddress = ['::/0', '10.0.0.0/33']\n", "2:20: \"10.0.0.0/33\" is no address"),
        ("[[rule]]\naddress = '10.0.0.0/+8'\n", "2:11: \"10.0.0.0/+8\" is no address"),
        ("[[rule]]\naddress = 'localhost'\n", "2:11: \"localhost\" is no address"),
        (
            "[[rule]]\naddress = '10.1.0.0/8'\n",
            "2:11: \"10.1.0.0/8\" is an address in the range 10.0.0.0/8: which one is meant?",
        ),
        (
            "[[rule]]\naddress = '::ffff:10.1.0.0/104'\n",
            "2:11: \"::ffff:10.1.0.0/104\" is an address in the range 10.0.0.0/8: ",
        ),
        ("[[rule]]\naddress = 'fd00::1/8'\n", "2:11: \"fd00::1/8\" is an address in the range fd00::/8: "),
        ("[[rule]]\nsubmit = ['a', 'b*c*']\n", "2:16: \"b*c*\": a pattern has one * at most"),
        ("[[rule]]\nwork = ''\n", "2:8: \"\": an empty name matches nothing"),
        ("[[rule]]\nname = \"a\\nb\"\n", "2:8: a name is some text without control characters"),
        ("[[rule]]\nname = 'é' admin = true\n", "2:12: "),
        ("[[rule]]\nsubmit = [\"a\n", "2:13: "),
    ] {
        let error = parse(text).expect_err(text);
        let expected = format!("acl.toml:{expected}");
        assert!(error.starts_with(&expected), "{text:?}: {error}");
        assert!(!error.contains('\n'), "{error:?}");
    }
}

#[test]
fn ranges() {
    for (range, first, last) in [
        ("10.0.0.0/8", "10.0.0.0", "10.255.255.255"),
        ("10.1.2.3", "10.1.2.3", "10.1.2.3"),
        ("10.1.2.3/32", "10.1.2.3", "10.1.2.3"),
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
        ("::ffff:10.0.0.0/104", "10.0.0.0", "10.255.255.255"),
        ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("::ffff:0.0.0.0/96", "0.0.0.0", "255.255.255.255"),
        ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("::1", "::1", "::1"),
        ("2001:db8::/33", "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"),
    ] {
        let [first, last] = [first, last].map(|address| address.parse().unwrap());
        assert_eq!(Range::try_from(range), Ok(Range { first, last }), "{range}");
    }
    let all_of_ipv6 = Range::try_from("::/0").unwrap();
    assert!(!all_of_ipv6.contains("::ffff:1.2.3.4".parse().unwrap()), "it is IPv4");
}

#[test]
fn files_that_cannot_be_read() {
    let folder = std::env::temp_dir().join(format!("gearmand-acl-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("acl.toml");
    let error = |path: &Path| {
        let text = Acl::read(path).unwrap_err().to_string();
        text.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&text).to_owned()
    };
    assert!(error(&file).contains("No such file"));
    assert_eq!(error(&folder), "it is a directory");
    assert_eq!(error(Path::new("/dev/zero")), "it is no regular file");
    std::fs::write(&file, b"[[rule]]\nname = \"\xff\"\n").unwrap();
    assert!(error(&file).contains("invalid utf-8"), "{}", error(&file));
    let large = std::fs::File::create(&file).unwrap();
    large.set_len(1 << 30).unwrap();
    assert_eq!(error(&file), "it is larger than 1048576 bytes");
    std::fs::write(&file, "\n\n[[rule]]\nsubmit = 7\n").unwrap();
    assert!(error(&file).contains("acl.toml:4:10: "), "{}", error(&file));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// What contrib/acl.toml says of itself is so.
#[test]
fn the_example_does_what_its_remarks_say() {
    let acl = parse(include_str!("../../../../../../contrib/acl.toml")).unwrap();
    let local =
        |uid, gid| Peer { uid_gid: Some((uid, gid)), listener: "unix:///run/gearmand/gearmand.sock".into(), ..peer() };
    let certified = |name: &str, address: &str| Peer {
        certificate: Some(CertificateName { common_name: None, sans: [name.into()].into() }),
        ..from(address)
    };
    let rights = |peer: &Peer| {
        let rights = acl.decide(peer);
        let list = |patterns: &[Pattern]| patterns.iter().map(Pattern::to_string).collect::<Vec<_>>().join(" ");
        let flag = |granted: bool, name: &str| if granted { format!(" {name}") } else { String::new() };
        let (admin, observe) = (flag(rights.admin, "admin"), flag(rights.observe, "observe"));
        format!("{}: submit [{}] work [{}]{admin}{observe}", rights.rule, list(&rights.submit), list(&rights.work))
    };
    for (peer, expected) in [
        (local(0, 0), "1 (root): submit [*] work [*] admin observe"),
        (local(33, 33), "2 (web): submit [resize mail.*] work []"),
        (local(7, 33), "2 (web): submit [resize mail.*] work []"),
        (local(7, 7), "none: submit [] work []"),
        (from("10.1.9.9"), "4 (not from the guests' network): submit [] work []"),
        (
            certified("workers.example.com", "10.1.9.9"),
            "3 (workers): submit [resize.part] work [resize resize.part mail.*]",
        ),
        (from("10.2.0.1"), "5 (inside): submit [resize mail.*] work [] observe"),
        (from("fd00::5"), "5 (inside): submit [resize mail.*] work [] observe"),
        (from("127.0.0.1"), "6 (monitoring): submit [] work [] observe"),
        (from("192.0.2.1"), "none: submit [] work []"),
    ] {
        assert_eq!(rights(&peer), expected, "{peer:?}");
    }
}

/// A condition of a rule, and what it is in a file.
#[derive(Clone, Debug)]
enum Plain {
    Certificate(Vec<String>),
    Uid(Vec<u32>),
    Gid(Vec<u32>),
    Address(Vec<(u8, u32)>),
    Listener(Vec<String>),
}

impl Plain {
    /// By the meaning of the words, not of the code.
    fn fits(&self, peer: &Peer) -> bool {
        let like = |patterns: &[String], name: &str| {
            patterns.iter().any(|p| p.strip_suffix('*').map_or(p == name, |prefix| name.starts_with(prefix)))
        };
        match self {
            Plain::Certificate(patterns) => {
                peer.certificate.as_ref().is_some_and(|c| c.all().any(|name| like(patterns, name)))
            }
            Plain::Uid(uids) => peer.uid_gid.is_some_and(|ids| uids.contains(&ids.0)),
            Plain::Gid(gids) => peer.uid_gid.is_some_and(|ids| gids.contains(&ids.1)),
            Plain::Address(ranges) => ranges.iter().any(|(first, bits)| match peer.address.map(|a| a.to_canonical()) {
                Some(IpAddr::V4(v4)) => (0..*bits).all(|bit| {
                    let of = |octets: [u8; 4]| octets[bit as usize / 8] >> (7 - bit % 8) & 1;
                    of(v4.octets()) == of([*first, 0, 0, 0])
                }),
                _ => false,
            }),
            Plain::Listener(patterns) => like(patterns, &peer.listener),
        }
    }

    fn line(&self) -> String {
        match self {
            Plain::Certificate(patterns) => format!("certificate = {patterns:?}"),
            Plain::Uid(uids) => format!("uid = {uids:?}"),
            Plain::Gid(gids) => format!("gid = {gids:?}"),
            Plain::Address(ranges) => {
                let ranges: Vec<String> = ranges.iter().map(|(first, bits)| format!("{first}.0.0.0/{bits}")).collect();
                format!("address = {ranges:?}")
            }
            Plain::Listener(patterns) => format!("listener = {patterns:?}"),
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "ab", "b", "bc"]).prop_map(str::to_owned)
}

fn pattern() -> impl Strategy<Value = String> {
    (name(), any::<bool>()).prop_map(|(name, star)| if star { name + "*" } else { name })
}

fn condition() -> impl Strategy<Value = Plain> {
    let names = || prop::collection::vec(pattern(), 1..3);
    let ids = || prop::collection::vec(0..3_u32, 1..3);
    // Eight bits are the first octet, so that no range has bits of a host.
    let range = prop_oneof![(0..4_u8, Just(8_u32)), (0..4_u8, 9..33_u32), Just((0, 0))];
    prop_oneof![
        names().prop_map(Plain::Certificate),
        ids().prop_map(Plain::Uid),
        ids().prop_map(Plain::Gid),
        prop::collection::vec(range, 1..3).prop_map(Plain::Address),
        names().prop_map(Plain::Listener),
    ]
}

fn any_peer() -> impl Strategy<Value = Peer> {
    let certificate = prop::option::of((prop::option::of(name()), prop::collection::vec(name(), 0..2)));
    let octets = (0..4_u8, 0..2_u8);
    let address = prop::option::of((octets, any::<bool>()));
    (certificate, prop::option::of((0..3_u32, 0..3_u32)), address, name()).prop_map(
        |(certificate, uid_gid, address, listener)| Peer {
            certificate: certificate.map(|(common, sans)| CertificateName {
                common_name: common.map(Into::into),
                sans: sans.into_iter().map(Into::into).collect(),
            }),
            uid_gid,
            address: address.map(|((first, last), mapped)| {
                let v4 = Ipv4Addr::new(first, 0, 0, last);
                if mapped { v4.to_ipv6_mapped().into() } else { v4.into() }
            }),
            listener: listener.into(),
        },
    )
}

properties! {
    cases: 1000;

    /// The first rule all of whose conditions fit, or none.
    #[test]
    fn rules_mean_what_their_words_say(
        rules in prop::collection::vec(prop::collection::vec(condition(), 0..3), 1..6),
        peers in prop::collection::vec(any_peer(), 1..8),
    ) {
        let mut text = String::new();
        let mut kept = Vec::new();
        for conditions in rules {
            // A key stands once in a rule.
            let mut seen = Vec::new();
            let conditions: Vec<Plain> = conditions.into_iter().filter(|c| {
                let kind = std::mem::discriminant(c);
                !seen.contains(&kind) && { seen.push(kind); true }
            }).collect();
            text += "[[rule]]\n";
            conditions.iter().for_each(|c| text += &(c.line() + "\n"));
            kept.push(conditions);
        }
        let acl = parse(&text).unwrap();
        for peer in peers {
            let expected = kept.iter().position(|conditions| conditions.iter().all(|c| c.fits(&peer)));
            let expected = expected.map_or("none".into(), |i| (i + 1).to_string());
            prop_assert_eq!(rule(&acl, &peer), expected, "{:?}\n{}", peer, text);
        }
    }

    /// Rules, or an error with a place in the text.
    #[test]
    fn no_text_breaks_it(
        words in prop::collection::vec(prop::sample::select(vec![
            "[[rule]]", "[rule]", "[[rule.x]]", "\n", "\n", " = ", "=", "uid", "address", "submit", "name", "admin", "rule",
            "[", "]", "{", "}", ",", "\"", "'", "'''", "\"10.0.0.0/8\"", "'::/0'", "\"*\"", "true", "0", "-1", "1e9", "0x7f",
            "1979-05-27", "9223372036854775808", "\\", "\r\n", "\t", "#", ".", "é", "\u{0}", "\u{feff}", "*",
        ]), 0..40),
        noise in any::<String>(),
        at in any::<prop::sample::Index>(),
    ) {
        no_text_breaks(words.concat(), &noise, &at, |text| Acl::parse(text, Path::new("x")).err())?;
    }
}

/// Deeper than any stack.
#[test]
fn nesting_has_an_end() {
    for deep in ["[".repeat(300_000), "{x=".repeat(200_000), "x.".repeat(400_000)] {
        assert!(parse(&format!("[[rule]]\nuid = {deep}")).is_err());
        assert!(parse(&deep).is_err());
    }
}
