//! `pilot secret`.

use super::{Done, connect};
use crate::args::{Globals, Secret, SecretValue};
use crate::output;
use anyhow::Context;
use pilot_proto::console::{Named, Nothing, SecretList, SecretRemove, SecretSet};
use pilot_proto::{Code, NewSecret, Problem, SecretOrigin, SecretSource};
use std::io::Read;

pub(crate) fn run(globals: &Globals, command: Secret) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| {
        match command {
            Secret::Set { name, value } => {
                let source = source(&value)?;
                let kept = hub.call::<SecretSet>(NewSecret { name, source }).await?;
                output::show(globals, &kept, || {
                    let name = &kept.name;
                    if kept.used_by.is_empty() {
                        return format!(
                            "secret `{name}` is kept; let a project use it with `pilot project secret PROJECT add {name} --env VARIABLE`"
                        );
                    }
                    let used_by = kept.used_by.join(", ");
                    format!("secret `{name}` is kept; the next runs of {used_by} get it")
                })
            }
            Secret::List => {
                let secrets = hub.call::<SecretList>(Nothing {}).await?;
                output::table(
                    globals,
                    &secrets,
                    &["NAME", "FROM", "SET", "USED BY"],
                    "no secrets: `pilot secret set NAME --stdin`",
                    |secret| {
                        let used_by = secret.used_by.join(", ");
                        vec![
                            secret.name.clone(),
                            origin(&secret.origin),
                            output::ago(secret.rotated_at),
                            if used_by.is_empty() { "-".to_owned() } else { used_by },
                        ]
                    },
                )
            }
            Secret::Remove { name } => {
                let gone = hub.call::<SecretRemove>(Named { name: name.clone() }).await?;
                output::show(globals, &gone, || format!("secret `{name}` is removed"))
            }
        }?;
        Ok(Done::Well)
    })
}

fn origin(origin: &SecretOrigin) -> String {
    match origin {
        SecretOrigin::Own => "this hub".to_owned(),
        SecretOrigin::Vault { vault, mount, path, field } => {
            format!("{vault}: {mount}/{path}#{field}")
        }
    }
}

fn source(words: &SecretValue) -> anyhow::Result<SecretSource> {
    if let Some(place) = &words.vault {
        return vault(place);
    }
    let mut text = String::new();
    if let Some(path) = &words.from_file {
        text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the secret in `{}`", path.display()))?;
    } else {
        let read = std::io::stdin().read_to_string(&mut text);
        read.context("cannot read the secret from standard input, as text")?;
    }
    let value = without_last_newline(&text);
    if value.trim().is_empty() {
        let problem = Problem::new(Code::Invalid, "the secret is empty; nothing was changed");
        return Err(problem
            .hint("pipe it in: `printf %s \"$TOKEN\" | pilot secret set NAME --stdin`")
            .into());
    }
    Ok(SecretSource::Value { value: pilot_proto::Secret::new(value) })
}

/// An editor ends a token's only line with a newline that is not part of it.
/// Of a text of several lines (a key in PEM form) it is.
fn without_last_newline(text: &str) -> &str {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains('\n') { text } else { line }
}

/// `VAULT:MOUNT/PATH#FIELD`.
fn vault(place: &str) -> anyhow::Result<SecretSource> {
    let parts = place.split_once(':').and_then(|(vault, rest)| {
        let (path, field) = rest.rsplit_once('#')?;
        let (mount, path) = path.split_once('/')?;
        Some([vault, mount, path, field].map(str::to_owned))
    });
    match parts {
        Some([vault, mount, path, field])
            if [&vault, &mount, &path, &field].iter().all(|part| !part.is_empty()) =>
        {
            Ok(SecretSource::Vault { vault, mount, path, field })
        }
        Some(_) | None => {
            let message = format!("`{place}` is no place in a Vault");
            let hint = "write VAULT:MOUNT/PATH#FIELD, such as `work:secret/team/app#token`";
            Err(Problem::new(Code::Invalid, message).hint(hint).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokens_newline_is_dropped_and_a_keys_is_not() {
        for (text, value) in [
            ("token", "token"),
            ("token\n", "token"),
            ("token\r\n", "token"),
            (" token \n", " token "),
            ("-----BEGIN\nabc\n-----END\n", "-----BEGIN\nabc\n-----END\n"),
        ] {
            assert_eq!(without_last_newline(text), value);
        }
    }

    #[test]
    fn a_place_in_a_vault_has_four_parts() {
        let SecretSource::Vault { vault: name, mount, path, field } =
            vault("work:secret/team/app#token").expect("a place")
        else {
            panic!("a Vault")
        };
        assert_eq!([name, mount, path, field], ["work", "secret", "team/app", "token"]);
        for bad in ["", "work", "work:secret", "work:secret/app", "work:secret#x", ":a/b#c"] {
            vault(bad).expect_err(bad);
        }
    }
}
