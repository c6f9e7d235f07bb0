//! One file, side by side: a window of rows, with what differs within a line.

mod emphasis;

use self::emphasis::emphasis;
use crate::align::{Alignment, Kind, Run};
use pilot_proto::snapshot::{Change, ChangedFile, DiffCell, DiffRow, FileDiff, Side, SideKind};
use std::time::Duration;

/// Which rows of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First row, of the unfolded alignment.
    pub first: u64,
    /// At most this many rows are returned; a fold counts as one.
    pub rows: u64,
    /// Fold equal rows further than this from a change; none: no folding.
    pub context: Option<u32>,
}

/// More ranges than this are not listed: they are for jumping by hand.
const CHANGES: usize = 20_000;

/// Aligns two contents and gives a window of the rows. A side that has no
/// contents (an added or deleted file) is none.
pub fn side_by_side(
    file: &ChangedFile,
    old: Option<&[u8]>,
    new: Option<&[u8]>,
    window: Window,
    deadline: Duration,
) -> FileDiff {
    if let Some(note) = no_rows(file, old, new) {
        return without_rows(file, note);
    }
    let alignment = Alignment::new(old.unwrap_or_default(), new.unwrap_or_default(), deadline);
    alignment.window(file, old, new, window)
}

impl Alignment {
    /// A window of the rows of an alignment made before, of the same contents.
    pub fn window(
        &self,
        file: &ChangedFile,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        window: Window,
    ) -> FileDiff {
        if let Some(note) = no_rows(file, old, new) {
            return without_rows(file, note);
        }
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        if !self.old.fits(old) || !self.new.fits(new) {
            return without_rows(file, "The alignment is of other contents.".into());
        }
        let first = window.first.min(self.rows());
        FileDiff {
            file: file.clone(),
            total_rows: self.rows(),
            first_row: first,
            rows: Rows { alignment: self, old, new }.window(first, window),
            changes: self.changes().take(CHANGES).collect(),
            approximate: self.approximate(),
            note: mode_note(file),
        }
    }
}

/// Rows being written.
struct Rows<'a> {
    alignment: &'a Alignment,
    old: &'a [u8],
    new: &'a [u8],
}

impl Rows<'_> {
    fn window(&self, first: u64, window: Window) -> Vec<DiffRow> {
        let mut rows = Vec::new();
        let mut at = first;
        for run in self.alignment.runs_from(first) {
            for part in self.parts(run, at, window.context) {
                let left = window.rows.saturating_sub(rows.len() as u64);
                if left == 0 {
                    return rows;
                }
                match part {
                    Part::Folded(from, to) => {
                        rows.push(DiffRow::Folded { first_row: from, rows: to - from });
                    }
                    Part::Shown(from, to) => {
                        self.show(run, from, to.min(from.saturating_add(left)), &mut rows);
                    }
                }
            }
            at = run.end();
        }
        rows
    }

    /// A run from row `at` on, with what is far from every change folded.
    fn parts(&self, run: &Run, at: u64, context: Option<u32>) -> Vec<Part> {
        let (start, end) = (run.row.max(at), run.end());
        let Some(context) = context.filter(|_| run.kind == Kind::Same).map(u64::from) else {
            return vec![Part::Shown(start, end)];
        };
        // At the ends of the file there is a change on one side only.
        let above = if run.row == 0 { run.row } else { run.row + context };
        let below = if end == self.alignment.rows() { end } else { end.saturating_sub(context) };
        let (from, to) = (above.max(start), below.max(start));
        // To fold one row would save nothing.
        if to < from + 2 {
            return vec![Part::Shown(start, end)];
        }
        let parts = [Part::Shown(start, from), Part::Folded(from, to), Part::Shown(to, end)];
        parts.into_iter().filter(|part| !part.is_empty()).collect()
    }

    fn show(&self, run: &Run, from: u64, to: u64, rows: &mut Vec<DiffRow>) {
        let skip = from - run.row;
        let has_old = run.kind != Kind::New;
        let has_new = run.kind != Kind::Old;
        let (first_old, first_new) = (run.old + skip, run.new + skip);
        let mut olds = self.alignment.old.from(self.old, first_old);
        let mut news = self.alignment.new.from(self.new, first_new);
        for number in 0..to - from {
            let (old_line, new_line) = (first_old + number, first_new + number);
            let old = has_old.then(|| text(olds.next()));
            let new = has_new.then(|| text(news.next()));
            rows.push(match (run.kind, old, new) {
                (Kind::Same, _, Some(text)) => {
                    DiffRow::Same { old: old_line + 1, new: new_line + 1, text }
                }
                (_, old, new) => {
                    let (left, right) = match (&old, &new) {
                        (Some(old), Some(new)) => emphasis(old, new),
                        _ => Default::default(),
                    };
                    DiffRow::Differs {
                        old: old.map(|text| DiffCell {
                            line: old_line + 1,
                            text,
                            emphasis: left,
                            no_newline: self.alignment.old.without_end(old_line),
                        }),
                        new: new.map(|text| DiffCell {
                            line: new_line + 1,
                            text,
                            emphasis: right,
                            no_newline: self.alignment.new.without_end(new_line),
                        }),
                    }
                }
            });
        }
    }
}

/// Rows `[from, to)` of a run.
enum Part {
    Shown(u64, u64),
    Folded(u64, u64),
}

impl Part {
    fn is_empty(&self) -> bool {
        match self {
            Self::Shown(from, to) | Self::Folded(from, to) => from >= to,
        }
    }
}

fn text(line: Option<&[u8]>) -> String {
    String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
}

fn without_rows(file: &ChangedFile, note: String) -> FileDiff {
    FileDiff {
        file: file.clone(),
        total_rows: 0,
        first_row: 0,
        rows: Vec::new(),
        changes: Vec::new(),
        approximate: false,
        note: Some(note),
    }
}

/// Why a file has no rows to show.
fn no_rows(file: &ChangedFile, old: Option<&[u8]>, new: Option<&[u8]>) -> Option<String> {
    let sides = [file.old.as_ref(), file.new.as_ref()];
    let is = |kind: SideKind| sides.iter().flatten().any(|side| side.kind == kind);
    if is(SideKind::Submodule) {
        return Some(format!("Submodule: {}.", from_to(file, said)));
    }
    if let Some(why) = sides.iter().flatten().find_map(|side| side.left_out.as_deref()) {
        return Some(format!("The contents are not kept: {why}."));
    }
    if is(SideKind::Binary) {
        return Some(format!("Binary: {}.", from_to(file, |side| format!("{} bytes", side.size))));
    }
    let missing = |side: &Option<Side>, contents: Option<&[u8]>| {
        side.as_ref().is_some_and(|side| side.blob.is_some()) && contents.is_none()
    };
    (missing(&file.old, old) || missing(&file.new, new))
        .then(|| "The contents are not here (yet).".to_owned())
}

fn said(side: &Side) -> String {
    side.left_out.clone().unwrap_or_else(|| "unknown commit".into())
}

fn from_to(file: &ChangedFile, what: impl Fn(&Side) -> String) -> String {
    match (&file.old, &file.new) {
        (Some(old), Some(new)) => format!("{} → {}", what(old), what(new)),
        (Some(old), None) => format!("{} removed", what(old)),
        (None, Some(new)) => format!("{} added", what(new)),
        (None, None) => "nothing".into(),
    }
}

fn mode_note(file: &ChangedFile) -> Option<String> {
    match (&file.old, &file.new) {
        (Some(old), Some(new)) if file.change == Change::ModeChanged => {
            Some(format!("Only the mode differs: {:o} → {:o}.", old.mode, new.mode))
        }
        _ => None,
    }
}
