//! What rules mean, and that no way of writing a host gets round them.

use super::*;
use pilot_proto::network::{Door, NetworkDecision};
use proptest::prelude::*;

fn policy(allow: &[&str], deny: &[&str]) -> Policy {
    compiled(GateMode::Enforce, allow, deny).expect("these rules make sense")
}

fn compiled(gate: GateMode, allow: &[&str], deny: &[&str]) -> Result<Policy, PolicyError> {
    let owned = |rules: &[&str]| rules.iter().map(ToString::to_string).collect();
    let policy =
        NetworkPolicy { gate, presets: Vec::new(), allow: owned(allow), deny: owned(deny) };
    compile(&policy, &[])
}

fn host(text: &str) -> Host {
    Host::parse(text).expect("a host")
}

/// `HOST PORT` for a stream, `HOST PORT /PATH` for plain HTTP.
fn passes(policy: &Policy, what: &str) -> bool {
    let mut words = what.split(' ');
    let host = host(words.next().expect("a host"));
    let port = words.next().expect("a port").parse().expect("a number");
    let way = words.next().map_or(Way::Stream, Way::Http);
    policy.decide(&host, port, way).is_ok()
}

#[test]
fn rules_mean_what_the_contract_says() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "example.org",
            &["example.org 443", "example.org 80 /x", "EXAMPLE.org. 443", "example.org 80"],
            &[
                "example.org 8080",
                "a.example.org 443",
                "example.org.evil.test 443",
                "xexample.org 443",
            ],
        ),
        (
            "*.example.org",
            &["a.example.org 443", "a.b.example.org 80 /"],
            &["example.org 443", "aexample.org 443", "example.org.test 443"],
        ),
        ("example.org:8443", &["example.org 8443"], &["example.org 443", "example.org 80 /"]),
        ("https://example.org", &["example.org 443"], &["example.org 80 /", "example.org 80"]),
        ("https://example.org/", &["example.org 443"], &["example.org 80 /"]),
        ("http://example.org", &["example.org 80 /"], &["example.org 443", "example.org 80"]),
        (
            "http://example.org/pool/",
            &["example.org 80 /pool", "example.org 80 /pool/main/x", "example.org 80 /p%6Fol/x"],
            &[
                "example.org 80 /poolside",
                "example.org 80 /",
                "example.org 80 /pool/../etc",
                "example.org 80 /pool/%2e%2e/etc",
                "example.org 80 /pool%2F..%2Fetc",
                "example.org 80 /pool/..;/etc",
                "example.org 80 //pool",
                "example.org 80 /pool/%",
                "example.org 80",
            ],
        ),
        (
            "10.0.0.0/8",
            &["10.1.2.3 443", "10.1.2.3 80 /", "0x0a.1 443"],
            &["11.0.0.1 443", "10.0.0.1 22"],
        ),
        (
            "192.0.2.7:5432",
            &["192.0.2.7 5432", "::ffff:192.0.2.7 5432"],
            &["192.0.2.7 443", "192.0.2.8 5432"],
        ),
        ("fd00::/8", &["fd12::1 443"], &["fe80::1 443", "10.0.0.1 443"]),
        ("[2001:db8::1]:8080", &["2001:db8::1 8080"], &["2001:db8::1 443"]),
        ("2001:db8::1", &["[2001:db8::1] 443"], &["2001:db8::2 443"]),
        ("0.0.0.0/0", &["1.1.1.1 443"], &["2606::1 443", "example.org 443"]),
        (
            "Bücher.example",
            &["xn--bcher-kva.example 443", "BÜCHER.example 443"],
            &["bucher.example 443"],
        ),
    ];
    for (rule, yes, no) in cases {
        let policy = policy(&[rule], &[]);
        for what in *yes {
            assert!(passes(&policy, what), "`{rule}` must allow {what}");
        }
        for what in *no {
            assert!(!passes(&policy, what), "`{rule}` must not allow {what}");
        }
    }
}

#[test]
fn a_bad_rule_is_named_with_what_is_wrong() {
    let cases = [
        ("", RuleProblem::Empty),
        ("ftp://example.org", RuleProblem::Scheme),
        ("*", RuleProblem::Star),
        ("a.*.org", RuleProblem::Star),
        ("*.10.0.0.1", RuleProblem::Star),
        ("example.org:0", RuleProblem::Port),
        ("example.org:99999", RuleProblem::Port),
        ("example.org:+80", RuleProblem::Port),
        ("example.org:", RuleProblem::Port),
        ("example.org/path", RuleProblem::Path),
        ("https://example.org/path", RuleProblem::Path),
        ("http://example.org/a/../b", RuleProblem::OddPath),
        ("example.org?x", RuleProblem::Extra),
        ("user@example.org", RuleProblem::Extra),
        ("two words", RuleProblem::Extra),
        ("10.0.0.0/33", RuleProblem::Length),
        ("10.0.0.0/x", RuleProblem::Length),
        ("10.0.0.1/8", RuleProblem::Bits),
        ("exa%6dple.org", RuleProblem::Host),
        ("a..b", RuleProblem::Host),
        ("http://:80", RuleProblem::Host),
    ];
    for (rule, problem) in cases {
        let error = Rule::parse(rule).expect_err(rule);
        assert_eq!(error.problem, problem, "of `{rule}`");
        assert!(error.to_string().contains(&format!("`{rule}`")), "{error} names the rule");
    }
}

#[test]
fn deny_beats_allow_presets_and_learning() {
    let denied = policy(&["*.example.org", "http://plain.test"], &["bad.example.org"]);
    assert!(passes(&denied, "good.example.org 443"));
    assert!(!passes(&denied, "bad.example.org 443"));
    let learning = compiled(GateMode::Learn, &[], &["bad.test", "10.0.0.0/8"]).expect("fine");
    assert!(passes(&learning, "anything.test 8080"));
    assert!(!passes(&learning, "bad.test 8080"), "a host without a port is denied wholly");
    assert!(learning.look_up(&host("bad.test")).is_err());
    assert!(learning.look_up(&host("printer")).is_err(), "the own network is not learnt");
    let path = policy(&["plain.test"], &["http://plain.test/private"]);
    assert!(passes(&path, "plain.test 80 /public"));
    assert!(!passes(&path, "plain.test 80 /private/x"));
    assert!(!passes(&path, "plain.test 80 /%70rivate/x"));
    assert!(!passes(&path, "plain.test 80 /public/../private"), "in doubt it is the denied one");
    assert!(!passes(&path, "plain.test 80"), "a tunnel could carry the denied request");
    assert!(passes(&path, "plain.test 443"));
    assert!(path.look_up(&host("plain.test")).is_ok());
    let npm = NetworkPolicy { deny: vec!["registry.npmjs.org".to_owned()], ..Default::default() };
    let npm = compile(&npm, &[]).expect("fine");
    assert!(!passes(&npm, "registry.npmjs.org 443"));
}

#[test]
fn private_addresses_need_a_rule_that_names_them_or_their_host() {
    let policy = policy(&["*.corp.test", "db.corp.test:5432", "192.168.7.0/24", "web.test"], &[]);
    let check = |name: &str, port, address: &str| {
        let pass = policy.decide(&host(name), port, Way::Stream).expect("allowed by name");
        policy.address(&pass, address.parse().expect("an address"), port).is_ok()
    };
    assert!(check("web.test", 443, "1.1.1.1"));
    assert!(check("web.test", 443, "10.0.0.1"), "the very host is named");
    assert!(check("db.corp.test", 5432, "10.0.0.1"));
    assert!(!check("db.corp.test", 443, "10.0.0.1"), "named for another port only");
    assert!(!check("x.corp.test", 443, "10.0.0.1"), "a wildcard names no host");
    assert!(check("x.corp.test", 443, "192.168.7.9"), "the network is named");
    for close in ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "0.0.0.0"] {
        assert!(!check("web.test", 443, close), "{close} is reached by its address alone");
    }
    let preset = compile(&NetworkPolicy::default(), &["git.corp.test".to_owned()]).expect("fine");
    let private = "10.0.0.1".parse().expect("an address");
    let npm = preset.decide(&host("registry.npmjs.org"), 443, Way::Stream).expect("a preset");
    assert!(preset.address(&npm, private, 443).is_err(), "a registry is public");
    let forge = preset.decide(&host("git.corp.test"), 443, Way::Stream).expect("the forge");
    assert!(preset.address(&forge, private, 443).is_ok(), "a forge may be one's own");
}

#[test]
fn every_way_of_writing_a_private_address_is_private() {
    use crate::address::{Reach, reach};
    let private = [
        "0.1.2.3",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.9.9.9",
        "169.254.169.254",
        "172.31.255.255",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "192.0.0.192",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2001::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
        "2001:db8::1",
        "::ffff:0:10.0.0.1",
    ];
    for address in private {
        let found = reach(address.parse().expect("an address"));
        assert_ne!(found, Reach::Public, "{address}");
    }
    for address in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1", "::ffff:1.1.1.1"] {
        assert_eq!(reach(address.parse().expect("an address")), Reach::Public, "{address}");
    }
}

#[test]
fn presets_cover_their_registries_and_nothing_near() {
    let default = compile(&NetworkPolicy::default(), &["git.test:8443".to_owned()]).expect("fine");
    for what in [
        "registry.npmjs.org 443",
        "static.crates.io 443",
        "files.pythonhosted.org 443",
        "deb.debian.org 80 /debian/x",
        "proxy.golang.org 443",
        "git.test 8443",
        "de.archive.ubuntu.com 80 /",
    ] {
        assert!(passes(&default, what), "{what}");
    }
    for what in ["npmjs.org.evil.test 443", "storage.googleapis.com 443", "git.test 443"] {
        assert!(!passes(&default, what), "{what}");
    }
    assert!(default.ports().contains(&8443));
}

#[test]
fn what_was_allowed_for_the_run_is_allowed() {
    let policy = policy(&[], &[]);
    assert!(!passes(&policy, "later.test 443"));
    let policy = policy.with("later.test:443").expect("a rule");
    assert!(passes(&policy, "later.test 443"));
    assert!(policy.with("no rule").is_err());
}

fn seen(host: &str, port: u16, door: Door) -> NetworkDecision {
    NetworkDecision {
        id: 1,
        host: host.to_owned(),
        port,
        door,
        method: None,
        path: None,
        process: None,
        allowed: true,
        because: "the gate is learning".to_owned(),
        count: 1,
    }
}

#[test]
fn a_proposal_is_small_tidy_and_never_wider_than_one_owner() {
    let names = [
        ("registry.npmjs.org", 443),
        ("index.crates.io", 443),
        ("static.crates.io", 443),
        ("a.cdn.example.com", 443),
        ("b.cdn.example.com", 443),
        ("c.cdn.example.com", 443),
        ("one.example.net", 443),
        ("two.example.net", 443),
        ("api.example.net", 8443),
        ("a.co.uk", 443),
        ("b.co.uk", 443),
        ("c.co.uk", 443),
        ("x.github.io", 443),
        ("y.github.io", 443),
        ("z.github.io", 443),
        ("9.9.9.9", 853),
        ("2606:4700::1", 443),
    ];
    let mut decisions: Vec<_> =
        names.iter().map(|(host, port)| seen(host, *port, Door::Connect)).collect();
    decisions.push(seen("only.looked.up.test", 0, Door::Dns));
    decisions.push(NetworkDecision { allowed: false, ..seen("denied.test", 443, Door::Tls) });
    let proposal = propose(&decisions);
    assert_eq!(proposal.presets, [NetworkPreset::Npm, NetworkPreset::Crates]);
    assert_eq!(
        proposal.allow,
        [
            "*.cdn.example.com",
            "9.9.9.9:853",
            "[2606:4700::1]",
            "a.co.uk",
            "api.example.net:8443",
            "b.co.uk",
            "c.co.uk",
            "one.example.net",
            "two.example.net",
            "x.github.io",
            "y.github.io",
            "z.github.io",
        ]
    );
}

fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec("[a-z][a-z0-9]{0,6}", 2..5)
        .prop_map(|labels| labels.join(".") + ".test")
}

proptest! {
    #[test]
    fn what_no_rule_names_never_passes(allow in proptest::collection::vec(name(), 0..5), other in name(), port: u16) {
        prop_assume!(!allow.contains(&other));
        let rules: Vec<&str> = allow.iter().map(String::as_str).collect();
        let policy = policy(&rules, &[]);
        prop_assert!(policy.decide(&host(&other), port, Way::Stream).is_err());
        prop_assert!(policy.look_up(&host(&other)).is_err());
    }

    #[test]
    fn a_denied_host_passes_in_no_spelling(name in name(), upper: bool, dot: bool, port: u16) {
        let policy = compiled(GateMode::Learn, &[&name, "*.test"], &[&name]).expect("rules");
        let mut spelt = if upper { name.to_uppercase() } else { name.clone() };
        if dot { spelt.push('.'); }
        prop_assert!(policy.decide(&host(&spelt), port, Way::Stream).is_err());
        prop_assert!(policy.decide(&host(&spelt), port, Way::Http("/")).is_err());
        prop_assert!(policy.look_up(&host(&spelt)).is_err());
    }

    #[test]
    fn what_was_learnt_passes_the_proposal(names in proptest::collection::vec((name(), 1u16..), 1..20)) {
        let decisions: Vec<_> = names.iter().map(|(name, port)| seen(name, *port, Door::Connect)).collect();
        let policy = compile(&propose(&decisions), &[]).expect("a proposal makes sense");
        for (name, port) in &names {
            prop_assert!(policy.decide(&host(name), *port, Way::Stream).is_ok(), "{} {}", name, port);
        }
    }

    #[test]
    fn reading_a_rule_never_panics(text in ".{0,40}") {
        let readable = Rule::parse(&text).is_ok();
        prop_assert!(!readable || Rule::parse(text.trim()).is_ok());
    }

    #[test]
    fn a_network_holds_exactly_its_addresses(address: u32, bits in 0u32..=32, other: u32) {
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        let rule = format!("{}/{bits}", std::net::Ipv4Addr::from(address & mask));
        let policy = policy(&[&rule], &[]);
        let inside = other & mask == address & mask;
        let host = Host::Address(IpAddr::V4(other.into()));
        prop_assert_eq!(policy.decide(&host, 443, Way::Stream).is_ok(), inside);
    }
}
