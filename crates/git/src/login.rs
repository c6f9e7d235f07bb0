//! How a credential reaches git: a credential helper (gitcredentials(7)) that
//! stands in git's own settings and prints what is in its own environment. Both
//! are set on that one child; neither is in a file or in a command line. It
//! answers for one origin only: a server that redirects us to another host, or
//! from TLS to plain HTTP, gets no credential there.

use crate::remote::Login;
use tokio::process::Command;

/// Git tells what it wants to know a line each, and the scheme before the host
/// (git-credential(1)). Whether it was right nobody needs to tell us.
const HELPER: &str = r#"!answer() {
[ "$1" = get ] || return 0
while IFS= read -r line && [ "$line" ]; do
case "$line" in
protocol=*) scheme=${line#protocol=} ;;
host=*) host=${line#host=} ;;
esac
done
[ "$scheme://$host" = "$PILOTHOUSE_GIT_ORIGIN" ] || return 0
printf 'username=%s\npassword=%s\n' "$PILOTHOUSE_GIT_USERNAME" "$PILOTHOUSE_GIT_PASSWORD"
}; answer"#;

/// A setting that lets a command log in, with what [`give_to`] gives it.
pub(crate) const SETTING: (&str, &str) = ("credential.helper", HELPER);

/// What the helper of one command answers.
pub(crate) fn give_to(command: &mut Command, login: &Login) {
    command
        .env("PILOTHOUSE_GIT_ORIGIN", &login.origin)
        .env("PILOTHOUSE_GIT_USERNAME", &login.username)
        .env("PILOTHOUSE_GIT_PASSWORD", login.password.expose());
}

#[cfg(test)]
mod tests {
    use crate::command::{Deadlines, Git, Surroundings};
    use crate::remote::Remote;
    use pilot_proto::Secret;
    use pilot_proto::project::GitGrant;

    async fn answer(to: &str) -> Option<String> {
        let place = tempfile::tempdir().expect("a temporary directory");
        let git = Git::new(Surroundings {
            program: "git".into(),
            path: std::env::var_os("PATH").expect("there is one"),
            home: place.path().to_owned(),
            scratch: place.path().to_owned(),
            passed_on: Vec::new(),
            deadlines: Deadlines::default(),
        });
        let grant = GitGrant::new("pilot", Secret::new("it's $a \\secret"));
        let remote = Remote::new("https://forge.example:8443/a/b.git", Some(&grant));
        let fill = git.command("asking for the login", place.path()).remote(&remote);
        let done = fill.args(["credential", "fill"]).input(to).done().await.expect("it starts");
        let said = String::from_utf8(done.stdout).expect("text");
        said.lines().find_map(|line| Some(line.strip_prefix("password=")?.to_owned()))
    }

    #[tokio::test]
    async fn one_origin_is_answered_and_no_other() {
        let of = |scheme: &str, host: &str| format!("protocol={scheme}\nhost={host}\n\n");
        let password = answer(&of("https", "forge.example:8443")).await;
        assert_eq!(password.as_deref(), Some("it's $a \\secret"));
        for (scheme, host) in [
            ("http", "forge.example:8443"),
            ("https", "forge.example"),
            ("https", "forge.example:84430"),
            ("https", "thief.example"),
            ("https", "*"),
        ] {
            assert_eq!(answer(&of(scheme, host)).await, None, "{scheme}://{host}");
        }
    }
}
