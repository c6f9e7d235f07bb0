//! A hub that some people share, as a process, for tests that are not written
//! in Rust: a hub from the command line has its owner alone. Its arguments are
//! its data directory and, of each person, name and role; says where it is and
//! what they show as one line of JSON, and ends with its standard input.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use pilot_hub::{Access, Hub, HubOptions};
use pilot_proto::Secret;
use pilot_proto::console::Role;
use std::collections::BTreeMap;
use std::io::Read;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let data = arguments.next().expect("a data directory");
    let mut options = HubOptions::new(data, ([127, 0, 0, 1], 0).into());
    options.demo = true;
    let mut tokens = BTreeMap::new();
    while let Some(name) = arguments.next() {
        let role = arguments.next().expect("a role behind each name");
        let role: Role = serde_json::from_value(role.into()).expect("a role");
        let token = name.repeat(20);
        tokens.insert(name.clone(), token.clone());
        options.access.push(Access { name, role, token: Secret::new(token) });
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let hub = runtime.block_on(Hub::start(options)).expect("the hub starts");
    println!("{}", serde_json::json!({ "url": hub.url, "tokens": tokens }));
    std::io::stdin().read_to_end(&mut Vec::new()).ok();
    runtime.block_on(hub.stop());
}
