//! Taking records in: each once, in order, into the machines and the commit.

use super::Core;
use super::messages::JournalNews;
use super::turn::{Output, Turn};
use crate::clock;
use crate::live::Fresh;
use pilot_lifecycle::{QueueEvent, TaskEvent};
use pilot_proto::console::{ReviewNote, ReviewNoteSent};
use pilot_proto::review::ReviewFinding;
use pilot_proto::{Event, Record, RunId, TaskId};
use pilot_store::{Admission, Change, JournalBatch, StoreError, StoredRecord};

impl Core {
    pub(crate) async fn hear_journal(
        &mut self,
        turn: &mut Turn,
        news: &JournalNews,
    ) -> Result<(), StoreError> {
        let (run, runner) = (news.run, news.runner);
        let known = self.board.summon_run(&self.reach.store, run).await?;
        let Some(journal) = self.board.runs.get(&run).filter(|one| known && one.runner == runner)
        else {
            tracing::warn!(%runner, %run, "records of a run that is not this runner's; dropped");
            return Ok(());
        };
        let task = journal.task;
        let fresh = self.admit(turn, news);
        if !fresh.is_empty() {
            self.begun(turn, task, run);
            for (record, _) in fresh {
                self.hear_record(turn, task, run, record);
                self.file_children(turn).await?;
            }
            self.keep(turn, run, fresh);
        }
        if let Some(journal) = self.board.runs.get(&run) {
            // Also for what we had: the runner sent it because it was not told.
            turn.outputs.push(Output::Ack(runner, run, journal.end.cursor));
        }
        Ok(())
    }

    /// The records that are new, which are one stretch of the batch.
    fn admit<'a>(
        &mut self,
        turn: &mut Turn,
        news: &'a JournalNews,
    ) -> &'a [(Record, StoredRecord)] {
        let Some(journal) = self.board.runs.get_mut(&news.run) else { return &[] };
        let mut fresh = 0..0;
        for (at, (record, _)) in news.records.iter().enumerate() {
            match journal.end.admit(record.cursor()) {
                Admission::Duplicate => {}
                Admission::New => {
                    if fresh.is_empty() {
                        fresh.start = at;
                    }
                    fresh.end = at + 1;
                    journal.end.cursor = record.cursor();
                }
                Admission::Hole => {
                    let (run, end) = (news.run, journal.end.cursor);
                    tracing::warn!(runner = %news.runner, %run, ?end, next = ?record.cursor(),
                        "records are missing; the runner is to begin again after the end");
                    // Its next hello is answered with the end.
                    turn.outputs.push(Output::HangUp(news.runner));
                    break;
                }
            }
        }
        &news.records[fresh]
    }

    /// A run whose journal has begun was taken, whether or not we heard it.
    fn begun(&mut self, turn: &mut Turn, task: TaskId, run: RunId) {
        let lease = self.board.queue.lease(task);
        if lease.is_some_and(|lease| lease.run == run && !lease.taken) {
            self.ask_queue(turn, QueueEvent::Taken { run });
        }
    }

    fn hear_record(&mut self, turn: &mut Turn, task: TaskId, run: RunId, record: &Record) {
        let event = &record.event;
        if let Event::Snapshot(delta) = event {
            let (seq, at, delta) = (record.seq, record.at, delta.clone());
            turn.changes.push(Change::PutDelta { run, seq, at, delta });
        }
        if let Event::Reviewed { agent, findings, .. } = event {
            turn.changes.extend(comments(turn, task, run, agent, findings));
        }
        let done = match event {
            Event::OrderDone { order, problem } => {
                self.order_done(turn, run, *order).filter(|_| problem.is_some())
            }
            _ => None,
        };
        self.feed_news(turn, task, TaskEvent::Journal { run, event });
        if let Some(undone) = done {
            self.feed_news(turn, task, TaskEvent::Undone { run, act: undone.act });
        }
    }

    fn keep(&mut self, turn: &mut Turn, run: RunId, fresh: &[(Record, StoredRecord)]) {
        let Some((last, _)) = fresh.last() else { return };
        let bytes = fresh.iter().map(|(_, stored)| stored.json.len()).sum();
        let records = if self.reach.fanout.is_watched(run) {
            Fresh::new(fresh.iter().map(|(record, _)| record.clone()).collect(), last.seq, bytes)
        } else {
            // Whoever begins to watch meanwhile reads them from the store.
            Fresh::unread(last.seq)
        };
        turn.outputs.push(Output::Journal(run, records));
        let records = fresh.iter().map(|(_, stored)| stored.clone());
        // One batch for a run: each costs the store a chunk.
        match turn.journal.iter_mut().find(|batch| batch.run == run) {
            Some(batch) => batch.records.extend(records),
            None => turn.journal.push(JournalBatch { run, records: records.collect() }),
        }
    }
}

/// What a reviewing agent found, as comments on the change beside people's.
fn comments(
    turn: &Turn,
    task: TaskId,
    run: RunId,
    agent: &str,
    findings: &[ReviewFinding],
) -> Option<Change> {
    let note = |finding: &ReviewFinding| ReviewNoteSent {
        note: ReviewNote {
            path: finding.path.clone(),
            old_side: false,
            first_line: finding.first_line,
            last_line: finding.last_line,
            quote: String::new(),
            text: finding.text.clone(),
        },
        run: Some(run),
        by: format!("{agent} (review)"),
        at: turn.now,
    };
    let notes: Vec<_> = findings.iter().map(note).collect();
    (!notes.is_empty()).then(|| Change::PutReview { task, review: clock::mint(), notes })
}
