//! What every forge has to do, in scenarios that are the same for all four.
//!
//! They play on doubles in every run of the tests, and on a real server when
//! `scripts/forge-contract` names one. A scenario that needs something a real
//! server cannot be made to do says so.

mod ci;
mod identity;
mod issues;
mod limits;
mod prepare;
mod pulls;
mod real;
mod repositories;
mod reviews;
mod stage;

use pilot_proto::ForgeKind;
use stage::Stage;
use std::pin::Pin;

/// What a scenario needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// A forge.
    AnyForge,
    /// A forge that can be made to fail, or to have a CI.
    ADouble,
}

type Play = for<'a> fn(&'a Stage) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A scenario.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    pub(crate) play: Play,
}

macro_rules! scenarios {
    ($($module:ident: $($name:ident $needs:ident,)+;)+) => {
        /// All of them.
        pub(crate) const SCENARIOS: &[Scenario] = &[$($(Scenario {
            name: stringify!($name),
            needs: Needs::$needs,
            play: |stage| Box::pin($module::$name(stage)),
        },)+)+];

        scenarios!(@on gitea Gitea $($($name)+)+);
        scenarios!(@on forgejo Forgejo $($($name)+)+);
        scenarios!(@on github GitHub $($($name)+)+);
        scenarios!(@on gitlab GitLab $($($name)+)+);
    };
    (@on $forge:ident $kind:ident $($name:ident)+) => {
        mod $forge {
            $(#[tokio::test]
            async fn $name() {
                super::play(super::ForgeKind::$kind, stringify!($name)).await;
            })+
        }
    };
}

scenarios! {
    identity:
        who_we_are_is_told AnyForge,
        a_wrong_token_is_refused_and_never_shown AnyForge,
        missing_scopes_are_named ADouble,
        what_the_forge_can_do_is_told AnyForge,
        git_logs_in_with_the_grant AnyForge,
        something_else_at_the_address_is_told_from_a_forge ADouble,
        a_forge_that_repeats_the_token_does_not_show_it ADouble,
        a_webhook_is_added_listed_and_removed AnyForge,
        advice_is_given_about_the_settings AnyForge,
        ;
    repositories:
        a_repository_is_looked_at AnyForge,
        a_repository_that_is_not_there_is_refused AnyForge,
        an_archived_repository_takes_no_pull_request ADouble,
        a_renamed_repository_is_followed ADouble,
        it_is_told_who_may_write ADouble,
        branches_are_found_and_listed AnyForge,
        a_branch_is_deleted_once AnyForge,
        ;
    issues:
        an_issue_is_read_with_everything AnyForge,
        a_comment_of_ours_is_brought_up_to_date AnyForge,
        an_issue_that_is_not_there_is_refused AnyForge,
        a_deleted_issue_is_refused_with_a_hint ADouble,
        issues_are_filtered_by_label AnyForge,
        issues_are_filtered_by_milestone AnyForge,
        issues_are_filtered_by_assignee AnyForge,
        issues_are_filtered_by_text AnyForge,
        closed_issues_come_only_when_asked_for AnyForge,
        pull_requests_are_no_issues AnyForge,
        long_lists_are_read_page_by_page ADouble,
        a_huge_issue_is_read_whole ADouble,
        comments_come_in_order AnyForge,
        a_comment_stands_once AnyForge,
        labels_are_added_and_taken_away_by_name AnyForge,
        an_unknown_label_is_refused_and_not_made AnyForge,
        an_issue_is_closed_and_opened_again AnyForge,
        an_issue_is_told_by_the_address_of_its_page AnyForge,
        ;
    pulls:
        a_pushed_branch_becomes_a_pull_request AnyForge,
        asking_again_changes_nothing AnyForge,
        a_second_push_keeps_what_people_wrote AnyForge,
        somebody_who_is_faster_does_not_make_it_two ADouble,
        a_lost_answer_does_not_make_it_two ADouble,
        a_draft_is_a_draft_and_its_title_is_clean AnyForge,
        labels_assignees_and_reviewers_are_given AnyForge,
        an_unknown_reviewer_costs_nothing_else AnyForge,
        it_is_found_among_others AnyForge,
        one_of_a_fork_is_not_ours ADouble,
        a_merge_is_seen_and_closes_the_issue AnyForge,
        a_close_by_hand_is_seen_and_new_work_opens_another AnyForge,
        one_that_was_merged_before_we_noted_it_is_not_made_again AnyForge,
        a_merge_of_another_commit_is_refused AnyForge,
        a_conflict_with_the_base_is_told AnyForge,
        a_forge_that_lags_is_read_again ADouble,
        somebody_elses_commit_is_a_mismatch AnyForge,
        a_branch_that_is_not_there_makes_none AnyForge,
        ;
    ci:
        a_commit_without_checks_says_nothing AnyForge,
        checks_are_as_bad_as_the_worst AnyForge,
        the_page_of_a_failed_check_is_told AnyForge,
        a_run_that_waits_is_told_with_its_page ADouble,
        a_run_that_waits_is_released_or_named ADouble,
        a_run_of_ones_own_pull_request_is_released_too ADouble,
        two_runs_for_one_head_are_both_released ADouble,
        the_log_of_a_failed_job_is_read ADouble,
        ;
    reviews:
        a_remark_is_feedback AnyForge,
        a_comment_on_a_line_says_where AnyForge,
        an_approval_is_told AnyForge,
        feedback_comes_once AnyForge,
        a_reply_stands_in_the_same_conversation AnyForge,
        a_conversation_is_resolved_or_the_page_is_named AnyForge,
        ;
    limits:
        a_short_limit_is_waited_for ADouble,
        a_long_limit_is_told_and_not_waited_for ADouble,
        a_secondary_limit_is_no_refusal ADouble,
        a_passing_failure_is_bridged ADouble,
        a_comment_whose_answer_was_lost_stands_once ADouble,
        what_did_not_change_costs_nothing ADouble,
        ;
}

async fn play(kind: ForgeKind, name: &str) {
    let scenario = SCENARIOS.iter().find(|one| one.name == name).expect("it is in the table");
    (scenario.play)(&Stage::on_double(kind).await).await;
}
