//! A task as AgentAPI, from one end to the other: our own driver of an AgentAPI
//! server, in one task, drives another task's runs through the hub.

use crate::world::World;
use pilot_proto::TaskState;

/// A server that passes what it is asked on to the hub, with the token that the
/// hub wants. Nothing else stands between the driver and the hub.
const PASSED_ON: &str = r#"
import os, sys, urllib.request, urllib.error
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

base, token = sys.argv[1], open(sys.argv[2]).read().strip()

class Pass(BaseHTTPRequestHandler):
    def do(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if self.command == "POST" else None
        request = urllib.request.Request(base + self.path, data=body, method=self.command)
        request.add_header("Authorization", "Bearer " + token)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            answer = opener.open(request)
        except urllib.error.HTTPError as error:
            answer = error
        body = answer.read()
        self.send_response(answer.status if hasattr(answer, "status") else answer.code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = do
    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["AGENTAPI_PORT"])), Pass).serve_forever()
"#;

#[test]
fn one_task_drives_another_by_our_own_agentapi_driver() {
    let mut world = World::with_hub();
    world.set_workers(2);
    // The one that is driven: at rest, after a first run.
    world.launch_runner();
    let first = world.file("say I am here.");
    world.until_state(first, "no_change");
    let (program, token) = (world.shared("pass.py"), world.shared("token"));
    std::fs::write(&program, PASSED_ON).expect("writable");
    std::fs::copy(world.data().join("hub/owner-token"), &token).expect("the hub has one");
    world.declare(&format!(
        "[agents.remote]\nprotocol = \"agentapi\"\nprogram = \"python3\"\n\
         args = [\"{}\", \"http://127.0.0.1:{}/agentapi/tasks/{first}\", \"{}\"]\n",
        program.display(),
        world.port(),
        token.display(),
    ));
    let look = ["runner", "look", "test"];
    world.until("the runner has the agent", || {
        world.pilot(&look);
        world.pilot(&["runner", "list", "--json"]).out.contains("remote").then_some(())
    });
    // It speaks with the hub's own port, which no gate lets through.
    world.pilot(&["project", "walls", "demo", "--kind", "off", "--yes"]).ok();
    let task = world.new_task("remote", "write far.txt from afar\nsay I wrote it.", &[]);
    // It changes nothing itself.
    world.until_state(task.id, "no_change");
    let driven = world.until_state(first, "published");
    assert_eq!(driven.attempts, 2, "what it was told was a new turn");
    let TaskState::Published { branch, .. } = &driven.state else { panic!("{driven:#?}") };
    let far = world.file_in(&world.demo_repository(), branch, "far.txt");
    assert_eq!(far.as_deref(), Some("from afar\n"));
    let log = world.pilot(&["task", "log", &task.id.to_string()]).ok();
    assert!(log.contains("I wrote it."), "its words came back: {log}");
    assert!(!log.contains("I am here."), "what was said before is not an answer: {log}");
}
