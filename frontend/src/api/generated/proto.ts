// Made from crates/proto by its test `typescript`; see there. Not to be edited.
/* eslint-disable */

/**
 * What can be done with an agent. Decides what a console offers, and what a
 * run does when nobody answers.
 */
export type Abilities = {
/**
 * A session can be gone on with in another workspace.
 */
resume: boolean,
/**
 * It asks before it uses a tool.
 */
approvals: boolean,
/**
 * After a refusal it goes on with its turn. False: it ends the turn, so
 * that a refusal by nobody in particular costs the work.
 */
goes_on_refused: boolean,
/**
 * It asks questions.
 */
questions: boolean,
/**
 * It makes a plan first and has it approved.
 */
plan: boolean,
/**
 * It takes a message in the middle of a turn.
 */
steer: boolean,
/**
 * A turn can be stopped and the session kept.
 */
interrupt: boolean,
/**
 * It looks at images.
 */
images: boolean,
/**
 * It tells the tokens that it used.
 */
usage: boolean,
/**
 * It tells what they cost.
 */
cost: boolean, };

/**
 * How a runner is set up.
 */
export type About = {
/**
 * What it calls itself.
 */
name: string,
/**
 * Version of its `pilot`.
 */
build: string,
/**
 * `linux x86_64`, ….
 */
platform: string,
/**
 * How many runs at once.
 */
workers: number,
/**
 * It takes nothing new.
 */
draining: boolean,
/**
 * Its X25519 public key, in hex: secrets for its runs are sealed to it.
 */
seal_key: string | null,
/**
 * Agents found.
 */
agents: Array<AgentFound>,
/**
 * What its doctor found of everything else.
 */
checks: Array<ToolCheck>, };

/**
 * With what we are logged in to a forge.
 */
export type AccessBy = { "kind": "nothing" } | { "kind": "token" } | { "kind": "login",
/**
 * Id of the application that is registered there.
 */
client_id: string, } | { "kind": "app",
/**
 * Id of the App.
 */
app: number,
/**
 * Id of its installation.
 */
installation: number, } | { "kind": "unknown" };

/**
 * What the agent is doing, from its own protocol and from its process.
 */
export type Activity = "running" | "idle" | "waiting" | "stalled" | "retrying" | "limited" | "unknown";

/**
 * Rules to add to what a project's agents may do.
 */
export type AddRules = {
/**
 * The project.
 */
name: string,
/**
 * Them.
 */
rules: Array<PermissionRule>, };

/**
 * How much a piece of advice weighs.
 */
export type AdviceWeight = "fine" | "advised" | "needed" | "unknown";

/**
 * What happens when a pull request was merged or closed.
 */
export type AfterPolicy = {
/**
 * Whether its branch is deleted.
 */
delete_branch: DeleteBranch,
/**
 * Its issue is closed when it was merged, also where the forge does not do
 * it (a merge into another than the default branch).
 */
close_issue: boolean, };

/**
 * An agent found on a runner.
 */
export type AgentFound = {
/**
 * `claude`, `scripted`, ….
 */
name: string,
/**
 * Its version, if it told.
 */
version: string | null,
/**
 * What keeps it from working, with the mend; none if nothing does.
 */
problem: string | null,
/**
 * What it can do; none from a runner that does not say yet.
 */
abilities: Abilities | null,
/**
 * Where its program came from.
 */
origin: AgentOrigin,
/**
 * Its program on the runner's disk.
 */
program: string | null,
/**
 * A login of its own on that machine, by the file that holds it. Runs do
 * not use it: they have a HOME of their own.
 */
own_login: string | null,
/**
 * What came of the last [`ToRunner::Try`](super::ToRunner::Try).
 */
live: LiveCheck | null, };

/**
 * Where an agent's program came from.
 */
export type AgentOrigin = "built_in" | "pinned" | "found" | "unknown";

/**
 * Hosts to add to a project's policy.
 */
export type AllowHosts = {
/**
 * The project.
 */
name: string,
/**
 * Rules, as in [`NetworkPolicy::allow`].
 */
rules: Array<string>, };

/**
 * What a person (or the default on timeout) says to an [`Ask`].
 */
export type Answer = { "answer": "allow",
/**
 * Permission: the input to use instead of the asked one.
 */
input: JsonValue | null,
/**
 * Permission: also every later ask of this run that `rule` fits; without
 * one, for the same tool. Network: always so.
 */
for_run: boolean,
/**
 * Also every run of the project, now and later. Permission: by `rule`;
 * without one, for exactly this.
 */
for_project?: boolean,
/**
 * Permission: what else is allowed with it. It must fit what is asked.
 */
rule?: PermissionRule, } | { "answer": "deny",
/**
 * Told to the agent.
 */
reason: string, } | { "answer": "never",
/**
 * Told to the agent.
 */
reason: string,
/**
 * What is refused from now on, which must fit what is asked; none:
 * exactly this.
 */
rule?: PermissionRule, } | { "answer": "choose",
/**
 * Question → answer.
 */
answers: { [key in string]: string }, } | { "answer": "say",
/**
 * What to tell the agent.
 */
text: string, } | { "answer": "end" };

/**
 * An answer.
 */
export type AnswerItem = {
/**
 * To which item.
 */
item: InboxId, } & ({ "answer": "allow",
/**
 * Permission: the input to use instead of the asked one.
 */
input: JsonValue | null,
/**
 * Permission: also every later ask of this run that `rule` fits; without
 * one, for the same tool. Network: always so.
 */
for_run: boolean,
/**
 * Also every run of the project, now and later. Permission: by `rule`;
 * without one, for exactly this.
 */
for_project?: boolean,
/**
 * Permission: what else is allowed with it. It must fit what is asked.
 */
rule?: PermissionRule, } | { "answer": "deny",
/**
 * Told to the agent.
 */
reason: string, } | { "answer": "never",
/**
 * Told to the agent.
 */
reason: string,
/**
 * What is refused from now on, which must fit what is asked; none:
 * exactly this.
 */
rule?: PermissionRule, } | { "answer": "choose",
/**
 * Question → answer.
 */
answers: { [key in string]: string }, } | { "answer": "say",
/**
 * What to tell the agent.
 */
text: string, } | { "answer": "end" });

/**
 * An answer that was given.
 */
export type Answered = {
/**
 * What was said.
 */
answer: Answer,
/**
 * By whom.
 */
decider: Decider,
/**
 * When.
 */
at: Timestamp, };

/**
 * A limit that applies.
 */
export type AppliedLimit = {
/**
 * To what.
 */
what: Limited,
/**
 * In the unit of its field in [`WallLimits`].
 */
value: number,
/**
 * By which means.
 */
means: LimitMeans, };

/**
 * What is asked.
 */
export type Ask = { "kind": "question",
/**
 * The questions.
 */
questions: Array<Question>, } | { "kind": "permission",
/**
 * The agent's name for the tool.
 */
tool: string,
/**
 * What it would be given.
 */
input: JsonValue,
/**
 * One line a person can decide on: the command, the path.
 */
summary: string,
/**
 * The command lines that it would run, whole; for a project's rules.
 */
commands?: Array<string>,
/**
 * The files that it would touch, relative to the tree where they are
 * in it; for a project's rules.
 */
paths?: Array<string>, } | { "kind": "plan",
/**
 * The plan (Markdown).
 */
plan: string, } | { "kind": "interrupted" } | { "kind": "network",
/**
 * The name, or the address where there is none.
 */
host: string,
/**
 * The port.
 */
port: number,
/**
 * The command that tried, where it is known.
 */
process: string | null,
/**
 * Why it was refused, in words.
 */
because: string, } | { "kind": "budget",
/**
 * What was spent, in millionths of a US dollar.
 */
spent_micros: number,
/**
 * What may be.
 */
budget_micros: number, } | { "kind": "hands_on",
/**
 * What is to be done, as the task says it.
 */
what: string,
/**
 * The working tree, on the runner's machine.
 */
tree: string, } | { "kind": "feedback",
/**
 * What was said, oldest first.
 */
follow_ups: Array<FollowUp>,
/**
 * Why a person is asked.
 */
because: string, } | { "kind": "ci",
/**
 * The commit it would run.
 */
head: string,
/**
 * What waits.
 */
held: Array<HeldRun>,
/**
 * The forge has no call for it: a person has to open the pages.
 */
by_hand: boolean, };

/**
 * A file that an agent is given with a task.
 */
export type Attachment = {
/**
 * Its name, without a path.
 */
name: string,
/**
 * Its media type.
 */
media_type: string,
/**
 * Where its bytes are kept.
 */
blob: BlobId,
/**
 * How many there are.
 */
size: number, };

/**
 * What tasks that were filed together share.
 */
export type Batch = {
/**
 * Its id.
 */
id: BatchId,
/**
 * For lists.
 */
name: string,
/**
 * At most this many of them at work at once.
 */
at_most: number | null, };

/**
 * Tasks that were filed together.
 */
export type BatchId = string;

/**
 * The git object id of some bytes as a blob (`sha1("blob <len>\0" + bytes)`,
 * 40 hex digits): the address of file contents, bundles and session files.
 */
export type BlobId = string;

/**
 * What happened to a path.
 */
export type Change = "added" | "modified" | "deleted" | "renamed" | "mode_changed" | "type_changed" | "unknown";

/**
 * A file that differs from the base commit.
 */
export type ChangedFile = {
/**
 * Path in the workspace, `/`-separated; bytes that are not UTF-8 are replaced.
 */
path: string,
/**
 * Path in the base, if it was renamed.
 */
old_path?: string | null,
/**
 * What happened.
 */
change: Change,
/**
 * In the base.
 */
old: Side | null,
/**
 * In the workspace.
 */
new: Side | null,
/**
 * Lines added, where they can be counted.
 */
added: number | null,
/**
 * Lines removed, where they can be counted.
 */
removed: number | null, };

/**
 * One check of a commit.
 */
export type CheckSeen = {
/**
 * Its name (`build`, `CI / test (pull_request)`).
 */
name: string,
/**
 * What it says.
 */
state: ChecksState,
/**
 * In its own words; may be empty.
 */
description: string,
/**
 * Its page.
 */
url: string | null, };

/**
 * What the end of a turn left, so that another run, on any runner, can begin
 * there: the tree and the agent's session as they were.
 */
export type Checkpoint = {
/**
 * Of which turn of the run; 0 is its beginning.
 */
turn: number,
/**
 * Commit of the base branch that the tree's work is measured against.
 */
base: string,
/**
 * Bundle with everything that `base` does not have; none: the tree is that
 * commit, unless `left_out` says otherwise.
 */
bundle: BlobId | null,
/**
 * Its size in bytes.
 */
size: number,
/**
 * The agent's session; none where it has none yet, or keeps none.
 */
session: Session | null,
/**
 * Why the tree was not kept, in words; empty: it was. Then no run can begin
 * here.
 */
left_out?: string, };

/**
 * The checks (CI) of a commit, taken together.
 */
export type Checks = {
/**
 * All of them in one word.
 */
state: ChecksState,
/**
 * How many there are.
 */
total: number,
/**
 * How many have failed.
 */
failed: number,
/**
 * Page of the first that failed, or of any.
 */
url: string | null,
/**
 * Each of them, those that need somebody first; at most [`Checks::MOST`].
 */
each?: Array<CheckSeen>, };

/**
 * Checks in one word.
 */
export type ChecksState = "pending" | "passed" | "failed" | "held" | "unknown";

/**
 * What a task's agent may file by itself.
 */
export type ChildBounds = {
/**
 * How many tasks one task may file, its children's tasks counted in;
 * 0: none.
 */
tasks: number,
/**
 * How deep the tree may grow below a task that a person filed; 0: not.
 */
depth: number,
/**
 * What all children together may spend on models, in millionths of a US
 * dollar; none: each has its own limits only.
 */
budget_micros: number | null, };

/**
 * A task as those see it that its parent's agent is told of.
 */
export type ChildSeen = {
/**
 * Which.
 */
task: TaskId,
/**
 * The task whose agent filed it.
 */
parent: TaskId,
/**
 * For lists.
 */
title: string,
/**
 * Which agent does it.
 */
agent: string,
/**
 * Name of its state, as [`TaskState::name`] gives it.
 */
state: string,
/**
 * In a person's words, why.
 */
reason: string,
/**
 * No run of it is at work or will be by itself.
 */
over: boolean,
/**
 * Where its work is, or will be.
 */
branch: string,
/**
 * How large its change is.
 */
diff: DiffSize,
/**
 * Page of its pull request.
 */
pull_request?: string | null,
/**
 * Why it failed.
 */
problem?: string | null,
/**
 * Its agent's last words on it: hearsay.
 */
summary: string, };

/**
 * One choice of a question.
 */
export type Choice = {
/**
 * What to answer.
 */
label: string,
/**
 * What it means.
 */
description: string, };

/**
 * What keeps the CI from running an agent's work unseen.
 */
export type CiHold = "none" | "before_push" | "by_forge";

/**
 * The closed list of reasons. It grows only when some consumer branches on
 * the new one. A code from a newer peer reads as [`Code::Unknown`].
 */
export type Code = "repository_unreachable" | "repository_refused" | "branch_unknown" | "setup_failed" | "workspace_failed" | "disk_full" | "agent_missing" | "agent_auth" | "agent_limit" | "agent_failed" | "agent_crashed" | "denied" | "limit_reached" | "unanswered" | "push_rejected" | "forge_refused" | "forge_unreachable" | "forge_mismatch" | "lease_lost" | "run_lost" | "not_found" | "invalid" | "precondition" | "unauthorized" | "forbidden" | "too_large" | "version" | "internal" | "unknown";

/**
 * Whom a commit is by.
 */
export type CommitIdentity = {
/**
 * Name.
 */
name: string,
/**
 * Address.
 */
email: string, };

/**
 * What becomes of a run's commits.
 */
export type Commits = "keep" | "squash";

/**
 * A file, and what each of the tasks did to it.
 */
export type ComparedFile = {
/**
 * Its path.
 */
path: string,
/**
 * Who touched it.
 */
by: Array<TouchedBy>, };

/**
 * One of them.
 */
export type ComparedTask = {
/**
 * The task: agent, model, state, size of its change, reservations.
 */
task: Task,
/**
 * The tests that its latest run ran, in order; of many, the last
 * [`ComparedTask::MOST_TESTS`].
 */
tests: Array<TestRun>,
/**
 * Turns of its latest run.
 */
turns: number,
/**
 * Seconds that all its runs were at it.
 */
secs: number,
/**
 * What all its runs used.
 */
usage: Usage,
/**
 * Files that only it touched.
 */
alone: number, };

/**
 * Where a hub keeps tokens and keys.
 */
export type CredentialKeep = "keychain" | "sealed" | "file" | "unknown";

/**
 * What a cron expression means.
 */
export type CronMeaning = {
/**
 * In words.
 */
says: string,
/**
 * The next times, at most five.
 */
next: Array<ScheduleTime>, };

/**
 * A cron expression to look at before it is used.
 */
export type CronQuery = {
/**
 * The expression.
 */
cron: string,
/**
 * The time zone it is read in.
 */
zone: string, };

/**
 * A position in a journal. The epoch is the incarnation of the shim that wrote
 * the record (1 for the first); `seq` starts at 1, rises by one within an
 * epoch, and is unique within a run. At the border of two epochs it may jump:
 * a shim that starts after a power loss leaves [`Cursor::POWER_LOSS_GAP`] free,
 * because the hub may already hold records that the disk lost.
 */
export type Cursor = {
/**
 * Incarnation of the writer.
 */
epoch: number,
/**
 * Position. 0 is before the first record.
 */
seq: number, };

/**
 * Who decided.
 */
export type Decider = { "by": "person",
/**
 * Their name.
 */
name: string, } | { "by": "timeout" } | { "by": "policy" };

/**
 * When a branch of ours is deleted.
 */
export type DeleteBranch = "never" | "merged" | "ended";

/**
 * The wire format of a call.
 */
export type Dialect = "anthropic" | "responses" | "chat" | "gemini" | "ollama" | "unknown";

/**
 * One side of a row that differs.
 */
export type DiffCell = {
/**
 * Line number, from 1.
 */
line: number,
/**
 * The line, without its end.
 */
text: string,
/**
 * Byte ranges of `text` to emphasise, `[start, end)`, on character borders.
 */
emphasis: Array<[number, number]>,
/**
 * The file ends here without a newline.
 */
no_newline: boolean, };

/**
 * Which snapshot.
 */
export type DiffQuery = {
/**
 * Of which task.
 */
task: TaskId,
/**
 * Of which run; none: the latest.
 */
run?: RunId | null,
/**
 * As it was at this sequence number of the journal; none: the latest.
 */
at?: number | null, };

/**
 * One row of a side-by-side view.
 */
export type DiffRow = { "row": "same",
/**
 * Line number on the old side, from 1.
 */
old: number,
/**
 * Line number on the new side, from 1.
 */
new: number,
/**
 * The line, without its end.
 */
text: string, } | { "row": "differs",
/**
 * The old side.
 */
old: DiffCell | null,
/**
 * The new side.
 */
new: DiffCell | null, } | { "row": "folded",
/**
 * First of them, as a row number of the unfolded alignment.
 */
first_row: number,
/**
 * How many.
 */
rows: number, };

/**
 * Files and lines of a change.
 */
export type DiffSize = {
/**
 * Files touched.
 */
files: number,
/**
 * Lines added, where they can be counted.
 */
added: number,
/**
 * Lines removed, where they can be counted.
 */
removed: number, };

/**
 * Through which door of the gate something was tried.
 */
export type Door = "connect" | "http" | "tls" | "tcp" | "dns" | "git" | "unknown";

/**
 * The login that a run would have.
 */
export type EffectiveLogin = {
/**
 * Which agent.
 */
agent: string,
/**
 * Which profile, if one was taken.
 */
profile?: string | null,
/**
 * Name of the provider; none: the agent calls no model through the hub.
 */
provider?: string | null,
/**
 * Providers that are asked when that one fails.
 */
fallbacks: Array<string>,
/**
 * One sentence: `provider X, API key, from the keychain`.
 */
words: string,
/**
 * What would keep a task from being filed, or its run from beginning.
 */
problem?: Problem | null, };

/**
 * Who decides whether an agent is told.
 */
export type FeedbackMode = "off" | "ask" | "automatic";

/**
 * What becomes of what is said about a pull request: comments, reviews,
 * failed checks, conflicts with the base.
 */
export type FeedbackPolicy = {
/**
 * Who decides whether the agent is told.
 */
mode: FeedbackMode,
/**
 * How many turns in a row begin by themselves; then a person is asked.
 */
turns: number,
/**
 * Logins whose words may begin a turn by themselves; those of others are
 * asked about. None: everybody's who may comment there.
 */
from: Array<string>, };

/**
 * One file, side by side.
 */
export type FileDiff = {
/**
 * The file it is of.
 */
file: ChangedFile,
/**
 * Rows of the whole alignment, unfolded; `rows` is a window of them.
 */
total_rows: number,
/**
 * First row of the window.
 */
first_row: number,
/**
 * The window.
 */
rows: Array<DiffRow>,
/**
 * Ranges of rows that differ, `[start, end)`, in order: for jumping.
 */
changes: Array<[number, number]>,
/**
 * The deadline ran out before Myers ended: the alignment is right, but
 * not the smallest.
 */
approximate: boolean,
/**
 * Why there are no rows (binary, submodule, left out, …).
 */
note: string | null, };

/**
 * Issues to make tasks of.
 */
export type FileIssues = {
/**
 * Of which project.
 */
name: string,
/**
 * Their numbers; at most 1000.
 */
numbers: Array<number>,
/**
 * Also those that have a task under way.
 */
again?: boolean,
/**
 * How they are done.
 */
how?: IssueTask,
/**
 * They belong together.
 */
batch?: NewBatch | null, };

/**
 * Which file of which snapshot.
 */
export type FileQuery = {
/**
 * Of which task.
 */
task: TaskId,
/**
 * Of which run; none: the latest.
 */
run?: RunId | null,
/**
 * As it was at this sequence number of the journal; none: the latest.
 */
at?: number | null,
/**
 * Which file.
 */
path: string,
/**
 * First row; none: 0.
 */
first?: number | null,
/**
 * At most this many rows; none: 2000; bound: 20,000.
 */
rows?: number | null,
/**
 * Fold equal rows further than this from a change; none: no folding.
 */
context?: number | null,
/**
 * Lines that differ in white space only are the same.
 */
ignore_space?: boolean | null, };

/**
 * A film, as it stands.
 */
export type Film = {
/**
 * How far it is.
 */
state: FilmState,
/**
 * So much of the recording is in it, in milliseconds.
 */
done_millis: number,
/**
 * So long is the recording, as far as it can be read; 0: not known yet.
 */
of_millis: number,
/**
 * Bytes of the film, as soon as it is whole.
 */
size?: number | null,
/**
 * What is to be known of it, in sentences: that it ends early and why, or
 * why there is none and what to do.
 */
note?: string | null, };

/**
 * Which film.
 */
export type FilmOf = {
/**
 * Of which task.
 */
task: TaskId,
/**
 * The recording: an artifact of one of its runs.
 */
blob: BlobId,
/**
 * What stands still for longer than two seconds is cut to two; none: no.
 */
skip_still?: boolean | null, };

/**
 * How far a film is.
 */
export type FilmState = "waiting" | "making" | "ready" | "failed" | "unknown";

/**
 * Something said about a pull request that an agent may be told.
 */
export type FollowUp = {
/**
 * The same for the same thing, however often it is seen.
 */
id: string,
/**
 * What it is.
 */
kind: FollowUpKind,
/**
 * Who says so: a login, or the CI.
 */
from: string,
/**
 * One line, for lists.
 */
summary: string,
/**
 * What the agent is told; what people wrote is fenced in it.
 */
text: string,
/**
 * Its page; empty where there is none.
 */
url: string, };

/**
 * What a [`FollowUp`] is.
 */
export type FollowUpKind = "comment" | "changes_requested" | "checks_failed" | "conflict" | "unknown";

/**
 * A forge as a console sees it; the token stays in the hub.
 */
export type Forge = {
/**
 * Its name for us; projects refer to it.
 */
name: string,
/**
 * Which API it speaks.
 */
kind: ForgeKind,
/**
 * Base URL of the web interface, with any base path.
 */
url: string,
/**
 * Certificates (PEM) that the hub trusts there besides the system's.
 */
authorities?: string | null,
/**
 * What the hub goes through to it; none: what its environment says.
 */
proxy?: string | null,
/**
 * Name of the runner that dials it for the hub; none: the hub does.
 */
through?: string | null,
/**
 * Who we are there.
 */
account?: ForgeAccount | null, };

/**
 * How we are logged in to a forge.
 */
export type ForgeAccess = {
/**
 * With what.
 */
by: AccessBy,
/**
 * Scopes or permissions that everything we do needs.
 */
needs: Array<string>,
/**
 * When it ends; none: never, or the forge did not say.
 */
ends_at?: Timestamp | null,
/**
 * The hub renews it before.
 */
renewed: boolean,
/**
 * It has ended, or could not be renewed when it was last tried.
 */
problem?: Problem | null, };

/**
 * Who we are to a forge, as it said when we logged in.
 */
export type ForgeAccount = {
/**
 * The account's name.
 */
login: string,
/**
 * What we may do there, in its words; none where it does not tell.
 */
scopes?: Array<string> | null, };

/**
 * The kinds of forge there is an adapter for.
 */
export type ForgeKind = "gitea" | "forgejo" | "github" | "gitlab";

/**
 * A login that was begun.
 */
export type ForgeLoginSeen = {
/**
 * Our name for the forge.
 */
name: string,
/**
 * The page to open.
 */
page: string,
/**
 * The code to type in there; none: the page does it all.
 */
code?: string | null,
/**
 * Until when it waits.
 */
until: Timestamp,
/**
 * How it stands.
 */
standing: LoginStanding,
/**
 * Why it came to nothing.
 */
problem?: Problem | null, };

/**
 * A forge, and how we are logged in there.
 */
export type ForgeSeen = {
/**
 * How we are logged in.
 */
access: ForgeAccess,
/**
 * Its name for us; projects refer to it.
 */
name: string,
/**
 * Which API it speaks.
 */
kind: ForgeKind,
/**
 * Base URL of the web interface, with any base path.
 */
url: string,
/**
 * Certificates (PEM) that the hub trusts there besides the system's.
 */
authorities?: string | null,
/**
 * What the hub goes through to it; none: what its environment says.
 */
proxy?: string | null,
/**
 * Name of the runner that dials it for the hub; none: the hub does.
 */
through?: string | null,
/**
 * Who we are there.
 */
account?: ForgeAccount | null, };

/**
 * From a console, on its WebSocket.
 */
export type FromConsole = { "type": "watch_all",
/**
 * Chosen by the console; comes back with everything it is told.
 */
watch: number, } | { "type": "watch_journal",
/**
 * Chosen by the console.
 */
watch: number,
/**
 * Which run.
 */
run: RunId,
/**
 * After which sequence number; 0 for all.
 */
after: number,
/**
 * Which of its records.
 */
part: JournalPart, } | { "type": "watch_log",
/**
 * Chosen by the console.
 */
watch: number,
/**
 * Which run.
 */
run: RunId, } | { "type": "unwatch",
/**
 * Which.
 */
watch: number, };

/**
 * From a screen, besides what its RFB server says.
 */
export type FromScreen = { "type": "state",
/**
 * Pixels, as the server last said.
 */
width: number,
/**
 * Pixels.
 */
height: number,
/**
 * Who drives; none: nobody.
 */
driver?: ScreenDriver | null,
/**
 * That is you: what you type, point and paste arrives. What anybody
 * else sends of the kind is dropped.
 */
yours: boolean,
/**
 * You may take over (`task_takeover`); the clipboard of the screen
 * comes to you.
 */
may_drive: boolean,
/**
 * How many look on or drive.
 */
viewers: number,
/**
 * It is this server's (`host:port`), and not the run's own.
 */
attached?: string | null, } | { "type": "pong",
/**
 * As it was asked.
 */
number: number, } | { "type": "ended",
/**
 * Why, in a sentence.
 */
why: string,
/**
 * Another tunnel to it may be opened at once, and starts it again.
 */
again: boolean, } | { "type": "unknown" };

/**
 * From a terminal. What it shows comes as bytes, secrets taken out; at first
 * the last of what it showed before.
 */
export type FromTerminal = { "type": "state",
/**
 * Characters in a row.
 */
columns: number,
/**
 * Rows.
 */
rows: number,
/**
 * Who types; none: nobody.
 */
driver: string | null,
/**
 * That is you.
 */
yours: boolean,
/**
 * How many look on or type.
 */
viewers: number, } | { "type": "ended",
/**
 * Why, in a sentence.
 */
why: string,
/**
 * What is missing comes back by itself, as a runner does that is being
 * started again: another tunnel may be tried soon.
 */
again: boolean, } | { "type": "unknown" };

/**
 * How the gate treats what no rule names.
 */
export type GateMode = "enforce" | "learn" | "off" | "unknown";

/**
 * The tasks of a group side by side.
 */
export type GroupComparison = {
/**
 * Which group.
 */
group: GroupId,
/**
 * The commit that all of them begin from; none until the first has looked.
 */
base_commit: string | null,
/**
 * Its tasks, in the order in which they were filed.
 */
tasks: Array<ComparedTask>,
/**
 * Every file that one of them touched: those that most touched come first.
 */
files: Array<ComparedFile>, };

/**
 * Tasks of which one will be kept: best of N.
 */
export type GroupId = string;

/**
 * Gives the screen back to the agent.
 */
export type HandBack = {
/**
 * Of which task.
 */
task: TaskId,
/**
 * What was done, for the agent: it is told next (Markdown).
 */
note?: string | null, };

/**
 * Why a person no longer drives.
 */
export type HandBackCause = "asked" | "silence" | "run_over" | "unknown";

/**
 * A run of the CI that waits for a person.
 */
export type HeldRun = {
/**
 * What waits.
 */
name: string,
/**
 * The page where a person can let it run.
 */
page: string | null, };

/**
 * Which hub this is.
 */
export type HubInfo = {
/**
 * Version of its `pilot`.
 */
build: string,
/**
 * Version of the runner wire it speaks.
 */
runner_version: number,
/**
 * Who the caller is to it.
 */
you: string,
/**
 * What the caller may do.
 */
role: Role,
/**
 * Where it keeps tokens and keys.
 */
credentials: CredentialKeep, };

/**
 * Something that needs a person.
 */
export type InboxId = string;

/**
 * Something that needs a person.
 */
export type InboxItem = {
/**
 * Its id.
 */
id: InboxId,
/**
 * The task.
 */
task: TaskId,
/**
 * The run that waits.
 */
run: RunId,
/**
 * What is asked.
 */
ask: Ask,
/**
 * Since when.
 */
asked_at: Timestamp,
/**
 * When `on_timeout` decides; none: it waits for ever.
 */
deadline: Timestamp | null,
/**
 * What it will decide.
 */
on_timeout: OnTimeout,
/**
 * The answer, once there is one.
 */
answered: Answered | null, };

/**
 * Which inbox items.
 */
export type InboxQuery = {
/**
 * Of this task.
 */
task?: TaskId | null,
/**
 * Those already answered, too.
 */
all?: boolean | null, };

/**
 * Which issues of a project become tasks by themselves, and what their pages
 * are told of it.
 */
export type IntakePolicy = {
/**
 * Of which project.
 */
project: string,
/**
 * An issue that is given this label becomes a task; none: no label does
 * that.
 */
label?: string | null,
/**
 * A comment `/pilot fix …` of somebody who may write to the repository
 * makes its issue a task.
 */
comments: boolean,
/**
 * How the hub hears of that.
 */
way: TriggerWay,
/**
 * With [`TriggerWay::Poll`]: seconds between two looks.
 */
poll_secs: number,
/**
 * How such a task is done.
 */
how: IssueTask,
/**
 * What the issue's page is told.
 */
status: IssueStatus, };

/**
 * What makes a project's issues tasks, and how that goes.
 */
export type IntakeSeen = {
/**
 * A webhook of ours is registered.
 */
webhook: boolean,
/**
 * When its issues were last looked at; none: not since the hub started.
 */
looked_at?: Timestamp | null,
/**
 * Why that did not work.
 */
problem?: Problem | null,
/**
 * Of which project.
 */
project: string,
/**
 * An issue that is given this label becomes a task; none: no label does
 * that.
 */
label?: string | null,
/**
 * A comment `/pilot fix …` of somebody who may write to the repository
 * makes its issue a task.
 */
comments: boolean,
/**
 * How the hub hears of that.
 */
way: TriggerWay,
/**
 * With [`TriggerWay::Poll`]: seconds between two looks.
 */
poll_secs: number,
/**
 * How such a task is done.
 */
how: IssueTask,
/**
 * What the issue's page is told.
 */
status: IssueStatus, };

/**
 * What became of the wish to make a task of an issue.
 */
export type IssueFiled = {
/**
 * Number of the issue.
 */
number: number,
/**
 * The task that it is, or will be.
 */
task: TaskId,
/**
 * Where it stands.
 */
standing: IssueStanding, };

/**
 * An issue, or why there is none.
 */
export type IssueFound = {
/**
 * As it was asked for.
 */
link: string,
/**
 * Project whose repository it belongs to.
 */
project: string | null,
/**
 * Its number.
 */
number: number | null,
/**
 * Its title.
 */
title: string,
/**
 * Its text (Markdown): of whoever may write issues there, so not to be trusted.
 */
body: string,
/**
 * Why it could not be read.
 */
problem: Problem | null, };

/**
 * Links of issues.
 */
export type IssueLinks = {
/**
 * At most 100.
 */
links: Array<string>, };

/**
 * Which issues to list.
 */
export type IssueQuery = {
/**
 * Of which project.
 */
name: string,
/**
 * Names of labels, with commas between them; an issue has all of them.
 */
labels?: string | null,
/**
 * Title of its milestone.
 */
milestone?: string | null,
/**
 * Login of whom it is assigned to.
 */
assignee?: string | null,
/**
 * Text in its title or body.
 */
search?: string | null,
/**
 * Closed ones as well.
 */
all?: boolean | null,
/**
 * At most this many; none: 200.
 */
limit?: number | null, };

/**
 * An issue in a list. What it says is of whoever may write one there.
 */
export type IssueSeen = {
/**
 * Its number in the repository.
 */
number: number,
/**
 * Its title.
 */
title: string,
/**
 * Its page.
 */
url: string,
/**
 * It is open.
 */
open: boolean,
/**
 * Who wrote it.
 */
author: string,
/**
 * Labels, by name.
 */
labels: Array<string>,
/**
 * Who is to see to it.
 */
assignees: Array<string>,
/**
 * Title of its milestone.
 */
milestone?: string | null,
/**
 * How many comments there are.
 */
comments: number,
/**
 * When it changed last, in the forge's words (RFC 3339).
 */
updated: string,
/**
 * The newest task that was made of it.
 */
task?: TaskId | null,
/**
 * That task's state (`working`, `in_review`, …).
 */
task_state?: string | null,
/**
 * It is on its way to becoming a task.
 */
waits?: boolean, };

/**
 * Where an issue that was asked for stands.
 */
export type IssueStanding = "waits" | "waited_already" | "has_task" | "unknown";

/**
 * What the page of an issue is told of its task.
 */
export type IssueStatus = {
/**
 * Label that it has while its task is under way.
 */
label?: string | null,
/**
 * One comment says where the task stands, and is kept up to date.
 */
comment: boolean, };

/**
 * How a task that is made of an issue is done; what is not named is as the
 * project says.
 */
export type IssueTask = {
/**
 * Which agent.
 */
agent?: string | null,
/**
 * Which model.
 */
model?: string | null,
/**
 * How much the agent may do by itself.
 */
mode?: Mode | null,
/**
 * Name of a profile.
 */
profile?: string | null,
/**
 * The work is shown to a person before it is published.
 */
hold: boolean,
/**
 * What the agent is told besides, by whoever set this up.
 */
text?: string | null, };

/**
 * What happened. An event from a newer peer reads as [`Event::Unknown`] and
 * is kept as it came.
 */
export type JournalEvent = { "type": "phase",
/**
 * Which.
 */
phase: Phase, } | { "type": "output",
/**
 * Where they came from.
 */
stream: Stream,
/**
 * The lines.
 */
text: string,
/**
 * The last line is not at its end yet (a prompt that waits, a line
 * longer than the shim's buffer): the stream's next output goes on in it.
 */
open?: boolean, } | { "type": "session_started",
/**
 * Its name for it.
 */
session: string,
/**
 * The model it says it uses.
 */
model: string | null,
/**
 * The agent's version.
 */
version: string | null, } | { "type": "session_saved",
/**
 * The session and its file.
 */
session: Session, } | { "type": "turn_started",
/**
 * Counts from 1 within the run.
 */
turn: number,
/**
 * What it was told.
 */
prompt: string, } | { "type": "steered",
/**
 * What.
 */
text: string, } | { "type": "text",
/**
 * Markdown.
 */
text: string,
/**
 * The tool call of a subagent that this belongs to.
 */
parent?: string | null,
/**
 * It is still speaking: the next `Text` of the same parent goes on
 * right behind this one, without a line end between.
 */
open?: boolean, } | { "type": "thinking",
/**
 * Text.
 */
text: string,
/**
 * The tool call of a subagent that this belongs to.
 */
parent?: string | null,
/**
 * As with `Text`.
 */
open?: boolean, } | { "type": "tool_started",
/**
 * The agent's id for the call.
 */
id: string,
/**
 * The agent's name for the tool.
 */
tool: string,
/**
 * What it was given.
 */
input: JsonValue,
/**
 * One line for lists: the command, the path.
 */
summary: string,
/**
 * The tool call of a subagent that this belongs to.
 */
parent?: string | null,
/**
 * Files that it is about, as far as the agent says; paths in the tree
 * are relative to it.
 */
locations?: Array<Location>, } | { "type": "tool_output",
/**
 * The call.
 */
id: string,
/**
 * What is new.
 */
text: string, } | { "type": "tool_ended",
/**
 * The call.
 */
id: string,
/**
 * False if the tool, or a person, refused.
 */
ok: boolean,
/**
 * What the agent was given back.
 */
output: string, } | { "type": "todos",
/**
 * Its items.
 */
items: Array<Todo>, } | { "type": "asked",
/**
 * The inbox item.
 */
item: InboxId,
/**
 * What is asked.
 */
ask: Ask,
/**
 * When `on_timeout` decides.
 */
deadline: Timestamp | null,
/**
 * What it will decide.
 */
on_timeout: OnTimeout, } | { "type": "decided",
/**
 * The inbox item.
 */
item: InboxId,
/**
 * What.
 */
answer: Answer,
/**
 * By whom.
 */
decider: Decider, } | { "type": "withdrawn",
/**
 * The inbox item.
 */
item: InboxId, } | { "type": "reported",
/**
 * In its words.
 */
text: string, } | { "type": "child_wanted",
/**
 * The run's name for the wish; the same one again is the same wish.
 */
token: string,
/**
 * Which.
 */
child: NewChild, } | { "type": "child_decided",
/**
 * The wish.
 */
token: string,
/**
 * The task that was filed; none: it was not.
 */
task: TaskId | null,
/**
 * Why not.
 */
problem: Problem | null, } | { "type": "activity",
/**
 * In one word.
 */
activity: Activity,
/**
 * In a person's words.
 */
reason: string, } | { "type": "retrying",
/**
 * Which try failed.
 */
attempt: number,
/**
 * Milliseconds until the next.
 */
wait_ms: number,
/**
 * Why.
 */
reason: string, } | { "type": "limit_hit",
/**
 * When it ends.
 */
resets_at: Timestamp | null,
/**
 * In the provider's words.
 */
reason: string, } | { "type": "resumes",
/**
 * When.
 */
at: Timestamp, } | { "type": "turn_ended",
/**
 * Which.
 */
turn: number,
/**
 * Why.
 */
end: TurnEnd,
/**
 * What the turn used.
 */
usage: Usage,
/**
 * How many tool calls were refused in it.
 */
denials: number,
/**
 * The agent's own last words on it.
 */
summary: string,
/**
 * Where the agent reported an error: what it was.
 */
problem: Problem | null, } | { "type": "checkpoint" } & Checkpoint | { "type": "review_started",
/**
 * Counts from 1 within the run.
 */
round: number,
/**
 * Which agent.
 */
agent: string,
/**
 * Which model.
 */
model: string | null, } | { "type": "reviewed",
/**
 * Which round.
 */
round: number,
/**
 * Which agent.
 */
agent: string,
/**
 * What it found; they go back to the first agent as its next turn.
 */
findings: Array<ReviewFinding>,
/**
 * Why the review came to nothing, if it did.
 */
problem: Problem | null,
/**
 * What it used.
 */
usage: Usage, } | { "type": "agent_exited",
/**
 * Its exit code; none if a signal ended it.
 */
code: number | null,
/**
 * The signal.
 */
signal: number | null, } | { "type": "snapshot" } & SnapshotDelta | { "type": "walls" } & WallsReport | { "type": "network" } & NetworkDecision | { "type": "network_ended" } & NetworkEnd | { "type": "network_lost",
/**
 * So many decisions were not written down.
 */
decisions: number, } | { "type": "model_called" } & ModelCall | { "type": "remote_control",
/**
 * `https://…`.
 */
url: string, } | { "type": "login_renewed",
/**
 * Name of the provider.
 */
provider: string,
/**
 * A [`RenewedLogin`](crate::project::RenewedLogin) that only the hub
 * can open, in base64.
 */
sealed: string, } | { "type": "order_done",
/**
 * Which.
 */
order: OrderId,
/**
 * Why not.
 */
problem: Problem | null, } | { "type": "push_wanted",
/**
 * The run's fencing token.
 */
fence: number,
/**
 * Branch in the remote.
 */
branch: string,
/**
 * Commit to push.
 */
commit: string,
/**
 * What was run and said: for the pull request.
 */
summary: string, } | { "type": "rebased",
/**
 * Name of the base branch.
 */
base: string,
/**
 * Its commit.
 */
onto: string,
/**
 * The branch's commit.
 */
commit: string, } | { "type": "pushed",
/**
 * Branch in the remote.
 */
branch: string,
/**
 * Its commit.
 */
commit: string, } | { "type": "artifact",
/**
 * Its path below the run's artifact directory, `/`-separated.
 */
name: string,
/**
 * Its media type, by its name.
 */
media_type: string,
/**
 * Where its bytes are kept.
 */
blob: BlobId,
/**
 * How many there are.
 */
size: number, } | { "type": "rescued",
/**
 * A git bundle.
 */
bundle: BlobId,
/**
 * Its size in bytes.
 */
size: number,
/**
 * The ref inside it.
 */
reference: string, } | { "type": "cleaned",
/**
 * Resources of the ledger that are still there.
 */
left: Array<string>, } | { "type": "screen" } & ScreenEvent | { "type": "finished" } & Outcome;

/**
 * Records of a journal.
 */
export type JournalPage = {
/**
 * Of which run.
 */
run: RunId | null,
/**
 * The records.
 */
records: Array<JournalRecord>,
/**
 * Last durable record of the journal.
 */
end: Cursor, };

/**
 * Which records of a journal.
 */
export type JournalPart = "all" | "conversation";

/**
 * Which records of a journal.
 */
export type JournalQuery = {
/**
 * Of which task.
 */
task: TaskId,
/**
 * Of which run; none: the latest.
 */
run?: RunId | null,
/**
 * Those after this sequence number; none: from the start.
 */
after?: number | null,
/**
 * The last ones before this sequence number instead, in order: for
 * reading backwards. Not together with `after`.
 */
before?: number | null,
/**
 * Which of them; none: every one.
 */
part?: JournalPart | null,
/**
 * At most this many; none: 1000; bound: 10,000. A page also ends at 4 MiB.
 */
limit?: number | null, };

/**
 * One record, as it stands in the shim's file, on the wire and in the hub:
 * one line of JSON.
 */
export type JournalRecord = {
/**
 * Incarnation of the writer.
 */
epoch: number,
/**
 * Position.
 */
seq: number,
/**
 * When the shim minted it, by its machine's clock. For showing, not for ordering.
 */
at: Timestamp,
/**
 * What happened.
 */
event: JournalEvent, };

export type JsonValue = number | string | boolean | Array<JsonValue> | { [key in string]: JsonValue } | null;

/**
 * By which means a limit holds.
 */
export type LimitMeans = "cgroup_v2" | "cgroup_v1" | "rlimit" | "tmpfs" | "watched" | "engine" | "unknown";

/**
 * What is limited.
 */
export type Limited = "memory" | "pids" | "cpu" | "disk" | "file" | "tmp" | "open_files" | "unknown";

/**
 * Bounds of one run. Every wait of a run has one of these as its deadline.
 */
export type Limits = {
/**
 * Seconds from the start of the agent to its end, waits for people left out.
 */
agent_secs: number,
/**
 * Seconds that all setup steps together may take.
 */
setup_secs: number,
/**
 * Seconds a person has to answer before `on_timeout` decides.
 */
answer_secs: number,
/**
 * Seconds without a sign of the agent after which a run is called stalled.
 */
stall_secs: number,
/**
 * Seconds that a run may wait in all for its provider's usage limits to
 * end. A limit that ends later ends the run.
 */
quota_secs: number,
/**
 * What the task's calls to models may cost, in millionths of a US dollar;
 * none: as much as it takes.
 */
budget_micros: number | null, };

/**
 * What came of starting an agent with a trivial prompt.
 */
export type LiveCheck = {
/**
 * When it was over, by the runner's clock.
 */
at: Timestamp,
/**
 * With which provider; none: the agent had none.
 */
provider: string | null,
/**
 * Milliseconds that it took.
 */
took_ms: number,
/**
 * What the agent said.
 */
answer: string,
/**
 * What went wrong; none: it answered.
 */
problem: Problem | null, };

/**
 * How busy a machine is.
 */
export type Load = {
/**
 * Processor use since the last beat, in thousandths of all processors.
 */
cpu_permille: number,
/**
 * How many processors there are.
 */
cpus: number,
/**
 * Bytes of memory that are there for programs.
 */
memory_available: number,
/**
 * Bytes of memory.
 */
memory_total: number,
/**
 * Bytes free on the disk of its workspaces.
 */
disk_free: number,
/**
 * Bytes of that disk.
 */
disk_total: number, };

/**
 * A place in a file.
 */
export type Location = {
/**
 * The file.
 */
path: string,
/**
 * The line, counted from 1.
 */
line?: number | null, };

/**
 * Lines that match.
 */
export type LogHits = {
/**
 * The lines.
 */
hits: Array<LogText>,
/**
 * Where to go on, if the limit was reached.
 */
next: number | null, };

/**
 * Lines of a log.
 */
export type LogPage = {
/**
 * Of which run.
 */
run: RunId | null,
/**
 * Number of the first line given.
 */
first: number,
/**
 * The lines.
 */
lines: Array<LogText>,
/**
 * How many the log has.
 */
total: number,
/**
 * Last durable record: subscribe from here for what follows.
 */
cursor: Cursor, };

/**
 * Which lines of a log.
 */
export type LogQuery = {
/**
 * Of which task.
 */
task: TaskId,
/**
 * Of which run; none: the latest.
 */
run?: RunId | null,
/**
 * First line, from 0; none: so that the last line is included.
 */
from?: number | null,
/**
 * At most this many; none: 1000; bound: 10,000.
 */
lines?: number | null,
/**
 * The log as it was at this sequence number of the journal; none: now.
 */
at?: number | null, };

/**
 * What to look for in a log.
 */
export type LogSearch = {
/**
 * Of which task.
 */
task: TaskId,
/**
 * Of which run; none: the latest.
 */
run?: RunId | null,
/**
 * What.
 */
pattern: string,
/**
 * `pattern` is a regular expression (syntax of the Rust `regex` crate).
 */
regex: boolean,
/**
 * Upper and lower case are the same.
 */
ignore_case: boolean,
/**
 * First line to look at.
 */
from?: number | null,
/**
 * At most this many; none: 200; bound: 10,000.
 */
limit?: number | null, };

/**
 * A line of a log.
 */
export type LogText = {
/**
 * Number of the line, from 0.
 */
line: number,
/**
 * When it was minted.
 */
at: Timestamp,
/**
 * Where it came from.
 */
stream: Stream,
/**
 * The line.
 */
text: string, };

/**
 * Where a browser ended up that could not come back by itself, because it runs
 * on another machine than the hub.
 */
export type LoginAddress = {
/**
 * Our name for the forge.
 */
name: string,
/**
 * `http://127.0.0.1:…/callback?code=…`, as the browser's address bar has it.
 */
address: string, };

/**
 * With which login would a run call its model? What is not said is as it
 * would be for a new task.
 */
export type LoginQuery = {
/**
 * Of which project.
 */
project?: string | null,
/**
 * With which profile; none: the project's.
 */
profile?: string | null,
/**
 * By which agent.
 */
agent?: string | null,
/**
 * With which provider.
 */
provider?: string | null,
/**
 * With Claude Remote Control; none: as profile and project say.
 */
remote_control?: boolean | null, };

/**
 * How a login stands.
 */
export type LoginStanding = "waits" | "done" | "failed" | "unknown";

/**
 * What becomes of times at which no hub ran, however many they were.
 */
export type Missed = "once" | "skip";

/**
 * How much an agent may do by itself.
 */
export type Mode = "auto" | "ask" | "plan";

/**
 * One call of an agent to a model. Never what was said in it.
 */
export type ModelCall = {
/**
 * Our name for the provider that answered.
 */
provider: string,
/**
 * In which format.
 */
dialect: Dialect,
/**
 * The model, as the answer names it, or as it was asked for.
 */
model: string,
/**
 * HTTP status that the agent was given.
 */
status: number,
/**
 * What it used. Cost is by the price table; none where it has no price.
 */
usage: Usage,
/**
 * Milliseconds to the first byte of the answer.
 */
first_ms: number,
/**
 * Milliseconds to its last.
 */
total_ms: number,
/**
 * How many requests were made for it: retries and other providers.
 */
attempts: number,
/**
 * Why it did not work out, in one line.
 */
problem?: string | null, };

/**
 * What a model costs, in millionths of a US dollar for a million tokens.
 */
export type ModelPrice = {
/**
 * The model's name, or its beginning and `*`. The longest that fits counts.
 */
model: string,
/**
 * For tokens read.
 */
input: number,
/**
 * For tokens written.
 */
output: number,
/**
 * For tokens read from the provider's cache.
 */
cache_read: number,
/**
 * For tokens written to the provider's cache.
 */
cache_write: number, };

/**
 * A point of a run that a person may want to go back to.
 */
export type Moment = {
/**
 * Where it stands in the journal.
 */
seq: number,
/**
 * When.
 */
at: Timestamp,
/**
 * What it is.
 */
kind: MomentKind,
/**
 * In few words.
 */
label: string,
/**
 * Size of the change there, where the moment is one of the change.
 */
diff: DiffSize | null, };

/**
 * Kinds of moment.
 */
export type MomentKind = "phase" | "turn" | "tool" | "asked" | "change" | "end" | "unknown";

/**
 * The moments of a run, in order. Where there are very many, tools and
 * changes are thinned out evenly and `thinned` says so.
 */
export type Moments = {
/**
 * Of which run.
 */
run: RunId | null,
/**
 * At most [`Moments::MOST`].
 */
moments: Array<Moment>,
/**
 * Some were left out.
 */
thinned: boolean,
/**
 * Last durable record.
 */
end: Cursor, };

/**
 * Of which run.
 */
export type MomentsQuery = {
/**
 * Of which task.
 */
task: TaskId,
/**
 * Of which run; none: the latest.
 */
run?: RunId | null, };

/**
 * Something with a name.
 */
export type Named = {
/**
 * Its name.
 */
name: string, };

/**
 * Why a person is needed, in one word.
 */
export type Need = "question" | "permission" | "plan" | "interrupted" | "quota" | "network" | "hands_on" | "feedback" | "ci" | "takeover" | "unknown";

/**
 * What a run tried to reach.
 */
export type NetworkAudit = {
/**
 * Which run; none where there was none yet.
 */
run: RunId | null,
/**
 * Its walls; none where it has none yet.
 */
walls: WallsReport | null,
/**
 * What it tried, oldest first: the last [`NetworkAudit::MAX_TRIES`].
 */
tries: Array<NetworkTry>,
/**
 * Decisions before those, and those that were not written down.
 */
lost: number,
/**
 * The policy it began with.
 */
policy: NetworkPolicy,
/**
 * A policy that would let through what was tried, as narrow as it can be
 * told; none where nothing was tried.
 */
proposal: NetworkPolicy | null,
/**
 * Its calls to models, oldest first: the last [`NetworkAudit::MAX_TRIES`].
 */
calls: Array<ModelCall>, };

/**
 * What the gate decided on one connection, request or look-up.
 */
export type NetworkDecision = {
/**
 * Counts the run's decisions, from 1; [`NetworkEnd`] names it.
 */
id: number,
/**
 * The name, or the address where there is no name; lower case.
 */
host: string,
/**
 * 0 for a look-up.
 */
port: number,
/**
 * How it came.
 */
door: Door,
/**
 * `GET`, `CONNECT`, …, where it can be seen.
 */
method?: string | null,
/**
 * Path without its query, for plain HTTP and git.
 */
path?: string | null,
/**
 * The command that asked, where it is known.
 */
process?: string | null,
/**
 * It may pass.
 */
allowed: boolean,
/**
 * The rule, preset or reason that decided, in words.
 */
because: string,
/**
 * So many alike were decided since the last that was written down, this
 * one included.
 */
count: number, };

/**
 * A connection that was allowed has ended.
 */
export type NetworkEnd = {
/**
 * Which decision let it through.
 */
id: number,
/**
 * Bytes from the run to the outside.
 */
sent: number,
/**
 * Bytes from the outside to the run.
 */
received: number,
/**
 * Milliseconds it lasted.
 */
ms: number,
/**
 * Why it came to nothing.
 */
problem?: Problem | null, };

/**
 * What a project's runs may reach. By default nothing but the package
 * registries and the project's own forge.
 */
export type NetworkPolicy = {
/**
 * How the gate treats what no rule names.
 */
gate: GateMode,
/**
 * Ready-made sets of rules.
 */
presets: Array<NetworkPreset>,
/**
 * One host each: `[http://|https://]PATTERN[:PORT][/PATH]`. `PATTERN` is a
 * name, `*.` and a name (any name below it, not itself), an address or a
 * network in CIDR notation. Without a port: 80 and 443. A path needs
 * `http://`, and everything below it is allowed. A private address is
 * reached only by a rule that names it or its host.
 */
allow: Array<string>,
/**
 * As `allow`, and stronger than it and the presets.
 */
deny: Array<string>, };

/**
 * A ready-made set of rules.
 */
export type NetworkPreset = "npm" | "crates" | "pypi" | "debian" | "go" | "forge" | "unknown";

/**
 * Which run's network.
 */
export type NetworkQuery = {
/**
 * The task.
 */
task: TaskId,
/**
 * One of its runs; none: the latest.
 */
run?: RunId | null, };

/**
 * One try, and its end.
 */
export type NetworkTry = {
/**
 * When.
 */
at: Timestamp,
/**
 * What was decided.
 */
decision: NetworkDecision,
/**
 * How it ended; none while it is open, and where nothing was opened.
 */
end: NetworkEnd | null, };

/**
 * A file to keep.
 */
export type NewAttachment = {
/**
 * Its name, without a path.
 */
name: string,
/**
 * `image/png`, `image/jpeg`, `image/gif`, `image/webp` or `text/plain`.
 */
media_type: string,
/**
 * Its bytes, at most [`NewAttachment::MAX_BYTES`], in base64 (RFC 4648, section 4).
 */
base64: string, };

/**
 * What tasks that are filed together share.
 */
export type NewBatch = {
/**
 * For lists.
 */
name: string,
/**
 * At most this many of them at work at once; none: as many as there are workers.
 */
at_most?: number | null, };

/**
 * A task that an agent wants filed below its own. What is not said here it has
 * of its parent.
 */
export type NewChild = {
/**
 * What to do (Markdown, at most [`NewChild::MAX_PROMPT`] bytes).
 */
prompt: string,
/**
 * For lists; none: the prompt's first line.
 */
title?: string | null,
/**
 * Which agent; none: the parent's.
 */
agent?: string | null,
/**
 * Which model; none: the parent's, if the agent is.
 */
model?: string | null,
/**
 * What it may spend on models, in millionths of a US dollar; none: its
 * share of what the project lets all children spend.
 */
budget_micros?: number | null, };

/**
 * A forge to add, with a token or as a GitHub App.
 */
export type NewForge = {
/**
 * Our name for it.
 */
name: string,
/**
 * Which API it speaks.
 */
kind: ForgeKind,
/**
 * Base URL of its web interface.
 */
url: string,
/**
 * Access token; empty for a GitHub App.
 */
token?: string | null,
/**
 * As which GitHub App, instead of with a token.
 */
app?: NewForgeApp | null,
/**
 * Certificates (PEM) that the hub trusts there besides the system's.
 */
authorities?: string | null,
/**
 * What the hub goes through to it: `http://proxy.example.org:3128`.
 */
proxy?: string | null,
/**
 * Name of the runner that dials it for the hub; none: the hub does.
 */
through?: string | null, };

/**
 * A GitHub App that is installed somewhere.
 */
export type NewForgeApp = {
/**
 * Id of the App.
 */
app: number,
/**
 * Id of its installation.
 */
installation: number,
/**
 * Its private key (PEM).
 */
key: string, };

/**
 * A login to begin.
 */
export type NewForgeLogin = {
/**
 * Our name for the forge.
 */
name: string,
/**
 * Which API it speaks; for one that was not added yet.
 */
kind?: ForgeKind | null,
/**
 * Base URL of its web interface; for one that was not added yet.
 */
url?: string | null,
/**
 * Public id of the application that somebody registered there; none: as at
 * the last login.
 */
client_id?: string | null,
/**
 * Its secret; empty for a public application.
 */
client_secret?: string | null,
/**
 * By a code that is typed in on any machine; none: on a GitHub alone, which
 * has no other way.
 */
device?: boolean | null,
/**
 * The port that was registered for the way back; none: any.
 */
port?: number | null,
/**
 * Certificates (PEM) to trust there; none: those it was added with.
 */
authorities?: string | null,
/**
 * Proxy to go through; none: the one it was added with.
 */
proxy?: string | null,
/**
 * Name of the runner that dials it for the hub; none: as before.
 */
through?: string | null, };

/**
 * A full login of Claude Code, to be kept with a provider of kind
 * `anthropic`. If there is no such provider, one without a key is made.
 */
export type NewFullLogin = {
/**
 * Name of the provider.
 */
name: string,
/**
 * The text of `~/.claude/.credentials.json`.
 */
credentials: string,
/**
 * The text of `~/.claude.json`, or its `oauthAccount` alone.
 */
account: string, };

/**
 * How long a join code lives.
 */
export type NewJoinCode = {
/**
 * Seconds; none: 900.
 */
valid_secs?: number | null, };

/**
 * A join code.
 */
export type NewJoinCodeMade = {
/**
 * To paste: `pilot runner --join CODE`.
 */
code: string,
/**
 * Until when.
 */
expires_at: Timestamp, };

/**
 * A model provider to add.
 */
export type NewProvider = {
/**
 * Our name for it.
 */
name: string,
/**
 * Which API it speaks.
 */
kind: ProviderKind,
/**
 * Somewhere else than the vendor's own endpoint.
 */
base_url?: string | null,
/**
 * Key; empty for a local server that wants none.
 */
key: string,
/**
 * How it is shown the key.
 */
login?: ProviderLogin,
/**
 * How the key, which is an OAuth access token then, is renewed.
 */
oauth?: OauthLogin | null, };

/**
 * A schedule to add, or to change: it is known by project and name.
 */
export type NewSchedule = {
/**
 * Of which project.
 */
name: string,
/**
 * What it is called there.
 */
schedule: string,
/**
 * Minute, hour, day, month, weekday, or a nickname such as `@daily`.
 */
cron: string,
/**
 * The time zone that `cron` is read in: `UTC`, `Europe/Berlin`.
 */
zone: string,
/**
 * Title of its tasks; none: the first line of the prompt.
 */
title?: string | null,
/**
 * What the agent is told.
 */
prompt: string,
/**
 * How its tasks are done.
 */
how?: ScheduledTask,
/**
 * What becomes of a time at which an earlier task is not over.
 */
overlap?: Overlap,
/**
 * What becomes of times at which no hub ran.
 */
missed?: Missed,
/**
 * When it ends by itself.
 */
stop?: StopRule, };

/**
 * A secret to keep, or a new value for one.
 */
export type NewSecret = {
/**
 * Its name: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
 */
name: string,
/**
 * Its value, or where to find it.
 */
source: SecretSource, };

/**
 * How long a sign-in code lives.
 */
export type NewSignInCode = {
/**
 * Seconds, 1 to 3600; none: 300.
 */
valid_secs?: number | null, };

/**
 * A sign-in code.
 */
export type NewSignInCodeMade = {
/**
 * The hub's page with the code behind `#`: to open, or to show as a QR code.
 */
link: string,
/**
 * Until when.
 */
expires_at: Timestamp, };

/**
 * A task to file.
 */
export type NewTask = {
/**
 * Chosen by the console, so that a repeated request files one task.
 */
id?: TaskId | null,
/**
 * Project.
 */
project: string,
/**
 * What to do (Markdown, at most [`NewTask::MAX_PROMPT`] bytes).
 */
prompt: string,
/**
 * For lists; none: the prompt's first line.
 */
title?: string | null,
/**
 * None: the project's.
 */
base?: string | null,
/**
 * None: the project's.
 */
agent?: string | null,
/**
 * None: the agent's default.
 */
model?: string | null,
/**
 * How much the agent may do by itself; none: as the profile says.
 */
mode?: Mode | null,
/**
 * What happens when nobody answers.
 */
on_timeout: OnTimeout,
/**
 * Bounds of each run; none: as the profile says.
 */
limits?: Limits | null,
/**
 * Issue that the pull request closes.
 */
issue?: number | null,
/**
 * Files for the agent, kept before with `attachment_new`; at most 20.
 */
attachments: Array<Attachment>,
/**
 * The work is shown to a person before it is published.
 */
hold: boolean,
/**
 * Only on this runner; none: any that has the agent.
 */
runner?: RunnerId | null,
/**
 * Best of N: tasks of one group do the same, and one of them is kept.
 * They are held until then.
 */
group?: GroupId | null,
/**
 * Name of a profile; what it says counts where nothing else is said here.
 * None: the project's.
 */
profile?: string | null,
/**
 * Name of the model provider; none: the profile's, or the first that fits.
 */
provider?: string | null,
/**
 * A second agent looks at the work; none: as the project says.
 */
review?: ReviewPass | null,
/**
 * Claude Remote Control; none: as the project says.
 */
remote_control?: boolean | null, };

/**
 * Tasks to file, all or none.
 */
export type NewTasks = {
/**
 * At most 1000.
 */
tasks: Array<NewTask>,
/**
 * They belong together.
 */
batch?: NewBatch | null, };

/**
 * A Vault (or OpenBao) to read secrets from, or another login to one.
 */
export type NewVault = {
/**
 * Our name for it.
 */
name: string,
/**
 * `https://vault.example:8200`; `http` only on the hub's own machine.
 */
url: string,
/**
 * Its namespace, where it has some.
 */
namespace?: string | null,
/**
 * Certificates in PEM that alone are trusted; none: what the hub's
 * system trusts.
 */
authority?: string | null,
/**
 * How the hub logs in.
 */
login: NewVaultLogin, };

/**
 * How a hub logs in to a Vault.
 */
export type NewVaultLogin = { "by": "token",
/**
 * The token.
 */
token: string, } | { "by": "app_role",
/**
 * Where the method is mounted: `approle`.
 */
mount: string,
/**
 * The role's id.
 */
role_id: string,
/**
 * The secret id, which is kept with the hub's credentials.
 */
secret_id: string, } | { "by": "kubernetes",
/**
 * Where the method is mounted: `kubernetes`.
 */
mount: string,
/**
 * The role's name.
 */
role: string, };

/**
 * Nothing to say.
 */
export type Nothing = Record<symbol, never>;

/**
 * An OAuth login that has to be renewed (RFC 6749 §6). Its access token is
 * the grant's `key`.
 */
export type OauthLogin = {
/**
 * Where it is renewed.
 */
token_url: string,
/**
 * Who we are to it.
 */
client_id: string,
/**
 * What it is renewed with.
 */
refresh_token: string,
/**
 * When the access token ends; none: it is renewed when it is refused.
 */
expires_at?: Timestamp | null, };

/**
 * What happens when nobody answers in time. The decision is journalled.
 */
export type OnTimeout = "proceed" | "pause" | "cancel";

/**
 * A group by id.
 */
export type OneGroup = {
/**
 * Which.
 */
group: GroupId, };

/**
 * A runner by id.
 */
export type OneRunner = {
/**
 * Which.
 */
runner: RunnerId, };

/**
 * A schedule of a project.
 */
export type OneSchedule = {
/**
 * Of which project.
 */
name: string,
/**
 * What it is called there.
 */
schedule: string, };

/**
 * A task by id.
 */
export type OneTask = {
/**
 * Which.
 */
task: TaskId, };

/**
 * A ticket by its key.
 */
export type OneTicket = {
/**
 * Which.
 */
key: string, };

/**
 * One order from a hub to a run; the shim applies each at most once.
 */
export type OrderId = string;

/**
 * How a run ended. Recorded once, in the journal's last event.
 */
export type Outcome = { "outcome": "pushed",
/**
 * Branch in the remote.
 */
branch: string,
/**
 * Its commit.
 */
commit: string, } | { "outcome": "no_change" } | { "outcome": "failed",
/**
 * Why.
 */
problem: Problem, } | { "outcome": "cancelled" } | { "outcome": "fenced" };

/**
 * What becomes of a time at which an earlier task is not over.
 */
export type Overlap = "skip_running" | "skip_open" | "start";

/**
 * A schedule to stop for a while, or to begin again.
 */
export type PauseSchedule = {
/**
 * Of which project.
 */
name: string,
/**
 * What it is called there.
 */
schedule: string,
/**
 * False: it goes on. What was missed meanwhile is not caught up with.
 */
paused: boolean, };

/**
 * What a rule says.
 */
export type PermissionDecision = "allow" | "ask" | "never";

/**
 * A project's rules. Of the rules that fit, [`PermissionDecision::Never`] wins
 * over [`PermissionDecision::Ask`], and that over
 * [`PermissionDecision::Allow`], whatever their order; where none fits the
 * task's mode decides. What a person has allowed for the rest of a run goes
 * before `Ask`. Names, commands and paths are compared with what the agent
 * says; what cannot be read surely is not allowed, and is never.
 */
export type PermissionPolicy = {
/**
 * At most [`PermissionPolicy::MAX_RULES`].
 */
rules: Array<PermissionRule>, };

/**
 * One rule. It fits a use of a tool where everything that it names fits; a
 * rule that names a command or a path fits only a use that has one.
 */
export type PermissionRule = {
/**
 * What then.
 */
decision: PermissionDecision,
/**
 * The agent's name for the tool, with `*` for any characters, in upper or
 * lower case; none: every tool.
 */
tool?: string | null,
/**
 * The command line, with `*` for any characters and `\*` for an asterisk.
 * A command line of several commands is allowed only where each of them
 * is, or where a rule without `*` is this very line; it is never where
 * one of them is.
 */
command?: string | null,
/**
 * The file, relative to the tree where it is in it, with `*` for any
 * characters of a name and `**` for any path. Of several files all must
 * be allowed. With `Never` and `Ask` the words of a command line count as
 * files, too.
 */
path?: string | null, };

/**
 * What a run is doing. Every path ends `… → Collecting → [Pushing] → Cleaning
 * → Finished`; failures, cancels and crashes found later go through Cleaning too.
 */
export type Phase = "preparing" | "cloning" | "setting_up" | "agent_running" | "awaiting_answer" | "taken_over" | "reviewing" | "collecting" | "pushing" | "cleaning" | "finished" | "unknown";

/**
 * Something that a person's consoles share: saved views, marks of a review.
 * The hub keeps it per person and does not look inside.
 */
export type Preference = {
/**
 * Its key.
 */
key: string,
/**
 * Null where there is none, and to remove it.
 */
value: JsonValue, };

/**
 * Which preference.
 */
export type PreferenceKey = {
/**
 * Chosen by the console: `[a-z0-9/_-]{1,100}`.
 */
key: string, };

/**
 * Prices of models.
 */
export type Prices = {
/**
 * At most [`Prices::MAX`].
 */
prices: Array<ModelPrice>, };

/**
 * A failure as a person sees it: what happened, and what to do.
 */
export type Problem = {
/**
 * For programs.
 */
code: Code,
/**
 * What happened, and what was kept. Whole sentence, literals in backticks.
 */
message: string,
/**
 * What to do about it; empty if there is nothing to say.
 */
hint?: string, };

/**
 * A named way of working: which agent, with whose login, how far. Its name is
 * its id.
 */
export type Profile = {
/**
 * `[a-z0-9][a-z0-9._-]{0,63}`.
 */
name: string,
/**
 * Which agent.
 */
agent: string,
/**
 * Name of the model provider, which holds the account; none: the first
 * that fits the agent.
 */
provider?: string | null,
/**
 * Which model; none: the agent's default.
 */
model?: string | null,
/**
 * How much the agent may do by itself; none: the product's default.
 */
mode?: Mode | null,
/**
 * Bounds of each run; none: the product's.
 */
limits?: Limits | null,
/**
 * Claude Remote Control.
 */
remote_control: boolean, };

/**
 * A repository plus its settings. Named by a person; the name is its id.
 */
export type Project = {
/**
 * `[a-z0-9][a-z0-9._-]{0,63}`.
 */
name: string,
/**
 * Clone URL (`https://…`, `http://…`, `file:///…`, `ssh://…`) or absolute path.
 */
repo: string,
/**
 * Name of the forge the pull requests go to; none for a plain git remote.
 */
forge?: string | null,
/**
 * Branch that tasks start from and pull requests go to; none: the remote's HEAD.
 */
base?: string | null,
/**
 * Agent for tasks that name none.
 */
agent: string,
/**
 * Shell command lines run in the fresh clone before the agent, in order.
 */
setup: Array<string>,
/**
 * What its runs may reach.
 */
network: NetworkPolicy,
/**
 * How its runs are kept apart from the machine.
 */
walls: WallsWish,
/**
 * Secrets that its runs may use.
 */
secrets: Array<SecretUse>,
/**
 * What its agents may do unasked, and what never.
 */
permissions: PermissionPolicy,
/**
 * Name of the profile of tasks that name none.
 */
profile?: string | null,
/**
 * A second agent looks at the work of every task that says nothing else.
 */
review?: ReviewPass | null,
/**
 * What its agents may file by themselves.
 */
children?: ChildBounds,
/**
 * Claude Remote Control for every task that says nothing else.
 */
remote_control: boolean,
/**
 * Buttons of its runs' terminals and screens, in order.
 */
actions?: Array<ProjectAction>,
/**
 * How its pull requests are made, and what becomes of what is said about
 * them.
 */
pull_requests?: PullRequestPolicy, };

/**
 * A command line with a name. A click types it into the run's terminal, as the
 * person who clicked: it can do no more than they can.
 */
export type ProjectAction = {
/**
 * What its button says: 1 to [`ProjectAction::LONGEST_NAME`] characters.
 */
name: string,
/**
 * One line for the shell.
 */
run: string, };

/**
 * A model provider as a console sees it; the key stays in the hub.
 */
export type Provider = {
/**
 * Its name for us.
 */
name: string,
/**
 * Which API it speaks.
 */
kind: ProviderKind,
/**
 * Somewhere else than the vendor's own endpoint.
 */
base_url: string | null,
/**
 * How it is shown the key.
 */
login: ProviderLogin,
/**
 * A full login of the vendor's own program is kept with it: what Claude
 * Remote Control needs.
 */
full_login: boolean, };

/**
 * The model APIs an agent can be pointed at.
 */
export type ProviderKind = "anthropic" | "openai" | "gemini" | "ollama";

/**
 * How a provider wants to be shown the key.
 */
export type ProviderLogin = "key" | "bearer";

/**
 * A pull request on a forge.
 */
export type PullRequest = {
/**
 * Its number in the repository.
 */
number: number,
/**
 * Its page.
 */
url: string,
/**
 * The commit it showed when we last looked.
 */
head: string,
/**
 * What the forge's checks of that commit said when we last looked; none
 * where there are none, or nobody has looked yet.
 */
checks?: Checks | null, };

/**
 * How a project's pull requests are made.
 */
export type PullRequestPolicy = {
/**
 * Markdown with places: `{summary}`, `{tests}`, `{risks}`, `{ran}`,
 * `{task}`, `{issue}`, `{title}`; none: the product's own.
 */
template?: string | null,
/**
 * Made as a draft.
 */
draft: boolean,
/**
 * Logins of who is asked for a review.
 */
reviewers: Array<string>,
/**
 * Labels, by name. They have to be there.
 */
labels: Array<string>,
/**
 * Logins of whom it is assigned to.
 */
assignees: Array<string>,
/**
 * Name of a task's branch with places: `{slug}`, `{id}`, `{issue}`; it has
 * `{id}`, so that it is nobody else's. None: `pilot/{slug}-{id}`.
 */
branch?: string | null,
/**
 * Whom our own commits are by; none: the product.
 */
identity?: CommitIdentity | null,
/**
 * Trailers of our own commits besides `Pilothouse-Task`, each
 * `Name: value`.
 */
trailers: Array<string>,
/**
 * What becomes of a run's commits.
 */
commits: Commits,
/**
 * Where its work is pushed.
 */
push: PushWay,
/**
 * Name of the secret that holds the SSH key (OpenSSH format, without a
 * passphrase) which our commits are signed with; none: they are not.
 */
signing_key?: string | null,
/**
 * What keeps the CI from running an agent's work unseen.
 */
hold: CiHold,
/**
 * What becomes of what is said about them.
 */
feedback: FeedbackPolicy,
/**
 * What happens when they have ended.
 */
after: AfterPolicy, };

/**
 * Where a run's work is pushed.
 */
export type PushWay = { "way": "branch" } | { "way": "agit" } | { "way": "fork",
/**
 * Its clone URL, on the same forge.
 */
repo: string, };

/**
 * One question with its options.
 */
export type Question = {
/**
 * The question, which is also its key in [`Answer::Choose`].
 */
question: string,
/**
 * A short label.
 */
header: string,
/**
 * Choices offered; free text is always allowed as well.
 */
options: Array<Choice>,
/**
 * More than one choice may be given.
 */
multiple: boolean, };

/**
 * Who is to do a task from now on; what is not named stays, but another agent
 * comes with its own default model.
 */
export type Reassign = {
/**
 * Which.
 */
task: TaskId,
/**
 * Only on this runner.
 */
runner?: RunnerId | null,
/**
 * By this agent.
 */
agent?: string | null,
/**
 * With this model.
 */
model?: string | null, };

/**
 * How to go on with a task whose run has ended.
 */
export type Resume = {
/**
 * Which.
 */
task: TaskId,
/**
 * What to tell the agent; none: to go on where it was.
 */
text?: string | null, };

/**
 * Where to begin again: at the end of a turn of a run.
 */
export type RetryFrom = {
/**
 * Which task.
 */
task: TaskId,
/**
 * After which turn; 0: where the run began.
 */
turn: number,
/**
 * Of which run; none: the latest that has a checkpoint.
 */
run?: RunId | null,
/**
 * What the agent is told instead of what the next turn said; none: the
 * same once more.
 */
prompt?: string | null, };

/**
 * A comment of a reviewing agent on the change.
 */
export type ReviewFinding = {
/**
 * Which file, relative to the tree; empty: about the whole.
 */
path: string,
/**
 * First line as the file is now, from 1; none: about the whole file.
 */
first_line: number | null,
/**
 * Last line; none: the first.
 */
last_line: number | null,
/**
 * How much it matters.
 */
severity: Severity,
/**
 * The comment (Markdown).
 */
text: string, };

/**
 * A comment on lines of a file.
 */
export type ReviewNote = {
/**
 * Which file, as its path is now.
 */
path: string,
/**
 * The lines are those of the base, not of the workspace.
 */
old_side: boolean,
/**
 * First line, from 1; none: about the whole file.
 */
first_line?: number | null,
/**
 * Last line; none: the first.
 */
last_line?: number | null,
/**
 * The lines themselves, so that the agent finds them when they have moved.
 */
quote: string,
/**
 * The comment (Markdown).
 */
text: string, };

/**
 * A comment that was sent.
 */
export type ReviewNoteSent = {
/**
 * On the change of which run.
 */
run: RunId | null,
/**
 * Who said it.
 */
by: string,
/**
 * When.
 */
at: Timestamp,
/**
 * Which file, as its path is now.
 */
path: string,
/**
 * The lines are those of the base, not of the workspace.
 */
old_side: boolean,
/**
 * First line, from 1; none: about the whole file.
 */
first_line?: number | null,
/**
 * Last line; none: the first.
 */
last_line?: number | null,
/**
 * The lines themselves, so that the agent finds them when they have moved.
 */
quote: string,
/**
 * The comment (Markdown).
 */
text: string, };

/**
 * A second agent that looks at the work of the first before it is published.
 */
export type ReviewPass = {
/**
 * Which agent.
 */
agent: string,
/**
 * Which model; none: that agent's default.
 */
model?: string | null,
/**
 * How often its findings go back to the first agent at most: 1 to
 * [`ReviewPass::MAX_ROUNDS`].
 */
rounds: number, };

/**
 * What somebody may do. Ordered: each may do what those before it may.
 */
export type Role = "viewer" | "operator" | "approver" | "admin";

/**
 * A run as a console sees it.
 */
export type Run = {
/**
 * Its id.
 */
id: RunId,
/**
 * Task it is an attempt at.
 */
task: TaskId,
/**
 * 1 for the first.
 */
attempt: number,
/**
 * Runner that has, or had, the lease.
 */
runner: RunnerId,
/**
 * Its fencing token: of two runs of a task, the higher one may push.
 */
fence: number,
/**
 * What it is doing.
 */
phase: Phase,
/**
 * When the lease was given. The time before is queue time, not run time.
 */
leased_at: Timestamp,
/**
 * When the runner began.
 */
started_at: Timestamp | null,
/**
 * When it finished.
 */
ended_at: Timestamp | null,
/**
 * How it ended.
 */
outcome: Outcome | null,
/**
 * The agent's own session, for a resume.
 */
session: Session | null,
/**
 * Bundle with its unpublished work, if there was any.
 */
rescue: BlobId | null, };

/**
 * A run: one attempt at a task. Also the agent's session id where it lets
 * us choose one.
 */
export type RunId = string;

/**
 * A runner, as the hub enrolled it.
 */
export type RunnerId = string;

/**
 * A runner as a console sees it.
 */
export type RunnerSeen = {
/**
 * Its id.
 */
id: RunnerId,
/**
 * How it is set up, as it last said.
 */
about: About,
/**
 * It is connected.
 */
online: boolean,
/**
 * When it last said something.
 */
seen_at: Timestamp | null,
/**
 * A person revoked it.
 */
revoked: boolean,
/**
 * Runs it holds.
 */
runs: Array<RunId>,
/**
 * What it said of its machine last.
 */
load: Load | null, };

/**
 * What was said to an agent that it has not heard yet.
 */
export type Said = {
/**
 * Names it to [`Unsay`].
 */
word: string,
/**
 * What.
 */
text: string,
/**
 * Since when it waits, where that is known.
 */
at?: Timestamp | null,
/**
 * It was to be told in the middle of the turn.
 */
now: boolean,
/**
 * What it waits for.
 */
waits: SaidWaits, };

/**
 * What something that was said waits for.
 */
export type SaidWaits = "turn" | "run" | "unknown";

/**
 * What to tell an agent.
 */
export type Say = {
/**
 * Of which task.
 */
task: TaskId,
/**
 * What.
 */
text: string,
/**
 * In the middle of its turn; an agent that cannot hear then is told when
 * the turn is over.
 */
now?: boolean, };

/**
 * A schedule: what files tasks by the clock.
 */
export type ScheduleId = string;

/**
 * A schedule, with what became of it and what comes next.
 */
export type ScheduleSeen = {
/**
 * What became of it.
 */
state: ScheduleState,
/**
 * The next times, at most five; none while it rests.
 */
next: Array<ScheduleTime>,
/**
 * Its id, which the hub gives; times that were filed for are known by it.
 */
id: ScheduleId,
/**
 * Of which project.
 */
project: string,
/**
 * What it is called in its project: `[a-z0-9][a-z0-9._-]{0,63}`.
 */
name: string,
/**
 * A person has stopped it for a while.
 */
paused?: boolean,
/**
 * Minute, hour, day, month, weekday, or a nickname such as `@daily`.
 */
cron: string,
/**
 * The time zone that `cron` is read in: `UTC`, `Europe/Berlin`.
 */
zone: string,
/**
 * Title of its tasks; none: the first line of the prompt.
 */
title?: string | null,
/**
 * What the agent is told.
 */
prompt: string,
/**
 * How its tasks are done.
 */
how?: ScheduledTask,
/**
 * What becomes of a time at which an earlier task is not over.
 */
overlap?: Overlap,
/**
 * What becomes of times at which no hub ran.
 */
missed?: Missed,
/**
 * When it ends by itself.
 */
stop?: StopRule, };

/**
 * What became of a schedule so far.
 */
export type ScheduleState = {
/**
 * Times up to then have been seen to.
 */
seen: Timestamp,
/**
 * Its tasks that are not over.
 */
open: Array<TaskId>,
/**
 * How many it has filed.
 */
filed: number,
/**
 * How many of the last failed, one after the other.
 */
failed: number,
/**
 * What those that are over have cost.
 */
spent_micros: number,
/**
 * The last time that was seen to.
 */
last?: ScheduleTurn | null,
/**
 * It has ended by its own rule: why.
 */
stopped?: string | null, };

/**
 * A time at which a schedule is due.
 */
export type ScheduleTime = {
/**
 * When.
 */
at: Timestamp,
/**
 * What the clocks of the schedule's zone show then, with their distance
 * from UTC: `2026-11-22 03:00 +01:00`.
 */
local: string, };

/**
 * A time that was seen to.
 */
export type ScheduleTurn = {
/**
 * When it was due; where a person began it, when they did.
 */
due: Timestamp,
/**
 * How many times before it were missed.
 */
missed: number, } & ({ "outcome": "filed",
/**
 * Which.
 */
task: TaskId, } | { "outcome": "skipped",
/**
 * Why.
 */
reason: string, } | { "outcome": "failed",
/**
 * Why.
 */
problem: Problem, } | { "outcome": "unknown" });

/**
 * How a scheduled task is done; what is not named is as the project says.
 */
export type ScheduledTask = {
/**
 * Which agent.
 */
agent?: string | null,
/**
 * Which model.
 */
model?: string | null,
/**
 * How much the agent may do by itself.
 */
mode?: Mode | null,
/**
 * Name of a profile.
 */
profile?: string | null,
/**
 * The branch it starts from.
 */
base?: string | null,
/**
 * The work is shown to a person before it is published.
 */
hold?: boolean, };

/**
 * Makes a server the screen of a task's run, or gives the run its own again.
 */
export type ScreenAttach = {
/**
 * Of which task.
 */
task: TaskId,
/**
 * `host:port`, as the runner reaches it; none: the run's own desktop again.
 */
server?: string | null,
/**
 * Name of the hub's secret that has its password.
 */
password?: string | null, };

/**
 * Who has keyboard and pointer of a run's screen.
 */
export type ScreenDriver = {
/**
 * The person who took over; none: the agent, with its computer-use tools.
 */
who?: string | null,
/**
 * Since when, by the runner's clock.
 */
since: Timestamp, };

/**
 * What happens to a run's screen, for its journal.
 */
export type ScreenEvent = { "what": "started",
/**
 * Pixels.
 */
width: number,
/**
 * Pixels.
 */
height: number,
/**
 * It is this server's (`host:port`), and not the run's own.
 */
attached?: string | null, } | { "what": "ended",
/**
 * In a sentence.
 */
why: string, } | { "what": "taken_over",
/**
 * Who.
 */
who: string, } | { "what": "handed_back",
/**
 * Who drove.
 */
who: string,
/**
 * Why.
 */
cause: HandBackCause,
/**
 * What the agent is told about it.
 */
note?: string | null, } | { "what": "recording_began",
/**
 * The artifact's name; it comes when the recording has ended.
 */
name: string,
/**
 * Who drives in it; none: the agent.
 */
who?: string | null, } | { "what": "recording_ended",
/**
 * Its name.
 */
name: string,
/**
 * How long it is, in milliseconds.
 */
millis: number, };

/**
 * How a secret reaches the processes of a run.
 */
export type SecretDelivery = { "how": "environment",
/**
 * Its name: `[A-Za-z_][A-Za-z0-9_]*`.
 */
variable: string, } | { "how": "file",
/**
 * Where, relative to the run's directory of secrets: no `..`, no
 * leading `/`.
 */
path: string,
/**
 * Unix permissions (`0o400` and the like); none: readable by the
 * run's user alone.
 */
mode?: number | null, } | { "how": "file_descriptor" };

/**
 * Where a secret's value comes from, without the value.
 */
export type SecretOrigin = { "from": "own" } | { "from": "vault",
/**
 * Our name for the Vault.
 */
vault: string,
/**
 * The secrets engine's mount path: `secret`.
 */
mount: string,
/**
 * The secret's path in it: `team/app`.
 */
path: string,
/**
 * The key within the secret's data.
 */
field: string, };

/**
 * A secret as a console sees it: everything but its value.
 */
export type SecretSeen = {
/**
 * Its name.
 */
name: string,
/**
 * Where its value comes from.
 */
origin: SecretOrigin,
/**
 * When the value, or where it comes from, was set last.
 */
rotated_at: Timestamp,
/**
 * Names of the projects that use it, sorted.
 */
used_by: Array<string>, };

/**
 * A value for a secret, or where to find it.
 */
export type SecretSource = { "from": "value",
/**
 * What nobody is to see.
 */
value: string, } | { "from": "vault",
/**
 * Our name for the Vault.
 */
vault: string,
/**
 * The secrets engine's mount path: `secret`.
 */
mount: string,
/**
 * The secret's path in it: `team/app`.
 */
path: string,
/**
 * The key within the secret's data.
 */
field: string, };

/**
 * A secret that a project uses, by name.
 */
export type SecretUse = {
/**
 * The secret's name.
 */
name: string,
/**
 * How a run gets it.
 */
delivery: SecretDelivery, };

/**
 * Comments on a change.
 */
export type SendReview = {
/**
 * Of which task.
 */
task: TaskId,
/**
 * At most 200.
 */
notes: Array<ReviewNote>,
/**
 * About the whole.
 */
text?: string | null, };

/**
 * An agent's session, and where its file is kept so that another workspace,
 * on another machine, can go on with it.
 */
export type Session = {
/**
 * The agent's name for it.
 */
id: string,
/**
 * Its file; none until the first turn ended.
 */
file: BlobId | null, };

/**
 * What a setting of a repository at its forge should be.
 */
export type SettingAdvice = {
/**
 * One word for programs: `branch_protection`.
 */
name: string,
/**
 * How much it weighs.
 */
weight: AdviceWeight,
/**
 * What is so, in a sentence.
 */
found: string,
/**
 * What to change; empty where nothing is.
 */
mend: string,
/**
 * Page where it is changed.
 */
page?: string | null, };

/**
 * How much a finding matters.
 */
export type Severity = "high" | "medium" | "low" | "unknown";

/**
 * One side (base or workspace) of a changed file.
 */
export type Side = {
/**
 * What it is.
 */
kind: SideKind,
/**
 * Git's file mode (`0o100644`, …).
 */
mode: number,
/**
 * Bytes.
 */
size: number,
/**
 * Where its contents are kept; none for a submodule, and where `left_out` says why.
 */
blob: BlobId | null,
/**
 * Why the contents are not kept.
 */
left_out?: string | null, };

/**
 * What kind of thing one side is.
 */
export type SideKind = "text" | "not_utf8" | "binary" | "symlink" | "submodule" | "lfs_pointer" | "unknown";

/**
 * Posted to [`super::SESSION_PATH`]; one of both.
 */
export type SignIn = {
/**
 * A token of the hub.
 */
token?: string | null,
/**
 * A single-use code.
 */
code?: string | null, };

/**
 * The state of a workspace's changes: the fold of all deltas up to a point.
 */
export type Snapshot = {
/**
 * Number of the last whole delta; 0 before the first.
 */
number: number,
/**
 * The task's base commit.
 */
base: string,
/**
 * The workspace's HEAD.
 */
head: string,
/**
 * Changed files by path.
 */
files: { [key in string]: ChangedFile }, };

/**
 * What changed since the snapshot before: what travels, and what is journalled.
 * A big one comes in several parts, each at most [`SnapshotDelta::MAX_FILES`] files.
 */
export type SnapshotDelta = {
/**
 * Counts from 1 within a run; the parts of one snapshot share it.
 */
number: number,
/**
 * The task's base commit.
 */
base: string,
/**
 * The workspace's HEAD.
 */
head: string,
/**
 * Forget everything before: the first of a run, or of a new base.
 */
reset: boolean,
/**
 * Files that are new in, or differ from, the snapshot before.
 */
changed: Array<ChangedFile>,
/**
 * Paths that no longer differ from the base.
 */
dropped: Array<string>,
/**
 * More parts of this snapshot follow.
 */
more: boolean, };

/**
 * A task to end.
 */
export type Stop = {
/**
 * Which.
 */
task: TaskId,
/**
 * The tasks below it go on; without this they are stopped as well.
 */
keep_children?: boolean | null, };

/**
 * When a schedule ends by itself; a person may begin it again.
 */
export type StopRule = {
/**
 * After so many tasks.
 */
tasks?: number | null,
/**
 * After so many that failed one after the other; none: never.
 */
failures?: number | null,
/**
 * When its tasks have cost so much, in millionths of a US dollar.
 */
budget_micros?: number | null,
/**
 * After this day, `YYYY-MM-DD` in the schedule's zone.
 */
last_day?: string | null, };

/**
 * Where output came from.
 */
export type Stream = "pilot" | "setup" | "stdout" | "stderr" | "protocol" | "unknown";

/**
 * A task as everybody sees it.
 */
export type Task = {
/**
 * Its id.
 */
id: TaskId,
/**
 * First line of the prompt, or what the person said; for lists and pull requests.
 */
title: string,
/**
 * What the agent is asked to do (Markdown).
 */
prompt: string,
/**
 * Project it belongs to.
 */
project: string,
/**
 * Branch it starts from; none: the project's.
 */
base: string | null,
/**
 * Which agent does it.
 */
agent: string,
/**
 * Which model; none: the agent's default.
 */
model: string | null,
/**
 * How much the agent may do by itself.
 */
mode: Mode,
/**
 * What happens when nobody answers.
 */
on_timeout: OnTimeout,
/**
 * Bounds of each run.
 */
limits: Limits,
/**
 * Issue of the project's forge that this task closes.
 */
issue: number | null,
/**
 * Branch that its work is pushed to.
 */
branch: string,
/**
 * Commit of the base branch that its latest run began from. Tasks of one
 * group all begin from the same.
 */
base_commit: string | null,
/**
 * Since when it stands there.
 */
since: Timestamp,
/**
 * In a person's words, why: `runner offline`, `agent is thinking`, ….
 */
reason: string,
/**
 * When it was filed.
 */
created_at: Timestamp,
/**
 * Latest run, if there was one.
 */
run: RunId | null,
/**
 * How many runs there were.
 */
attempts: number,
/**
 * The fencing token of the latest lease; grows with every lease.
 */
fence: number,
/**
 * Size of its change so far.
 */
diff: DiffSize,
/**
 * What it used so far, over all runs.
 */
usage: Usage,
/**
 * The pull request, once there is one.
 */
pull_request: PullRequest | null,
/**
 * The last commit that we pushed to `branch`.
 */
pushed: string | null,
/**
 * What a reviewer must know although work was published: denied
 * permissions, automatic decisions.
 */
reservations: Array<string>,
/**
 * Files for the agent.
 */
attachments: Array<Attachment>,
/**
 * The work is shown to a person before it is published.
 */
hold: boolean,
/**
 * Only on this runner.
 */
only_runner: RunnerId | null,
/**
 * Best of N: tasks of one group do the same, and one of them is kept.
 */
group: GroupId | null,
/**
 * It was filed together with others.
 */
batch: Batch | null,
/**
 * It has ended, and a person has seen that.
 */
dismissed: boolean,
/**
 * Name of the profile it was filed with; what that said stands in the
 * other fields.
 */
profile: string | null,
/**
 * Name of the model provider its agent uses; none: the first that fits.
 */
provider: string | null,
/**
 * The task whose agent filed it.
 */
parent: TaskId | null,
/**
 * Name that the schedule had which filed it.
 */
schedule: string | null,
/**
 * A second agent looks at the work before it is published.
 */
review: ReviewPass | null,
/**
 * The agent's vendor may show and steer its session from afar (Claude
 * Remote Control).
 */
remote_control: boolean,
/**
 * Where the session at work is driven from afar.
 */
remote_link: string | null,
/**
 * Who drives the screen of the run at work; none: nobody.
 */
driver: ScreenDriver | null, } & ({ "state": "queued" } | { "state": "leased",
/**
 * Which runner.
 */
runner: RunnerId, } | { "state": "working",
/**
 * What it is doing.
 */
phase: Phase, } | { "state": "needs_you",
/**
 * For what.
 */
need: Need,
/**
 * Where to answer.
 */
item: InboxId, } | { "state": "ready" } | { "state": "publishing" } | { "state": "in_review",
/**
 * The pull request.
 */
state_pull_request: PullRequest, } | { "state": "merged",
/**
 * The pull request.
 */
state_pull_request: PullRequest, } | { "state": "closed",
/**
 * The pull request.
 */
state_pull_request: PullRequest, } | { "state": "published",
/**
 * Branch in the remote.
 */
published_branch: string,
/**
 * Its commit.
 */
commit: string, } | { "state": "no_change" } | { "state": "failed",
/**
 * Why, and what to do.
 */
problem: Problem, } | { "state": "cancelled" });

/**
 * A task with its runs.
 */
export type TaskDetail = {
/**
 * Its runs, oldest first.
 */
runs: Array<Run>,
/**
 * What it waits for.
 */
inbox: Array<InboxItem>,
/**
 * The tasks below it, each after its parent, oldest first.
 */
children: Array<ChildSeen>,
/**
 * What was said to its agent and not told it yet, oldest first.
 */
said: Array<Said>,
/**
 * Its id.
 */
id: TaskId,
/**
 * First line of the prompt, or what the person said; for lists and pull requests.
 */
title: string,
/**
 * What the agent is asked to do (Markdown).
 */
prompt: string,
/**
 * Project it belongs to.
 */
project: string,
/**
 * Branch it starts from; none: the project's.
 */
base: string | null,
/**
 * Which agent does it.
 */
agent: string,
/**
 * Which model; none: the agent's default.
 */
model: string | null,
/**
 * How much the agent may do by itself.
 */
mode: Mode,
/**
 * What happens when nobody answers.
 */
on_timeout: OnTimeout,
/**
 * Bounds of each run.
 */
limits: Limits,
/**
 * Issue of the project's forge that this task closes.
 */
issue: number | null,
/**
 * Branch that its work is pushed to.
 */
branch: string,
/**
 * Commit of the base branch that its latest run began from. Tasks of one
 * group all begin from the same.
 */
base_commit: string | null,
/**
 * Since when it stands there.
 */
since: Timestamp,
/**
 * In a person's words, why: `runner offline`, `agent is thinking`, ….
 */
reason: string,
/**
 * When it was filed.
 */
created_at: Timestamp,
/**
 * Latest run, if there was one.
 */
run: RunId | null,
/**
 * How many runs there were.
 */
attempts: number,
/**
 * The fencing token of the latest lease; grows with every lease.
 */
fence: number,
/**
 * Size of its change so far.
 */
diff: DiffSize,
/**
 * What it used so far, over all runs.
 */
usage: Usage,
/**
 * The pull request, once there is one.
 */
pull_request: PullRequest | null,
/**
 * The last commit that we pushed to `branch`.
 */
pushed: string | null,
/**
 * What a reviewer must know although work was published: denied
 * permissions, automatic decisions.
 */
reservations: Array<string>,
/**
 * Files for the agent.
 */
attachments: Array<Attachment>,
/**
 * The work is shown to a person before it is published.
 */
hold: boolean,
/**
 * Only on this runner.
 */
only_runner: RunnerId | null,
/**
 * Best of N: tasks of one group do the same, and one of them is kept.
 */
group: GroupId | null,
/**
 * It was filed together with others.
 */
batch: Batch | null,
/**
 * It has ended, and a person has seen that.
 */
dismissed: boolean,
/**
 * Name of the profile it was filed with; what that said stands in the
 * other fields.
 */
profile: string | null,
/**
 * Name of the model provider its agent uses; none: the first that fits.
 */
provider: string | null,
/**
 * The task whose agent filed it.
 */
parent: TaskId | null,
/**
 * Name that the schedule had which filed it.
 */
schedule: string | null,
/**
 * A second agent looks at the work before it is published.
 */
review: ReviewPass | null,
/**
 * The agent's vendor may show and steer its session from afar (Claude
 * Remote Control).
 */
remote_control: boolean,
/**
 * Where the session at work is driven from afar.
 */
remote_link: string | null,
/**
 * Who drives the screen of the run at work; none: nobody.
 */
driver: ScreenDriver | null, } & ({ "state": "queued" } | { "state": "leased",
/**
 * Which runner.
 */
runner: RunnerId, } | { "state": "working",
/**
 * What it is doing.
 */
phase: Phase, } | { "state": "needs_you",
/**
 * For what.
 */
need: Need,
/**
 * Where to answer.
 */
item: InboxId, } | { "state": "ready" } | { "state": "publishing" } | { "state": "in_review",
/**
 * The pull request.
 */
state_pull_request: PullRequest, } | { "state": "merged",
/**
 * The pull request.
 */
state_pull_request: PullRequest, } | { "state": "closed",
/**
 * The pull request.
 */
state_pull_request: PullRequest, } | { "state": "published",
/**
 * Branch in the remote.
 */
published_branch: string,
/**
 * Its commit.
 */
commit: string, } | { "state": "no_change" } | { "state": "failed",
/**
 * Why, and what to do.
 */
problem: Problem, } | { "state": "cancelled" });

/**
 * A task: what a person asked for.
 */
export type TaskId = string;

/**
 * Which tasks to list.
 */
export type TaskQuery = {
/**
 * Only of this project.
 */
project?: string | null,
/**
 * Only in this state (`queued`, `needs_you`, …).
 */
state?: string | null,
/**
 * At most this many; none: 1000.
 */
limit?: number | null,
/**
 * Only those filed before this one, for the next page.
 */
before?: TaskId | null,
/**
 * Only those that this task's agent filed.
 */
parent?: TaskId | null, };

/**
 * A command that is known to run tests, as the agent ran it.
 */
export type TestRun = {
/**
 * The command.
 */
command: string,
/**
 * It ended well; none: it has not ended.
 */
ok: boolean | null,
/**
 * The last line of what it said.
 */
said: string, };

/**
 * An issue that is to become a task. It is kept until that is filed, so that
 * no crash loses it and none files it twice.
 */
export type Ticket = {
/**
 * Names it: the same wish has the same key, so it waits once.
 */
key: string,
/**
 * Of which project.
 */
project: string,
/**
 * Number of the issue.
 */
number: number,
/**
 * Why.
 */
cause: TicketCause,
/**
 * What the task will be called by.
 */
task: TaskId,
/**
 * How it is to be done.
 */
how: IssueTask,
/**
 * Also if a task of the issue is under way.
 */
again: boolean,
/**
 * What it was asked for together with.
 */
batch?: Batch | null,
/**
 * Since when.
 */
at: Timestamp,
/**
 * Why it came to nothing; it stays to be read, and is tried again only
 * when it is asked for again.
 */
problem?: Problem | null, };

/**
 * Why an issue is to become a task.
 */
export type TicketCause = { "cause": "person",
/**
 * Who.
 */
who: string, } | { "cause": "label",
/**
 * Which.
 */
label: string, } | { "cause": "comment",
/**
 * The comment's id at the forge.
 */
id: number,
/**
 * Who.
 */
author: string,
/**
 * What they said behind the command.
 */
text: string, } | { "cause": "comments" } | { "cause": "unknown" };

/**
 * Microseconds since the Unix epoch, UTC.
 *
 * An integer, so that it survives SQL, JSON and JavaScript (2^53 µs is the
 * year 2255) without rounding.
 */
export type Timestamp = number;

/**
 * To a console, on its WebSocket.
 */
export type ToConsole = { "type": "watching",
/**
 * Which.
 */
watch: number, } | { "type": "present",
/**
 * Which watch.
 */
watch: number,
/**
 * Tasks, newest first over all parts.
 */
tasks: Array<Task>,
/**
 * All runners, in the first part.
 */
runners: Array<RunnerSeen>,
/**
 * All open inbox items, oldest first, in the first part.
 */
inbox: Array<InboxItem>,
/**
 * This is the first part.
 */
first: boolean,
/**
 * This is the last part.
 */
last: boolean, } | { "type": "task",
/**
 * Which watch.
 */
watch: number,
/**
 * The task.
 */
task: Task, } | { "type": "runner",
/**
 * Which watch.
 */
watch: number,
/**
 * The runner.
 */
runner: RunnerSeen, } | { "type": "inbox",
/**
 * Which watch.
 */
watch: number,
/**
 * The item.
 */
item: InboxItem, } | { "type": "records",
/**
 * Which watch.
 */
watch: number,
/**
 * The records.
 */
records: Array<JournalRecord>,
/**
 * The journal has ended with these.
 */
end: boolean, } | { "type": "log",
/**
 * Which watch.
 */
watch: number,
/**
 * How many lines it has.
 */
total: number,
/**
 * The last of them, none twice, in order; empty at first.
 */
lines: Array<LogText>,
/**
 * It will not grow any more.
 */
end: boolean, } | { "type": "behind",
/**
 * Which watch.
 */
watch: number,
/**
 * How many messages were not queued.
 */
by: number,
/**
 * Where it goes on, for a journal.
 */
after: number | null, } | { "type": "ended",
/**
 * Which.
 */
watch: number,
/**
 * Why.
 */
problem: Problem | null, };

/**
 * To a screen, besides what its RFB client says.
 */
export type ToScreen = { "type": "ping",
/**
 * Comes back as it is.
 */
number: number, } | { "type": "unknown" };

/**
 * To a terminal. What is typed comes as bytes.
 */
export type ToTerminal = { "type": "resize",
/**
 * Characters in a row: 1 to [`ToTerminal::LARGEST`].
 */
columns: number,
/**
 * Rows: 1 to [`ToTerminal::LARGEST`].
 */
rows: number, } | { "type": "drive" } | { "type": "unknown" };

/**
 * One item of a to-do list.
 */
export type Todo = {
/**
 * What to do.
 */
text: string,
/**
 * `pending`, `in_progress` or `completed`, as the agent says it.
 */
status: string, };

/**
 * One finding of a runner's doctor.
 */
export type ToolCheck = {
/**
 * What was looked at.
 */
name: string,
/**
 * What was found.
 */
found: string,
/**
 * What keeps it from working; none if nothing does.
 */
problem: string | null,
/**
 * The mend, as a command line or a sentence.
 */
mend: string, };

/**
 * What one task did to a file.
 */
export type TouchedBy = {
/**
 * Which task.
 */
task: TaskId,
/**
 * What it did.
 */
change: Change,
/**
 * How much.
 */
size: DiffSize, };

/**
 * How the hub hears what happens to issues.
 */
export type TriggerWay = "poll" | "webhook";

/**
 * Whether an agent of a runner answers.
 */
export type TryAgent = {
/**
 * Which runner.
 */
runner: RunnerId,
/**
 * Which agent.
 */
agent: string,
/**
 * With which provider; none: the first that fits.
 */
provider?: string | null,
/**
 * With which model; none: the agent's default.
 */
model?: string | null, };

/**
 * Which tunnel a console wants, as a query string.
 */
export type TunnelQuery = {
/**
 * To a run of this task: the latest.
 */
task: TaskId,
/**
 * To this port of loopback inside; none: to the terminal.
 */
port?: number | null,
/**
 * To the screen, and not to the terminal.
 */
screen?: boolean | null,
/**
 * Only look: nothing that is typed is taken.
 */
view?: boolean | null, };

/**
 * Why a turn ended.
 */
export type TurnEnd = "completed" | "interrupted" | "error" | "exited" | "unknown";

/**
 * What to take back.
 */
export type Unsay = {
/**
 * Of which task.
 */
task: TaskId,
/**
 * Which, as [`Said::word`] names it.
 */
word: string, };

/**
 * Tokens and money, added up. Cost is what the agent or a price table said,
 * in micro-dollars (an integer, so that sums are exact).
 */
export type Usage = {
/**
 * Tokens read, without those from the cache.
 */
input_tokens: number,
/**
 * Tokens written by the model.
 */
output_tokens: number,
/**
 * Tokens read from the provider's cache.
 */
cache_read_tokens: number,
/**
 * Tokens written to the provider's cache.
 */
cache_write_tokens: number,
/**
 * Cost in millionths of a US dollar; none where nobody knows.
 */
cost_micros: number | null, };

/**
 * How a hub logs in, without what it shows.
 */
export type VaultLoginSeen = { "by": "token" } | { "by": "app_role",
/**
 * Where the method is mounted.
 */
mount: string,
/**
 * The role's id.
 */
role_id: string, } | { "by": "kubernetes",
/**
 * Where the method is mounted.
 */
mount: string,
/**
 * The role's name.
 */
role: string, };

/**
 * A Vault as a console sees it.
 */
export type VaultSeen = {
/**
 * Our name for it.
 */
name: string,
/**
 * Its address.
 */
url: string,
/**
 * Its namespace.
 */
namespace?: string | null,
/**
 * How the hub logs in.
 */
login: VaultLoginSeen,
/**
 * It is logged in now. By AppRole and Kubernetes it does so when it must;
 * with a person's token only that person can.
 */
logged_in: boolean,
/**
 * Names of the secrets that are read from it, sorted.
 */
used_by: Array<string>, };

/**
 * What a run may use up. A limit that is `None` is not set.
 */
export type WallLimits = {
/**
 * Memory of all its processes together, in MiB.
 */
memory_mb: number | null,
/**
 * Processes and threads at one moment.
 */
pids: number | null,
/**
 * Processor time, in percent of one core: 200 is two cores.
 */
cpu_percent: number | null,
/**
 * What it may write into its own directories (tree, home, temporary
 * files) on top of what was there when the walls were raised, in MiB.
 */
disk_mb: number | null,
/**
 * The largest single file, in MiB.
 */
file_mb: number | null,
/**
 * `/tmp`, `/var/tmp` and `/dev/shm` in memory, each, in MiB.
 */
tmp_mb: number | null,
/**
 * Open files of one process.
 */
open_files: number | null, };

/**
 * How a run is kept apart from the machine.
 */
export type WallsKind = "auto" | "bubblewrap" | "landlock" | "container" | "off" | "unknown";

/**
 * The walls that a run really has.
 */
export type WallsReport = {
/**
 * Never [`WallsKind::Auto`] in a report of a run.
 */
kind: WallsKind,
/**
 * What holds: sentences for a person.
 */
holds: Array<string>,
/**
 * What does not hold, and why: sentences for a person.
 */
lacks: Array<string>,
/**
 * The limits that apply. What was wished and is not here does not apply,
 * and is named in `lacks`.
 */
limits: Array<AppliedLimit>, };

/**
 * What a project wants of the walls.
 */
export type WallsWish = {
/**
 * Which kind.
 */
kind: WallsKind,
/**
 * What the run may use up.
 */
limits: WallLimits, };

/** Every command of a hub, by name. */
export type Commands = {
  /** Who am I, and which hub is this? */
  hub_status: { request: Nothing; response: HubInfo };
  /** Files a task. */
  task_new: { request: NewTask; response: Task };
  /** Files many tasks at once, all or none. */
  task_new_many: { request: NewTasks; response: Array<Task> };
  /** Lists tasks, newest first. */
  task_list: { request: TaskQuery; response: Array<Task> };
  /** Shows a task. */
  task_show: { request: OneTask; response: TaskDetail };
  /** Reads lines of a task's log. */
  task_log: { request: LogQuery; response: LogPage };
  /** Searches a task's log. */
  task_log_search: { request: LogSearch; response: LogHits };
  /** Reads records of a run's journal. */
  task_journal: { request: JournalQuery; response: JournalPage };
  /** The files a task changed, now or at an earlier point of the journal. */
  task_diff: { request: DiffQuery; response: Snapshot };
  /** One changed file, side by side. */
  task_diff_file: { request: FileQuery; response: FileDiff };
  /** The points of a run that a person may want to go back to. */
  task_moments: { request: MomentsQuery; response: Moments };
  /** What a run tried to reach, what became of it, and a policy that would have let it. */
  task_network: { request: NetworkQuery; response: NetworkAudit };
  /** Tells the agent something: now or queued while it works, a new run when it is done. */
  task_say: { request: Say; response: Task };
  /** Takes back what the agent was not told yet. */
  task_unsay: { request: Unsay; response: Task };
  /** Stops the agent's turn and keeps its session. */
  task_interrupt: { request: OneTask; response: Task };
  /** Takes keyboard and pointer of the run's screen; the agent's input is refused meanwhile. */
  task_takeover: { request: OneTask; response: Task };
  /** Gives the screen back to the agent, with a note that it is told next. */
  task_handback: { request: HandBack; response: Task };
  /** Makes a film of a recording, or says how far it is. */
  film_make: { request: FilmOf; response: Film };
  /** How far a film is. */
  film_show: { request: FilmOf; response: Film };
  /** Stops making a film, or forgets it. */
  film_drop: { request: FilmOf; response: Nothing };
  /** Makes a VNC server that the runner's owner allows the run's screen, or gives the run its own again. */
  task_screen_attach: { request: ScreenAttach; response: Task };
  /** Says that the work is done: the run collects, commits and publishes what is there. */
  task_done: { request: OneTask; response: Task };
  /** Ends the task and those below it; their work is rescued, nothing is published. */
  task_stop: { request: Stop; response: Task };
  /** As `task_stop`, at once: the agents are killed and not asked to end. */
  task_kill: { request: OneTask; response: Task };
  /** Begins again where a turn of a run ended: with the tree and the session as they were then. */
  task_retry: { request: RetryFrom; response: Task };
  /** Runs the task again: from its base, in a fresh session, with its own prompt. */
  task_again: { request: OneTask; response: Task };
  /** Continues the session of the last run, on its work, in a new run. */
  task_resume: { request: Resume; response: Task };
  /** Gives the task to another runner, agent or model: at once while it waits, after the run at work was stopped and rescued, or as a new attempt. */
  task_reassign: { request: Reassign; response: Task };
  /** Lets work that was held for a look be published. */
  task_publish: { request: OneTask; response: Task };
  /** Keeps this task of a group: it is published, the others are stopped. */
  task_keep: { request: OneTask; response: Task };
  /** The tasks of a group side by side: what each changed, ran, took and cost. */
  group_compare: { request: OneGroup; response: GroupComparison };
  /** Takes a task that has ended off the list of what needs a person. */
  task_dismiss: { request: OneTask; response: Task };
  /** Sends comments on lines of the change to the agent, as one follow-up. */
  task_review: { request: SendReview; response: Task };
  /** The comments sent so far, oldest first. */
  task_review_notes: { request: OneTask; response: Array<ReviewNoteSent> };
  /** Keeps a file to be given to an agent with a task. */
  attachment_new: { request: NewAttachment; response: Attachment };
  /** Looks up issues by the links of their pages. */
  issue_look_up: { request: IssueLinks; response: Array<IssueFound> };
  /** Lists a project's issues, the latest first, with the tasks made of them. */
  issue_list: { request: IssueQuery; response: Array<IssueSeen> };
  /** Makes tasks of issues: they are noted at once, and read and filed after the answer. */
  issue_file: { request: FileIssues; response: Array<IssueFiled> };
  /** Issues that are on their way to becoming tasks, and those that came to nothing. */
  ticket_list: { request: Nothing; response: Array<Ticket> };
  /** Takes an issue off that way. */
  ticket_drop: { request: OneTicket; response: Nothing };
  /** Says which issues of a project become tasks by themselves; registers its webhook. */
  intake_set: { request: IntakePolicy; response: IntakeSeen };
  /** Lists what becomes a task by itself. */
  intake_list: { request: Nothing; response: Array<IntakeSeen> };
  /** Nothing of this project becomes a task by itself any more; removes its webhook. */
  intake_remove: { request: Named; response: Nothing };
  /** Adds or changes a schedule of a project. */
  schedule_set: { request: NewSchedule; response: ScheduleSeen };
  /** Lists the schedules of all projects, with their next times. */
  schedule_list: { request: Nothing; response: Array<ScheduleSeen> };
  /** Removes a schedule; its tasks stay. */
  schedule_remove: { request: OneSchedule; response: Nothing };
  /** Stops a schedule for a while, or lets it go on from now. */
  schedule_pause: { request: PauseSchedule; response: ScheduleSeen };
  /** Files a task of a schedule now, besides its times. */
  schedule_run: { request: OneSchedule; response: Task };
  /** Says what a cron expression means, and its next times. */
  schedule_preview: { request: CronQuery; response: CronMeaning };
  /** What needs a person, oldest first. */
  inbox_list: { request: InboxQuery; response: Array<InboxItem> };
  /** Answers an inbox item. */
  inbox_answer: { request: AnswerItem; response: InboxItem };
  /** Adds or changes a project. */
  project_add: { request: Project; response: Project };
  /** Lists projects. */
  project_list: { request: Nothing; response: Array<Project> };
  /** Adds hosts to what a project's runs may reach, also those at work. */
  project_allow: { request: AllowHosts; response: Project };
  /** Adds rules to what a project's agents may do, also those at work. */
  project_rules: { request: AddRules; response: Project };
  /** Removes a project that has no task under way. */
  project_remove: { request: Named; response: Nothing };
  /** Says what the settings of a project's repository at its forge should be. */
  project_advice: { request: Named; response: Array<SettingAdvice> };
  /** Adds or changes a forge; its token is checked first. */
  forge_add: { request: NewForge; response: Forge };
  /** Lists forges. */
  forge_list: { request: Nothing; response: Array<ForgeSeen> };
  /** Begins a login to a forge: a page to open, and perhaps a code to type in there. */
  forge_login: { request: NewForgeLogin; response: ForgeLoginSeen };
  /** How the latest login to a forge stands. */
  forge_login_show: { request: Named; response: ForgeLoginSeen };
  /** Ends a login whose browser could not come back to the hub's machine. */
  forge_login_finish: { request: LoginAddress; response: Nothing };
  /** Gives up a login that waits for somebody. */
  forge_login_cancel: { request: Named; response: Nothing };
  /** Removes a forge that no project uses, and its token. */
  forge_remove: { request: Named; response: Nothing };
  /** Adds or changes a model provider. */
  provider_add: { request: NewProvider; response: Provider };
  /** Lists model providers. */
  provider_list: { request: Nothing; response: Array<Provider> };
  /** Removes a model provider and its key. */
  provider_remove: { request: Named; response: Nothing };
  /** Keeps a full login of Claude Code with a provider: what Remote Control needs. */
  provider_login_set: { request: NewFullLogin; response: Provider };
  /** Forgets a provider's full login. */
  provider_login_remove: { request: Named; response: Provider };
  /** With which login a run would call its model. */
  login_show: { request: LoginQuery; response: EffectiveLogin };
  /** Adds or changes a profile. */
  profile_add: { request: Profile; response: Profile };
  /** Lists profiles. */
  profile_list: { request: Nothing; response: Array<Profile> };
  /** Removes a profile that no project uses. */
  profile_remove: { request: Named; response: Nothing };
  /** Keeps a secret that projects may use, or gives it a new value. */
  secret_set: { request: NewSecret; response: SecretSeen };
  /** Lists secrets, without their values. */
  secret_list: { request: Nothing; response: Array<SecretSeen> };
  /** Removes a secret that no project uses. */
  secret_remove: { request: Named; response: Nothing };
  /** Adds a Vault, or logs in to one anew; the login is tried first. */
  vault_add: { request: NewVault; response: VaultSeen };
  /** Lists Vaults, without what is shown to them. */
  vault_list: { request: Nothing; response: Array<VaultSeen> };
  /** Removes a Vault that no secret is read from. */
  vault_remove: { request: Named; response: Nothing };
  /** The prices of models that go before the built-in ones. */
  price_list: { request: Nothing; response: Prices };
  /** Sets them, all at once. */
  price_set: { request: Prices; response: Prices };
  /** Makes a single-use code that enrols one runner. */
  join_code_new: { request: NewJoinCode; response: NewJoinCodeMade };
  /** Lists runners. */
  runner_list: { request: Nothing; response: Array<RunnerSeen> };
  /** Revokes a runner: it is disconnected at once and refused from then on. */
  runner_revoke: { request: OneRunner; response: Nothing };
  /** Asks a runner to look again which agents and tools it has. */
  runner_look: { request: OneRunner; response: Nothing };
  /** Has a runner start an agent in walls with a trivial prompt; what came of it is told with the runner. */
  runner_try: { request: TryAgent; response: Nothing };
  /** Makes a single-use code that signs another browser in as the caller. */
  sign_in_code_new: { request: NewSignInCode; response: NewSignInCodeMade };
  /** Reads something that the caller's consoles share. */
  preference_get: { request: PreferenceKey; response: Preference };
  /** Keeps something that the caller's consoles share. */
  preference_set: { request: Preference; response: Nothing };
};

/** How each command travels, and the role it needs. */
export const ROUTES = {
  hub_status: { method: "GET", path: "/api/hub", role: "viewer" },
  task_new: { method: "POST", path: "/api/tasks", role: "operator" },
  task_new_many: { method: "POST", path: "/api/tasks/many", role: "operator" },
  task_list: { method: "GET", path: "/api/tasks", role: "viewer" },
  task_show: { method: "GET", path: "/api/tasks/{task}", role: "viewer" },
  task_log: { method: "GET", path: "/api/tasks/{task}/log", role: "viewer" },
  task_log_search: { method: "GET", path: "/api/tasks/{task}/log/search", role: "viewer" },
  task_journal: { method: "GET", path: "/api/tasks/{task}/journal", role: "viewer" },
  task_diff: { method: "GET", path: "/api/tasks/{task}/diff", role: "viewer" },
  task_diff_file: { method: "GET", path: "/api/tasks/{task}/diff/file", role: "viewer" },
  task_moments: { method: "GET", path: "/api/tasks/{task}/moments", role: "viewer" },
  task_network: { method: "GET", path: "/api/tasks/{task}/network", role: "viewer" },
  task_say: { method: "POST", path: "/api/tasks/{task}/say", role: "operator" },
  task_unsay: { method: "POST", path: "/api/tasks/{task}/unsay", role: "operator" },
  task_interrupt: { method: "POST", path: "/api/tasks/{task}/interrupt", role: "operator" },
  task_takeover: { method: "POST", path: "/api/tasks/{task}/takeover", role: "operator" },
  task_handback: { method: "POST", path: "/api/tasks/{task}/handback", role: "operator" },
  film_make: { method: "POST", path: "/api/tasks/{task}/films/{blob}", role: "viewer" },
  film_show: { method: "GET", path: "/api/tasks/{task}/films/{blob}", role: "viewer" },
  film_drop: { method: "DELETE", path: "/api/tasks/{task}/films/{blob}", role: "viewer" },
  task_screen_attach: { method: "POST", path: "/api/tasks/{task}/screen", role: "operator" },
  task_done: { method: "POST", path: "/api/tasks/{task}/done", role: "operator" },
  task_stop: { method: "POST", path: "/api/tasks/{task}/stop", role: "operator" },
  task_kill: { method: "POST", path: "/api/tasks/{task}/kill", role: "operator" },
  task_retry: { method: "POST", path: "/api/tasks/{task}/retry", role: "operator" },
  task_again: { method: "POST", path: "/api/tasks/{task}/again", role: "operator" },
  task_resume: { method: "POST", path: "/api/tasks/{task}/resume", role: "operator" },
  task_reassign: { method: "POST", path: "/api/tasks/{task}/reassign", role: "operator" },
  task_publish: { method: "POST", path: "/api/tasks/{task}/publish", role: "approver" },
  task_keep: { method: "POST", path: "/api/tasks/{task}/keep", role: "approver" },
  group_compare: { method: "GET", path: "/api/groups/{group}", role: "viewer" },
  task_dismiss: { method: "POST", path: "/api/tasks/{task}/dismiss", role: "operator" },
  task_review: { method: "POST", path: "/api/tasks/{task}/review", role: "operator" },
  task_review_notes: { method: "GET", path: "/api/tasks/{task}/review", role: "viewer" },
  attachment_new: { method: "POST", path: "/api/attachments", role: "operator" },
  issue_look_up: { method: "POST", path: "/api/issues/look-up", role: "operator" },
  issue_list: { method: "GET", path: "/api/projects/{name}/issues", role: "viewer" },
  issue_file: { method: "POST", path: "/api/projects/{name}/issues/file", role: "operator" },
  ticket_list: { method: "GET", path: "/api/tickets", role: "viewer" },
  ticket_drop: { method: "POST", path: "/api/tickets/drop", role: "operator" },
  intake_set: { method: "POST", path: "/api/intake", role: "admin" },
  intake_list: { method: "GET", path: "/api/intake", role: "viewer" },
  intake_remove: { method: "DELETE", path: "/api/intake/{name}", role: "admin" },
  schedule_set: { method: "POST", path: "/api/projects/{name}/schedules/{schedule}", role: "admin" },
  schedule_list: { method: "GET", path: "/api/schedules", role: "viewer" },
  schedule_remove: { method: "DELETE", path: "/api/projects/{name}/schedules/{schedule}", role: "admin" },
  schedule_pause: { method: "POST", path: "/api/projects/{name}/schedules/{schedule}/pause", role: "operator" },
  schedule_run: { method: "POST", path: "/api/projects/{name}/schedules/{schedule}/run", role: "operator" },
  schedule_preview: { method: "GET", path: "/api/schedules/preview", role: "viewer" },
  inbox_list: { method: "GET", path: "/api/inbox", role: "viewer" },
  inbox_answer: { method: "POST", path: "/api/inbox/{item}", role: "approver" },
  project_add: { method: "POST", path: "/api/projects", role: "admin" },
  project_list: { method: "GET", path: "/api/projects", role: "viewer" },
  project_allow: { method: "POST", path: "/api/projects/{name}/allow", role: "admin" },
  project_rules: { method: "POST", path: "/api/projects/{name}/rules", role: "admin" },
  project_remove: { method: "DELETE", path: "/api/projects/{name}", role: "admin" },
  project_advice: { method: "GET", path: "/api/projects/{name}/advice", role: "operator" },
  forge_add: { method: "POST", path: "/api/forges", role: "admin" },
  forge_list: { method: "GET", path: "/api/forges", role: "viewer" },
  forge_login: { method: "POST", path: "/api/forges/{name}/login", role: "admin" },
  forge_login_show: { method: "GET", path: "/api/forges/{name}/login", role: "admin" },
  forge_login_finish: { method: "POST", path: "/api/forges/{name}/login/finish", role: "admin" },
  forge_login_cancel: { method: "DELETE", path: "/api/forges/{name}/login", role: "admin" },
  forge_remove: { method: "DELETE", path: "/api/forges/{name}", role: "admin" },
  provider_add: { method: "POST", path: "/api/providers", role: "admin" },
  provider_list: { method: "GET", path: "/api/providers", role: "viewer" },
  provider_remove: { method: "DELETE", path: "/api/providers/{name}", role: "admin" },
  provider_login_set: { method: "POST", path: "/api/providers/{name}/login", role: "admin" },
  provider_login_remove: { method: "DELETE", path: "/api/providers/{name}/login", role: "admin" },
  login_show: { method: "GET", path: "/api/login", role: "viewer" },
  profile_add: { method: "POST", path: "/api/profiles", role: "admin" },
  profile_list: { method: "GET", path: "/api/profiles", role: "viewer" },
  profile_remove: { method: "DELETE", path: "/api/profiles/{name}", role: "admin" },
  secret_set: { method: "POST", path: "/api/secrets", role: "admin" },
  secret_list: { method: "GET", path: "/api/secrets", role: "viewer" },
  secret_remove: { method: "DELETE", path: "/api/secrets/{name}", role: "admin" },
  vault_add: { method: "POST", path: "/api/vaults", role: "admin" },
  vault_list: { method: "GET", path: "/api/vaults", role: "viewer" },
  vault_remove: { method: "DELETE", path: "/api/vaults/{name}", role: "admin" },
  price_list: { method: "GET", path: "/api/prices", role: "viewer" },
  price_set: { method: "POST", path: "/api/prices", role: "admin" },
  join_code_new: { method: "POST", path: "/api/runners/join-codes", role: "admin" },
  runner_list: { method: "GET", path: "/api/runners", role: "viewer" },
  runner_revoke: { method: "POST", path: "/api/runners/{runner}/revoke", role: "admin" },
  runner_look: { method: "POST", path: "/api/runners/{runner}/look", role: "operator" },
  runner_try: { method: "POST", path: "/api/runners/{runner}/try", role: "operator" },
  sign_in_code_new: { method: "POST", path: "/api/sign-in-codes", role: "viewer" },
  preference_get: { method: "GET", path: "/api/preferences", role: "viewer" },
  preference_set: { method: "POST", path: "/api/preferences", role: "viewer" },
} as const satisfies Record<
  keyof Commands,
  { method: "GET" | "POST" | "DELETE"; path: string; role: Role }
>;

export const LIVE_PATH = "/api/live";
export const SESSION_PATH = "/session";
export const RESCUE_PATH = "/api/tasks/{task}/rescue";
export const BLOB_PATH = "/api/tasks/{task}/blobs/{blob}";
export const FILM_PATH = "/api/tasks/{task}/films/{blob}/webm";
export const TUNNEL_PATH = "/api/tunnel";
