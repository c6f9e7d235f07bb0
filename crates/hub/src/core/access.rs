//! What runs may use and reach: secrets by name, prices of models, and hosts
//! that are added to a project's policy while its runs are at work.

use super::Core;
use super::messages::Granted;
use super::turn::{Output, Turn};
use crate::settings::{self, SecretKept};
use crate::vaults::{Fetch, Fetched};
use pilot_egress::policy::{self, Host, Way};
use pilot_lifecycle::permissions::{self, Use};
use pilot_lifecycle::{QueueEvent, TaskEvent};
use pilot_proto::console::Prices;
use pilot_proto::inbox::Ask;
use pilot_proto::network::NetworkPolicy;
use pilot_proto::permission::{PermissionDecision, PermissionPolicy, PermissionRule};
use pilot_proto::runner::Act;
use pilot_proto::{
    Answer, Code, InboxItem, Problem, Project, RunId, RunSpec, RunnerId, SealedGrant, Secret,
    SecretOrigin, SecretUse, TaskId,
};
use pilot_store::Change;
use std::collections::{BTreeMap, BTreeSet};

/// Secrets of one hub: every one is read with the board and listed at once.
const MAX_SECRETS: usize = 1000;
/// Rules of one project, each way. A policy longer than this is no policy that
/// anybody reads.
pub(crate) const MAX_RULES: usize = 1000;

impl Core {
    pub(crate) fn put_secret(
        &mut self,
        turn: &mut Turn,
        name: &str,
        origin: &SecretOrigin,
    ) -> Result<Granted, Problem> {
        let mut secrets = self.board.secrets.clone();
        let kept = SecretKept { origin: origin.clone(), rotated_at: turn.now };
        secrets.insert(name.to_owned(), kept.clone());
        if secrets.len() > MAX_SECRETS {
            let message = format!("There are {MAX_SECRETS} secrets, as many as there may be.");
            return Err(Problem::new(Code::TooLarge, message).hint("Remove some that nobody uses."));
        }
        turn.changes.push(settings::put_secrets(&secrets).map_err(|error| unspelt(&error))?);
        self.board.secrets = secrets;
        let seen = kept.seen(name, self.board.projects.values());
        Ok(Granted::Secret(Box::new(seen)))
    }

    pub(crate) fn remove_secret(
        &mut self,
        turn: &mut Turn,
        name: &str,
    ) -> Result<Granted, Problem> {
        let Some(kept) = self.board.secrets.get(name) else { return Err(self.no_secret(name)) };
        let users = kept.seen(name, self.board.projects.values()).used_by;
        if !users.is_empty() {
            let users: Vec<_> = users.iter().map(|project| format!("`{project}`")).collect();
            let message = format!("The secret `{name}` is used by {}.", users.join(", "));
            let hint = format!(
                "Take it from each with `pilot project secret PROJECT remove {name}`, or where it \
                 signs commits with `pilot project pull-requests PROJECT --signing-key none`."
            );
            return Err(Problem::new(Code::Precondition, message).hint(hint));
        }
        let mut secrets = self.board.secrets.clone();
        secrets.remove(name);
        turn.changes.push(settings::put_secrets(&secrets).map_err(|error| unspelt(&error))?);
        self.board.secrets = secrets;
        Ok(Granted::Done)
    }

    fn no_secret(&self, name: &str) -> Problem {
        let names: Vec<_> = self.board.secrets.keys().map(|name| format!("`{name}`")).collect();
        let hint = if names.is_empty() {
            format!("There is none yet; keep it with `pilot secret set {name}`.")
        } else {
            format!("There are: {}. `pilot secret set {name}` keeps another.", names.join(", "))
        };
        Problem::new(Code::NotFound, format!("There is no secret `{name}`.")).hint(hint)
    }

    /// A project may only name secrets that there are.
    pub(crate) fn check_secrets(&self, project: &Project) -> Result<(), Problem> {
        let signing = project.pull_requests.signing_key.iter();
        let mut names = project.secrets.iter().map(|one| &one.name).chain(signing);
        match names.find(|name| !self.board.secrets.contains_key(*name)) {
            Some(missing) => Err(self.no_secret(missing)),
            None => Ok(()),
        }
    }

    /// A project that has its commits signed gets none that are not.
    fn check_signing(&self, project: &Project) -> Result<(), Problem> {
        let Some(name) = &project.pull_requests.signing_key else { return Ok(()) };
        if self.reach.granter.has_secret(name) {
            return Ok(());
        }
        let message = format!("The key `{name}`, which the commits are signed with, is not here.");
        let hint = format!("Keep it in this hub: `pilot secret set {name} --stdin < KEYFILE`.");
        Err(Problem::new(Code::Precondition, message).hint(hint))
    }

    pub(crate) fn put_prices(
        &mut self,
        turn: &mut Turn,
        prices: &Prices,
    ) -> Result<Granted, Problem> {
        turn.changes.push(settings::put_prices(prices).map_err(|error| unspelt(&error))?);
        self.board.prices = prices.clone();
        Ok(Granted::Done)
    }

    /// Adds rules to what a project's runs may reach, those at work included.
    pub(crate) fn allow(
        &mut self,
        turn: &mut Turn,
        project: &str,
        rules: &[String],
    ) -> Result<Granted, Problem> {
        let project = with_rules(self.project(project)?, rules)?;
        self.put_allowed(turn, &project, rules, None);
        Ok(Granted::Project(Box::new(project)))
    }

    /// Adds rules to what a project's agents may do.
    pub(crate) fn add_rules(
        &mut self,
        turn: &mut Turn,
        project: &str,
        rules: &[PermissionRule],
    ) -> Result<Granted, Problem> {
        let project = with_permissions(self.project(project)?, rules)?;
        self.put_rules(turn, &project, rules, None);
        Ok(Granted::Project(Box::new(project)))
    }

    /// The project with what the answer says for all its runs, if it says something.
    pub(crate) fn for_project(
        &self,
        item: &InboxItem,
        answer: &Answer,
    ) -> Result<Option<ForProject>, Problem> {
        if let Some(what) = Use::of(&item.ask) {
            return self.rules_for_project(item, what, answer);
        }
        let Answer::Allow { for_project: true, .. } = answer else { return Ok(None) };
        let Ask::Network { host, port, .. } = &item.ask else {
            let message =
                "Only a host or a permission can be allowed for the whole project; it still waits.";
            return Err(
                Problem::new(Code::Invalid, message).hint("Allow it once, or for this run.")
            );
        };
        let Some(slot) = self.board.tasks.get(&item.task) else { return Ok(None) };
        let project = self.project(&slot.machine.task().project)?;
        let known = Host::parse(host).ok_or_else(|| {
            let message = format!("`{host}` is no host that a policy can name.");
            Problem::new(Code::Invalid, message).hint("Allow it for this run.")
        })?;
        // A name that was only looked up has no port.
        let rule = if *port == 0 { known.to_string() } else { format!("{known}:{port}") };
        let allowed = with_rules(project, std::slice::from_ref(&rule))?;
        check_reaches(&allowed, &known, *port)?;
        Ok(Some(ForProject::Host(allowed, rule)))
    }

    fn rules_for_project(
        &self,
        item: &InboxItem,
        what: Use<'_>,
        answer: &Answer,
    ) -> Result<Option<ForProject>, Problem> {
        let (decision, rule, for_project) = match answer {
            Answer::Allow { for_project, rule, .. } => {
                (PermissionDecision::Allow, rule, *for_project)
            }
            Answer::Never { rule, .. } => (PermissionDecision::Never, rule, true),
            Answer::Deny { .. } | Answer::Choose { .. } | Answer::Say { .. } | Answer::End => {
                return Ok(None);
            }
        };
        let rules = match rule {
            Some(rule) => vec![PermissionRule { decision, ..rule.clone() }],
            None => permissions::exactly(decision, what),
        };
        if rule.is_some() || for_project {
            permissions::check(&PermissionPolicy { rules: rules.clone() })?;
            let fits = match decision {
                PermissionDecision::Allow => permissions::allows(&rules, what),
                PermissionDecision::Ask | PermissionDecision::Never => {
                    rules.iter().any(|rule| permissions::fits(rule, what))
                }
            };
            if !fits {
                let message = "The rule does not cover what is asked; it still waits.";
                return Err(Problem::new(Code::Invalid, message)
                    .hint("Name the tool, the command or the path as the request has it."));
            }
        }
        let Some(slot) = self.board.tasks.get(&item.task).filter(|_| for_project) else {
            return Ok(None);
        };
        let project = self.project(&slot.machine.task().project)?;
        let more = with_permissions(project, &rules)?;
        let decided = permissions::decide(&more.permissions.rules, what);
        match decided {
            Some((other, stronger)) if other != decision => {
                Err(still_decides(&project.name, other, stronger))
            }
            Some(_) | None => Ok(Some(ForProject::Rules(more, rules))),
        }
    }

    /// Keeps a project with more rules, and tells its runs at work, but for one
    /// that is told in another way.
    pub(crate) fn put_rules(
        &mut self,
        turn: &mut Turn,
        project: &Project,
        rules: &[PermissionRule],
        told: Option<RunId>,
    ) {
        turn.changes.push(Change::PutProject(project.clone()));
        self.board.projects.insert(project.name.clone(), project.clone());
        for run in self.at_work(project, told) {
            self.order(turn, run, Act::Rules { rules: rules.to_vec() });
        }
    }

    pub(crate) fn at_work(&self, project: &Project, but: Option<RunId>) -> BTreeSet<RunId> {
        (self.board.tasks.values())
            .filter(|slot| slot.machine.task().project == project.name)
            .filter_map(|slot| slot.machine.lease())
            .map(|lease| lease.run)
            .filter(|run| Some(*run) != but)
            .collect()
    }

    /// Keeps a project that allows more, and tells its runs at work, but for one
    /// that is told in another way.
    pub(crate) fn put_allowed(
        &mut self,
        turn: &mut Turn,
        project: &Project,
        rules: &[String],
        told: Option<RunId>,
    ) {
        turn.changes.push(Change::PutProject(project.clone()));
        self.board.projects.insert(project.name.clone(), project.clone());
        for run in self.at_work(project, told) {
            self.order(turn, run, Act::Allow { rules: rules.to_vec() });
        }
    }

    fn uses(&self, spec: &RunSpec) -> &[SecretUse] {
        let project = self.board.projects.get(&spec.project);
        project.map(|project| project.secrets.as_slice()).unwrap_or_default()
    }

    /// Those of a run's secrets that have to be read from a Vault first.
    fn elsewhere(&self, spec: &RunSpec) -> Vec<(String, SecretOrigin)> {
        let kept = |one: &SecretUse| {
            let kept = self.board.secrets.get(&one.name)?;
            Some((one.name.clone(), kept.origin.clone()))
        };
        let all = self.uses(spec).iter().filter_map(kept);
        all.filter(|(_, origin)| matches!(origin, SecretOrigin::Vault { .. })).collect()
    }

    /// The secrets of a run's project, for its runner alone.
    fn sealed(
        &self,
        runner: RunnerId,
        spec: &RunSpec,
        fetched: &BTreeMap<String, Secret>,
    ) -> Result<Vec<SealedGrant>, Problem> {
        if let Some(project) = self.board.projects.get(&spec.project) {
            self.check_secrets(project)?;
            self.check_signing(project)?;
        }
        let uses = self.uses(spec);
        if uses.is_empty() {
            return Ok(Vec::new());
        }
        let about = self.links.get(&runner).map(|link| &link.about);
        let enrolled = self.board.runners.get(&runner);
        let about = about.or_else(|| enrolled.and_then(|runner| runner.about.as_ref()));
        let Some(key) = about.and_then(|about| about.seal_key.as_deref()) else {
            let name = enrolled.map_or("?", |runner| runner.name.as_str());
            let secrets: Vec<_> = uses.iter().map(|one| format!("`{}`", one.name)).collect();
            let message = format!(
                "The runner `{name}` has no key to seal secrets to, and the project uses {}.",
                secrets.join(", ")
            );
            return Err(Problem::new(Code::Precondition, message)
                .hint("Bring the runner to this hub's version, or give the task to another."));
        };
        uses.iter().map(|one| self.reach.granter.seal(key, spec, one, fetched)).collect()
    }

    /// Assigns a run with its secrets, or remembers that it cannot be. What is
    /// in a Vault is read first, by somebody else: see [`Core::fetched`].
    pub(crate) fn assign_sealed(
        &self,
        turn: &mut Turn,
        task: TaskId,
        runner: RunnerId,
        spec: &RunSpec,
    ) {
        let wanted = self.elsewhere(spec);
        if wanted.is_empty() {
            return self.assign_with(turn, task, runner, spec, &BTreeMap::new());
        }
        turn.outputs.push(Output::Fetch(Fetch { task, run: spec.run, runner, wanted }));
    }

    /// The secrets of a run were read, or not. It may have been stopped, or
    /// given to somebody else, meanwhile.
    pub(crate) fn fetched(&mut self, turn: &mut Turn, fetched: &Fetched) {
        let Fetched { task, run, runner, values } = fetched;
        let lease = self.board.queue.lease(*task);
        let waits = lease.is_some_and(|lease| lease.run == *run && !lease.taken);
        let slot = self.board.tasks.get(task).filter(|slot| slot.machine.is_current(*run));
        let Some(spec) = slot.filter(|_| waits).and_then(|slot| self.spec(slot)) else { return };
        match values {
            Ok(values) => self.assign_with(turn, *task, *runner, &spec, values),
            Err(problem) => {
                tracing::warn!(%task, %run, %problem, "a run's secrets cannot be read");
                turn.unfit.push_back((*task, *run, problem.clone()));
            }
        }
    }

    fn assign_with(
        &self,
        turn: &mut Turn,
        task: TaskId,
        runner: RunnerId,
        spec: &RunSpec,
        fetched: &BTreeMap<String, Secret>,
    ) {
        let slot = self.board.tasks.get(&task);
        let login = slot.map_or(Ok(()), |slot| self.check_login(slot.machine.task()));
        match login.and_then(|()| self.sealed(runner, spec, fetched)) {
            Ok(secrets) => {
                turn.outputs.push(Output::Assign { runner, run: spec.run, secrets });
            }
            Err(problem) => {
                tracing::warn!(%task, %runner, run = %spec.run, %problem, "a run cannot begin");
                turn.unfit.push_back((task, spec.run, problem));
            }
        }
    }

    /// Ends what could not be assigned. Not at once, because each frees a
    /// worker, who may be given the next that cannot begin: thousands deep.
    pub(crate) fn turn_away_unfit(&mut self, turn: &mut Turn) {
        while let Some((task, run, problem)) = turn.unfit.pop_front() {
            self.changed_runner_of(turn, run);
            self.feed_news(turn, task, TaskEvent::Unfit { run, problem });
            self.ask_queue(turn, QueueEvent::Released { run });
        }
    }
}

/// The project with these rules as well, each once, sorted.
fn with_rules(project: &Project, rules: &[String]) -> Result<Project, Problem> {
    let mut project = project.clone();
    let rules = rules.iter().map(|rule| rule.trim().to_owned());
    let all: BTreeSet<String> = project.network.allow.drain(..).chain(rules).collect();
    if all.len() > MAX_RULES {
        let message =
            format!("A project has at most {MAX_RULES} rules; these would be {}.", all.len());
        return Err(
            Problem::new(Code::TooLarge, message).hint("Use patterns such as `*.example.org`.")
        );
    }
    project.network.allow = all.into_iter().collect();
    check_policy(&project.network)?;
    Ok(project)
}

/// What an answer adds to a project, and the project with it.
pub(crate) enum ForProject {
    /// A rule of its network.
    Host(Project, String),
    /// Rules for its agents.
    Rules(Project, Vec<PermissionRule>),
}

/// The project with these rules as well, each once.
fn with_permissions(project: &Project, rules: &[PermissionRule]) -> Result<Project, Problem> {
    let mut project = project.clone();
    let kept = &mut project.permissions.rules;
    for rule in rules {
        if !kept.contains(rule) {
            kept.push(rule.clone());
        }
    }
    permissions::check(&project.permissions)?;
    Ok(project)
}

/// A rule that another overrules would be a promise that is not kept.
fn still_decides(project: &str, decision: PermissionDecision, rule: &PermissionRule) -> Problem {
    let what = match decision {
        PermissionDecision::Never => "refused",
        PermissionDecision::Ask => "asked",
        PermissionDecision::Allow => "allowed",
    };
    let rule = permissions::words(rule);
    let message = format!("It would still be {what}: the project has a rule for {rule}.");
    let hint = format!(
        "`pilot project permissions {project} remove` takes a rule away; answer for this run only otherwise."
    );
    Problem::new(Code::Precondition, message).hint(hint)
}

/// Names the first rule that makes no sense.
pub(crate) fn check_policy(policy: &NetworkPolicy) -> Result<policy::Policy, Problem> {
    policy::compile(policy, &[]).map_err(|error| {
        Problem::new(Code::Invalid, capitalised(&error.to_string())).hint(
            "Rules look like `example.org`, `*.example.org`, `example.org:8443`, `10.0.0.0/8` or `http://example.org/path`.",
        )
    })
}

/// A rule that `deny` overrules would be a promise that is not kept.
fn check_reaches(project: &Project, host: &Host, port: u16) -> Result<(), Problem> {
    let policy = check_policy(&project.network)?;
    let port = if port == 0 { 443 } else { port };
    policy.decide(host, port, Way::Stream).map(drop).map_err(|refusal| {
        let message = format!("`{host}:{port}` would still be refused: {}.", refusal.0);
        let hint = format!(
            "`pilot project policy {} --remove RULE` takes a rule away; allow it for this run only otherwise.",
            project.name
        );
        Problem::new(Code::Precondition, message).hint(hint)
    })
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

fn unspelt(error: &serde_json::Error) -> Problem {
    Problem::new(Code::Internal, format!("A setting cannot be written as JSON: {error}."))
}
