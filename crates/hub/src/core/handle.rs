//! The way to the core for everybody else.

use super::messages::{Granted, News, Steer, Want, Wish};
use pilot_proto::console::{NewBatch, NewTask, Prices, TryAgent};
use pilot_proto::permission::PermissionRule;
use pilot_proto::project::Profile;
use pilot_proto::{
    Answer, Code, Forge, InboxId, InboxItem, Problem, Project, Provider, RunnerId, SecretOrigin,
    SecretSeen, Task, TaskId, Timestamp,
};
use pilot_store::EnrolledRunner;
use tokio::sync::mpsc;

/// Two bounded queues: wishes are few and wait for nobody's journal; news
/// press back on whoever brings them.
#[derive(Debug, Clone)]
pub(crate) struct CoreHandle {
    wishes: mpsc::Sender<Wish>,
    news: mpsc::Sender<News>,
}

impl CoreHandle {
    pub(crate) fn new(wishes: mpsc::Sender<Wish>, news: mpsc::Sender<News>) -> Self {
        Self { wishes, news }
    }

    /// Tells the core; waits while it is busy. Lost only if the hub stops.
    pub(crate) async fn tell(&self, news: News) {
        if self.news.send(news).await.is_err() {
            tracing::debug!("the hub is stopping; a runner's news wait for the next start");
        }
    }

    pub(crate) async fn file(
        &self,
        tasks: Vec<NewTask>,
        batch: Option<NewBatch>,
    ) -> Result<Vec<Task>, Problem> {
        match self.ask(Want::File(tasks, batch)).await? {
            Granted::Tasks(tasks) => Ok(tasks),
            Granted::Item(_)
            | Granted::Project(_)
            | Granted::Secret(_)
            | Granted::Issues(_)
            | Granted::Done => Err(crossed()),
        }
    }

    pub(crate) async fn steer(&self, task: TaskId, steer: Steer) -> Result<Task, Problem> {
        match self.ask(Want::Steer(task, steer)).await? {
            Granted::Tasks(mut tasks) => tasks.pop().ok_or_else(crossed),
            Granted::Item(_)
            | Granted::Project(_)
            | Granted::Secret(_)
            | Granted::Issues(_)
            | Granted::Done => Err(crossed()),
        }
    }

    pub(crate) async fn keep(&self, task: TaskId) -> Result<Task, Problem> {
        match self.ask(Want::Keep(task)).await? {
            Granted::Tasks(mut tasks) => tasks.pop().ok_or_else(crossed),
            Granted::Item(_)
            | Granted::Project(_)
            | Granted::Secret(_)
            | Granted::Issues(_)
            | Granted::Done => Err(crossed()),
        }
    }

    pub(crate) async fn answer(
        &self,
        item: InboxId,
        answer: Answer,
        who: String,
    ) -> Result<InboxItem, Problem> {
        match self.ask(Want::Answer { item, answer, who }).await? {
            Granted::Item(item) => Ok(*item),
            Granted::Tasks(_)
            | Granted::Project(_)
            | Granted::Secret(_)
            | Granted::Issues(_)
            | Granted::Done => Err(crossed()),
        }
    }

    pub(crate) async fn put_project(&self, project: Project) -> Result<(), Problem> {
        self.done(Want::PutProject(Box::new(project))).await
    }

    pub(crate) async fn remove_project(&self, name: String) -> Result<(), Problem> {
        self.done(Want::RemoveProject(name)).await
    }

    pub(crate) async fn put_forge(&self, forge: Forge) -> Result<(), Problem> {
        self.done(Want::PutForge(forge)).await
    }

    pub(crate) async fn put_provider(&self, provider: Provider) -> Result<(), Problem> {
        self.done(Want::PutProvider(provider)).await
    }

    pub(crate) async fn allow(
        &self,
        project: String,
        rules: Vec<String>,
    ) -> Result<Project, Problem> {
        match self.ask(Want::Allow { project, rules }).await? {
            Granted::Project(project) => Ok(*project),
            Granted::Tasks(_)
            | Granted::Item(_)
            | Granted::Secret(_)
            | Granted::Issues(_)
            | Granted::Done => Err(crossed()),
        }
    }

    pub(crate) async fn add_rules(
        &self,
        project: String,
        rules: Vec<PermissionRule>,
    ) -> Result<Project, Problem> {
        match self.ask(Want::AddRules { project, rules }).await? {
            Granted::Project(project) => Ok(*project),
            Granted::Tasks(_)
            | Granted::Item(_)
            | Granted::Secret(_)
            | Granted::Issues(_)
            | Granted::Done => Err(crossed()),
        }
    }

    pub(crate) async fn put_secret(
        &self,
        name: String,
        origin: SecretOrigin,
    ) -> Result<SecretSeen, Problem> {
        match self.ask(Want::PutSecret { name, origin }).await? {
            Granted::Secret(secret) => Ok(*secret),
            Granted::Tasks(_)
            | Granted::Item(_)
            | Granted::Project(_)
            | Granted::Issues(_)
            | Granted::Done => Err(crossed()),
        }
    }

    pub(crate) async fn remove_secret(&self, name: String) -> Result<(), Problem> {
        self.done(Want::RemoveSecret(name)).await
    }

    pub(crate) async fn put_prices(&self, prices: Prices) -> Result<(), Problem> {
        self.done(Want::PutPrices(prices)).await
    }

    pub(crate) async fn put_join_code(
        &self,
        hash: String,
        expires_at: Timestamp,
    ) -> Result<(), Problem> {
        self.done(Want::PutJoinCode { hash, expires_at }).await
    }

    pub(crate) async fn enrol(&self, hash: String, runner: EnrolledRunner) -> Result<(), Problem> {
        self.done(Want::Enrol { hash, runner: Box::new(runner) }).await
    }

    pub(crate) async fn revoke(&self, runner: RunnerId) -> Result<(), Problem> {
        self.done(Want::Revoke(runner)).await
    }

    pub(crate) async fn look(&self, runner: RunnerId) -> Result<(), Problem> {
        self.done(Want::Look(runner)).await
    }

    pub(crate) async fn try_agent(&self, wanted: TryAgent) -> Result<(), Problem> {
        self.done(Want::Try(wanted)).await
    }

    pub(crate) async fn put_profile(&self, profile: Profile) -> Result<(), Problem> {
        self.done(Want::PutProfile(Box::new(profile))).await
    }

    pub(crate) async fn remove_profile(&self, name: String) -> Result<(), Problem> {
        self.done(Want::RemoveProfile(name)).await
    }

    pub(crate) async fn remove_forge(&self, name: String) -> Result<(), Problem> {
        self.done(Want::RemoveForge(name)).await
    }

    pub(crate) async fn remove_provider(&self, name: String) -> Result<(), Problem> {
        self.done(Want::RemoveProvider(name)).await
    }

    async fn done(&self, want: Want) -> Result<(), Problem> {
        self.ask(want).await.map(drop)
    }

    pub(super) async fn ask(&self, want: Want) -> Result<Granted, Problem> {
        let stopping = || {
            Problem::new(Code::Precondition, "The hub is stopping; nothing was changed.")
                .hint("Try again when it runs.")
        };
        let (wish, answer) = Wish::new(want);
        self.wishes.send(wish).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}

pub(super) fn crossed() -> Problem {
    Problem::new(Code::Internal, "The hub answered another question than was asked.")
}
