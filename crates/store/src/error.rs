//! What can go wrong here, and how a person is told.

use pilot_proto::{Code, Cursor, Problem, RunId};

/// A failure of the store. Nothing of a commit that failed was kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL does not name a database that we can use.
    #[error("`{url}` is not a database: expected `sqlite:///absolute/path` or `postgres://…`")]
    Url {
        /// The URL, without a password.
        url: String,
    },
    /// The database could not be opened.
    #[error("the database `{url}` could not be opened")]
    Open {
        /// The URL, without a password.
        url: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A newer version of Pilothouse wrote the database.
    #[error(
        "the database has version {found}, this build knows versions up to {known}; \
         nothing was changed"
    )]
    Newer {
        /// Version of the database.
        found: i64,
        /// Newest version that this build knows.
        known: i64,
    },
    /// The database could not be brought to this build's version.
    #[error("the database could not be brought to version {version}; it is as it was before")]
    Migrate {
        /// Which step.
        version: i64,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A read failed.
    #[error("{what} could not be read from the database")]
    Read {
        /// What was read.
        what: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A write failed.
    #[error("{what} could not be written to the database; nothing of the commit was kept")]
    Write {
        /// What was written.
        what: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A document in the database is not what this build expects.
    #[error("{what} `{id}` in the database cannot be understood")]
    Document {
        /// What kind of thing.
        what: &'static str,
        /// Which.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A value in the database is not what this build expects.
    #[error("{what} `{value}` in the database cannot be understood")]
    Value {
        /// What kind of thing.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// A value could not be written as JSON.
    #[error("{what} could not be written as JSON")]
    Spell {
        /// What kind of thing.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Stored bytes could not be unpacked, or be packed.
    #[error("{what} of run `{run}` at {seq} could not be packed or unpacked")]
    Packing {
        /// What kind of thing.
        what: &'static str,
        /// Whose.
        run: RunId,
        /// Position in the journal.
        seq: u64,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Unpacked bytes are not the records they should be.
    #[error("the journal of run `{run}` is damaged at record {seq}")]
    Damaged {
        /// Whose.
        run: RunId,
        /// Position in the journal.
        seq: u64,
    },
    /// Records are missing before the one given.
    #[error(
        "record {next:?} of run `{run}` does not follow the journal's end {end:?}; \
         the journal was left as it is"
    )]
    Hole {
        /// Whose.
        run: RunId,
        /// End of what is stored.
        end: Cursor,
        /// What was given.
        next: Cursor,
    },
    /// A record is not one line.
    #[error("record {cursor:?} of run `{run}` is not one line of JSON")]
    NotOneLine {
        /// Whose.
        run: RunId,
        /// Which.
        cursor: Cursor,
    },
    /// Another process appends to the same journal.
    #[error("another hub writes the journal of run `{run}` at the same time")]
    Contended {
        /// Whose.
        run: RunId,
    },
    /// The join code was used, is too old, or never was one.
    #[error("the join code is used up, expired or unknown")]
    JoinCodeGone,
    /// The search pattern makes no sense, or is too big.
    #[error("`{pattern}` is not a usable regular expression: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        reason: String,
    },
    /// A part of the work ended before its time: the runtime shuts down.
    #[error("the search was cut short because the hub is stopping")]
    Stopping,
}

impl StoreError {
    /// How a person is told.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Url { .. } | Self::Pattern { .. } => {
                Problem::new(Code::Invalid, self.to_string())
            }
            Self::Newer { .. } => Problem::new(Code::Version, self.to_string()).hint(
                "Start a build of Pilothouse that is at least as new as the one that wrote it.",
            ),
            Self::JoinCodeGone => Problem::new(Code::Unauthorized, self.to_string())
                .hint("Make a new join code; each enrols one runner and lives for minutes."),
            Self::Hole { .. } | Self::NotOneLine { .. } => {
                Problem::new(Code::Invalid, self.to_string())
            }
            Self::Stopping | Self::Contended { .. } => {
                Problem::new(Code::Precondition, self.to_string())
            }
            Self::Open { source, .. }
            | Self::Migrate { source, .. }
            | Self::Read { source, .. }
            | Self::Write { source, .. } => database_problem(self, source),
            Self::Document { .. }
            | Self::Value { .. }
            | Self::Spell { .. }
            | Self::Packing { .. }
            | Self::Damaged { .. } => Problem::new(Code::Internal, self.to_string()),
        }
    }
}

fn database_problem(error: &StoreError, source: &sqlx::Error) -> Problem {
    let full = source.as_database_error().and_then(|error| error.code()).is_some_and(|code| {
        // SQLITE_FULL, and PostgreSQL's `disk_full`.
        code == "13" || code == "53100"
    });
    if full {
        return Problem::new(Code::DiskFull, error.to_string())
            .hint("Free some space where the hub keeps its database; it goes on by itself.");
    }
    Problem::new(Code::Internal, format!("{error}: {source}"))
}
