//! A double of an AgentAPI server, after its OpenAPI document: `GET /status`,
//! `GET /messages`, `POST /message`, and its errors. The port is
//! `$AGENTAPI_PORT`, or the first argument.
//!
//! Its "agent" does what a message says: `write FILE TEXT`, `slow FILE` (makes
//! the file and is busy until Ctrl-C), `die CODE`; and answers with what it did.

/// The program, for `python3 -c`.
pub const PROGRAM: &str = r#"
import json, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

lock, messages, busy = threading.Lock(), [], threading.Event()
stopped = threading.Event()

def message(role, content):
    with lock:
        messages.append({"id": len(messages), "role": role, "content": content,
                         "time": "2026-01-01T00:00:00Z"})

def work(text):
    verb, _, rest = text.strip().partition(" ")
    message("agent", "Let me see.\n")
    if verb == "write":
        name, _, contents = rest.partition(" ")
        open(name, "w").write(contents + "\n")
        said = "Let me see.\nI wrote " + name + ".   \n"
    elif verb == "slow":
        stopped.clear()
        open(rest, "w").close()
        stopped.wait(60)
        said = "Let me see.\nStopped.\n"
    elif verb == "die":
        sys.stderr.write("the agent died\n")
        sys.stderr.flush()
        os._exit(int(rest))
    else:
        said = "Let me see.\nYou said: " + text.strip()
    with lock:
        messages[-1]["content"] = said
    busy.clear()

class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, document):
        body = json.dumps(document).encode()
        kind = "application/json" if status == 200 else "application/problem+json"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def problem(self, status, detail):
        self.answer(status, {"title": "Bad", "status": status, "detail": detail})

    def allowed(self):
        return self.headers.get("Host", "").split(":")[0] == "localhost"

    def do_GET(self):
        if not self.allowed():
            self.problem(400, "invalid host")
        elif self.path == "/status":
            status = "running" if busy.is_set() else "stable"
            self.answer(200, {"status": status, "agent_type": "custom"})
        elif self.path == "/messages":
            with lock:
                self.answer(200, {"messages": [dict(one) for one in messages]})
        else:
            self.problem(404, "not found")

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length))
        if not self.allowed() or self.path != "/message":
            self.problem(404, "not found")
        elif body["type"] == "raw":
            if body["content"] == "\x03":
                stopped.set()
            self.answer(200, {"ok": True})
        elif busy.is_set():
            self.problem(500, "message can only be sent when the agent is waiting for user input")
        elif not body["content"].strip():
            self.problem(422, "message must not be empty")
        else:
            busy.set()
            message("user", body["content"])
            threading.Thread(target=work, args=(body["content"],), daemon=True).start()
            self.answer(200, {"ok": True})

    def log_message(self, *_):
        pass

message("agent", "Hello.")
port = sys.argv[1] if len(sys.argv) > 1 else os.environ["AGENTAPI_PORT"]
print("serving on " + port, flush=True)
ThreadingHTTPServer(("127.0.0.1", int(port)), Api).serve_forever()
"#;
