//! The forge adapters against doubles, and the doubles against what the real
//! ones were seen to answer.

mod double;
mod gitea;
mod seen;
