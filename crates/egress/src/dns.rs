//! Answers to what is asked for names (RFC 1035): made here, never passed on.

use std::net::Ipv4Addr;

/// Programs ask again by then; a name keeps its address for much longer.
const TTL_SECONDS: u32 = 60;
const HEADER: usize = 12;
const A: u16 = 1;
const AAAA: u16 = 28;
const OPT: u16 = 41;
/// SVCB and HTTPS (RFC 9460): none, or a browser would look for another way.
const SERVICES: [u16; 2] = [64, 65];
const IN: u16 = 1;

/// What becomes of a name.
pub(crate) enum Answer {
    /// It has this address, and no other kind of record.
    Address(Ipv4Addr),
    /// It does not exist for this run; holds why.
    Refused(String),
}

/// The answer to one query; `None` where it is not even a query.
pub(crate) fn answer(query: &[u8], decide: impl FnOnce(&str) -> Answer) -> Option<Vec<u8>> {
    let header = query.get(..HEADER)?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    // Answers to us are not wanted: they could go round for ever.
    if header[2] & 0x80 != 0 {
        return None;
    }
    let mut reply = Vec::with_capacity(512);
    reply.extend_from_slice(&header[..2]);
    // An answer, recursion as asked and available.
    reply.extend([0x80 | (header[2] & 0x79), 0x80, 0, 0, 0, 0, 0, 0, 0, 0]);
    if header[2] & 0x78 != 0 {
        return Some(with_code(reply, 4));
    }
    let Some((name, end)) = question(query).filter(|_| word(4) == 1) else {
        return Some(with_code(reply, 1));
    };
    let kind = u16::from_be_bytes([query[end - 4], query[end - 3]]);
    let class = u16::from_be_bytes([query[end - 2], query[end - 1]]);
    reply.extend_from_slice(&query[HEADER..end]);
    reply[5] = 1;
    if class != IN {
        return Some(with_code(reply, 4));
    }
    let explained = query[end..].starts_with(&[0, 0, OPT.to_be_bytes()[1]]);
    match decide(&name) {
        Answer::Refused(because) => {
            if explained {
                explain(&mut reply, &because);
            }
            Some(with_code(reply, 3))
        }
        Answer::Address(address) if kind == A => {
            reply[7] = 1;
            // The name is the question's (a pointer to it).
            reply.extend([0xc0, 12]);
            reply.extend(A.to_be_bytes());
            reply.extend(IN.to_be_bytes());
            reply.extend(TTL_SECONDS.to_be_bytes());
            reply.extend([0, 4]);
            reply.extend(address.octets());
            Some(reply)
        }
        Answer::Address(_) if kind == AAAA || SERVICES.contains(&kind) => Some(reply),
        Answer::Address(_) => Some(with_code(reply, 4)),
    }
}

fn with_code(mut reply: Vec<u8>, code: u8) -> Vec<u8> {
    reply[3] |= code;
    reply
}

/// The first question's name and where the question ends. Queries have nothing
/// to point at, so that compressed names are not read.
fn question(query: &[u8]) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        let label = query.get(at..at + length).filter(|_| length < 64)?;
        if !label.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.') {
            return None;
        }
        name.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
        name.push('.');
        at += length;
        if name.len() > 254 {
            return None;
        }
    }
    name.pop();
    query.get(at..at + 4)?;
    Some((name, at + 4))
}

/// Says why in words: extended error 15, "Blocked" (RFC 8914).
fn explain(reply: &mut Vec<u8>, because: &str) {
    let text = because.as_bytes();
    // Leaves room for a question of any length in 512 bytes.
    let text = &text[..text.len().min(160)];
    let length = u16::try_from(text.len()).unwrap_or_default();
    reply[11] = 1;
    reply.push(0);
    reply.extend(OPT.to_be_bytes());
    reply.extend(1232u16.to_be_bytes());
    reply.extend([0; 4]);
    reply.extend((length + 6).to_be_bytes());
    reply.extend(15u16.to_be_bytes());
    reply.extend((length + 2).to_be_bytes());
    reply.extend(15u16.to_be_bytes());
    reply.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            query.push(u8::try_from(label.len()).expect("short"));
            query.extend(label.bytes());
        }
        query.push(0);
        query.extend(kind.to_be_bytes());
        query.extend([0, 1]);
        query
    }

    fn reply(query: &[u8]) -> Vec<u8> {
        let decide = |name: &str| match name {
            "yes.test" => Answer::Address(Ipv4Addr::new(127, 64, 0, 1)),
            _ => Answer::Refused("no rule".to_owned()),
        };
        answer(query, decide).expect("a reply")
    }

    #[test]
    fn each_kind_of_question_has_its_answer() {
        let known = reply(&query("YES.test", A));
        assert_eq!(known[..4], [0x12, 0x34, 0x81, 0x80]);
        assert!(known.ends_with(&[0, 4, 127, 64, 0, 1]));
        for (name, kind, code) in [
            ("yes.test", AAAA, 0),
            ("yes.test", 65, 0),
            ("yes.test", 16, 4),
            ("no.test", A, 3),
            ("no.test", 16, 3),
        ] {
            let reply = reply(&query(name, kind));
            assert_eq!(reply[3] & 15, code, "{name} {kind}");
            assert_eq!(reply[6..8], [0, 0], "nothing is said about {name} {kind}");
        }
    }

    #[test]
    fn a_resolver_that_understands_is_told_why() {
        let mut query = query("no.test", A);
        query[11] = 1;
        query.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        assert!(reply(&query).ends_with(b"no rule"));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..64), plain: bool) {
            if plain && bytes.len() > HEADER {
                bytes[2] = 1;
                bytes[4] = 0;
                bytes[5] = 1;
            }
            if let Some(reply) = answer(&bytes, |_| Answer::Refused("x".repeat(300))) {
                prop_assert!(reply.len() <= 512);
                prop_assert_eq!(&reply[..2], &bytes[..2]);
            }
        }
    }
}
