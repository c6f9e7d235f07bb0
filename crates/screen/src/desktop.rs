//! What a desktop consists of, and what its programs are started with: Xvnc on
//! a unix socket alone, and a window manager.

use crate::keymap;
use crate::rfb::Size;
use std::ffi::OsString;
use std::path::Path;

/// The X server, which is the RFB server as well.
pub const SERVER: &str = "Xvnc";
/// The window manager: small, and people know what its buttons do.
pub const WINDOW_MANAGER: &str = "openbox";
/// What it says when it manages the windows.
pub const MANAGES: &str = "manages";
/// Lists windows.
pub const WINDOW_LIST: &str = "wmctrl";

/// A program that a desktop wants, and the Debian package that brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub program: &'static str,
    /// What to install.
    pub package: &'static str,
    /// What there is not without it.
    pub without: &'static str,
    /// There is no desktop at all without it.
    pub needed: bool,
}

/// All of them.
pub const WANTED: &[Wanted] = &[
    Wanted {
        program: SERVER,
        package: "tigervnc-standalone-server",
        without: "runs have no screen",
        needed: true,
    },
    Wanted {
        program: WINDOW_MANAGER,
        package: "openbox",
        without: "windows of a screen cannot be moved",
        needed: false,
    },
    Wanted {
        program: WINDOW_LIST,
        package: "wmctrl",
        without: "agents cannot list the windows of their screen",
        needed: false,
    },
    Wanted {
        program: keymap::COMPILER,
        package: "x11-xkb-utils",
        without: "letters that an American keyboard has not may get lost",
        needed: false,
    },
];

/// What a screen is before anybody says otherwise: models were shown such, and
/// a person's window holds it.
pub const SIZE: Size = Size { width: 1280, height: 800 };

/// Display numbers begin here: below are those of people and of test servers.
const FIRST: u16 = 1000;
/// So many are used. X adds 6000 to a number even where it opens no port.
const NUMBERS: u16 = 50_000;
const _: () = assert!(FIRST as u32 + NUMBERS as u32 + 6000 <= 65_535, "X takes it for a port");

/// The display number of a run, from its id's bytes: known before the server
/// is, so that every process of the run is told. Two runs that share a name
/// space and a number have the bad luck of one in fifty thousand, and the
/// second is told that the number is taken.
pub fn number(run: u128) -> u16 {
    let spread = u16::try_from(run % u128::from(NUMBERS)).unwrap_or(0);
    FIRST + spread
}

/// Length of a cookie, as MIT-MAGIC-COOKIE-1 has it.
pub const COOKIE: usize = 16;

/// The contents of an Xauthority file with one cookie, for whatever host name
/// the display is reached by.
///
/// Source: `Xau` of libXau: family (0xffff: any), address, number, name and
/// data, each with its length in two bytes.
pub fn authority(number: u16, cookie: [u8; COOKIE]) -> Vec<u8> {
    let mut file = vec![0xff, 0xff, 0, 0];
    let number = number.to_string();
    for part in [number.as_bytes(), b"MIT-MAGIC-COOKIE-1", &cookie] {
        file.extend_from_slice(&u16::try_from(part.len()).unwrap_or(0).to_be_bytes());
        file.extend_from_slice(part);
    }
    file
}

/// Arguments of [`SERVER`]: no TCP port, neither X's nor RFB's; a socket of
/// that name, its owner's alone, in the directory that it is started in.
pub fn arguments(number: u16, socket: &str, authority: &Path, size: Size) -> Vec<OsString> {
    let geometry = format!("{}x{}", size.width, size.height);
    let mut arguments: Vec<OsString> = vec![format!(":{number}").into()];
    arguments.extend(
        [
            "-rfbunixpath",
            socket,
            "-rfbunixmode",
            // 0600, which it takes in decimal.
            "384",
            "-rfbport",
            "-1",
            // Whoever reaches the socket is the run's own shim.
            "-SecurityTypes",
            "None",
            // Several viewers who greet at once are no attack.
            "-UseBlacklist=0",
            "-nolisten",
            "tcp",
            "-geometry",
            &geometry,
            "-depth",
            "24",
            "-AcceptSetDesktopSize=1",
            "-AlwaysShared=1",
            "-noreset",
            "-desktop",
            "pilothouse",
            "-auth",
        ]
        .map(OsString::from),
    );
    arguments.push(authority.into());
    arguments
}

/// Arguments of [`WINDOW_MANAGER`]: it has [`MANAGES`] said on its output as soon
/// as it has taken over what windows there are.
pub fn manager_arguments() -> Vec<OsString> {
    ["--startup".to_owned(), format!("echo {MANAGES}")].map(OsString::from).into()
}

/// Why a program of X ended, from what it said: what follows the words of the
/// end, which is written between empty lines and advice; or else its last line.
pub fn reason(said: &str) -> Option<&str> {
    let bare = |line| str::trim(str::trim(line).strip_prefix("(EE)").unwrap_or(line));
    let mut lines = said.lines().map(bare).filter(|line| !line.is_empty());
    let last = lines.clone().next_back();
    lines.find(|line| *line == "Fatal server error:").and_then(|_| lines.next()).or(last)
}

/// A window, as [`WINDOW_LIST`] tells it with `-lGx`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Window {
    /// X's id.
    pub id: String,
    /// Place and size on the screen.
    pub x: i32,
    /// From the top.
    pub y: i32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// What program it is of.
    pub class: String,
    /// What stands above it.
    pub title: String,
}

/// More windows than anybody finds their way in.
const MOST_WINDOWS: usize = 100;

/// Reads what [`WINDOW_LIST`] says; lines that are none are left out.
pub fn windows(said: &str) -> Vec<Window> {
    said.lines().filter_map(window).take(MOST_WINDOWS).collect()
}

fn window(line: &str) -> Option<Window> {
    let mut rest = line;
    let mut word = || {
        let trimmed = rest.trim_start();
        let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
        let (word, behind) = trimmed.split_at(end);
        rest = behind;
        (!word.is_empty()).then_some(word)
    };
    let (id, _desktop) = (word()?.to_owned(), word()?);
    let (x, y) = (word()?.parse().ok()?, word()?.parse().ok()?);
    let (width, height) = (word()?.parse().ok()?, word()?.parse().ok()?);
    let (class, _host) = (word()?.to_owned(), word()?);
    let title = rest.trim().chars().take(200).collect();
    Some(Window { id, x, y, width, height, class, title })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_file_is_what_xauth_would_write() {
        let file = authority(1234, [7; COOKIE]);
        let expected: Vec<u8> = [
            &[0xff, 0xff, 0, 0, 0, 4][..],
            b"1234",
            &[0, 18],
            b"MIT-MAGIC-COOKIE-1",
            &[0, 16],
            &[7; 16],
        ]
        .concat();
        assert_eq!(file, expected);
    }

    #[test]
    fn every_run_has_a_number_that_x_takes() {
        for run in [0, 1, u128::MAX, 49_999, 50_000] {
            let number = number(run);
            assert!((FIRST..FIRST + NUMBERS).contains(&number), "{run}: {number}");
        }
    }

    #[test]
    fn a_servers_last_words_are_its_reason() {
        let said = "Xvnc TigerVNC 1.12.0\n(EE) \nFatal server error:\n(EE) Server is already \
                    active for display 7\n\tremove the lock and start again.\n(EE) \n";
        assert_eq!(reason(said), Some("Server is already active for display 7"));
        assert_eq!(reason("cannot open display\n\n"), Some("cannot open display"));
        assert_eq!(reason(" \n(EE) \n"), None);
    }

    #[test]
    fn windows_are_read_and_nonsense_is_left_out() {
        let said = "0x00600007  0 10   20   300  200  xterm.XTerm           host a title: of words\n\
                    nonsense\n0x1 0 a b c d e f g\n";
        let windows = windows(said);
        assert_eq!(windows.len(), 1, "{windows:?}");
        let Window { x, y, width, height, class, title, .. } = &windows[0];
        assert_eq!((*x, *y, *width, *height), (10, 20, 300, 200));
        assert_eq!((class.as_str(), title.as_str()), ("xterm.XTerm", "a title: of words"));
    }
}
