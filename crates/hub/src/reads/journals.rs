//! Reading a run: its log, its journal, and what it changed.

use super::Which;
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_git::Window;
use pilot_proto::console::{
    DiffQuery, FileQuery, JournalPage, JournalPart, JournalQuery, LogHits, LogPage, LogQuery,
    LogSearch, TaskDiff, TaskDiffFile, TaskJournal, TaskLog, TaskLogSearch,
};
use pilot_proto::snapshot::FileDiff;
use pilot_proto::{Code, Cursor, Problem, Record, RunId, Snapshot};
use pilot_store::{Search, Want};
use std::sync::Arc;

const LINES: (u32, u32) = (1000, 10_000);
const HITS: (u32, u32) = (200, 10_000);
const RECORDS: (u32, u32) = (1000, 10_000);
const ROWS: (u32, u32) = (2000, 20_000);
/// A page of a journal ends at this much JSON.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// What was asked for, or the default, within the bound.
fn bounded(asked: Option<u32>, (default, most): (u32, u32)) -> u32 {
    asked.unwrap_or(default).min(most)
}

impl Answers<TaskLog> for Parts {
    async fn answer(&self, _who: &Principal, query: LogQuery) -> Result<LogPage, Problem> {
        let Which::Run(run) = self.which_run(query.task, query.run).await? else {
            let cursor = Cursor::default();
            return Ok(LogPage { run: None, first: 0, lines: Vec::new(), total: 0, cursor });
        };
        let (cursor, total) = match query.at {
            Some(seq) => self.store.log_at(run, seq).await,
            None => self.store.journal_end(run).await.map(|end| (end.cursor, end.lines)),
        }
        .map_err(|error| error.problem())?;
        let mut count = u64::from(bounded(query.lines, LINES));
        let first = query.from.unwrap_or_else(|| total.saturating_sub(count));
        if query.at.is_some() {
            count = count.min(total.saturating_sub(first));
        }
        let lines = self.store.log(run, first, count).await.map_err(|error| error.problem())?;
        Ok(LogPage { run: Some(run), first, lines, total, cursor })
    }
}

impl Answers<TaskLogSearch> for Parts {
    async fn answer(&self, _who: &Principal, query: LogSearch) -> Result<LogHits, Problem> {
        let Which::Run(run) = self.which_run(query.task, query.run).await? else {
            return Ok(LogHits { hits: Vec::new(), next: None });
        };
        let search = Search {
            pattern: query.pattern,
            regex: query.regex,
            ignore_case: query.ignore_case,
            from: query.from.unwrap_or(0),
            limit: bounded(query.limit, HITS) as usize,
        };
        self.store.search(run, &search).await.map_err(|error| error.problem())
    }
}

impl Answers<TaskJournal> for Parts {
    async fn answer(&self, _who: &Principal, query: JournalQuery) -> Result<JournalPage, Problem> {
        let Which::Run(run) = self.which_run(query.task, query.run).await? else {
            return Ok(JournalPage { run: None, records: Vec::new(), end: Cursor::default() });
        };
        let part = query.part.unwrap_or_default();
        let limit = bounded(query.limit, RECORDS) as usize;
        let records = self.records(run, part, (query.after, query.before), limit).await?;
        // Read after the records, so that it is never before their last.
        let end = self.store.journal_end(run).await.map_err(|error| error.problem())?.cursor;
        Ok(JournalPage { run: Some(run), records, end })
    }
}

impl Parts {
    /// A page of a part of a journal, after one record or before another.
    async fn records(
        &self,
        run: RunId,
        part: JournalPart,
        at: (Option<u64>, Option<u64>),
        limit: usize,
    ) -> Result<Vec<Record>, Problem> {
        let want = Want { part: part.into(), limit, max_bytes: PAGE_BYTES };
        let (mut after, mut before) = match at {
            (Some(_), Some(_)) => {
                let message = "`after` and `before` cannot be asked for together.";
                return Err(Problem::new(Code::Invalid, message));
            }
            (after, before) => (after.unwrap_or(0), before),
        };
        loop {
            let page = match before {
                Some(seq) => self.store.records_before(run, seq, &want).await,
                None => self.store.records_after(run, after, &want).await,
            };
            let mut page = page.map_err(|error| error.problem())?;
            page.records.retain(|record| part.has(&record.event));
            // A page may turn out to hold none of the part; that is no end.
            if page.end || limit == 0 || !page.records.is_empty() {
                return Ok(page.records);
            }
            match &mut before {
                Some(seq) => *seq = page.reached,
                None => after = page.reached,
            }
        }
    }
}

impl Answers<TaskDiff> for Parts {
    async fn answer(&self, _who: &Principal, query: DiffQuery) -> Result<Snapshot, Problem> {
        match self.which_run(query.task, query.run).await? {
            Which::Run(run) => {
                let snapshot = self.store.snapshot(run, query.at).await;
                Ok(Arc::unwrap_or_clone(snapshot.map_err(|error| error.problem())?))
            }
            Which::NoneYet => Ok(Snapshot::default()),
        }
    }
}

impl Answers<TaskDiffFile> for Parts {
    async fn answer(&self, _who: &Principal, query: FileQuery) -> Result<FileDiff, Problem> {
        let snapshot = match self.which_run(query.task, query.run).await? {
            Which::Run(run) => {
                self.store.snapshot(run, query.at).await.map_err(|error| error.problem())?
            }
            Which::NoneYet => Arc::default(),
        };
        let Some(file) = snapshot.files.get(&query.path).cloned() else {
            let message = "There is no change of that `path` in the snapshot.";
            return Err(Problem::new(Code::NotFound, message)
                .hint("`pilot task diff` lists the files that differ."));
        };
        let window = Window {
            first: query.first.unwrap_or(0),
            rows: u64::from(bounded(query.rows, ROWS)),
            context: query.context,
        };
        let ignore_space = query.ignore_space.unwrap_or(false);
        self.diffs.side_by_side(file, window, ignore_space).await
    }
}
