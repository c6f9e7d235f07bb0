//! `pilot task diff`: a list of files, a unified diff, or old and new next to
//! each other, all made from the hub's side-by-side rows.

use super::find;
use crate::args::{Globals, TaskDiff as Arguments};
use crate::commands::Done;
use crate::output;
use pilot_client::Client;
use pilot_proto::console::{DiffQuery, FileQuery, TaskDiff, TaskDiffFile};
use pilot_proto::snapshot::{Change, DiffCell, DiffRow, FileDiff};
use pilot_proto::{ChangedFile, Code, Problem, TaskId};
use std::io::Write;

/// Rows asked for at once; the hub's own bound.
const PAGE: u32 = 20_000;

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    arguments: &Arguments,
) -> anyhow::Result<Done> {
    let task = find(hub, &arguments.task).await?;
    let snapshot = hub.call::<TaskDiff>(DiffQuery { task, run: None, at: arguments.at }).await?;
    for path in &arguments.paths {
        if !snapshot.files.contains_key(path) {
            let message = format!("the task did not change `{path}`");
            let hint = "`pilot task diff --stat` lists what it changed";
            return Err(Problem::new(Code::NotFound, message).hint(hint).into());
        }
    }
    if globals.json && arguments.paths.is_empty() {
        output::json(&snapshot)?;
        return Ok(Done::Well);
    }
    let wanted =
        |file: &&ChangedFile| arguments.paths.is_empty() || arguments.paths.contains(&file.path);
    for file in snapshot.files.values().filter(wanted) {
        if arguments.stat {
            output::line(&stat(file))?;
            continue;
        }
        print_file(globals, hub, arguments, task, file).await?;
    }
    Ok(Done::Well)
}

fn stat(file: &ChangedFile) -> String {
    let sign = match file.change {
        Change::Added => "A",
        Change::Modified => "M",
        Change::Deleted => "D",
        Change::Renamed => "R",
        Change::ModeChanged => "m",
        Change::TypeChanged => "T",
        Change::Unknown => "?",
    };
    let lines = match (file.added, file.removed) {
        (Some(added), Some(removed)) => format!("+{added} -{removed}"),
        _ => "binary".to_owned(),
    };
    let from = file.old_path.as_ref().map(|old| format!(" (was {old})")).unwrap_or_default();
    output::tame(&format!("{sign}  {lines:<14} {}{from}", file.path))
}

async fn print_file(
    globals: &Globals,
    hub: &Client,
    arguments: &Arguments,
    task: TaskId,
    file: &ChangedFile,
) -> anyhow::Result<()> {
    let mut first = 0;
    loop {
        let part = hub
            .call::<TaskDiffFile>(FileQuery {
                task,
                run: None,
                at: arguments.at,
                path: file.path.clone(),
                first: Some(first),
                rows: Some(PAGE),
                context: Some(arguments.context),
                ignore_space: None,
            })
            .await?;
        let covered: u64 = part.rows.iter().map(covers).sum();
        let next = part.first_row + covered;
        if globals.json {
            output::json(&part)?;
        } else if arguments.side_by_side {
            output::write(|out| side_by_side(out, &part, first == 0))?;
        } else {
            output::write(|out| unified(out, &part, first == 0))?;
        }
        if covered == 0 || next >= part.total_rows {
            return Ok(());
        }
        first = next;
    }
}

fn covers(row: &DiffRow) -> u64 {
    match row {
        DiffRow::Same { .. } | DiffRow::Differs { .. } => 1,
        DiffRow::Folded { rows, .. } => *rows,
    }
}

/// The head of a file in git's own form, so that the output is a patch.
fn head(out: &mut dyn Write, diff: &FileDiff) -> std::io::Result<()> {
    let file = &diff.file;
    let old_path = file.old_path.as_ref().unwrap_or(&file.path);
    writeln!(out, "diff --git a/{} b/{}", output::tame(old_path), output::tame(&file.path))?;
    match (&file.old, &file.new) {
        (None, Some(new)) => writeln!(out, "new file mode {:06o}", new.mode)?,
        (Some(old), None) => writeln!(out, "deleted file mode {:06o}", old.mode)?,
        (Some(old), Some(new)) if old.mode != new.mode => {
            writeln!(out, "old mode {:06o}\nnew mode {:06o}", old.mode, new.mode)?;
        }
        _ => {}
    }
    if file.old_path.is_some() {
        writeln!(
            out,
            "rename from {}\nrename to {}",
            output::tame(old_path),
            output::tame(&file.path)
        )?;
    }
    if let Some(note) = &diff.note {
        return writeln!(out, "{}", output::tame(note));
    }
    if diff.changes.is_empty() {
        return Ok(());
    }
    let old = file.old.as_ref().map_or("/dev/null".to_owned(), |_| format!("a/{old_path}"));
    let new = file.new.as_ref().map_or("/dev/null".to_owned(), |_| format!("b/{}", file.path));
    writeln!(out, "--- {}\n+++ {}", output::tame(&old), output::tame(&new))
}

/// Rows between two folds, as a hunk of a unified diff.
fn unified(out: &mut dyn Write, diff: &FileDiff, with_head: bool) -> std::io::Result<()> {
    if with_head {
        head(out, diff)?;
    }
    for hunk in diff.rows.split(|row| matches!(row, DiffRow::Folded { .. })) {
        if hunk.iter().any(|row| matches!(row, DiffRow::Differs { .. })) {
            write_hunk(out, hunk)?;
        }
    }
    Ok(())
}

fn write_hunk(out: &mut dyn Write, rows: &[DiffRow]) -> std::io::Result<()> {
    let mut old_lines = Vec::new();
    let mut new_lines = Vec::new();
    for row in rows {
        match row {
            DiffRow::Same { old, new, .. } => {
                old_lines.push(*old);
                new_lines.push(*new);
            }
            DiffRow::Differs { old, new } => {
                old_lines.extend(old.as_ref().map(|cell| cell.line));
                new_lines.extend(new.as_ref().map(|cell| cell.line));
            }
            DiffRow::Folded { .. } => {}
        }
    }
    let start = |lines: &[u64]| lines.first().copied().unwrap_or(0);
    writeln!(
        out,
        "@@ -{},{} +{},{} @@",
        start(&old_lines),
        old_lines.len(),
        start(&new_lines),
        new_lines.len()
    )?;
    let mut added: Vec<&DiffCell> = Vec::new();
    for row in rows {
        match row {
            DiffRow::Same { text, .. } => {
                write_cells(out, '+', &mut added)?;
                writeln!(out, " {}", output::tame(text))?;
            }
            DiffRow::Differs { old, new } => {
                if let Some(cell) = old {
                    write_cells(out, '-', &mut vec![cell])?;
                }
                added.extend(new);
            }
            DiffRow::Folded { .. } => {}
        }
    }
    write_cells(out, '+', &mut added)
}

fn write_cells(out: &mut dyn Write, sign: char, cells: &mut Vec<&DiffCell>) -> std::io::Result<()> {
    for cell in cells.drain(..) {
        writeln!(out, "{sign}{}", output::tame(&cell.text))?;
        if cell.no_newline {
            writeln!(out, "\\ No newline at end of file")?;
        }
    }
    Ok(())
}

/// Columns of a terminal whose width nobody told.
const DEFAULT_WIDTH: usize = 160;

fn side_by_side(out: &mut dyn Write, diff: &FileDiff, with_head: bool) -> std::io::Result<()> {
    if with_head {
        writeln!(out, "{}", stat(&diff.file))?;
        if let Some(note) = &diff.note {
            return writeln!(out, "   {}", output::tame(note));
        }
    }
    let width = terminal_width().unwrap_or(DEFAULT_WIDTH);
    let half = width.saturating_sub(17) / 2;
    for row in &diff.rows {
        match row {
            DiffRow::Folded { rows, .. } => writeln!(out, "      ┄ {rows} equal lines ┄")?,
            DiffRow::Same { old, new, text } => {
                let text = cut(text, half);
                writeln!(out, "{old:>6} {} {new:>6} {}", pad(&text, half), text)?;
            }
            DiffRow::Differs { old, new } => {
                let left = old.as_ref().map(|cell| cut(&cell.text, half)).unwrap_or_default();
                let right = new.as_ref().map(|cell| cut(&cell.text, half)).unwrap_or_default();
                let (left_sign, right_sign) = match (old, new) {
                    (Some(_), Some(_)) => ('~', '~'),
                    (Some(_), None) => ('-', ' '),
                    (None, _) => (' ', '+'),
                };
                writeln!(
                    out,
                    "{:>6}{left_sign}{} {:>6}{right_sign}{right}",
                    number(old.as_ref()),
                    pad(&left, half),
                    number(new.as_ref()),
                )?;
            }
        }
    }
    Ok(())
}

fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 40).then_some(usize::from(size.ws_col))
}

fn number(cell: Option<&DiffCell>) -> String {
    cell.map(|cell| cell.line.to_string()).unwrap_or_default()
}

fn cut(text: &str, width: usize) -> String {
    let tame = output::tame(&text.replace('\t', "    "));
    if tame.chars().count() <= width {
        return tame;
    }
    tame.chars().take(width.saturating_sub(1)).chain(std::iter::once('…')).collect()
}

fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}
