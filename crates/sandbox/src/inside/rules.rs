//! File and port rules by Landlock, where there are no namespaces.

use crate::wire::{Facts, Rules};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    PathFd, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus,
    Scope,
};
use std::io;
use std::path::Path;

/// The newest rules that this was written for.
const NEWEST: ABI = ABI::V9;

/// What this kernel's Landlock checks besides files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Landlock {
    /// TCP ports (Linux 6.7).
    pub(crate) tcp: bool,
    /// Signals and abstract sockets (Linux 6.12).
    pub(crate) scopes: bool,
    /// Sockets in the file system.
    pub(crate) unix: bool,
}

impl Landlock {
    /// What there is; none where there is no Landlock at all. Restricts nothing.
    pub(crate) fn survey() -> Option<Self> {
        let has =
            |ruleset: Result<Ruleset, RulesetError>| ruleset.and_then(Ruleset::create).is_ok();
        let hard = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        has(hard().handle_access(AccessFs::from_all(ABI::V1))).then(|| Self {
            tcp: has(hard().handle_access(AccessNet::from_all(ABI::V4))),
            scopes: has(hard().scope(Scope::from_all(ABI::V6))),
            unix: has(hard().handle_access(AccessFs::ResolveUnix)),
        })
    }

    /// Says what holds and what does not.
    pub(super) fn tell(self, rules: &Rules, facts: &mut Facts) {
        let Self { tcp, scopes, unix } = self;
        let mut say = |holds: bool, yes: &str, no: &str| {
            let (list, sentence) =
                if holds { (&mut facts.holds, yes) } else { (&mut facts.lacks, no) };
            list.push(sentence.to_owned());
        };
        say(
            true,
            "Files outside of the run's directories and the system's programs cannot be opened.",
            "",
        );
        say(
            false,
            "",
            "The machine's processes can be listed, and names and sizes of all files can be seen.",
        );
        say(false, "", "A command can end the run's init, and with it the run.");
        say(
            scopes,
            "Processes outside cannot be signalled, and abstract sockets outside cannot be reached.",
            "Processes of the same user can be signalled, and abstract sockets can be reached: the kernel is older than 6.12.",
        );
        say(
            unix,
            "Sockets in the file system can only be reached where files can.",
            "Programs cannot use unix sockets at all: the kernel cannot tell allowed ones from others.",
        );
        say(
            tcp,
            "No UDP, and no program can listen on a TCP port.",
            "There is no network at all, not even the gate: the kernel is older than 6.7.",
        );
        if tcp && !rules.ports.is_empty() {
            facts.lacks.push(format!(
                "The gate can be passed by: the ports {:?} can be connected to on every machine, because the kernel checks ports but not addresses.",
                rules.ports
            ));
        }
    }
}

/// Restricts this thread and all that come of it.
pub(super) fn apply(rules: &Rules) -> io::Result<Landlock> {
    let landlock = Landlock::survey()
        .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "no Landlock here"))?;
    let status = ruleset(rules, landlock).and_then(RulesetCreated::restrict_self);
    match status.map_err(io::Error::other)?.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(landlock),
        RulesetStatus::NotEnforced => Err(io::Error::other("Landlock enforces nothing")),
    }
}

fn ruleset(rules: &Rules, landlock: Landlock) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default().handle_access(AccessFs::from_all(NEWEST))?;
    if landlock.tcp {
        ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST))?;
    }
    if landlock.scopes {
        ruleset = ruleset.scope(Scope::from_all(NEWEST))?;
    }
    let mut created = ruleset.create()?;
    let read = AccessFs::from_read(NEWEST);
    let write = AccessFs::from_all(NEWEST) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    for path in &rules.readable {
        created = allow(created, path, read)?;
    }
    for path in &rules.writable {
        created = allow(created, path, write)?;
    }
    if landlock.tcp {
        for port in &rules.ports {
            created = created.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
    }
    Ok(created)
}

/// What is not there needs no rule.
fn allow(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else { return Ok(ruleset) };
    // On a file, rights of directories are refused.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
    ruleset.add_rule(PathBeneath::new(opened, access))
}
