//! Reading a run: its log, its journal, and what it changed.

use super::Which;
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_git::Window;
use pilot_proto::console::{
    DiffQuery, FileQuery, JournalPage, JournalQuery, LogHits, LogPage, LogQuery, LogSearch,
    TaskDiff, TaskDiffFile, TaskJournal, TaskLog, TaskLogSearch,
};
use pilot_proto::snapshot::FileDiff;
use pilot_proto::{Code, Cursor, Problem, Snapshot};
use pilot_store::Search;

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
        let end = self.store.journal_end(run).await.map_err(|error| error.problem())?;
        let count = u64::from(bounded(query.lines, LINES));
        let first = query.from.unwrap_or_else(|| end.lines.saturating_sub(count));
        let lines = self.store.log(run, first, count).await.map_err(|error| error.problem())?;
        Ok(LogPage { run: Some(run), first, lines, total: end.lines, cursor: end.cursor })
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
        let after = query.after.unwrap_or(0);
        let limit = bounded(query.limit, RECORDS) as usize;
        let records = self
            .store
            .records(run, after, limit, PAGE_BYTES)
            .await
            .map_err(|error| error.problem())?;
        // Read after the records, so that it is never before their last.
        let end = self.store.journal_end(run).await.map_err(|error| error.problem())?.cursor;
        Ok(JournalPage { run: Some(run), records, end })
    }
}

impl Answers<TaskDiff> for Parts {
    async fn answer(&self, _who: &Principal, query: DiffQuery) -> Result<Snapshot, Problem> {
        match self.which_run(query.task, query.run).await? {
            Which::Run(run) => {
                self.store.snapshot(run, query.at).await.map_err(|error| error.problem())
            }
            Which::NoneYet => Ok(Snapshot::default()),
        }
    }
}

impl Answers<TaskDiffFile> for Parts {
    async fn answer(&self, _who: &Principal, query: FileQuery) -> Result<FileDiff, Problem> {
        let mut snapshot = match self.which_run(query.task, query.run).await? {
            Which::Run(run) => {
                self.store.snapshot(run, query.at).await.map_err(|error| error.problem())?
            }
            Which::NoneYet => Snapshot::default(),
        };
        let Some(file) = snapshot.files.remove(&query.path) else {
            let message = "There is no change of that `path` in the snapshot.";
            return Err(Problem::new(Code::NotFound, message)
                .hint("`pilot task diff` lists the files that differ."));
        };
        let window = Window {
            first: query.first.unwrap_or(0),
            rows: u64::from(bounded(query.rows, ROWS)),
            context: query.context,
        };
        self.diffs.side_by_side(file, window).await
    }
}
