//! VNC's own passwords (RFC 6143, 7.2.2), for servers that ask for one. They
//! keep out who guesses, not who listens: the connection itself is in clear.

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use std::fmt;

/// Length of what a server sends to be answered.
pub const CHALLENGE: usize = 16;
/// So many bytes of a password count.
const LENGTH: usize = 8;
/// What the cipher takes at once.
const BLOCK: usize = 8;

/// A password as the cipher takes it. Never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Password([u8; LENGTH]);

impl Password {
    /// The first eight bytes of it, which is all that a server looks at.
    pub fn new(text: &str) -> Self {
        let mut key = [0; LENGTH];
        for (place, byte) in key.iter_mut().zip(text.bytes()) {
            // VNC has always taken the bits of each byte the other way round.
            *place = byte.reverse_bits();
        }
        Self(key)
    }

    /// The answer that shows that one knows it.
    pub(super) fn answer(&self, mut challenge: [u8; CHALLENGE]) -> [u8; CHALLENGE] {
        let cipher = Des::new(&self.0.into());
        for block in challenge.chunks_exact_mut(BLOCK) {
            let mut taken = [0; BLOCK];
            taken.copy_from_slice(block);
            let mut taken = taken.into();
            cipher.encrypt_block(&mut taken);
            block.copy_from_slice(&taken);
        }
        challenge
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of `vncpasswd` is a password under a key that every VNC has, so
    /// it is a known answer.
    #[test]
    fn the_cipher_is_the_one_of_vncpasswd() {
        let fixed = [23, 82, 107, 6, 35, 78, 88, 7_u8];
        let key = Password(fixed.map(u8::reverse_bits));
        let answer = key.answer(*b"sesame12sesame12");
        assert_eq!(answer[..8], [0x1a, 0x38, 0x04, 0xa1, 0x1b, 0xc4, 0x40, 0x2c]);
        assert_eq!(answer[..8], answer[8..]);
        assert_eq!(Password::new("sesame12"), Password::new("sesame12 and more"));
        assert_eq!(format!("{key:?}"), "<redacted>");
    }
}
