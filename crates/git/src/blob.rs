//! Git's name for some bytes as a blob.

use pilot_proto::ids::BlobId;
use sha1::{Digest, Sha1};
use std::io::{self, Read};

/// The git object id of these bytes as a blob.
pub fn blob_id(bytes: &[u8]) -> BlobId {
    let mut hash = head(bytes.len() as u64);
    hash.update(bytes);
    finish(hash)
}

/// The same of `size` bytes read from somewhere. Fewer or more bytes than
/// announced are an error, for the id covers the size.
pub fn blob_id_of(mut from: impl Read, size: u64) -> io::Result<BlobId> {
    let mut hash = head(size);
    let mut piece = vec![0; 64 * 1024];
    let mut seen = 0;
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&piece[..read]);
        seen += read as u64;
    }
    if seen == size {
        Ok(finish(hash))
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{seen} bytes where {size} were announced"),
        ))
    }
}

fn head(size: u64) -> Sha1 {
    Sha1::new_with_prefix(format!("blob {size}\0"))
}

fn finish(hash: Sha1) -> BlobId {
    hex::encode(hash.finalize()).parse().expect("a SHA-1 is 40 lower-case hex digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_one_git_gives() {
        // `git hash-object` of nothing and of `hello\n`.
        for (bytes, id) in [
            (&b""[..], "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
            (b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
        ] {
            assert_eq!(blob_id(bytes).as_str(), id);
            assert_eq!(blob_id_of(bytes, bytes.len() as u64).expect("read").as_str(), id);
        }
        assert!(blob_id_of(&b"abc"[..], 2).is_err(), "a file that grew has no id of that size");
    }
}
