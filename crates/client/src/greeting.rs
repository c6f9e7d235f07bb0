//! Which hub this is, and whether it is of our age.

use crate::client::Client;
use crate::error::ClientError;
use pilot_proto::console::{HubInfo, HubStatus, Nothing};

/// A hub, met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Which hub, and who we are to it.
    pub info: HubInfo,
    /// Its build against ours.
    pub age: Age,
}

/// A hub's build against ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// The same version.
    Same,
    /// It may lack commands that we have: [`ClientError::Older`] says which.
    Older,
    /// It may say things that we do not understand, which are passed over.
    Newer,
}

impl Client {
    /// Asks the hub who it is and who we are to it.
    pub async fn greet(&self) -> Result<Greeting, ClientError> {
        let info = self.call::<HubStatus>(Nothing {}).await?;
        let age = age(&info.build, env!("CARGO_PKG_VERSION"));
        Ok(Greeting { info, age })
    }
}

fn age(theirs: &str, ours: &str) -> Age {
    match numbers(theirs).cmp(&numbers(ours)) {
        std::cmp::Ordering::Less => Age::Older,
        std::cmp::Ordering::Equal => Age::Same,
        std::cmp::Ordering::Greater => Age::Newer,
    }
}

/// `1.2.3-beta (abc)` is 1, 2 and 3.
fn numbers(version: &str) -> [u64; 3] {
    let mut numbers = version.split(['.', '-', '+', ' ']).map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_are_compared_number_by_number() {
        for (theirs, age_of_it) in [
            ("1.2.3", Age::Same),
            ("1.2.3 (abcdef)", Age::Same),
            ("1.2.2", Age::Older),
            ("1.1.9", Age::Older),
            ("0.9", Age::Older),
            ("1.2.10", Age::Newer),
            ("1.10.0", Age::Newer),
            ("2", Age::Newer),
        ] {
            assert_eq!(age(theirs, "1.2.3"), age_of_it, "{theirs}");
        }
    }
}
