//! Computer use: the tools by which an agent sees and drives the run's screen.
//! Places are pixels of the last picture that was shown.

use super::tools::{Call, Tool, checked, object, read};
use crate::shim::screen::Deed;
use pilot_screen::keys;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Longest text that is typed at once: half a minute's typing.
const LONGEST_TEXT: usize = 4096;
/// Longest wait, and longest time that keys are held.
const LONGEST_WAIT: u64 = 30_000;
/// Notches of the wheel at once.
const MOST_NOTCHES: i8 = 50;
/// A place beyond any screen is refused before the screen is asked.
const FARTHEST: u16 = pilot_screen::rfb::LARGEST_AXIS;

/// All of them. They are offered where the runner can show a screen.
pub(super) const TABLE: &[Tool] = &[
    Tool {
        name: "screenshot",
        description: "Look at your screen: a desktop of your own, with a window manager, where programs with windows run (DISPLAY is set; start them from a shell, in the background; a browser with TMPDIR=/tmp and --no-sandbox). Gives a picture; places in the other tools are pixels of it. With `part` only that part, as large as it is. Take one after what you did to see what came of it.",
        takes: || {
            let part = json!({"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 4, "maxItems": 4, "description": "Left, top, width, height"});
            object(&json!({"part": part}), &[])
        },
        of_children: false,
        call: screenshot,
    },
    Tool {
        name: "mouse_move",
        description: "Move the pointer on your screen.",
        takes: || object(&json!({"x": across(), "y": across()}), &["x", "y"]),
        of_children: false,
        call: mouse_move,
    },
    Tool {
        name: "mouse_click",
        description: "Click on your screen; without a place, where the pointer is.",
        takes: || {
            let times = json!({"type": "integer", "minimum": 1, "maximum": 3, "description": "2: double click"});
            object(&json!({"x": across(), "y": across(), "button": button(), "times": times}), &[])
        },
        of_children: false,
        call: mouse_click,
    },
    Tool {
        name: "mouse_drag",
        description: "Press a button of the mouse at one place of your screen, move, and let go at another.",
        takes: || {
            let places = json!({"x": across(), "y": across(), "to_x": across(), "to_y": across(), "button": button()});
            object(&places, &["x", "y", "to_x", "to_y"])
        },
        of_children: false,
        call: mouse_drag,
    },
    Tool {
        name: "mouse_scroll",
        description: "Turn the mouse's wheel over a place of your screen: notches down and right, negative for up and left.",
        takes: || {
            let notches =
                json!({"type": "integer", "minimum": -MOST_NOTCHES, "maximum": MOST_NOTCHES});
            object(&json!({"x": across(), "y": across(), "down": notches, "right": notches}), &[])
        },
        of_children: false,
        call: mouse_scroll,
    },
    Tool {
        name: "type_text",
        description: "Type a text on your screen's keyboard, into whatever has the focus. A line end is Return. A letter that a US keyboard lacks may not reach every program: look at what arrived.",
        takes: || {
            let text = json!({"type": "string", "maxLength": LONGEST_TEXT});
            object(&json!({"text": text}), &["text"])
        },
        of_children: false,
        call: type_text,
    },
    Tool {
        name: "press_key",
        description: "Press a key or several together: `Return`, `Tab`, `ctrl+s`, `alt+F4`; with `hold_ms` they are held so long.",
        takes: || {
            let hold = json!({"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT});
            object(&json!({"key": {"type": "string"}, "hold_ms": hold}), &["key"])
        },
        of_children: false,
        call: press_key,
    },
    Tool {
        name: "screen_wait",
        description: "Wait for something on your screen to be done, in milliseconds.",
        takes: || {
            let wait = json!({"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT});
            object(&json!({"ms": wait}), &["ms"])
        },
        of_children: false,
        call: screen_wait,
    },
    Tool {
        name: "cursor_position",
        description: "Where the pointer is on your screen, as it was moved last.",
        takes: || object(&json!({}), &[]),
        of_children: false,
        call: |arguments| nothing(arguments, Deed::Cursor),
    },
    Tool {
        name: "list_windows",
        description: "List the windows on your screen with their places and titles.",
        takes: || object(&json!({}), &[]),
        of_children: false,
        call: |arguments| nothing(arguments, Deed::Windows),
    },
];

fn across() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": FARTHEST})
}

fn button() -> Value {
    json!({"type": "string", "enum": ["left", "middle", "right"]})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn nothing(arguments: Value, deed: Deed) -> Result<Call, String> {
    let Nothing {} = read(arguments)?;
    Ok(Call::Screen(deed))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Looked {
    #[serde(default)]
    part: Option<[u16; 4]>,
}

fn screenshot(arguments: Value) -> Result<Call, String> {
    let Looked { part } = read(arguments)?;
    if part.is_some_and(|[_, _, width, height]| width == 0 || height == 0) {
        return Err("`part` has no pixels.".to_owned());
    }
    Ok(Call::Screen(Deed::Look { part }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
    x: u16,
    y: u16,
}

fn mouse_move(arguments: Value) -> Result<Call, String> {
    let Moved { x, y } = read(arguments)?;
    Ok(Call::Screen(Deed::Move { to: (x, y) }))
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Button {
    #[default]
    Left,
    Middle,
    Right,
}

impl Button {
    /// As RFB has it.
    fn bit(self) -> u8 {
        match self {
            Self::Left => 1,
            Self::Middle => 1 << 1,
            Self::Right => 1 << 2,
        }
    }
}

/// A place, or none; half of one is neither.
fn place(x: Option<u16>, y: Option<u16>) -> Result<Option<(u16, u16)>, String> {
    match (x, y) {
        (Some(x), Some(y)) => Ok(Some((x, y))),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err("`x` and `y` belong together.".to_owned()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clicked {
    #[serde(default)]
    x: Option<u16>,
    #[serde(default)]
    y: Option<u16>,
    #[serde(default)]
    button: Button,
    #[serde(default = "once")]
    times: u8,
}

fn once() -> u8 {
    1
}

fn mouse_click(arguments: Value) -> Result<Call, String> {
    let Clicked { x, y, button, times } = read(arguments)?;
    if !(1..=3).contains(&times) {
        return Err("`times` is 1, 2 or 3.".to_owned());
    }
    Ok(Call::Screen(Deed::Click { at: place(x, y)?, button: button.bit(), times }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dragged {
    x: u16,
    y: u16,
    to_x: u16,
    to_y: u16,
    #[serde(default)]
    button: Button,
}

fn mouse_drag(arguments: Value) -> Result<Call, String> {
    let Dragged { x, y, to_x, to_y, button } = read(arguments)?;
    Ok(Call::Screen(Deed::Drag { from: (x, y), to: (to_x, to_y), button: button.bit() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scrolled {
    #[serde(default)]
    x: Option<u16>,
    #[serde(default)]
    y: Option<u16>,
    #[serde(default)]
    down: i8,
    #[serde(default)]
    right: i8,
}

fn mouse_scroll(arguments: Value) -> Result<Call, String> {
    let Scrolled { x, y, down, right } = read(arguments)?;
    let fits = |notches: i8| (-MOST_NOTCHES..=MOST_NOTCHES).contains(&notches);
    if !fits(down) || !fits(right) {
        return Err(format!("{MOST_NOTCHES} notches at once are the most."));
    }
    Ok(Call::Screen(Deed::Scroll { at: place(x, y)?, right, down }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    text: String,
}

fn type_text(arguments: Value) -> Result<Call, String> {
    let Typed { text } = read(arguments)?;
    let blank = !text.is_empty() && text.chars().all(char::is_whitespace);
    // Blanks are typed like anything else.
    let text = if blank && text.len() <= LONGEST_TEXT {
        text
    } else {
        checked("text", text, LONGEST_TEXT)?
    };
    Ok(Call::Screen(Deed::Type { text }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pressed {
    key: String,
    #[serde(default)]
    hold_ms: u64,
}

fn press_key(arguments: Value) -> Result<Call, String> {
    let Pressed { key, hold_ms } = read(arguments)?;
    let keys = keys::chord(&key)?;
    let hold = Duration::from_millis(hold_ms.min(LONGEST_WAIT));
    Ok(Call::Screen(Deed::Press { keys, name: key.trim().to_owned(), hold }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Waited {
    ms: u64,
}

fn screen_wait(arguments: Value) -> Result<Call, String> {
    let Waited { ms } = read(arguments)?;
    Ok(Call::Screen(Deed::Wait { long: Duration::from_millis(ms.min(LONGEST_WAIT)) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: Value) -> Result<Deed, String> {
        let tool = TABLE.iter().find(|tool| tool.name == name).expect("it is in the table");
        match (tool.call)(arguments)? {
            Call::Screen(deed) => Ok(deed),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (tool, arguments, said) in [
            ("screenshot", json!({"part": [0, 0, 0, 5]}), "`part`"),
            ("mouse_move", json!({"x": -1, "y": 2}), "do not fit"),
            ("mouse_click", json!({"x": 1}), "`x` and `y`"),
            ("mouse_click", json!({"times": 9}), "`times`"),
            ("mouse_click", json!({"button": "fourth"}), "fourth"),
            ("mouse_scroll", json!({"down": 100}), "50 notches"),
            ("type_text", json!({"text": ""}), "`text`"),
            ("type_text", json!({"text": "x".repeat(5000)}), "4096"),
            ("press_key", json!({"key": "hyper+a"}), "`hyper`"),
            ("cursor_position", json!({"x": 1}), "do not fit"),
        ] {
            let refused = call(tool, arguments.clone()).expect_err("it makes no sense");
            assert!(refused.contains(said), "{tool} {arguments}: {refused}");
        }
    }

    #[test]
    fn what_makes_sense_is_a_bounded_deed() {
        assert_eq!(
            call("mouse_click", json!({"x": 3, "y": 4, "button": "right"})),
            Ok(Deed::Click { at: Some((3, 4)), button: 4, times: 1 })
        );
        assert_eq!(
            call("screen_wait", json!({"ms": 1_000_000_000_u64})),
            Ok(Deed::Wait { long: Duration::from_secs(30) })
        );
        assert_eq!(call("type_text", json!({"text": " "})), Ok(Deed::Type { text: " ".into() }));
    }
}
