//! What the project's rules, the task's mode and what a person said before mean
//! for what the agent asks, and for what it would ask nobody for.

use super::agent::Stage;
use super::machine::{Doing, RunMachine};
use super::permissions::{self, Use};
use super::words::{Ruling, RunEffect};
use pilot_proto::inbox::{Answer, Ask, Decider};
use pilot_proto::permission::{PermissionDecision, PermissionRule};
use pilot_proto::task::Mode;
use pilot_proto::{Code, InboxId, OrderId, Problem, Timestamp};

/// Who decides.
pub(super) enum Rule {
    /// A person.
    Ask,
    /// It is allowed.
    Allow,
    /// It is refused, for this reason.
    Deny(String),
}

impl RunMachine {
    /// Never, then what a person has allowed for this run, then ask, then
    /// allow, then the mode.
    pub(super) fn rule(&self, ask: &Ask) -> Rule {
        let auto = self.spec.mode == Mode::Auto;
        match ask {
            Ask::Permission { .. } => {}
            Ask::Plan { .. } if auto => return Rule::Allow,
            // Also in `auto`: only a person knows what a person wants. A plan is
            // never let through by a rule.
            Ask::Plan { .. }
            | Ask::Question { .. }
            | Ask::Interrupted
            | Ask::Network { .. }
            | Ask::Budget { .. }
            | Ask::HandsOn { .. }
            | Ask::Feedback { .. }
            | Ask::Ci { .. }
            | Ask::Unknown(_) => return Rule::Ask,
        }
        let Some(what) = Use::of(ask) else { return Rule::Ask };
        let decided = permissions::decide(&self.spec.permissions.rules, what);
        // Before its plan is approved the agent changes nothing by itself.
        let planning = self.spec.mode == Mode::Plan && !self.agent.planned;
        match decided {
            Some((PermissionDecision::Never, rule)) => Rule::Deny(refusal(rule)),
            _ if permissions::allows(&self.agent.allowed, what) => Rule::Allow,
            Some((PermissionDecision::Ask, _)) => Rule::Ask,
            Some((PermissionDecision::Allow, _)) if !planning => Rule::Allow,
            Some((PermissionDecision::Allow, _)) | None if auto => Rule::Allow,
            Some((PermissionDecision::Allow, _)) | None => Rule::Ask,
        }
    }

    /// The agent would ask nobody for this. Only what the rules refuse, or want
    /// asked, is of interest: the rest would drown the journal.
    pub(super) fn agent_checks(&mut self, now: Timestamp, key: String, ask: Ask) {
        if self.doing != Doing::Agent || self.agent.stage != Stage::Working {
            // On its way out it does nothing more.
            let ruling = Ruling::Deny("The run is being ended.".to_owned());
            return self.out.push(RunEffect::Rule { key, ask, ruling });
        }
        self.agent_alive(now);
        let decided = Use::of(&ask).and_then(|what| {
            let allowed = permissions::allows(&self.agent.allowed, what);
            let decided = permissions::decide(&self.spec.permissions.rules, what)?;
            Some((decided.0, refusal(decided.1), allowed))
        });
        let ruling = match decided {
            Some((PermissionDecision::Never, reason, _)) => {
                self.agent.denials_seen += 1;
                let item = self.next_item();
                self.journal_ask(item, &ask, None);
                let answer = Answer::Deny { reason: reason.clone() };
                self.journal_decision(item, answer, Decider::Policy);
                Ruling::Deny(reason)
            }
            Some((PermissionDecision::Ask, _, false)) => Ruling::Ask,
            Some((PermissionDecision::Ask | PermissionDecision::Allow, ..)) | None => Ruling::Go,
        };
        self.out.push(RunEffect::Rule { key, ask, ruling });
    }

    /// What an answer means for what is asked later. True if it means something
    /// for what is asked already.
    pub(super) fn remember(&mut self, ask: &Ask, answer: &Answer) -> bool {
        if let (Ask::Plan { .. }, Answer::Allow { .. }) = (ask, answer) {
            self.agent.planned = true;
        }
        let (Ask::Permission { tool, .. }, Some(what)) = (ask, Use::of(ask)) else { return false };
        let exactly = |decision| permissions::exactly(decision, what);
        match answer {
            Answer::Allow { for_project: true, rule, .. } => {
                let rules = rule.clone().map_or_else(
                    || exactly(PermissionDecision::Allow),
                    |rule| vec![PermissionRule { decision: PermissionDecision::Allow, ..rule }],
                );
                self.spec.permissions.rules.extend(rules);
                true
            }
            Answer::Allow { for_run: true, rule, .. } => {
                let whole = PermissionRule {
                    decision: PermissionDecision::Allow,
                    tool: Some(tool.clone()),
                    command: None,
                    path: None,
                };
                self.agent.allowed.push(rule.clone().unwrap_or(whole));
                true
            }
            Answer::Never { rule, .. } => {
                self.agent.denials_seen += 1;
                let rules = rule.clone().map_or_else(
                    || exactly(PermissionDecision::Never),
                    |rule| vec![PermissionRule { decision: PermissionDecision::Never, ..rule }],
                );
                self.spec.permissions.rules.extend(rules);
                true
            }
            Answer::Deny { .. } => {
                self.agent.denials_seen += 1;
                false
            }
            Answer::Allow { .. } | Answer::Choose { .. } | Answer::Say { .. } | Answer::End => {
                false
            }
        }
    }

    /// The project has these as well from now on, also for what is asked already.
    pub(super) fn add_rules(&mut self, now: Timestamp, order: OrderId, rules: Vec<PermissionRule>) {
        if self.ending.is_some() || self.doing == Doing::Over {
            let over = "The run's agent does nothing any more.";
            return self.order_done(order, Some(Problem::new(Code::Precondition, over)));
        }
        self.spec.permissions.rules.extend(rules);
        self.order_done(order, None);
        self.settle_by_rules(now);
    }

    /// What the rules decide by now is decided where it is asked already.
    pub(super) fn settle_by_rules(&mut self, now: Timestamp) {
        let decided: Vec<(InboxId, Answer)> = (self.agent.waiting.iter())
            .filter(|waiting| Use::of(&waiting.ask).is_some())
            .filter_map(|waiting| match self.rule(&waiting.ask) {
                Rule::Ask => None,
                Rule::Allow => Some((waiting.item, Answer::ALLOW)),
                Rule::Deny(reason) => Some((waiting.item, Answer::Deny { reason })),
            })
            .collect();
        for (item, answer) in decided {
            self.settle(now, item, answer, Decider::Policy);
        }
    }

    /// What `proceed` says when nobody has answered: what lets the agent go on.
    /// One that would end its turn is refused nothing that a rule allows.
    pub(super) fn unanswered(&self, ask: &Ask) -> Answer {
        let deny = |reason: &str| Answer::Deny { reason: reason.to_owned() };
        match ask {
            Ask::Question { .. } => deny("Nobody answered in time: decide yourself and go on."),
            Ask::Permission { .. } if self.agent.stops_refused && self.some_rule_allows(ask) => {
                Answer::ALLOW
            }
            Ask::Permission { .. } | Ask::Unknown(_) => {
                deny("Nobody answered in time, so this is not allowed: go on without it.")
            }
            Ask::Plan { .. } => Answer::ALLOW,
            Ask::Network { .. } => deny("Nobody allowed it in time."),
            Ask::Budget { .. } => deny("Nobody raised the budget in time."),
            // These two the hub asks, and no run.
            Ask::Feedback { .. } | Ask::Ci { .. } => deny("Nobody answered in time."),
            Ask::Interrupted | Ask::HandsOn { .. } => Answer::End,
        }
    }

    /// But for one that wants it asked.
    fn some_rule_allows(&self, ask: &Ask) -> bool {
        let planning = self.spec.mode == Mode::Plan && !self.agent.planned;
        let allowing = |rule: &&PermissionRule| rule.decision == PermissionDecision::Allow;
        let rules: Vec<PermissionRule> =
            self.spec.permissions.rules.iter().filter(allowing).cloned().collect();
        !planning && Use::of(ask).is_some_and(|what| permissions::allows(&rules, what))
    }
}

fn refusal(rule: &PermissionRule) -> String {
    let rule = permissions::words(rule);
    format!(
        "The project's rules never allow this ({rule}). Do not try it in another way; go on without it."
    )
}
