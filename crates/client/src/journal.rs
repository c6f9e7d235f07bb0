//! One run's journal, from a position on, as it grows.

use crate::error::ClientError;
use crate::live::{Live, Told};
use pilot_proto::RunId;
use pilot_proto::console::{FromConsole, JournalPart, ToConsole};
use pilot_proto::event::Record;
use std::collections::VecDeque;

/// The only watch on its connection.
const WATCH: u32 = 1;

/// Records of one journal, in order, each once.
#[derive(Debug)]
pub struct JournalRecords {
    live: Live,
    ready: VecDeque<Record>,
    ended: bool,
}

impl JournalRecords {
    pub(crate) async fn follow(
        mut live: Live,
        run: RunId,
        after: u64,
    ) -> Result<Self, ClientError> {
        live.say(FromConsole::WatchJournal { watch: WATCH, run, after, part: JournalPart::All });
        let mut records = Self { live, ready: VecDeque::new(), ended: false };
        // Until the hub says that it watches, it may still say that there is
        // no such run: better told here than with the first record.
        records.listen().await?;
        Ok(records)
    }

    /// The next record; none when the journal has ended. May be dropped at any
    /// point without losing one.
    pub async fn next(&mut self) -> Result<Option<Record>, ClientError> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Ok(Some(record));
            }
            if self.ended {
                return Ok(None);
            }
            self.listen().await?;
        }
    }

    /// Takes in one thing that happened.
    async fn listen(&mut self) -> Result<(), ClientError> {
        match self.live.next().await? {
            Told::Hub(ToConsole::Records { records, end, .. }) => {
                self.ready.extend(records);
                self.ended |= end;
            }
            Told::Hub(ToConsole::Ended { problem, .. }) => match problem {
                Some(problem) => return Err(ClientError::Refused(problem)),
                None => self.ended = true,
            },
            // Behind: the hub goes on by itself, and a hole would be seen.
            Told::Hub(
                ToConsole::Watching { .. }
                | ToConsole::Task { .. }
                | ToConsole::Runner { .. }
                | ToConsole::Inbox { .. }
                | ToConsole::Present { .. }
                | ToConsole::Log { .. }
                | ToConsole::Behind { .. },
            )
            | Told::Back => {}
            Told::Lost { problem } => {
                tracing::debug!(%problem, "the journal waits for the hub to come back");
            }
        }
        Ok(())
    }
}
