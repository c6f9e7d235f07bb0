//! The side-by-side view: that it says nothing that is not in the files.

use pilot_git::{Alignment, Window, blob_id, side_by_side};
use pilot_proto::snapshot::{Change, ChangedFile, DiffCell, DiffRow, FileDiff, Side, SideKind};
use proptest::prelude::*;
use std::time::Duration;

const ALL: Window = Window { first: 0, rows: u64::MAX, context: None };
const PATIENT: Duration = Duration::from_secs(60);

fn file(old: Option<&[u8]>, new: Option<&[u8]>) -> ChangedFile {
    let side = |bytes: &[u8]| Side {
        kind: SideKind::Text,
        mode: 0o100_644,
        size: bytes.len() as u64,
        blob: Some(blob_id(bytes)),
        left_out: None,
    };
    ChangedFile {
        path: "file".into(),
        old_path: None,
        change: Change::Modified,
        old: old.map(side),
        new: new.map(side),
        added: None,
        removed: None,
    }
}

fn diff(old: &str, new: &str, window: Window) -> FileDiff {
    let (old, new) = (Some(old.as_bytes()), Some(new.as_bytes()));
    side_by_side(&file(old, new), old, new, window, PATIENT)
}

/// Rows as one would draw them.
fn drawn(diff: &FileDiff) -> Vec<String> {
    let cell = |cell: &Option<DiffCell>| match cell {
        None => String::new(),
        Some(cell) => {
            let mut text = cell.text.clone();
            for (start, end) in cell.emphasis.iter().rev() {
                text.insert(*end as usize, ']');
                text.insert(*start as usize, '[');
            }
            format!("{}:{text}{}", cell.line, if cell.no_newline { "¬" } else { "" })
        }
    };
    diff.rows
        .iter()
        .map(|row| match row {
            DiffRow::Same { old, new, text } => format!("{old}={new} {text}"),
            DiffRow::Differs { old, new } => format!("{} | {}", cell(old), cell(new)),
            DiffRow::Folded { first_row, rows } => format!("@{first_row}+{rows}"),
        })
        .collect()
}

#[test]
fn an_edited_line_stands_beside_its_old_self() {
    let old = "fn main() {\n    let x = 1;\n    print(x);\n}\n";
    let new = "fn main() {\n    // a comment\n    let x = 2;\n    print(x);\n}\n";
    assert_eq!(
        drawn(&diff(old, new, ALL)),
        [
            "1=1 fn main() {",
            " | 2:    // a comment",
            "2:    let x = [1]; | 3:    let x = [2];",
            "3=4     print(x);",
            "4=5 }"
        ]
    );
}

#[test]
fn what_has_no_counterpart_is_laid_side_by_side_without_emphasis() {
    assert_eq!(
        drawn(&diff("alpha\nbeta\n", "eins\nzwei\ndrei\n", ALL)),
        ["1:alpha | 1:eins", "2:beta | 2:zwei", " | 3:drei"]
    );
    assert_eq!(drawn(&diff("", "new\n", ALL)), [" | 1:new"]);
    assert_eq!(drawn(&diff("old\n", "", ALL)), ["1:old | "]);
    assert!(diff("", "", ALL).rows.is_empty());
}

#[test]
fn line_ends_are_shown() {
    assert_eq!(drawn(&diff("a\nb", "a\nb\n", ALL)), ["1=1 a", "2:b¬ | 2:b"]);
    assert_eq!(drawn(&diff("a\r\nb\n", "a\nb\n", ALL)), ["1:a[\r] | 1:a", "2=2 b"]);
}

#[test]
fn rows_far_from_a_change_are_folded() {
    let line = |number: usize| format!("{number}\n");
    let old: String = (0..100).map(line).collect();
    let new = old.replace("\n50\n", "\nfifty\n").replace("\n55\n", "\n55!\n");
    let window = |first, rows, context| drawn(&diff(&old, &new, Window { first, rows, context }));
    assert_eq!(
        window(0, 100, Some(2)),
        [
            "@0+48",
            "49=49 48",
            "50=50 49",
            "51:50 | 51:fifty",
            "52=52 51",
            "53=53 52",
            "54=54 53",
            "55=55 54",
            "56:55 | 56:55[!]",
            "57=57 56",
            "58=58 57",
            "@58+42"
        ]
    );
    assert_eq!(window(10, 2, Some(2)), ["@10+38", "49=49 48"], "from within a fold");
    assert_eq!(window(48, 1, Some(0)), ["@48+2"]);
    assert_eq!(window(98, 10, None), ["99=99 98", "100=100 99"]);
    assert_eq!(window(1000, 10, None), Vec::<String>::new());
    let whole = diff(&old, &new, ALL);
    assert_eq!(whole.changes, [(50, 51), (55, 56)]);
    assert_eq!((whole.total_rows, whole.first_row, whole.approximate), (100, 0, false));
}

#[test]
fn what_has_no_rows_says_why() {
    let check = |change: &dyn Fn(&mut ChangedFile), expected: &str| {
        let (old, new) = (Some(&b"a"[..]), Some(&b"b"[..]));
        let mut file = file(old, new);
        change(&mut file);
        let diff = side_by_side(&file, old, new, ALL, PATIENT);
        assert!(diff.rows.is_empty());
        assert_eq!(diff.note.as_deref(), Some(expected));
    };
    let new = |file: &mut ChangedFile, change: &dyn Fn(&mut Side)| {
        change(file.new.as_mut().expect("it has one"));
    };
    check(&|file| new(file, &|side| side.kind = SideKind::Binary), "Binary: 1 bytes → 1 bytes.");
    check(
        &|file| new(file, &|side| side.left_out = Some("larger than 5 bytes".into())),
        "The contents are not kept: larger than 5 bytes.",
    );
    check(
        &|file| {
            file.old = None;
            new(file, &|side| {
                side.kind = SideKind::Submodule;
                side.left_out = Some("commit abc".into());
            });
        },
        "Submodule: commit abc added.",
    );
    let missing = side_by_side(&file(Some(b"a"), Some(b"b")), None, Some(b"b"), ALL, PATIENT);
    assert_eq!(missing.note.as_deref(), Some("The contents are not here (yet)."));
}

#[test]
fn a_window_of_a_huge_file_is_shown_from_a_kept_alignment() {
    let old: String = (0..400_000).map(|n| format!("line {n} with some words in it\n")).collect();
    let new = old.replace("line 7 with", "line seven with").replace("line 399990 ", "line x ");
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let alignment = Alignment::new(old, new, PATIENT);
    let file = file(Some(old), Some(new));
    let window = |first| Window { first, rows: 100, context: Some(3) };
    let first = alignment.window(&file, Some(old), Some(new), window(0));
    assert_eq!(first.total_rows, 400_000);
    assert_eq!(first.changes, [(7, 8), (399_990, 399_991)]);
    let last = alignment.window(&file, Some(old), Some(new), window(399_985));
    assert_eq!(drawn(&last)[0], "@399985+2");
    assert_eq!(last.rows.len(), 9, "a fold, three rows, the change, three rows, a fold");
    assert_eq!(alignment.size(), (2, 2));
}

#[test]
fn a_deadline_that_ran_out_gives_a_right_though_long_diff() {
    let text = |seed: u64| -> String {
        let mut state = seed;
        (0..20_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                format!("{}\n", (state >> 33) % 500)
            })
            .collect()
    };
    let (old, new) = (text(1), text(2));
    let (old, new) = (Some(old.as_bytes()), Some(new.as_bytes()));
    let diff = side_by_side(&file(old, new), old, new, ALL, Duration::ZERO);
    assert!(diff.approximate);
    assert_eq!(rebuilt(&diff), (old.expect("set").to_vec(), new.expect("set").to_vec()));
}

/// Both files, put together from the rows.
fn rebuilt(diff: &FileDiff) -> (Vec<u8>, Vec<u8>) {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    let add = |side: &mut Vec<u8>, text: &str, no_newline: bool| {
        side.extend_from_slice(text.as_bytes());
        if !no_newline {
            side.push(b'\n');
        }
    };
    for row in &diff.rows {
        match row {
            // Whether the last line has an end is the same on both sides, and
            // not said: the test's files tell.
            DiffRow::Same { text, .. } => {
                add(&mut old, text, false);
                add(&mut new, text, false);
            }
            DiffRow::Differs { old: left, new: right } => {
                if let Some(cell) = left {
                    add(&mut old, &cell.text, cell.no_newline);
                }
                if let Some(cell) = right {
                    add(&mut new, &cell.text, cell.no_newline);
                }
            }
            DiffRow::Folded { .. } => panic!("nothing is folded here"),
        }
    }
    (old, new)
}

fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[ab]{0,3}",
        "let [xyz] = [0-9]\\(\\);",
        "[ \\t]{0,4}größe\\.[ßé]{1,3}",
        Just("\r".to_owned()),
        Just(String::new()),
    ];
    (proptest::collection::vec(line, 0..40), any::<bool>())
        .prop_map(|(lines, ended)| lines.join("\n") + if ended { "\n" } else { "" })
}

/// Two texts that have something in common.
fn texts() -> impl Strategy<Value = (String, String)> {
    (text(), text(), text(), text()).prop_map(|(head, one, other, tail)| {
        (format!("{head}{one}{tail}"), format!("{head}{other}{tail}"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rows_are_both_files_line_by_line((old, new) in texts()) {
        let diff = diff(&old, &new, ALL);
        let (mut left, mut right) = rebuilt(&diff);
        // Where the last row is the same on both sides its end is not told.
        if matches!(diff.rows.last(), Some(DiffRow::Same { .. })) && !old.ends_with('\n') {
            left.pop();
            right.pop();
        }
        prop_assert_eq!(String::from_utf8(left), Ok(old));
        prop_assert_eq!(String::from_utf8(right), Ok(new));
        prop_assert_eq!(diff.total_rows, diff.rows.len() as u64);
        check_numbers(&diff)?;
        check_changes(&diff)?;
    }

    #[test]
    fn a_window_is_a_cutting_of_the_whole((old, new) in texts(), first in 0u64..60, rows in 0u64..60) {
        let whole = diff(&old, &new, ALL);
        let part = diff(&old, &new, Window { first, rows, context: None });
        let from = usize::try_from(first).expect("small").min(whole.rows.len());
        let to = (from + usize::try_from(rows).expect("small")).min(whole.rows.len());
        prop_assert_eq!(&part.rows, &whole.rows[from..to]);
    }

    #[test]
    fn folds_hide_equal_rows_only((old, new) in texts(), first in 0u64..60, context in 0u32..5) {
        let whole = diff(&old, &new, ALL);
        let part = diff(&old, &new, Window { first, rows: u64::MAX, context: Some(context) });
        let mut at = first.min(whole.total_rows);
        for row in &part.rows {
            if let DiffRow::Folded { first_row, rows } = row {
                prop_assert_eq!(*first_row, at);
                prop_assert!(*rows > 1, "a fold of one row saves nothing");
                for hidden in at..at + rows {
                    let near = |(start, end): &(u64, u64)| {
                        hidden + u64::from(context) >= *start && hidden < end + u64::from(context)
                    };
                    prop_assert!(!whole.changes.iter().any(near), "row {hidden} is near a change");
                }
                at += rows;
            } else {
                prop_assert_eq!(row, &whole.rows[usize::try_from(at).expect("small")]);
                at += 1;
            }
        }
        prop_assert_eq!(at, whole.total_rows, "every row is shown or folded");
    }
}

/// Line numbers rise by one on each side; emphasis is on character borders.
fn check_numbers(diff: &FileDiff) -> Result<(), TestCaseError> {
    let (mut olds, mut news) = (1, 1);
    let cell = |cell: &Option<DiffCell>, next: &mut u64| -> Result<(), TestCaseError> {
        let Some(cell) = cell else { return Ok(()) };
        prop_assert_eq!(cell.line, *next);
        *next += 1;
        let mut last = 0;
        for (start, end) in &cell.emphasis {
            prop_assert!(last <= *start && start < end, "in order: {:?}", cell.emphasis);
            prop_assert!(cell.text.is_char_boundary(*start as usize));
            prop_assert!(cell.text.is_char_boundary(*end as usize));
            last = *end;
        }
        Ok(())
    };
    for row in &diff.rows {
        match row {
            DiffRow::Same { old, new, .. } => {
                prop_assert_eq!((*old, *new), (olds, news));
                (olds, news) = (olds + 1, news + 1);
            }
            DiffRow::Differs { old, new } => {
                prop_assert!(old.is_some() || new.is_some());
                cell(old, &mut olds)?;
                cell(new, &mut news)?;
            }
            DiffRow::Folded { .. } => {}
        }
    }
    Ok(())
}

/// The ranges name exactly the rows that differ.
fn check_changes(diff: &FileDiff) -> Result<(), TestCaseError> {
    for (row, number) in diff.rows.iter().zip(0u64..) {
        let listed = diff.changes.iter().any(|(start, end)| (*start..*end).contains(&number));
        prop_assert_eq!(listed, matches!(row, DiffRow::Differs { .. }), "row {}", number);
    }
    Ok(())
}

fn ignoring_space(old: &str, new: &str, window: Window) -> FileDiff {
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let alignment = Alignment::ignoring_space(old, new, PATIENT);
    alignment.window(&file(Some(old), Some(new)), Some(old), Some(new), window)
}

#[test]
fn lines_that_differ_in_white_space_only_are_the_same_if_one_wishes() {
    let old = "if (x) {\nreturn 1;\n}\nlast";
    let new = "if (x)  {\n    return 1;\r\n\t}\nlast\n";
    assert!(diff(old, new, ALL).changes.len() == 1, "they do differ");
    let same = ignoring_space(old, new, ALL);
    assert_eq!(same.changes, [], "not to whoever ignores it");
    assert_eq!(drawn(&same), ["1=1 if (x)  {", "2=2     return 1;\r", "3=3 \t}", "4=4 last"]);

    let new = "if (x) {\n\n    return 2;\n}\nlast";
    assert_eq!(
        drawn(&ignoring_space(old, new, ALL)),
        ["1=1 if (x) {", " | 2:", "2:return [1]; | 3:[    ]return [2];", "3=4 }", "4=5 last"],
        "the lines are shown as they are; an empty one more is a difference"
    );
}

#[test]
fn white_space_of_a_huge_file_is_ignored() {
    const LINES: usize = 400_000;
    let line = |number: usize| format!("let value_{number} = compute({number}, {});\n", number / 7);
    let old: String = (0..LINES).map(line).collect();
    // Everything is indented; a line here and there is really different.
    let new: String = (0..LINES)
        .map(|number| match number % 40_000 {
            7 => format!("    let value_{number} = other({number});\n"),
            _ => format!("    {}", line(number)),
        })
        .collect();
    let window = Window { first: 0, rows: 20, context: Some(3) };
    let view = ignoring_space(&old, &new, window);
    assert_eq!((view.total_rows, view.changes.len()), (LINES as u64, LINES / 40_000));
    assert_eq!(view.changes[1], (40_007, 40_008), "where it is");
    let begins = &drawn(&view)[..6];
    assert_eq!(begins[0], "@0+4", "folded");
    assert!(begins[1].starts_with("5=5     let value_4 "), "as it is indented: {}", begins[1]);
    assert!(begins[4].contains(" | 8:"), "{}", begins[4]);
}

proptest! {
    #[test]
    fn ignoring_white_space_shows_every_line_where_it_is((old, new) in texts()) {
        let view = ignoring_space(&old, &new, ALL);
        check_numbers(&view)?;
        check_changes(&view)?;
        let lines = |text: &str| text.split('\n').map(str::to_owned).collect::<Vec<_>>();
        let (olds, news) = (lines(&old), lines(&new));
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        for row in &view.rows {
            match row {
                DiffRow::Same { old, new, text } => {
                    prop_assert_eq!(text, &news[usize::try_from(*new - 1).expect("small")]);
                    let left = &olds[usize::try_from(*old - 1).expect("small")];
                    prop_assert_eq!(bare(left), bare(text));
                }
                DiffRow::Differs { old, new } => {
                    let cells = [(old, &olds), (new, &news)];
                    for (cell, lines) in cells.iter().filter_map(|(cell, lines)| {
                        cell.as_ref().map(|cell| (cell, lines))
                    }) {
                        prop_assert_eq!(&cell.text, &lines[usize::try_from(cell.line - 1).expect("small")]);
                    }
                }
                DiffRow::Folded { .. } => prop_assert!(false, "nothing is folded"),
            }
        }
    }
}
