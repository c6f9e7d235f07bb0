//! What a login that came to nothing is told as.

use pilot_forge::login::LoginError;
use pilot_proto::{Code, Problem};

pub(super) fn problem_of(forge: &str, error: &LoginError) -> Problem {
    let again = format!("Log in again with `pilot forge login {forge}`.");
    let failed =
        |code| Problem::new(code, format!("The login to `{forge}` came to nothing: {error}."));
    match error {
        LoginError::Forge(error) => error.problem(),
        LoginError::NoSuchWay(_) => failed(Code::Invalid).hint(
            "GitHub takes a code (`--device`), Gitea and Forgejo a browser, GitLab both.",
        ),
        LoginError::Port { .. } => failed(Code::Precondition)
            .hint("End what listens there, or give another one with `--port`; without it, any free one is taken."),
        LoginError::NotTheWayBack(_) => failed(Code::Invalid)
            .hint("Copy the whole address that the browser could not open."),
        LoginError::TimedOut | LoginError::CodeExpired => failed(Code::Unanswered).hint(again),
        LoginError::NoSuchApplication(_) => failed(Code::ForgeRefused).hint(
            "Look in the forge's settings, under its OAuth applications, and give the id there as \
             `--client-id`.",
        ),
        LoginError::Denied | LoginError::Refused(_) | LoginError::Strange { .. } => {
            failed(Code::ForgeRefused).hint(again)
        }
        LoginError::Key(_) => failed(Code::Invalid)
            .hint("Give the file that GitHub made when a private key was generated for the App."),
    }
}

/// Of one that was renewed so far.
pub(super) fn renewal_problem(forge: &str, error: &LoginError, is_over: bool) -> Problem {
    let problem = problem_of(forge, error);
    let what = if is_over { "has ended" } else { "could not be renewed" };
    if matches!(error, LoginError::Forge(_)) {
        // It says what the forge did.
        return problem;
    }
    Problem { message: format!("The login to `{forge}` {what}: {error}."), ..problem }
}

/// Of one that nobody can renew.
pub(super) fn taken_back(forge: &str) -> Problem {
    let message = format!("The forge `{forge}` takes our login no more, and it cannot be renewed.");
    Problem::new(Code::ForgeRefused, message)
        .hint(format!("Log in again with `pilot forge login {forge}`."))
}

pub(super) fn refused_again(forge: &str) -> Problem {
    let message = format!("The forge `{forge}` refuses our token, which was renewed just now.");
    Problem::new(Code::ForgeRefused, message).hint(format!(
        "Look at the account there, or log in again with `pilot forge login {forge}`."
    ))
}
