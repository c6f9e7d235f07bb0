//! What a project's repository should be set to at its forge, so that an agent
//! can do no harm there.

use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use crate::publish::open_forge;
use pilot_forge::{Advice, Weight};
use pilot_proto::console::{AdviceWeight, Named, ProjectAdvice, SettingAdvice};
use pilot_proto::{Code, Problem};

impl Answers<ProjectAdvice> for Parts {
    async fn answer(&self, _who: &Principal, named: Named) -> Result<Vec<SettingAdvice>, Problem> {
        let failed = |error: pilot_store::StoreError| error.problem();
        let projects = self.store.projects().await.map_err(failed)?;
        let project = projects.into_iter().find(|project| project.name == named.name);
        let project = project.ok_or_else(|| {
            Problem::new(Code::NotFound, format!("There is no project `{}`.", named.name))
        })?;
        let forges = self.store.forges().await.map_err(failed)?;
        let forge = forges.into_iter().find(|forge| project.forge.as_ref() == Some(&forge.name));
        let forge = forge.ok_or_else(|| {
            let message = format!("The project `{}` is on no forge.", project.name);
            Problem::new(Code::Precondition, message)
                .hint("Add its forge with `pilot forge add`, and name it in the project.")
        })?;
        let api = open_forge(&self.credentials, &forge)?;
        let advice = api.advice(&api.repository(&project.repo)?).await?;
        Ok(advice.into_iter().map(told).collect())
    }
}

fn told(advice: Advice) -> SettingAdvice {
    SettingAdvice {
        name: advice.name.to_owned(),
        weight: match advice.weight {
            Weight::Fine => AdviceWeight::Fine,
            Weight::Advised => AdviceWeight::Advised,
            Weight::Needed => AdviceWeight::Needed,
        },
        found: advice.found,
        mend: advice.mend,
        page: advice.page,
    }
}
