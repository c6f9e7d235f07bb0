//! Side by side of one file of 400,000 lines, against `git diff --no-index`.

use crate::figure::{Figure, median, milliseconds, timed};
use pilot_git::{Alignment, Window};
use pilot_proto::ChangedFile;
use pilot_proto::snapshot::{Change, Side, SideKind};
use std::process::{Command, Stdio};
use std::time::Duration;

const LINES: usize = 400_000;

pub(crate) fn huge_file() -> Vec<Figure> {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let line = |number: usize| {
        format!("    let value_{number} = compute({number}, \"{}\");\n", number * 7919 % 1000)
    };
    let old: String = (0..LINES).map(line).collect();
    // One line in a hundred is changed, a block is moved, another is new.
    let new: String = (0..LINES)
        .map(|number| match number {
            _ if number % 100 == 0 => format!("    let value_{number} = changed({number});\n"),
            200_000..200_050 => format!("// inserted {number}\n{}", line(number)),
            _ => line(number),
        })
        .collect();
    let (before, after) = (directory.path().join("old"), directory.path().join("new"));
    std::fs::write(&before, &old).expect("it can be written");
    std::fs::write(&after, &new).expect("it can be written");

    let git = median(3, || {
        timed(|| {
            #[expect(clippy::disallowed_methods, reason = "what is compared with")]
            let status = Command::new("git")
                .args(["diff", "--no-index"])
                .args([&before, &after])
                .stdout(Stdio::null())
                .status();
            assert!(status.is_ok(), "git is installed");
        })
    });
    let side = |size: usize| Side {
        kind: SideKind::Text,
        mode: 0o100_644,
        size: size as u64,
        blob: None,
        left_out: None,
    };
    let file = ChangedFile {
        path: "huge.rs".to_owned(),
        old_path: None,
        change: Change::Modified,
        old: Some(side(old.len())),
        new: Some(side(new.len())),
        added: None,
        removed: None,
    };
    let window = Window { first: 0, rows: 200, context: Some(3) };
    let ours = median(3, || {
        timed(|| {
            let deadline = Duration::from_secs(5);
            let alignment = Alignment::new(old.as_bytes(), new.as_bytes(), deadline);
            let diff = alignment.window(&file, Some(old.as_bytes()), Some(new.as_bytes()), window);
            assert!(!diff.rows.is_empty(), "there is a first hunk");
        })
    });
    let value = milliseconds(ours);
    vec![
        Figure::new("diff.first_hunk_400k_lines", value, "ms")
            .against("git diff --no-index", milliseconds(git))
            .budget("<= 300 ms", value <= 300.0),
    ]
}
