//! The log of a run: lines by number, and search.

use crate::documents::{read_failed, understand};
use crate::error::StoreError;
use crate::journal::append::{chunk, select_chunks};
use crate::journal::chunk::{Chunk, PackedRecord};
use crate::journal::number;
use crate::journal::part::Part;
use crate::journal::read::{PAGE_CHUNKS, chunks_before};
use pilot_proto::console::{LogHits, LogText};
use pilot_proto::{Cursor, Record, RunId, Stream};
use regex::{Regex, RegexBuilder};
use sqlx::{AnyPool, any::AnyRow};

/// A page of lines, or of search hits, ends when it holds this much text.
/// Ten thousand lines of a compiler are a tenth of it; without a bound, ten
/// thousand lines of a minified file would be gigabytes.
pub const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Chunks searched between two looks at the world: some 2 MiB of text, a few
/// milliseconds, after which a search whose asker has gone comes to its end.
const SEARCH_CHUNKS: i64 = 8;

/// Size of a compiled pattern. Enough for alternatives of hundreds of words; a
/// pattern that explodes (`(a{1000}){1000}`) is refused instead of eating the hub.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;

const WHAT: &str = "the log";

/// What to look for in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// What.
    pub pattern: String,
    /// `pattern` is a regular expression.
    pub regex: bool,
    /// Upper and lower case are the same.
    pub ignore_case: bool,
    /// First line to look at.
    pub from: u64,
    /// At most this many hits.
    pub limit: usize,
}

impl Search {
    /// Plain text is searched as the expression that matches just it: the
    /// engine looks for literals as fast as anything written for them.
    fn compile(&self) -> Result<Regex, StoreError> {
        let pattern = match self.regex {
            true => self.pattern.clone(),
            false => regex::escape(&self.pattern),
        };
        RegexBuilder::new(&pattern)
            .case_insensitive(self.ignore_case)
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(2 * MAX_PATTERN_BYTES)
            .build()
            .map_err(|error| StoreError::Pattern {
                pattern: self.pattern.clone(),
                reason: error.to_string(),
            })
    }
}

pub(crate) async fn lines(
    pool: &AnyPool,
    run: RunId,
    from: u64,
    lines: u64,
) -> Result<Vec<LogText>, StoreError> {
    let mut page = Page::new(run, from, usize::try_from(lines).unwrap_or(usize::MAX));
    while !page.full() {
        let rows = rows_from(pool, run, page.next, PAGE_CHUNKS).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            page.scan(&chunk(run, row)?, |_| true)?;
        }
    }
    Ok(page.lines)
}

pub(crate) async fn search(
    pool: &AnyPool,
    run: RunId,
    search: &Search,
) -> Result<LogHits, StoreError> {
    let pattern = search.compile()?;
    let mut page = Page::new(run, search.from, search.limit);
    while !page.full() {
        let rows = rows_from(pool, run, page.next, SEARCH_CHUNKS).await?;
        if rows.is_empty() {
            return Ok(LogHits { hits: page.lines, next: None });
        }
        let pattern = pattern.clone();
        // Off the runtime's threads: this is all computing.
        let scanned = tokio::task::spawn_blocking(move || {
            for row in &rows {
                page.scan(&chunk(run, row)?, |text| pattern.is_match(text))?;
            }
            Ok(page)
        });
        page = scanned.await.map_err(|_| StoreError::Stopping)??;
    }
    Ok(LogHits { next: Some(page.next), hits: page.lines })
}

/// The last record up to `seq`, and the lines of the log up to it.
pub(crate) async fn end_at(
    pool: &AnyPool,
    run: RunId,
    seq: u64,
) -> Result<(Cursor, u64), StoreError> {
    for chunk in chunks_before(pool, run, seq.saturating_add(1), Part::All).await? {
        let mut end = None;
        for record in chunk.records(run) {
            let record = record?;
            if record.cursor.seq > seq {
                break;
            }
            end = Some((record.cursor, record.first_line + record.lines));
        }
        if let Some(end) = end {
            return Ok(end);
        }
    }
    Ok((Cursor::default(), 0))
}

/// The next chunks that hold lines from `line` on, packed.
async fn rows_from(
    pool: &AnyPool,
    run: RunId,
    line: u64,
    chunks: i64,
) -> Result<Vec<AnyRow>, StoreError> {
    let sql = concat!(
        select_chunks!(),
        " WHERE run = $1 AND end_line > $2 ORDER BY end_line, last_seq LIMIT $3"
    );
    let select = sqlx::query(sql).bind(run.to_string()).bind(number(line)).bind(chunks);
    select.fetch_all(pool).await.map_err(read_failed(WHAT))
}

/// Lines that were picked, up to some bound.
struct Page {
    run: RunId,
    lines: Vec<LogText>,
    bytes: usize,
    limit: usize,
    /// First line that was not looked at yet.
    next: u64,
}

impl Page {
    fn new(run: RunId, from: u64, limit: usize) -> Self {
        Self { run, lines: Vec::new(), bytes: 0, limit, next: from }
    }

    fn full(&self) -> bool {
        self.lines.len() >= self.limit || self.bytes >= MAX_PAGE_BYTES
    }

    /// Picks lines of a chunk until the page is full.
    fn scan(&mut self, chunk: &Chunk, pick: impl Fn(&str) -> bool) -> Result<(), StoreError> {
        for record in chunk.records(self.run) {
            let record = record?;
            // Most of a journal is not the log: it is passed over unparsed.
            if record.first_line + record.lines <= self.next {
                continue;
            }
            for line in fold(self.run, &record)? {
                if self.full() {
                    return Ok(());
                }
                if line.line < self.next {
                    continue;
                }
                self.next = line.line + 1;
                if pick(&line.text) {
                    self.bytes += line.text.len();
                    self.lines.push(line);
                }
            }
        }
        Ok(())
    }
}

/// The lines of a record: as many as were counted when it was stored, so that
/// numbers stay what they were, whatever this build makes of the event.
fn fold(run: RunId, packed: &PackedRecord<'_>) -> Result<Vec<LogText>, StoreError> {
    let id = || format!("{run}/{}", packed.cursor.seq);
    let record: Record = serde_json::from_str(packed.json)
        .map_err(|source| StoreError::Document { what: "record", id: id(), source })?;
    let mut texts = pilot_proto::log::lines(&record.event)
        .into_iter()
        .map(|line| (line.stream, line.text.into_owned()));
    let line = |number: u64| {
        let (stream, text) = texts.next().unwrap_or((Stream::Pilot, String::new()));
        LogText { line: packed.first_line + number, at: record.at, stream, text }
    };
    Ok((0..packed.lines).map(line).collect())
}

/// A record as this build understands it.
pub(crate) fn parse(run: RunId, seq: u64, json: &str) -> Result<Record, StoreError> {
    understand("record", &format!("{run}/{seq}"), json)
}
