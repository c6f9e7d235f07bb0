//! Issues on their way to becoming tasks, what makes them so, and the webhook
//! deliveries that were taken in.

use crate::changes::{put_named, remove_named, write};
use crate::documents;
use crate::error::StoreError;
use crate::store::Store;
use pilot_proto::intake::{IntakeMemory, IntakePolicy, NoteKept, Ticket};
use pilot_proto::{Task, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

const POLICY: &str = "intake";
const TICKET: &str = "ticket";
const NOTE: &str = "issue-note";
const MEMORY: &str = "intake-memory";

/// A change of what is known about issues.
#[derive(Debug, Clone)]
pub enum IntakeChange {
    /// What makes a project's issues tasks.
    PutPolicy(IntakePolicy),
    /// Nothing does any more.
    RemovePolicy {
        /// The project.
        project: String,
    },
    /// An issue that is to become a task.
    PutTicket(Ticket),
    /// It did, or will not.
    RemoveTicket {
        /// Its key.
        key: String,
    },
    /// What was seen of a project's issues.
    PutMemory {
        /// The project.
        project: String,
        /// What.
        memory: IntakeMemory,
    },
    /// It is forgotten.
    RemoveMemory {
        /// The project.
        project: String,
    },
    /// What is to stand on an issue's page, and what does.
    PutNote(NoteKept),
    /// A webhook's delivery was taken in.
    PutDelivery {
        /// Of which project, and the forge's id of it.
        id: String,
        /// When.
        at: Timestamp,
        /// Those from before are forgotten.
        forget: Timestamp,
    },
}

/// A memory with the name of its project.
#[derive(Debug, Serialize, Deserialize)]
struct MemoryOf {
    project: String,
    /// Not flattened: numbers as keys do not survive that.
    memory: IntakeMemory,
}

pub(crate) async fn apply(db: &mut AnyConnection, change: &IntakeChange) -> Result<(), StoreError> {
    match change {
        IntakeChange::PutPolicy(policy) => put_named(db, POLICY, &policy.project, policy).await,
        IntakeChange::RemovePolicy { project } => remove_named(db, POLICY, project).await,
        IntakeChange::PutTicket(ticket) => put_named(db, TICKET, &ticket.key, ticket).await,
        IntakeChange::RemoveTicket { key } => remove_named(db, TICKET, key).await,
        IntakeChange::PutMemory { project, memory } => {
            let of = MemoryOf { project: project.clone(), memory: memory.clone() };
            put_named(db, MEMORY, project, &of).await
        }
        IntakeChange::RemoveMemory { project } => remove_named(db, MEMORY, project).await,
        IntakeChange::PutNote(note) => {
            let name = format!("{}#{}", note.project, note.number);
            put_named(db, NOTE, &name, note).await
        }
        IntakeChange::PutDelivery { id, at, forget } => {
            let sql = "INSERT INTO deliveries (id, taken_at) VALUES ($1, $2) \
                       ON CONFLICT (id) DO NOTHING";
            write(db, "a delivery", sqlx::query(sql).bind(id.clone()).bind(at.0)).await?;
            let sql = "DELETE FROM deliveries WHERE taken_at < $1";
            write(db, "the deliveries", sqlx::query(sql).bind(forget.0)).await?;
            Ok(())
        }
    }
}

impl Store {
    /// What makes issues tasks, by project.
    pub async fn intake_policies(&self) -> Result<Vec<IntakePolicy>, StoreError> {
        documents::named(&self.database().readers, POLICY).await
    }

    /// Issues that are to become tasks, oldest first.
    pub async fn tickets(&self) -> Result<Vec<Ticket>, StoreError> {
        let mut all: Vec<Ticket> = documents::named(&self.database().readers, TICKET).await?;
        all.sort_by_key(|ticket| (ticket.at, ticket.task));
        Ok(all)
    }

    /// What stands on the pages of issues, and what is to.
    pub async fn issue_notes(&self) -> Result<Vec<NoteKept>, StoreError> {
        documents::named(&self.database().readers, NOTE).await
    }

    /// What was seen of the issues of each project.
    pub async fn intake_memories(&self) -> Result<Vec<(String, IntakeMemory)>, StoreError> {
        let all: Vec<MemoryOf> = documents::named(&self.database().readers, MEMORY).await?;
        Ok(all.into_iter().map(|one| (one.project, one.memory)).collect())
    }

    /// Tasks that were made of issues of a project, newest first.
    pub async fn tasks_of_issues(&self, project: &str) -> Result<Vec<Task>, StoreError> {
        let sql = "SELECT id, doc FROM tasks WHERE project = $1 AND issue IS NOT NULL \
                   ORDER BY created_at DESC, id DESC";
        let rows = sqlx::query(sql).bind(project.to_owned()).fetch_all(&self.database().readers);
        documents::documents("task", &rows.await.map_err(documents::read_failed("the tasks"))?)
    }

    /// True if this delivery was taken in.
    pub async fn has_delivery(&self, id: &str) -> Result<bool, StoreError> {
        let sql = "SELECT id FROM deliveries WHERE id = $1";
        let row = sqlx::query(sql).bind(id.to_owned()).fetch_optional(&self.database().readers);
        let failed = |source| StoreError::Read { what: "a delivery", source };
        Ok(row.await.map_err(failed)?.is_some())
    }
}
