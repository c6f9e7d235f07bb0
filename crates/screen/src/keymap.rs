//! The keyboard of a desktop: one that has the letters of Europe's alphabets,
//! so that no viewer's key is unknown to it.
//!
//! A server that is sent an unknown key puts it on a free code and presses it
//! at once. Programs hear of both together, and those that fetch the keyboard's
//! new layout in their own time, as Chromium does, lose the first of such keys
//! or take it for another. What is on the keyboard from the beginning is not
//! lost; what is not (other scripts, pictures) is still added as it comes, on
//! the codes that are left.

use std::fmt::Write;

/// Compiles a keyboard's description and gives it to a display.
pub const COMPILER: &str = "xkbcomp";

/// The keys of an American keyboard, with accents and Western letters by AltGr.
const BASE: &str = "pc+us(altgr-intl)";
/// The first code that such a keyboard has no key for: above are those of
/// keyboards that play music, which nobody sends.
const FIRST: usize = 136;
/// Codes end here; some dozen are left for the server to add to.
const LAST: usize = 224;
/// Letters of a code: plain, with Shift, with AltGr, with both.
const LEVELS: usize = 4;

/// Letters that the base has not, whose capital is one letter.
const SMALL: &str = "àâãèêìîïòôõùûýÿ\
    āăąćĉċčďđēĕėęěĝğġģĥħĩīĭįĵķĺļľłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷźżžșț\
    αβγδεζηθικλμνξοπρστυφχψωάέήίόύώϊϋ\
    абвгдежзийклмнопрстуфхцчшщъыьэюяёђѓєѕіїјљњћќўџґ";
/// What has none, and what the base has under an older name only.
const OTHERS: &str = "§¨ª¯°±´¶·¸º–—‘’‚“”„†‡•…‰‹›€™←→↑↓≤≥≠−ςẞıİ";

const _: () = assert!(FIRST < LAST && LAST < 256, "a code is a byte");

/// All of them, in the order of their places.
fn letters() -> Vec<char> {
    let pairs = SMALL.chars().flat_map(|letter| [Some(letter), letter.to_uppercase().next()]);
    pairs.flatten().chain(OTHERS.chars()).collect()
}

/// What [`COMPILER`] reads.
pub fn description() -> String {
    let (mut codes, mut symbols) = (String::new(), String::new());
    for (letters, code) in letters().chunks(LEVELS).zip(FIRST..=LAST) {
        let names: Vec<String> =
            letters.iter().map(|letter| format!("U{:04X}", u32::from(*letter))).collect();
        // Writing to a string does not fail.
        writeln!(codes, "override <P{code}> = {code};").ok();
        let names = names.join(", ");
        writeln!(symbols, "key <P{code}> {{ type=\"FOUR_LEVEL\", symbols[Group1]=[ {names} ] }};")
            .ok();
    }
    format!(
        "xkb_keymap {{\n\
         xkb_keycodes {{ include \"evdev+aliases(qwerty)\"\n{codes}}};\n\
         xkb_types {{ include \"complete\" }};\n\
         xkb_compat {{ include \"complete\" }};\n\
         xkb_symbols {{ include \"{BASE}\"\n{symbols}}};\n\
         }};\n"
    )
}

/// The name of a key on this keyboard: letters go by their Unicode number,
/// whatever older name a viewer has for them.
pub(crate) fn named(key: u32) -> u32 {
    match xkeysym::Keysym::new(key).key_char() {
        // Of Latin-1 both are one, and what is no letter stays what it is.
        Some(letter) if u32::from(letter) > 0xff && key < 0xfd00 => crate::keys::of_letter(letter),
        Some(_) | None => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_its_place() {
        let letters = letters();
        assert!(letters.len().div_ceil(LEVELS) <= LAST - FIRST + 1, "{}", letters.len());
        let description = description();
        for letter in ["U017E", "U0404", "U20AC", "U1E9E"] {
            assert!(description.contains(letter), "{letter}");
        }
        let once: std::collections::BTreeSet<&char> = letters.iter().collect();
        assert_eq!(once.len(), letters.len(), "a letter has one place");
    }

    #[test]
    fn letters_go_by_one_name_and_other_keys_by_their_own() {
        for (key, expected) in [
            // EuroSign, Cyrillic_a, Greek_alpha, lstroke, leftdoublequotemark.
            (0x20ac, 0x0100_20ac),
            (0x6c1, 0x0100_0430),
            (0x7e1, 0x0100_03b1),
            (0x1b3, 0x0100_0142),
            (0xad2, 0x0100_201c),
            (0x0100_0430, 0x0100_0430),
            (0x61, 0x61),
            (0xfc, 0xfc),
            // Return, Shift, the 1 of the number pad, a dead accent.
            (0xff0d, 0xff0d),
            (0xffe1, 0xffe1),
            (0xffb1, 0xffb1),
            (0xfe51, 0xfe51),
        ] {
            assert_eq!(named(key), expected, "{key:#x}");
        }
    }
}
