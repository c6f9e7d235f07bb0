//! Join codes, and showing runners the door.

use super::invalid;
use crate::clock;
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use crate::links::code_hash;
use pilot_link::join_code;
use pilot_proto::console::{
    JoinCodeNew, NewJoinCode, NewJoinCodeMade, Nothing, OneRunner, RunnerLook, RunnerRevoke,
    RunnerTry, TryAgent,
};
use pilot_proto::runner::JoinCode;
use pilot_proto::{Code, Problem, Secret};
use std::time::Duration;

/// How long a join code lives: long enough to walk to the other machine.
const VALID_SECS: u64 = 900;
/// How long it may live at most.
const MOST_SECS: u64 = 24 * 3600;

impl Answers<JoinCodeNew> for Parts {
    async fn answer(&self, who: &Principal, new: NewJoinCode) -> Result<NewJoinCodeMade, Problem> {
        let valid_secs = new.valid_secs.unwrap_or(VALID_SECS);
        if !(1..=MOST_SECS).contains(&valid_secs) {
            return Err(invalid(format!("`valid_secs` may be 1 to {MOST_SECS}.")));
        }
        let code = clock::random_hex()
            .map_err(|error| Problem::new(Code::Internal, format!("No random bytes: {error}.")))?;
        let expires_at = clock::now().after(Duration::from_secs(valid_secs));
        self.core.put_join_code(code_hash(&code), expires_at).await?;
        tracing::info!(who = who.name, valid_secs, "a join code was made");
        let code = JoinCode {
            hub: self.url.clone(),
            fingerprint: self.fingerprint.clone(),
            code: Secret::new(code),
        };
        Ok(NewJoinCodeMade { code: Secret::new(join_code::format(&code)), expires_at })
    }
}

impl Answers<RunnerLook> for Parts {
    async fn answer(&self, _who: &Principal, one: OneRunner) -> Result<Nothing, Problem> {
        self.core.look(one.runner).await?;
        Ok(Nothing {})
    }
}

impl Answers<RunnerTry> for Parts {
    async fn answer(&self, _who: &Principal, wanted: TryAgent) -> Result<Nothing, Problem> {
        self.core.try_agent(wanted).await?;
        Ok(Nothing {})
    }
}

impl Answers<RunnerRevoke> for Parts {
    async fn answer(&self, who: &Principal, one: OneRunner) -> Result<Nothing, Problem> {
        self.core.revoke(one.runner).await?;
        tracing::info!(who = who.name, runner = %one.runner, "a runner was revoked");
        Ok(Nothing {})
    }
}
