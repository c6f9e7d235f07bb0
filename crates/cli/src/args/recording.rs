//! The words of `pilot task recording`.

use super::TaskName;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Recording {
    /// List the recordings of a task's runs, oldest first
    List(TaskName),
    /// Make a film (WebM) of a recording; what was typed is in neither
    Export(RecordingExport),
}

#[derive(Debug, Args)]
pub(crate) struct RecordingExport {
    #[command(flatten)]
    pub(crate) task: TaskName,
    /// Which, as `pilot task recording list` names it; without it, the last one
    pub(crate) name: Option<String>,
    /// Of which run: its number; without it, the latest that has one of that name
    #[arg(long, value_name = "N")]
    pub(crate) run: Option<u32>,
    /// File to write; without it, named as the recording
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Cut what stands still for longer than two seconds to two
    #[arg(long)]
    pub(crate) skip_still: bool,
}
