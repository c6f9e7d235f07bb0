//! The moments of a run: what its timeline is made of. A fold over the few
//! records that are neither output nor snapshots, and over the sizes of the
//! snapshots; a million lines of output between them are not read.

use super::Which;
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_proto::console::{Moment, MomentKind, Moments, MomentsQuery, TaskMoments};
use pilot_proto::inbox::{Ask, Need};
use pilot_proto::screen::ScreenEvent;
use pilot_proto::{Cursor, Event, Outcome, Phase, Problem, Record, RunId, WallsKind};
use pilot_store::{ChangeSize, Part, Want};

/// Types of the events that are moments.
const EVENTS: Part = Part::Only(&[
    "phase",
    "turn_started",
    "tool_started",
    "asked",
    "walls",
    "reviewed",
    "finished",
]);
/// Records read at once.
const PAGE: Want = Want { part: EVENTS, limit: 1000, max_bytes: 4 * 1024 * 1024 };
/// A label is one line of a small list.
const LABEL: usize = 120;

impl Answers<TaskMoments> for Parts {
    async fn answer(&self, _who: &Principal, query: MomentsQuery) -> Result<Moments, Problem> {
        let Which::Run(run) = self.which_run(query.task, query.run).await? else {
            let (moments, end) = (Vec::new(), Cursor::default());
            return Ok(Moments { run: None, moments, thinned: false, end });
        };
        let mut gathered = self.gathered(run).await?;
        let changes = self.store.change_sizes(run).await.map_err(|error| error.problem())?;
        gathered.minor = merged(gathered.minor, changes);
        // Read after the rest, so that it is never before the last of it.
        let end = self.store.journal_end(run).await.map_err(|error| error.problem())?.cursor;
        let (moments, thinned) = gathered.thinned();
        Ok(Moments { run: Some(run), moments, thinned, end })
    }
}

impl Parts {
    async fn gathered(&self, run: RunId) -> Result<Gathered, Problem> {
        let mut gathered = Gathered::default();
        let mut reached = 0;
        loop {
            let page = self.store.records_after(run, reached, &PAGE).await;
            let page = page.map_err(|error| error.problem())?;
            page.records.iter().for_each(|record| gathered.take(record));
            reached = page.reached;
            if page.end {
                return Ok(gathered);
            }
        }
    }
}

/// What was found so far.
#[derive(Debug)]
struct Gathered {
    /// Phases, turns, asks and the end.
    major: Vec<Moment>,
    /// Tools and changes: of many, every `stride`th.
    minor: Vec<Moment>,
    stride: usize,
    /// How many minor ones there were.
    seen: usize,
}

impl Default for Gathered {
    fn default() -> Self {
        Self { major: Vec::new(), minor: Vec::new(), stride: 1, seen: 0 }
    }
}

impl Gathered {
    fn take(&mut self, record: &Record) {
        let Some((kind, label)) = moment(&record.event) else { return };
        let moment = Moment { seq: record.seq, at: record.at, kind, label, diff: None };
        if kind != MomentKind::Tool {
            self.major.push(moment);
            return;
        }
        if self.seen.is_multiple_of(self.stride) {
            self.minor.push(moment);
        }
        self.seen += 1;
        // Twice what can be shown is enough to choose from.
        if self.minor.len() > 2 * Moments::MOST {
            let mut index = 0;
            self.minor.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// All moments in order, as many as may be.
    fn thinned(mut self) -> (Vec<Moment>, bool) {
        let all = self.major.len() + self.minor.len();
        let dropped = self.stride > 1 || all > Moments::MOST;
        thin(&mut self.major, Moments::MOST);
        thin(&mut self.minor, Moments::MOST - self.major.len());
        let mut moments = self.major;
        moments.append(&mut self.minor);
        moments.sort_by_key(|moment| moment.seq);
        // What an older build stored without a time happened after the moment before it.
        for index in 1..moments.len() {
            if moments[index].at == pilot_proto::Timestamp::default() {
                moments[index].at = moments[index - 1].at;
            }
        }
        (moments, dropped)
    }
}

/// Leaves `most` of them, evenly, the last among them.
fn thin(moments: &mut Vec<Moment>, most: usize) {
    let all = moments.len();
    if all <= most {
        return;
    }
    let mut index = 0;
    moments.retain(|_| {
        let kept = (index + 1) * most / all > index * most / all;
        index += 1;
        kept
    });
}

/// Tools and changes in the order of the journal.
fn merged(mut tools: Vec<Moment>, changes: Vec<ChangeSize>) -> Vec<Moment> {
    tools.extend(changes.into_iter().map(|change| Moment {
        seq: change.seq,
        at: change.at.unwrap_or_default(),
        kind: MomentKind::Change,
        label: match change.size.files {
            1 => "1 file".to_owned(),
            files => format!("{files} files"),
        },
        diff: Some(change.size),
    }));
    tools.sort_by_key(|moment| moment.seq);
    tools
}

fn moment(event: &Event) -> Option<(MomentKind, String)> {
    match event {
        // The end says so itself.
        Event::Phase { phase: Phase::Finished } => None,
        Event::Phase { phase } => Some((MomentKind::Phase, phase_words(*phase).to_owned())),
        Event::TurnStarted { turn, prompt } => {
            Some((MomentKind::Turn, short(&format!("Turn {turn}: {}", prompt.trim_start()))))
        }
        Event::ToolStarted { tool, summary, .. } => {
            Some((MomentKind::Tool, short(format!("{tool} {summary}").trim_end())))
        }
        Event::Asked { ask: Ask::Network { host, port, .. }, .. } => {
            Some((MomentKind::Asked, short(&format!("Refused: {host}:{port}"))))
        }
        Event::Asked { ask, .. } => Some((MomentKind::Asked, need_words(ask.need()).to_owned())),
        // No tool of the agent's: it is the only word of it there is.
        Event::ChildWanted { child, .. } => {
            let words = child.title.as_deref().unwrap_or(&child.prompt);
            Some((MomentKind::Tool, short(&format!("Wants a task: {}", words.trim_start()))))
        }
        Event::Reviewed { agent, problem: Some(_), .. } => {
            Some((MomentKind::Turn, short(&format!("Review by {agent} came to nothing"))))
        }
        Event::Reviewed { agent, findings, .. } => Some((
            MomentKind::Turn,
            short(&format!("Review by {agent}: {} findings", findings.len())),
        )),
        Event::Screen(ScreenEvent::TakenOver { who }) => {
            Some((MomentKind::Tool, short(&format!("{who} drives the screen"))))
        }
        Event::Screen(ScreenEvent::RecordingBegan { who: None, .. }) => {
            Some((MomentKind::Tool, "The agent uses the screen".to_owned()))
        }
        Event::Walls(report) => Some((MomentKind::Phase, walls_words(report.kind).to_owned())),
        Event::Finished(outcome) => Some((MomentKind::End, outcome_words(outcome))),
        Event::Output { .. }
        | Event::SessionStarted { .. }
        | Event::SessionSaved { .. }
        | Event::Text { .. }
        | Event::Steered { .. }
        | Event::Thinking { .. }
        | Event::ToolOutput { .. }
        | Event::ToolEnded { .. }
        | Event::Todos { .. }
        | Event::Decided { .. }
        | Event::Withdrawn { .. }
        | Event::Reported { .. }
        | Event::Rebased { .. }
        | Event::ChildDecided { .. }
        | Event::Activity { .. }
        | Event::Retrying { .. }
        | Event::LimitHit { .. }
        | Event::Resumes { .. }
        | Event::TurnEnded { .. }
        | Event::AgentExited { .. }
        | Event::Checkpoint(_)
        | Event::ReviewStarted { .. }
        | Event::Snapshot(_)
        | Event::OrderDone { .. }
        | Event::PushWanted { .. }
        | Event::Pushed { .. }
        | Event::Artifact { .. }
        | Event::Rescued { .. }
        | Event::Cleaned { .. }
        | Event::Network(_)
        | Event::NetworkEnded(_)
        | Event::NetworkLost { .. }
        | Event::ModelCalled(_)
        | Event::RemoteControl { .. }
        | Event::Screen(_)
        | Event::LoginRenewed { .. }
        | Event::Unknown(_) => None,
    }
}

/// The first line, cut where it is long.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Preparing => "Preparing",
        Phase::Cloning => "Cloning",
        Phase::SettingUp => "Setting up",
        Phase::AgentRunning => "Agent at work",
        Phase::AwaitingAnswer => "Waiting for an answer",
        Phase::TakenOver => "A person drives",
        Phase::Reviewing => "Under review",
        Phase::Collecting => "Collecting",
        Phase::Pushing => "Pushing",
        Phase::Cleaning => "Cleaning",
        Phase::Finished => "Finished",
        Phase::Unknown => "A phase this version does not know",
    }
}

fn need_words(need: Need) -> &'static str {
    match need {
        Need::Question => "A question",
        Need::Permission => "A permission",
        Need::Plan => "A plan to approve",
        Need::Interrupted => "Interrupted",
        Need::Quota => "The quota or the budget is used up",
        Need::Network => "A host that is not allowed",
        Need::HandsOn => "Work for a person",
        Need::Feedback => "Something was said about its pull request",
        Need::Ci => "Its CI waits to be let run",
        Need::Takeover => "A person drives",
        Need::Unknown => "A person was needed",
    }
}

fn walls_words(kind: WallsKind) -> &'static str {
    match kind {
        WallsKind::Bubblewrap => "Walls: bubblewrap",
        WallsKind::Landlock => "Walls: Landlock only",
        WallsKind::Container => "Walls: a container",
        WallsKind::Off => "No walls",
        WallsKind::Auto | WallsKind::Unknown => "Walls of a kind this version does not know",
    }
}

fn outcome_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Pushed { branch, .. } => short(&format!("Pushed to {branch}")),
        Outcome::NoChange => "No change".to_owned(),
        Outcome::Failed { problem } => short(&format!("Failed: {}", problem.message)),
        Outcome::Cancelled => "Stopped".to_owned(),
        Outcome::Fenced => "Gave way to another run".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Timestamp;
    use serde_json::Value;

    fn record(seq: u64, event: Event) -> Record {
        Record { epoch: 1, seq, at: Timestamp(1), event }
    }

    fn tool(seq: u64) -> Record {
        let (tool, summary) = ("Bash".to_owned(), format!("echo {seq}"));
        let id = seq.to_string();
        record(
            seq,
            Event::ToolStarted {
                id,
                tool,
                input: Value::Null,
                summary,
                parent: None,
                locations: Vec::new(),
            },
        )
    }

    #[test]
    fn of_very_many_moments_tools_and_changes_are_thinned_evenly() {
        const TOOLS: u64 = 70_000;
        let mut gathered = Gathered::default();
        for seq in 1..=TOOLS {
            gathered.take(&tool(seq));
            assert!(gathered.minor.len() <= 2 * Moments::MOST, "memory is bounded");
        }
        for turn in 0..40_u32 {
            let seq = TOOLS + u64::from(turn) + 1;
            gathered.take(&record(seq, Event::TurnStarted { turn, prompt: "go\non".into() }));
        }
        let (moments, thinned) = gathered.thinned();
        assert!(thinned && moments.len() == Moments::MOST, "{}", moments.len());
        let turns = moments.iter().filter(|moment| moment.kind == MomentKind::Turn).count();
        assert_eq!(turns, 40, "what a person did is all there");
        assert!(moments.windows(2).all(|two| two[0].seq < two[1].seq), "in order");
        let tools = &moments[..moments.len() - 40];
        let gaps = tools.windows(2).map(|two| two[1].seq - two[0].seq);
        let (least, most) =
            gaps.fold((u64::MAX, 0), |(least, most), gap| (least.min(gap), most.max(gap)));
        assert!(most <= 3 * least, "evenly: gaps from {least} to {most}");
    }

    #[test]
    fn few_moments_are_all_there_with_the_time_of_each() {
        let mut gathered = Gathered::default();
        gathered.take(&record(1, Event::Phase { phase: Phase::Cloning }));
        gathered.take(&tool(4));
        gathered.take(&record(6, Event::Phase { phase: Phase::Finished }));
        gathered.take(&record(7, Event::Finished(Outcome::NoChange)));
        let size = pilot_proto::snapshot::DiffSize { files: 1, added: 2, removed: 3 };
        let changes = vec![
            ChangeSize { seq: 3, at: None, size },
            ChangeSize { seq: 5, at: Some(Timestamp(9)), size },
        ];
        gathered.minor = merged(gathered.minor, changes);
        let (moments, thinned) = gathered.thinned();
        let shown: Vec<_> = moments
            .iter()
            .map(|moment| (moment.seq, moment.at.0, moment.kind, moment.label.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                (1, 1, MomentKind::Phase, "Cloning"),
                (3, 1, MomentKind::Change, "1 file"),
                (4, 1, MomentKind::Tool, "Bash echo 4"),
                (5, 9, MomentKind::Change, "1 file"),
                (7, 1, MomentKind::End, "No change"),
            ]
        );
        assert!(!thinned && moments[1].diff == Some(size));
    }

    #[test]
    fn a_label_is_one_short_line() {
        let long = "ü".repeat(500);
        let (_, label) = moment(&Event::TurnStarted { turn: 2, prompt: long }).expect("a moment");
        assert_eq!(label.chars().count(), LABEL + 1, "cut between characters: {label}");
        let (kind, label) = moment(&Event::Asked {
            item: pilot_proto::InboxId(uuid::Uuid::nil()),
            ask: Ask::Interrupted,
            deadline: None,
            on_timeout: pilot_proto::task::OnTimeout::Proceed,
        })
        .expect("a moment");
        assert_eq!((kind, label.as_str()), (MomentKind::Asked, "Interrupted"));
    }
}
