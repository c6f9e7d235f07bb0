//! Whether bytes look like chance made them.

/// Shannon entropy in bits a byte: 0 for `aaaa`, 4 at most for hexadecimal
/// digits, 6 for base64; prose of twenty letters has about 3.5.
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let length = bytes.len() as f64;
    let each = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length);
    -each.map(|share| share * share.log2()).sum::<f64>()
}

/// True for what a generator of passwords makes, false for identifiers, paths,
/// versions and sentences: letters and digits that change places often.
pub(super) fn looks_random(bytes: &[u8]) -> bool {
    let kind = |byte: &u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let changes = bytes.windows(2).filter(|two| kind(&two[0]) != kind(&two[1])).count();
    digits >= 2 && letters >= 2 && changes * 4 >= bytes.len() && entropy(bytes) >= 3.0
}

/// True if there are digits, or letters of both sizes: false for words.
pub(super) fn is_mixed(bytes: &[u8]) -> bool {
    let any = |is: fn(&u8) -> bool| bytes.iter().any(is);
    any(u8::is_ascii_digit) || (any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase))
}

/// True for hexadecimal digits only.
pub(super) fn is_hex(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_hexdigit)
}

/// True for `8-4-4-4-12` hexadecimal digits.
pub(super) fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
