//! What is filed by the clock, and what became of it.

use crate::changes::{put_named, remove_named};
use crate::documents;
use crate::error::StoreError;
use crate::store::Store;
use pilot_proto::ScheduleId;
use pilot_proto::schedule::KeptSchedule;
use sqlx::AnyConnection;

const SCHEDULE: &str = "schedule";

pub(crate) async fn put(db: &mut AnyConnection, kept: &KeptSchedule) -> Result<(), StoreError> {
    put_named(db, SCHEDULE, &kept.schedule.id.to_string(), kept).await
}

pub(crate) async fn remove(db: &mut AnyConnection, id: ScheduleId) -> Result<(), StoreError> {
    remove_named(db, SCHEDULE, &id.to_string()).await
}

impl Store {
    /// All schedules, by project and name.
    pub async fn schedules(&self) -> Result<Vec<KeptSchedule>, StoreError> {
        let mut all: Vec<KeptSchedule> =
            documents::named(&self.database().readers, SCHEDULE).await?;
        let place =
            |kept: &KeptSchedule| (kept.schedule.project.clone(), kept.schedule.name.clone());
        all.sort_by_cached_key(place);
        Ok(all)
    }
}
