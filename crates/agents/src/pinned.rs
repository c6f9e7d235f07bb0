//! The versions of agents that this build was tested with, which are those that
//! `pilot agent install` installs. One list for both: `pinned.txt`.

/// An agent's package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pinned {
    /// The agent.
    pub agent: &'static str,
    /// What npm calls its package.
    pub package: &'static str,
    /// The version.
    pub version: &'static str,
}

const LIST: &str = include_str!("../pinned.txt");

/// All of them.
pub fn all() -> impl Iterator<Item = Pinned> {
    LIST.lines().filter_map(|line| {
        let (agent, package) = line.split_once(':').filter(|_| !line.starts_with('#'))?;
        let (package, version) = package.rsplit_once('@')?;
        Some(Pinned { agent, package, version })
    })
}

/// That of one agent; none for an agent that no registry has.
pub fn of(agent: &str) -> Option<Pinned> {
    all().find(|pinned| pinned.agent == agent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;

    #[test]
    fn every_line_is_an_agent_of_the_catalog() {
        let lines = LIST.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        assert_eq!(lines.count(), all().count(), "a line that is not understood");
        let catalog = Catalog::built_in();
        for pinned in all() {
            let agent = catalog.get(pinned.agent).expect("it is in the catalog");
            assert!(agent.probe().mend.contains(pinned.package), "{pinned:?}");
            assert!(pinned.version.starts_with(|first: char| first.is_ascii_digit()));
        }
        let claude = of("claude").expect("it has a package");
        assert_eq!(claude.package, "@anthropic-ai/claude-code");
        assert_eq!(of("scripted"), None, "it is built in");
    }
}
