//! The outside world as a process, for tests that are not written in Rust: a
//! Gitea double with a private repository, and a scripted model server. Says
//! where they are as one line of JSON, then does what its standard input says
//! (`merge NUMBER`), and ends with it.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use pilot_testkit::forge::GiteaDouble;
use pilot_testkit::model::Model;
use pilot_testkit::repo::Entry;
use std::io::BufRead;

const REPOSITORY: &str = "alice/site";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (gitea, model) =
        runtime.block_on(async { (GiteaDouble::start_under("/git").await, Model::start().await) });
    let token = gitea.token("alice", &["write:repository", "write:issue", "read:user"]);
    gitea.repository(REPOSITORY);
    gitea.make_private(REPOSITORY);
    gitea.bare(REPOSITORY).commit(
        "main",
        "the site",
        &[
            ("index.html", Entry::file("<h1>Hello</h1>\n<footer>Copyrigth 2024</footer>\n")),
            ("src/price.ts", Entry::file(PRICE)),
        ],
    );
    let issue = gitea.issue(REPOSITORY, "The footer has a typo");
    let said = serde_json::json!({
        "forge": gitea.url(),
        "token": token,
        "repository": gitea.clone_url(REPOSITORY),
        "issue": format!("{}/{REPOSITORY}/issues/{issue}", gitea.url()),
        "model": model.url(),
    });
    println!("{said}");
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match line.split_once(' ').and_then(|(verb, rest)| Some((verb, rest.parse().ok()?))) {
            Some(("merge", number)) => {
                println!("{}", gitea.merge_pull(REPOSITORY, number));
            }
            _ => println!("not understood: {line}"),
        }
    }
}

const PRICE: &str = "\
export interface Item {
  name: string;
  cents: number;
}

export function total(items: Item[]): number {
  let sum = 0;
  for (const item of items) {
    sum += item.cents;
  }
  return sum;
}

export function shown(cents: number): string {
  return `${cents / 100} EUR`;
}
";
