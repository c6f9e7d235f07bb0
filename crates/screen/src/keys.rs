//! Keys by name, as agents say them, and letters as X has them.
//!
//! Source: `X11/keysymdef.h`; a letter beyond Latin-1 is its Unicode number
//! plus 0x01000000.

/// Most keys that are pressed together.
const MOST: usize = 6;

/// Names, in lower case. The first name of a key is the one we say ourselves.
const NAMES: &[(&str, u32)] = &[
    ("shift", 0xffe1),
    ("ctrl", 0xffe3),
    ("control", 0xffe3),
    ("alt", 0xffe9),
    ("option", 0xffe9),
    ("altgr", 0xfe03),
    ("super", 0xffeb),
    ("meta", 0xffe7),
    ("cmd", 0xffeb),
    ("win", 0xffeb),
    ("return", 0xff0d),
    ("enter", 0xff0d),
    ("tab", 0xff09),
    ("escape", 0xff1b),
    ("esc", 0xff1b),
    ("backspace", 0xff08),
    ("delete", 0xffff),
    ("del", 0xffff),
    ("insert", 0xff63),
    ("home", 0xff50),
    ("end", 0xff57),
    ("page_up", 0xff55),
    ("pageup", 0xff55),
    ("prior", 0xff55),
    ("page_down", 0xff56),
    ("pagedown", 0xff56),
    ("next", 0xff56),
    ("left", 0xff51),
    ("up", 0xff52),
    ("right", 0xff53),
    ("down", 0xff54),
    ("arrowleft", 0xff51),
    ("arrowup", 0xff52),
    ("arrowright", 0xff53),
    ("arrowdown", 0xff54),
    ("space", 0x20),
    ("plus", 0x2b),
    ("minus", 0x2d),
    ("caps_lock", 0xffe5),
    ("capslock", 0xffe5),
    ("num_lock", 0xff7f),
    ("print", 0xff61),
    ("pause", 0xff13),
    ("menu", 0xff67),
];

/// F1; the others follow it.
const F1: u32 = 0xffbe;

/// What X calls this letter; a line end is Return.
pub fn of_letter(letter: char) -> u32 {
    match letter {
        '\n' | '\r' => 0xff0d,
        '\t' => 0xff09,
        ' '..='~' | '\u{a0}'..='\u{ff}' => u32::from(letter),
        other => 0x0100_0000 + u32::from(other),
    }
}

/// One or more keys, joined by `+`: `a`, `Return`, `ctrl+shift+t`.
pub fn chord(text: &str) -> Result<Vec<u32>, String> {
    // The plus key itself.
    let text = text.trim();
    let parts: Vec<&str> = match text {
        "+" => vec!["+"],
        _ => match text.strip_suffix("++") {
            Some(before) => before.split('+').chain(["+"]).collect(),
            None => text.split('+').collect(),
        },
    };
    if parts.len() > MOST {
        return Err(format!("{MOST} keys at once are the most."));
    }
    parts.into_iter().map(key).collect()
}

fn key(name: &str) -> Result<u32, String> {
    let name = name.trim();
    let mut letters = name.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        return Ok(of_letter(letter));
    }
    let lower = name.to_lowercase().replace(['-', ' '], "_");
    let lower = lower.strip_suffix("_l").or(lower.strip_suffix("_r")).unwrap_or(&lower);
    let function = lower.strip_prefix('f').and_then(|number| number.parse::<u32>().ok());
    if let Some(number @ 1..=12) = function {
        return Ok(F1 + number - 1);
    }
    let known = NAMES.iter().find(|(known, _)| *known == lower).map(|(_, key)| *key);
    known.ok_or_else(|| {
        let name: String = name.chars().take(40).collect();
        format!(
            "There is no key `{name}`. Say a letter, or one of: Return, Tab, Escape, BackSpace, Delete, \
             Insert, Home, End, Page_Up, Page_Down, Left, Up, Right, Down, space, F1 to F12, with \
             ctrl+, shift+, alt+ or super+ before it."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_by_the_names_that_people_and_models_say() {
        for (text, expected) in [
            ("a", vec![0x61]),
            ("Return", vec![0xff0d]),
            ("enter", vec![0xff0d]),
            ("ctrl+c", vec![0xffe3, 0x63]),
            ("Control_L+Shift+T", vec![0xffe3, 0xffe1, 0x54]),
            ("ctrl++", vec![0xffe3, 0x2b]),
            ("+", vec![0x2b]),
            ("F12", vec![0xffc9]),
            ("Page-Down", vec![0xff56]),
            ("€", vec![0x0100_20ac]),
        ] {
            assert_eq!(chord(text), Ok(expected), "{text}");
        }
        for nonsense in ["", "hyper", "F13", "ctrl+", "a+b+c+d+e+f+g", "ctrl+nope"] {
            assert!(chord(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn letters_of_every_script_have_a_key() {
        let keys: Vec<u32> = "aÄ\nя🦀".chars().map(of_letter).collect();
        assert_eq!(keys, [0x61, 0xc4, 0xff0d, 0x0100_044f, 0x0101_f980]);
    }
}
