//! Logins and budgets that end while the real `claude` works.

use crate::agents::{add_claude, file, model, needs_you, published, steps, with_claude};
use crate::world::World;
use pilot_proto::inbox::Ask;
use pilot_proto::{Task, TaskId};
use pilot_testkit::model::{Model as Server, Script};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A token endpoint that takes each refresh token once: `refresh-of-N` gives
/// the access token N+1, and from then on the model takes no other.
pub(crate) struct Tokens {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

fn access(number: usize) -> String {
    format!("access-token-of-the-double-{number}")
}

fn refresh(number: usize) -> String {
    format!("refresh-token-of-the-double-{number}")
}

impl Tokens {
    fn start(model: Arc<Server>) -> Self {
        Self::serve(move |number, token| {
            if token != refresh(number) {
                return refusal();
            }
            model.require_auth(&access(number + 1));
            json!({
                "access_token": access(number + 1),
                "refresh_token": refresh(number + 1),
                "token_type": "Bearer",
                "expires_in": 3600,
            })
        })
    }

    /// One that takes no refresh token at all.
    pub(crate) fn start_refusing() -> Self {
        Self::serve(|_, _| refusal())
    }

    /// `answer`: what to say to the how-manieth request, for which token.
    fn serve(answer: impl Fn(usize, &str) -> Value + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let writing = Arc::clone(&seen);
        std::thread::spawn(move || {
            for (number, stream) in (1..).zip(listener.incoming().map_while(Result::ok)) {
                let form = exchange(stream, |token| answer(number, token));
                writing.lock().expect("nobody panics here").push(form);
            }
        });
        Self { url: format!("http://{address}/token"), seen }
    }

    /// The refresh tokens that came so far.
    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("nobody panics here").clone()
    }
}

fn refusal() -> Value {
    json!({ "error": "invalid_grant" })
}

/// Answers one request, and returns the token that came with it.
fn exchange(mut stream: TcpStream, answer: impl Fn(&str) -> Value) -> String {
    let (mut request, mut piece) = (String::new(), [0; 4096]);
    while !request.contains("client_id=") {
        let read = stream.read(&mut piece).expect("it asks");
        assert!(read > 0, "cut off: {request}");
        request.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    let token = request.split("refresh_token=").last().and_then(|rest| rest.split('&').next());
    let token = token.unwrap_or_default().to_owned();
    let body = answer(&token);
    let status = if body.get("error").is_some() { "400 Bad Request" } else { "200 OK" };
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
    .expect("it listens");
    token
}

/// A task whose login ends in the middle of its run.
fn cross(world: &World, model: &Server, ends: usize, path: &str) -> TaskId {
    model.require_auth(&access(ends));
    let prompt = steps(&json!([
        {"ask": {"question": "Ready?", "options": ["Yes", "No"]}},
        {"write": {"path": path, "content": "across\n"}},
        {"text": "Done."}
    ]));
    let id = file(world, "auto", &prompt);
    needs_you(world, id);
    // The token has ended meanwhile, and nothing else is taken.
    model.require_auth(&access(ends + 1));
    world.pilot(&["task", "answer", &id.to_string(), "--choose", "Yes"]).ok();
    assert_eq!(published(world, id, path).as_deref(), Some("across\n"));
    id
}

#[test]
fn a_login_that_ends_in_mid_run_is_renewed_and_the_next_run_has_the_new_one() {
    let model = model();
    let tokens = Tokens::start(Arc::clone(&model.server));
    let mut world = World::bare();
    add_claude(&mut world);
    let passphrase = world.path("passphrase");
    std::fs::write(&passphrase, "of the hub's sealed file\n").expect("writable");
    let passphrase = passphrase.to_string_lossy().into_owned();
    world.set_hub_options(&["--credentials", "sealed", "--passphrase-file", &passphrase]);
    world.start_hub();
    let renewal = world.path("renewal.json");
    let login = json!({
        "token_url": tokens.url, "client_id": "client", "refresh_token": refresh(1),
    });
    std::fs::write(&renewal, login.to_string()).expect("writable");
    let (renewal, url) = (renewal.to_string_lossy().into_owned(), model.server.url());
    let add = ["provider", "add", "subscription", "--kind", "anthropic", "--key-stdin"];
    let more = ["--login", "bearer", "--oauth", &renewal, "--base-url", &url];
    world.pilot_with_input(&[&add[..], &more].concat(), &format!("{}\n", access(1))).ok();
    std::fs::remove_file(&renewal).expect("ours");
    world.start_runner();

    let first = cross(&world, &model.server, 1, "first.txt");
    assert_eq!(tokens.seen(), [refresh(1)], "renewed once");
    let log = world.pilot(&["task", "log", &first.to_string()]).ok();
    assert!(log.contains("The login to `subscription` was renewed"), "{log}");

    // Another hub process, another run: it begins with the new token, and
    // renews that one with what came with it.
    world.kill_hub();
    world.start_hub();
    cross(&world, &model.server, 2, "second.txt");
    assert_eq!(tokens.seen(), [refresh(1), refresh(2)], "the first one is used up");

    let records = world.pilot(&["task", "log", "--records", "--json", &first.to_string()]).ok();
    assert!(records.contains("login_renewed"), "{records}");
    let mut texts = vec![records.into_bytes()];
    crate::canaries::files_below(&world.data(), &mut |path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        texts.push(zstd::decode_all(&bytes[..]).unwrap_or(bytes));
    });
    texts.extend(
        ["hub.log", "runner.log"].map(|log| std::fs::read(world.path(log)).expect("it is there")),
    );
    for secret in (1..=3).flat_map(|number| [access(number), refresh(number)]) {
        let found =
            texts.iter().any(|text| memchr::memmem::find(text, secret.as_bytes()).is_some());
        assert!(!found, "`{secret}` stands somewhere in clear");
    }
}

#[test]
fn a_budget_stops_a_turn_and_a_person_raises_it_for_the_runs_to_come_too() {
    let (world, model) = with_claude();
    // A millionth of a dollar for each token.
    let prices = json!([{
        "model": "*", "input": 1_000_000, "output": 1_000_000, "cache_read": 0, "cache_write": 0,
    }]);
    world.pilot_with_input(&["price", "set", "-"], &prices.to_string()).ok();
    let script = |value| -> Script { serde_json::from_value(value).expect("a script") };
    model.server.script(
        "spender",
        script(json!({
            "steps": [
                {"write": {"path": "one.txt", "content": "one\n"}},
                // Cut off while it is said: it has cost too much before it begins.
                {"write": {"path": "never.txt", "content": "never\n"}, "usage": {"input": 1_000_000}},
                {"text": "Never said."}
            ],
            "followups": [{"steps": [
                {"write": {"path": "two.txt", "content": "two\n"}},
                {"text": "Went on."}
            ]}]
        })),
    );
    model.server.script(
        "more",
        script(json!({"steps": [
            {"write": {"path": "three.txt", "content": "three\n"}, "usage": {"input": 300_000}},
            {"text": "More done."}
        ]})),
    );
    let new = ["task", "new", "--project", "demo", "--agent", "claude", "--mode", "auto"];
    let more = ["--budget", "0.9", "--prompt", "Spend. [[script:spender]]"];
    let task: Task = world.json(&[&new[..], &more].concat());
    let id = task.id;
    let item = needs_you(&world, id);
    let Ask::Budget { spent_micros, budget_micros } = item.ask else { panic!("{item:?}") };
    assert_eq!(budget_micros, 900_000);
    assert!(spent_micros >= 1_000_000, "{spent_micros}");
    world.pilot(&["task", "answer", &item.id.to_string(), "--allow"]).ok();
    assert_eq!(published(&world, id, "two.txt").as_deref(), Some("two\n"));
    assert_eq!(published(&world, id, "one.txt").as_deref(), Some("one\n"), "what was done stays");
    assert_eq!(published(&world, id, "never.txt"), None, "the turn was stopped");
    let task = world.task(id);
    assert_eq!(task.limits.budget_micros, Some(1_800_000), "the task knows it");
    assert_eq!(task.attempts, 1);

    world.pilot(&["task", "resume", &id.to_string(), "More. [[script:more]]"]).ok();
    world.until("the second run is under way", || (world.task(id).attempts == 2).then_some(()));
    assert_eq!(
        published(&world, id, "three.txt").as_deref(),
        Some("three\n"),
        "and nobody was asked"
    );
    let spent = world.task(id).usage.cost_micros;
    assert!(spent.is_some_and(|spent| (1_300_000..1_800_000).contains(&spent)), "{spent:?}");
}
