//! Wrong sign-ins per address, so that nobody may guess for long.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;
use tokio::time::Instant;

/// Wrong tries that an address has; a person mistypes a few times.
const MOST: u32 = 10;
/// In how long; then it has as many again.
const WINDOW: Duration = Duration::from_secs(300);
/// Addresses kept in mind. Beyond, the one that began first is forgotten:
/// whoever has so many addresses is not held up by this, and a code or token
/// of 256 bits is not guessed in any case.
const ADDRESSES: usize = 4096;

/// Who tried, since when and how often.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    wrong: HashMap<IpAddr, (Instant, u32)>,
}

impl Attempts {
    /// How long this address has to wait, if it has to.
    pub(crate) fn wait(&mut self, from: IpAddr, now: Instant) -> Option<Duration> {
        let network = network(from);
        let (since, tries) = *self.wrong.get(&network)?;
        let until = since + WINDOW;
        if until <= now {
            self.wrong.remove(&network);
            return None;
        }
        (tries >= MOST).then(|| until - now)
    }

    /// This address showed something wrong.
    pub(crate) fn wrong(&mut self, from: IpAddr, now: Instant) {
        let network = network(from);
        if !self.wrong.contains_key(&network) && self.wrong.len() >= ADDRESSES {
            self.wrong.retain(|_, (since, _)| *since + WINDOW > now);
            let oldest = self.wrong.iter().min_by_key(|(_, (since, _))| *since);
            if let Some(oldest) = oldest.map(|(address, _)| *address)
                && self.wrong.len() >= ADDRESSES
            {
                self.wrong.remove(&oldest);
            }
        }
        self.wrong.entry(network).or_insert((now, 0)).1 += 1;
    }
}

/// A house has a whole network of IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn whoever_is_wrong_too_often_waits_and_others_do_not() {
        let (mut attempts, begin) = (Attempts::default(), Instant::now());
        let (bad, good) = (address("192.0.2.1"), address("192.0.2.2"));
        for _ in 0..MOST {
            assert_eq!(attempts.wait(bad, begin), None, "a few mistakes are fine");
            attempts.wrong(bad, begin);
        }
        assert_eq!(attempts.wait(bad, begin), Some(WINDOW));
        assert_eq!(attempts.wait(address("::ffff:192.0.2.1"), begin), Some(WINDOW), "the same");
        assert_eq!(attempts.wait(good, begin), None);
        assert_eq!(attempts.wait(bad, begin + WINDOW), None, "it is over some time");
    }

    #[test]
    fn a_network_counts_as_one_and_the_table_has_an_end() {
        let (mut attempts, begin) = (Attempts::default(), Instant::now());
        for host in 0..MOST {
            attempts.wrong(address(&format!("2001:db8::{host:x}")), begin);
        }
        assert!(attempts.wait(address("2001:db8::ffff"), begin).is_some(), "one house");
        for net in 0..2 * ADDRESSES as u32 {
            attempts.wrong(Ipv6Addr::from(u128::from(net) << 64).into(), begin);
        }
        assert_eq!(attempts.wrong.len(), ADDRESSES);
    }
}
