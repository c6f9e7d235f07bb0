//! Comparing a presented token with the right one.

use pilot_proto::Secret;
use subtle::ConstantTimeEq;

/// True if both are the same. How long it takes depends on the length alone,
/// so that a token cannot be guessed letter by letter from answer times. Two
/// empty secrets are not the same: an empty one is never a right one.
pub fn same_secret(presented: &str, right: &Secret) -> bool {
    let right = right.expose();
    !right.is_empty() && bool::from(presented.as_bytes().ct_eq(right.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_is_the_same() {
        let right = Secret::new("0123456789abcdef");
        for (presented, same) in [
            ("0123456789abcdef", true),
            ("0123456789abcdeF", false),
            ("0123456789abcde", false),
            ("0123456789abcdef0", false),
            ("", false),
        ] {
            assert_eq!(same_secret(presented, &right), same, "{presented:?}");
        }
        assert!(!same_secret("", &Secret::default()), "no token must not match no token");
    }
}
