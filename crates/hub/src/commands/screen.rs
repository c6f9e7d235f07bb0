//! Taking a run's screen, and giving it back.

use super::{check_text, shown};
use crate::core::Steer;
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use crate::tunnels;
use pilot_proto::console::{OneTask, TaskHandback, TaskScreenAttach, TaskTakeover};
use pilot_proto::screen::{HandBack, ScreenAttach, ScreenServer};
use pilot_proto::{Code, Problem, Secret, Task};

impl Answers<TaskTakeover> for Parts {
    async fn answer(&self, who: &Principal, one: OneTask) -> Result<Task, Problem> {
        self.core.steer(one.task, Steer::TakeOver(who.name.clone())).await
    }
}

/// Longest address of a server: a host's name has 253 bytes.
const LONGEST_ADDRESS: usize = 253 + ":65535".len();

impl Answers<TaskScreenAttach> for Parts {
    async fn answer(&self, who: &Principal, attach: ScreenAttach) -> Result<Task, Problem> {
        let ScreenAttach { task, server, password } = attach;
        let server = match server {
            Some(address) => {
                check_address(&address)?;
                let password = password.map(|name| self.kept_password(&name)).transpose()?;
                Some(ScreenServer { address, password })
            }
            None => None,
        };
        tunnels::attach(self, who, task, server).await?;
        self.task_or_problem(task).await
    }
}

impl Parts {
    fn kept_password(&self, name: &str) -> Result<Secret, Problem> {
        self.credentials.secret(name).ok_or_else(|| {
            let message = format!("The hub keeps no secret `{}`.", shown(name));
            Problem::new(Code::NotFound, message)
                .hint("Keep the server's password with `pilot secret set`, then say its name.")
        })
    }
}

/// A host and a port, so that what the runner's owner allows is one spelling.
fn check_address(address: &str) -> Result<(), Problem> {
    let fits = address.rsplit_once(':').is_some_and(|(host, port)| {
        let letters = |letter: char| letter.is_ascii_alphanumeric() || "-._:[]".contains(letter);
        !host.is_empty()
            && host.chars().all(letters)
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if fits && address.len() <= LONGEST_ADDRESS {
        return Ok(());
    }
    let message = format!("`{}` is not the address of a server.", shown(address));
    Err(Problem::new(Code::Invalid, message)
        .hint("Say `host:port`, as the runner reaches it: `127.0.0.1:5901`."))
}

impl Answers<TaskHandback> for Parts {
    async fn answer(&self, who: &Principal, back: HandBack) -> Result<Task, Problem> {
        let HandBack { task, note } = back;
        if let Some(note) = &note {
            check_text(note)?;
        }
        self.core.steer(task, Steer::HandBack { who: who.name.clone(), note }).await
    }
}
