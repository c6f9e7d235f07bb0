//! The words of `pilot inside`, for what runs within a run's walls.

use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Inside {
    /// Tell the person you work for what you are doing now
    Status {
        /// In one line
        text: String,
    },
    /// Ask the person you work for, and wait for the answer
    Ask {
        /// The question
        question: String,
        /// An answer to choose from; repeatable
        #[arg(long, value_name = "ANSWER")]
        option: Vec<String>,
    },
    /// Give the person you work for a file that is no part of the change
    Attach {
        /// The file
        path: PathBuf,
        /// What to call it; without it, as it is called
        #[arg(long)]
        name: Option<String>,
    },
    /// File a task below your own
    NewTask {
        /// What to do, complete in itself
        #[arg(long, value_name = "TEXT")]
        prompt: String,
        /// One line for lists
        #[arg(long)]
        title: Option<String>,
        /// Which agent; without it, the same as you are
        #[arg(long)]
        agent: Option<String>,
        /// Which model
        #[arg(long)]
        model: Option<String>,
        /// What it may spend on models, in US dollars
        #[arg(long, value_name = "DOLLARS")]
        budget: Option<f64>,
        /// Your own name for this wish: the same one again files no second task
        #[arg(long)]
        token: Option<String>,
    },
    /// List the tasks below your own
    Tasks,
    /// Tell how a task below your own stands
    Result {
        /// Its id
        task: String,
        /// Wait so many seconds for its end
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        wait: u64,
    },
    /// List the tools that agents are given
    Tools,
    /// Call one of them, with its arguments as JSON on standard input
    Call {
        /// Which
        tool: String,
    },
}
