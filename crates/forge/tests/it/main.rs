//! The forge adapters against doubles, and the doubles against what the real
//! ones were seen to answer.

mod contract;
mod double;
mod gitea;
mod login;
mod pages;
mod renewed;
mod seen;
mod webhook;
