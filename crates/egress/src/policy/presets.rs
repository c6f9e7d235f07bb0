//! Ready-made rules: where package managers fetch from by default.

use pilot_proto::network::NetworkPreset;

/// As the wire has it.
pub(super) fn name(preset: NetworkPreset) -> &'static str {
    match preset {
        NetworkPreset::Npm => "npm",
        NetworkPreset::Crates => "crates",
        NetworkPreset::Pypi => "pypi",
        NetworkPreset::Debian => "debian",
        NetworkPreset::Go => "go",
        NetworkPreset::Forge => "forge",
        NetworkPreset::Unknown => "unknown",
    }
}

/// What it stands for. No host here serves what anybody may upload outside of
/// published packages: such a host would carry a run's data away.
pub(super) fn rules(preset: NetworkPreset) -> &'static [&'static str] {
    match preset {
        NetworkPreset::Npm => &[
            "https://registry.npmjs.org",
            "https://registry.yarnpkg.com",
            "https://repo.yarnpkg.com",
            "https://nodejs.org",
        ],
        NetworkPreset::Crates => &[
            "https://index.crates.io",
            "https://static.crates.io",
            "https://crates.io",
            "https://static.rust-lang.org",
            "https://sh.rustup.rs",
        ],
        NetworkPreset::Pypi => {
            &["https://pypi.org", "https://files.pythonhosted.org", "https://bootstrap.pypa.io"]
        }
        NetworkPreset::Debian => &[
            "deb.debian.org",
            "security.debian.org",
            "ftp.debian.org",
            "archive.debian.org",
            "snapshot.debian.org",
            "archive.ubuntu.com",
            "*.archive.ubuntu.com",
            "security.ubuntu.com",
            "ports.ubuntu.com",
            "old-releases.ubuntu.com",
        ],
        // Large modules are redirected to a storage host that holds anybody's
        // buckets; whoever needs them names it in the project's own rules.
        NetworkPreset::Go => {
            &["https://proxy.golang.org", "https://sum.golang.org", "https://go.dev"]
        }
        // Its hosts are the project's own; see `compile`.
        NetworkPreset::Forge | NetworkPreset::Unknown => &[],
    }
}

/// Which preset lets HTTPS to this host and port 443, or HTTP to 80, through.
pub(super) fn covering(host: &super::Host, port: u16) -> Option<NetworkPreset> {
    NetworkPreset::ALL.into_iter().find(|preset| {
        let mut rules = rules(*preset).iter().filter_map(|text| super::Rule::parse(text).ok());
        rules.any(|rule| {
            rule.permits(host, port, super::Way::Stream)
                || rule.permits(host, port, super::Way::Http("/"))
        })
    })
}
