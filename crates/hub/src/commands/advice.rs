//! What a project's repository should be set to at its forge, so that an agent
//! can do no harm there.

use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_forge::{Advice, Weight};
use pilot_proto::Problem;
use pilot_proto::console::{AdviceWeight, Named, ProjectAdvice, SettingAdvice};

impl Answers<ProjectAdvice> for Parts {
    async fn answer(&self, _who: &Principal, named: Named) -> Result<Vec<SettingAdvice>, Problem> {
        let place = self.place(&named.name).await?;
        let advice = place.api.advice(&place.repository).await?;
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
