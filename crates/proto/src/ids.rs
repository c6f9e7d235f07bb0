//! Names of things. All ids are text: UUIDs where we mint them, so that they
//! sort the same in every database and need no engine's own type.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use ts_rs::TS;
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The last eight hex digits: enough for a person to tell two apart.
            /// (The first digits of a version 7 UUID are the time, alike in a batch.)
            pub fn short(&self) -> String {
                let text = self.0.simple().to_string();
                text[text.len() - 8..].to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// A task: what a person asked for.
    TaskId
);
uuid_id!(
    /// A run: one attempt at a task. Also the agent's session id where it lets
    /// us choose one.
    RunId
);
uuid_id!(
    /// A runner, as the hub enrolled it.
    RunnerId
);
uuid_id!(
    /// Something that needs a person.
    InboxId
);
uuid_id!(
    /// One order from a hub to a run; the shim applies each at most once.
    OrderId
);

uuid_id!(
    /// Tasks of which one will be kept: best of N.
    GroupId
);
uuid_id!(
    /// Tasks that were filed together.
    BatchId
);

uuid_id!(
    /// A schedule: what files tasks by the clock.
    ScheduleId
);

/// The git object id of some bytes as a blob (`sha1("blob <len>\0" + bytes)`,
/// 40 hex digits): the address of file contents, bundles and session files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(try_from = "String", into = "String")]
#[ts(type = "string")]
pub struct BlobId(String);

impl BlobId {
    /// The 40 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text was not 40 lower-case hex digits.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a blob id: expected 40 lower-case hex digits")]
pub struct BadBlobId(String);

impl TryFrom<String> for BlobId {
    type Error = BadBlobId;
    fn try_from(text: String) -> Result<Self, BadBlobId> {
        // Checked because the id becomes a file name on the hub.
        if text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text))
        } else {
            Err(BadBlobId(text))
        }
    }
}

impl FromStr for BlobId {
    type Err = BadBlobId;
    fn from_str(text: &str) -> Result<Self, BadBlobId> {
        text.to_owned().try_into()
    }
}

impl From<BlobId> for String {
    fn from(id: BlobId) -> Self {
        id.0
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
