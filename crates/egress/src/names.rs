//! Made-up addresses for names, so that a program that knows no proxy connects
//! to something, and the gate knows what it meant.

use std::collections::HashMap;
use std::net::Ipv4Addr;

/// 127.64.0.0/10: on loopback as all of 127/8, so that no route is needed, and
/// far from what programs use themselves.
const FIRST: u32 = 0x7f40_0000;
const ADDRESSES: u32 = 1 << 22;
/// More names than a long run needs; then the one unused for longest goes.
const MOST: usize = 4096;

/// Which name has which address. An address that lost its name is not used
/// again before four million others were.
#[derive(Debug, Default)]
pub(crate) struct Names {
    by_name: HashMap<String, (u32, u64)>,
    by_number: HashMap<u32, String>,
    next: u32,
    /// Counts uses, to know the oldest.
    uses: u64,
}

impl Names {
    /// The address of a name, the same as before where it had one, and whether
    /// it is new.
    pub(crate) fn address(&mut self, name: &str) -> (Ipv4Addr, bool) {
        self.uses += 1;
        if let Some((number, used)) = self.by_name.get_mut(name) {
            *used = self.uses;
            return (Ipv4Addr::from(FIRST + *number), false);
        }
        if self.by_name.len() >= MOST {
            self.forget_oldest();
        }
        // Neither 127.64.0.0 nor one that is taken still.
        self.next = (self.next + 1) % ADDRESSES;
        while self.next == 0 || self.by_number.contains_key(&self.next) {
            self.next = (self.next + 1) % ADDRESSES;
        }
        self.by_name.insert(name.to_owned(), (self.next, self.uses));
        self.by_number.insert(self.next, name.to_owned());
        (Ipv4Addr::from(FIRST + self.next), true)
    }

    /// Whose address it is.
    pub(crate) fn name(&mut self, address: Ipv4Addr) -> Option<String> {
        let number = u32::from(address).checked_sub(FIRST)?;
        let name = self.by_number.get(&number)?;
        self.uses += 1;
        if let Some((_, used)) = self.by_name.get_mut(name) {
            *used = self.uses;
        }
        Some(name.clone())
    }

    fn forget_oldest(&mut self) {
        let oldest = self.by_name.iter().min_by_key(|(_, (_, used))| *used);
        if let Some((name, (number, _))) = oldest.map(|(name, entry)| (name.clone(), *entry)) {
            self.by_name.remove(&name);
            self.by_number.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_address_and_the_unused_goes_first() {
        let mut names = Names::default();
        let (kept, new) = names.address("kept.test");
        assert!(new);
        let (lost, _) = names.address("lost.test");
        for number in 0..MOST - 1 {
            assert_eq!(names.name(kept).as_deref(), Some("kept.test"));
            let (address, _) = names.address(&format!("{number}.test"));
            assert_eq!(address.octets()[0], 127, "{address} is on loopback");
            assert!((64..128).contains(&address.octets()[1]));
        }
        assert_eq!(names.address("kept.test"), (kept, false));
        assert_eq!(names.name(lost), None);
        assert_ne!(names.address("lost.test").0, lost, "an old answer must not name another");
        assert_eq!(names.by_name.len(), names.by_number.len());
    }
}
