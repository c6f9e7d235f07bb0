//! What is said about raised walls: put together from what was found to hold.

use super::{Plan, Survey};
use crate::wire::{Ceilings, Facts};
use pilot_proto::walls::{AppliedLimit, LimitMeans, Limited, WallLimits, WallsKind, WallsReport};
use std::io;

const MIB: u64 = 1024 * 1024;

/// No walls.
pub(super) fn open() -> WallsReport {
    WallsReport {
        kind: WallsKind::Off,
        holds: Vec::new(),
        lacks: vec![
            "There are no walls: the run can read, write and reach whatever the runner's user can."
                .to_owned(),
        ],
        limits: Vec::new(),
    }
}

/// What is known before the init has spoken.
pub(super) fn start(plan: &Plan, survey: &Survey, namespaces: bool) -> WallsReport {
    let mut report = WallsReport::default();
    let mut holds = |sentence: &str| report.holds.push(sentence.to_owned());
    if namespaces {
        holds(
            "Only the run's own directories and the system's programs exist; the former are all that can be written.",
        );
        holds(
            "Processes, users, host name, shared memory and abstract sockets are the run's own; everything ends with the walls.",
        );
        holds("The network has no route: there is nothing but the run's own loopback.");
    }
    let mut lacks = |sentence: &str| report.lacks.push(sentence.to_owned());
    if namespaces && survey.root {
        lacks(
            "The runner is root: files deep among programs (below the third level of `/opt`, anywhere in `/usr`) can be read even if only root may.",
        );
    }
    if !namespaces {
        lacks("Temporary files, processes and loopback are the machine's, not the run's own.");
        if !plan.files.is_empty() {
            lacks("Files such as `/etc/resolv.conf` are the machine's own.");
        }
    }
    report.kind = if namespaces { WallsKind::Bubblewrap } else { WallsKind::Landlock };
    let WallLimits { disk_mb, tmp_mb, .. } = plan.wish.limits;
    let mut limits = |what, value, means| report.limits.push(AppliedLimit { what, value, means });
    if let Some(disk_mb) = disk_mb {
        limits(Limited::Disk, disk_mb, LimitMeans::Watched);
    }
    match tmp_mb {
        Some(tmp_mb) if namespaces => limits(Limited::Tmp, tmp_mb, LimitMeans::Tmpfs),
        Some(_) | None => {}
    }
    report
}

/// What the init has to limit: all that no control group does.
pub(super) fn ceilings(
    wish: &WallLimits,
    report: &WallsReport,
    survey: &Survey,
    namespaces: bool,
) -> Ceilings {
    let grouped = report.limits.iter().any(|limit| limit.what == Limited::Pids);
    Ceilings {
        file_bytes: wish.file_mb.map(|mebibytes| mebibytes.saturating_mul(MIB)),
        open_files: wish.open_files,
        // Counted per user: root is exempt, and outside of a user namespace
        // all that the user runs on the machine would count.
        processes: wish.pids.filter(|_| !grouped && namespaces && !survey.root),
    }
}

/// The init could not be moved into its group.
pub(super) fn forget_groups(report: &mut WallsReport, error: &io::Error) {
    let grouped =
        |limit: &AppliedLimit| matches!(limit.means, LimitMeans::CgroupV2 | LimitMeans::CgroupV1);
    report.limits.retain(|limit| !grouped(limit));
    report.lacks.push(format!("The control group does not take the run's processes: {error}."));
}

/// What the init says, and what was wished for in vain.
pub(super) fn add_facts(report: &mut WallsReport, facts: Facts, wish: &WallLimits) {
    report.holds.extend(facts.holds);
    report.lacks.extend(facts.lacks);
    report.limits.extend(facts.limits);
    let limits = &report.limits;
    let missing = |what| !limits.iter().any(|limit| limit.what == what);
    if wish.pids.is_some() && missing(Limited::Pids) {
        report.lacks.push(
            "The number of processes is not limited: that needs a control group here.".to_owned(),
        );
    }
    if wish.tmp_mb.is_some() && missing(Limited::Tmp) {
        report
            .lacks
            .push("Temporary files are limited with the run's other directories only.".to_owned());
    }
}
