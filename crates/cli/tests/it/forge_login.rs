//! Logging in to a forge: in a browser that comes back, by a code, as a GitHub
//! App; renewed since, and over one day.

use crate::world::{Said, World};
use pilot_proto::console::{AccessBy, ForgeSeen};
use pilot_proto::{Code, ForgeKind, Problem, Task};
use pilot_testkit::forge::ForgeDouble;
use pilot_testkit::private_way::{HttpProxy, PrivateAuthority};
use pilot_testkit::programs::write_program;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Stdio};
use tokio::runtime::Runtime;

/// A forge with a repository and an application that alice consents to.
pub(crate) struct Forge {
    pub(crate) double: ForgeDouble,
    pub(crate) runtime: Runtime,
}

impl Forge {
    pub(crate) fn start(kind: ForgeKind) -> Self {
        let runtime = Runtime::new().expect("a runtime for the forge");
        let double = runtime.block_on(ForgeDouble::start_as(kind, "/git"));
        double.repository("alice/site");
        double.application("pilothouse", "alice");
        Self { double, runtime }
    }
}

/// `pilot forge login home …`, as far as it has come.
struct Login {
    child: Child,
    /// What it said so far.
    said: String,
    rest: BufReader<ChildStderr>,
}

impl Login {
    /// Until it names the page to open.
    fn begin(world: &World, forge: &Forge, more: &[&str]) -> Self {
        let kind = forge.double.kind().to_string().to_lowercase();
        let url = forge.double.url();
        let new = ["--kind", &kind, "--client-id", "pilothouse", "--url", &url];
        Self::again(world, &[&new[..], more].concat())
    }

    /// The same, of a forge that there is.
    fn again(world: &World, more: &[&str]) -> Self {
        let mut command = world.command();
        command.args(["forge", "login", "home", "--json"]).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let rest = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut login = Self { child, said: String::new(), rest };
        login.hear(|line| line.trim().starts_with("http"));
        login
    }

    /// Reads on, up to a line like this.
    fn hear(&mut self, wanted: impl Fn(&str) -> bool) {
        let mut line = String::new();
        while self.rest.read_line(&mut line).expect("it is text") > 0 {
            self.said.push_str(&line);
            if wanted(&line) {
                return;
            }
            line.clear();
        }
        panic!("it said nothing like that: {}", self.said);
    }

    fn page(&self) -> &str {
        self.said.lines().map(str::trim).find(|line| line.starts_with("http")).expect("it does")
    }

    fn end(mut self) -> Said {
        self.rest.read_to_string(&mut self.said).expect("it is text");
        let mut out = String::new();
        let stdout = self.child.stdout.as_mut().expect("it is piped");
        stdout.read_to_string(&mut out).expect("it is text");
        Said { status: self.child.wait().expect("it ends"), out, err: self.said }
    }
}

/// What a browser is answered with.
fn open(address: &str) -> String {
    let rest = address.trim().strip_prefix("http://").expect("plain HTTP on loopback");
    let (host, path) = rest.split_once('/').expect("an address with a path");
    let mut stream = TcpStream::connect(host).expect("somebody listens");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// Where the forge sends a browser that opens its page.
fn sent_to(page: &str) -> String {
    let answer = open(page);
    let back = answer.lines().find_map(|line| line.strip_prefix("location: "));
    back.unwrap_or_else(|| panic!("the forge sends the browser back: {answer}")).to_owned()
}

/// A hub that alice has logged in from, with a project there.
fn logged_in(forge: &Forge) -> World {
    let world = World::with_hub();
    log_in(&world, forge);
    world.pilot(&["issue", "list", "site"]).ok();
    world
}

/// Alice logs in, and adds her project.
pub(crate) fn log_in(world: &World, forge: &Forge) {
    let login = Login::begin(world, forge, &["--no-browser"]);
    open(&sent_to(login.page()));
    login.end().ok();
    add_site(world, forge);
}

fn home(world: &World) -> ForgeSeen {
    let forges: Vec<ForgeSeen> = world.json(&["forge", "list"]);
    forges.into_iter().find(|one| one.forge.name == "home").expect("it was added")
}

pub(crate) fn add_site(world: &World, forge: &Forge) {
    let url = forge.double.clone_url("alice/site");
    let add = ["project", "add", "site", "--forge", "home", "--agent", "scripted", "--repo"];
    world.pilot(&[&add[..], &[&url]].concat()).ok();
}

#[test]
fn a_login_in_a_browser_is_renewed_and_its_end_is_said_with_the_way_out() {
    let forge = Forge::start(ForgeKind::Gitea);
    forge.double.login_life(4);
    let world = World::with_hub();
    let login = Login::begin(&world, &forge, &["--no-browser"]);
    let back = sent_to(login.page());
    let (address, _) = back.split_once('?').expect("with a query");
    let answer = open(&format!("{address}?code=stolen&state=guessed"));
    assert!(answer.starts_with("HTTP/1.1 404"), "another state is another's: {answer}");
    assert!(open(&back).contains("You are logged in"), "the browser is told");
    login.end().ok();

    let seen = home(&world);
    assert_eq!(seen.access.by, AccessBy::Login { client_id: "pilothouse".to_owned() });
    let account = seen.forge.account.expect("the forge said who we are");
    assert_eq!(account.login, "alice");
    assert_eq!(account.scopes, Some(seen.access.needs), "it may do what it needs, and no more");
    assert!(seen.access.renewed && seen.access.ends_at.is_some());
    add_site(&world, &forge);
    world.pilot(&["issue", "list", "site"]).ok();
    world.until("it is renewed twice", || (forge.double.logins() >= 3).then_some(()));
    world.pilot(&["issue", "list", "site"]).ok();

    forge.double.forget_logins();
    forge.double.end_tokens();
    let said = world.until("its end is said", || {
        let said = world.pilot(&["issue", "list", "site"]);
        (said.code() == 1).then_some(said)
    });
    assert!(said.err.contains("pilot forge login home"), "with the way out: {}", said.err);
    let problem = home(&world).access.problem.expect("it is in the list");
    assert_eq!(problem.code, Code::ForgeRefused, "{problem:?}");
    let list = world.pilot(&["forge", "list"]);
    assert!(list.out.contains("cannot be used") && list.err.contains("pilot forge login home"));
    let inbox = world.pilot(&["inbox"]);
    assert!(inbox.err.contains("pilot forge login home"), "{}", inbox.err);
    assert!(!format!("{said:?}{problem:?}{list:?}").contains("refresh-"), "and no secret");

    // The next one lasts: where it is kept is not being written while we look.
    forge.double.login_life(3600);
    // The application is known from the last time.
    let login = Login::again(&world, &["--no-browser"]);
    open(&sent_to(login.page()));
    login.end().ok();
    assert_eq!(home(&world).access.problem, None, "it can be used again");
    world.pilot(&["issue", "list", "site"]).ok();
    assert_eq!(world.files_with("refresh-"), Vec::<std::path::PathBuf>::new(), "in the keep alone");
}

#[test]
fn a_token_that_the_forge_takes_back_is_renewed_once_for_all_who_ask() {
    let forge = Forge::start(ForgeKind::Gitea);
    let world = logged_in(&forge);
    assert_eq!(forge.double.logins(), 1, "an hour's login is not renewed at once");

    // A refresh token that comes twice is refused, which would end the login.
    forge.double.end_tokens();
    std::thread::scope(|scope| {
        let list = || world.pilot(&["issue", "list", "site"]).ok();
        let all: Vec<_> = (0..6).map(|_| scope.spawn(list)).collect();
        all.into_iter().for_each(|one| drop(one.join().expect("it lists")));
    });
    assert_eq!(forge.double.logins(), 2, "six were refused, one renewed it");
    assert_eq!(home(&world).access.problem, None);
}

#[test]
fn a_hub_that_is_killed_goes_on_with_the_login() {
    let forge = Forge::start(ForgeKind::GitLab);
    let mut world = logged_in(&forge);
    world.kill_hub();
    forge.double.end_tokens();
    world.start_hub();
    world.pilot(&["issue", "list", "site"]).ok();
    assert_eq!(forge.double.logins(), 2, "with the refresh token that it kept");
}

#[test]
fn a_persons_browser_is_opened_and_where_there_is_none_the_page_is_said() {
    let forge = Forge::start(ForgeKind::Forgejo);
    let mut world = World::with_hub();
    let (programs, opened) = (world.path("programs"), world.path("opened"));
    let browser = programs.join("xdg-open");
    let write = |text: String| write_program(&browser, &text);
    world.add_path(programs.clone());
    write(format!("#!/bin/sh\nprintf '%s' \"$1\" > '{}'\n", opened.display()));
    let login = Login::begin(&world, &forge, &[]);
    let page = world.until("a browser is opened", || {
        std::fs::read_to_string(&opened).ok().filter(|page| !page.is_empty())
    });
    assert_eq!(page, login.page());
    open(&sent_to(&page));
    login.end().ok();

    write("#!/bin/sh\nexit 3\n".to_owned());
    let mut login = Login::begin(&world, &forge, &[]);
    login.hear(|line| line.contains("No browser could be opened here"));
    open(&sent_to(login.page()));
    login.end().ok();
}

#[test]
fn a_code_is_typed_in_at_github_and_what_becomes_of_it_is_said() {
    let forge = Forge::start(ForgeKind::GitHub);
    forge.double.poll_every(1);
    let world = World::with_hub();
    let login = Login::begin(&world, &forge, &["--no-browser"]);
    assert!(login.said.contains("WDJB-MJHT"), "{}", login.said);
    assert!(login.page().ends_with("/login/device"), "{}", login.page());
    // The first poll is told to slow down.
    forge.double.type_in_the_code();
    login.end().ok();
    assert_eq!(home(&world).forge.account.map(|account| account.login).as_deref(), Some("alice"));

    forge.double.deny_the_code();
    let said = Login::begin(&world, &forge, &["--no-browser"]).end();
    assert!(said.code() == 1 && said.err.contains("somebody refused it"), "{}", said.err);
    forge.double.expire_the_code();
    let said = Login::begin(&world, &forge, &["--no-browser"]).end();
    assert!(said.code() == 1 && said.err.contains("before it expired"), "{}", said.err);
    assert_eq!(home(&world).access.problem, None, "the login that there was is as good as before");
}

#[test]
fn a_login_that_is_not_renewed_is_over_when_the_forge_says_so() {
    let forge = Forge::start(ForgeKind::GitHub);
    forge.double.poll_every(1);
    forge.double.endless_logins();
    forge.double.type_in_the_code();
    let world = World::with_hub();
    Login::begin(&world, &forge, &["--no-browser"]).end().ok();
    let seen = home(&world).access;
    assert_eq!((seen.ends_at, seen.renewed), (None, false));
    add_site(&world, &forge);
    world.pilot(&["issue", "list", "site"]).ok();
    forge.double.end_tokens();
    let said = world.pilot(&["issue", "list", "site"]);
    assert!(said.code() == 1 && said.err.contains("pilot forge login home"), "{}", said.err);
    assert!(home(&world).access.problem.is_some(), "and the list says it, too");
}

#[test]
fn what_is_wrong_with_a_login_is_said() {
    let forge = Forge::start(ForgeKind::Gitea);
    let world = World::with_hub();
    forge.double.deny_consent(true);
    let login = Login::begin(&world, &forge, &["--no-browser"]);
    assert!(open(&sent_to(login.page())).contains("was refused"));
    let said = login.end();
    assert!(said.code() == 1 && said.err.contains("somebody refused it"), "{}", said.err);

    forge.double.deny_consent(false);
    forge.double.login_scopes(&["write:repository", "read:user"]);
    let login = Login::begin(&world, &forge, &["--no-browser"]);
    open(&sent_to(login.page()));
    let said = login.end();
    assert!(said.code() == 1 && said.err.contains("lacks `write:issue`"), "{}", said.err);
    assert_eq!(world.json::<Vec<ForgeSeen>>(&["forge", "list"]), [], "and nothing was added");

    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let url = forge.double.url();
    let refused = |more: &[&str], why: &str| {
        let login = ["forge", "login", "home", "--no-browser", "--url", &url];
        let said = world.pilot(&[&login[..], more].concat());
        assert!(said.code() == 1 && said.err.contains(why), "{more:?}: {}", said.err);
    };
    let gitea = ["--kind", "gitea", "--client-id", "pilothouse"];
    refused(&[&gitea[..], &["--port", &port]].concat(), "--port");
    refused(&[&gitea[..], &["--device"]].concat(), "has no such login");
    refused(&["--kind", "gitea"], "--client-id");
    refused(&["--client-id", "pilothouse"], "--kind");

    let github = Forge::start(ForgeKind::GitHub);
    let unknown = ["forge", "login", "hub", "--kind", "github", "--client-id", "nobody", "--url"];
    let said = world.pilot(&[&unknown[..], &[&github.double.url()]].concat());
    assert!(said.code() == 1 && said.err.contains("no application"), "{}", said.err);
}

#[test]
fn a_token_can_still_be_given_by_hand_and_takes_the_place_of_a_login() {
    let forge = Forge::start(ForgeKind::Gitea);
    let world = logged_in(&forge);
    let token = forge.double.token("alice", forge.double.scopes());
    world.pilot_with_input(&["forge", "login", "home", "--token-stdin"], &token).ok();
    let seen = home(&world);
    assert_eq!((seen.access.by, seen.access.renewed), (AccessBy::Token, false));
    forge.double.end_tokens();
    world.pilot(&["issue", "list", "site"]).ok();
    assert_eq!(forge.double.logins(), 1, "nobody renews what is not used");
}

/// Made for tests with `openssl genrsa -traditional 2048`; nobody's.
const APP_KEY: &str = include_str!("../../../forge/tests/it/app-key.pem");

#[test]
fn a_github_app_gets_its_tokens_by_itself() {
    let forge = Forge::start(ForgeKind::GitHub);
    forge.double.install_app("4711");
    let world = World::with_hub();
    let (key, url) = (world.path("key.pem"), forge.double.url());
    std::fs::write(&key, APP_KEY).expect("writable");
    let key = key.to_string_lossy().into_owned();
    let add = |app: &str, key: &str| {
        let words = ["forge", "add", "home", "--kind", "github", "--url", &url];
        let app = ["--app-id", app, "--installation", "77", "--private-key", key];
        world.pilot(&[&words[..], &app].concat())
    };
    forge.double.app_lacks(Some("pull_requests"));
    let said = add("4711", &key);
    assert!(said.code() == 1 && said.err.contains("`pull_requests:write`"), "{}", said.err);
    forge.double.app_lacks(None);
    assert_eq!(add("4712", &key).code(), 1, "an App that is not there");
    let said = add("4711", "/dev/null");
    assert!(said.code() == 1 && said.err.contains("private key"), "{}", said.err);
    add("4711", &key).ok();
    assert_eq!(home(&world).access.by, AccessBy::App { app: 4711, installation: 77 });
    let list = world.pilot(&["forge", "list"]).ok();
    assert!(list.contains("GitHub App 4711, installation 77"), "{list}");

    add_site(&world, &forge);
    world.pilot(&["issue", "list", "site"]).ok();
    let before = forge.double.logins();
    forge.double.end_tokens();
    world.pilot(&["issue", "list", "site"]).ok();
    assert_eq!(forge.double.logins(), before + 1, "the next was got when the last had ended");
    let mark = APP_KEY.lines().nth(1).expect("a key has lines");
    let found = world.files_with(mark);
    assert_eq!(found, [world.path("key.pem")], "in the keep alone");
}

#[test]
fn a_forge_behind_a_proxy_with_an_authority_of_its_own_gets_a_pull_request() {
    let forge = Forge::start(ForgeKind::Gitea);
    let authority = PrivateAuthority::new();
    let tls = ForgeDouble::start_with_tls(ForgeKind::Gitea, "/git", &authority);
    let (double, proxy) = (forge.runtime.block_on(tls), forge.runtime.block_on(HttpProxy::start()));
    double.repository("alice/site");
    let forge = Forge { double, ..forge };
    let world = World::with_runner(1);
    let (ca, no_pem) = (world.path("ca.pem"), world.path("ca.der"));
    std::fs::write(&ca, authority.pem()).expect("writable");
    std::fs::write(&no_pem, [0x30, 0x82, 0xff]).expect("writable");
    let ca = ca.to_string_lossy().into_owned();
    let token = forge.double.token("alice", forge.double.scopes());
    let add = |more: &[&str]| {
        let url = forge.double.url();
        let words = ["forge", "add", "home", "--kind", "gitea", "--token-stdin", "--url", &url];
        world.pilot_with_input(&[&words[..], more].concat(), &token)
    };
    let refused = |more: &[&str], why: &str| {
        let said = add(more);
        assert!(said.code() == 1 && said.err.contains(why), "{more:?}: {}", said.err);
    };
    refused(&[], "--ca");
    refused(&["--ca", &no_pem.to_string_lossy()], "no certificate in PEM");
    refused(&["--ca", "/nowhere"], "cannot read `/nowhere`");
    refused(&["--ca", &ca, "--proxy", "proxy:3128"], "not the address of a proxy");
    refused(&["--ca", &ca, "--proxy", "http://me:secret@127.0.0.1:1"], "user or password");
    refused(&["--ca", &ca, "--proxy", "http://127.0.0.1:1"], "cannot be reached");
    add(&["--ca", &ca, "--proxy", &proxy.url()]).ok();
    assert_eq!(home(&world).forge.authorities.as_deref(), Some(authority.pem()));

    add_site(&world, &forge);
    let before = proxy.seen().len();
    world.pilot(&["issue", "list", "site"]).ok();
    assert!(proxy.seen().len() > before, "it went through the proxy");
    // A new token keeps the way.
    let login = ["forge", "login", "home", "--token-stdin"];
    world.pilot_with_input(&login, &token).ok();
    assert_eq!(home(&world).forge.proxy, Some(proxy.url()));

    // So do the runner's git and the agent's, which knows of neither.
    let before = proxy.seen().len();
    let asks = "run git ls-remote origin | grep refs/heads/main > heads.txt";
    let task: Task = world.json(&["task", "new", "--project", "site", "--prompt", asks]);
    let task = world.until_state(task.id, "in_review");
    assert_eq!(task.diff.files, 1, "the agent saw the branches");
    assert!(forge.double.bare("alice/site").branches().contains(&task.branch), "it was pushed");
    assert!(proxy.seen().len() > before + 2, "through the proxy: {:?}", proxy.seen());
}

#[test]
fn what_a_browser_on_another_machine_could_not_open_is_brought() {
    use pilot_proto::console::{ForgeLogin, ForgeLoginFinish, LoginAddress, LoginStanding};
    // The command asks a person at a terminal for it; this is what it does then.
    let forge = Forge::start(ForgeKind::Gitea);
    let world = World::with_hub();
    let client = crate::tunnels::owner(&world);
    let call = Runtime::new().expect("a runtime for the client");
    let new = serde_json::json!({
        "name": "home", "kind": "gitea", "url": forge.double.url(), "client_id": "pilothouse",
    });
    let new = serde_json::from_value(new).expect("a login");
    let begun = call.block_on(client.call::<ForgeLogin>(new)).expect("it begins");
    let back = sent_to(&begun.page);
    let bring = |address: &str| {
        let address = pilot_proto::Secret::new(address);
        let given = LoginAddress { name: "home".to_owned(), address };
        call.block_on(client.call::<ForgeLoginFinish>(given)).map(drop).map_err(Problem::from)
    };
    for wrong in ["nothing", "http://127.0.0.1:1/callback?code=1", &back.replace("state=", "no=")] {
        let problem = bring(wrong).expect_err("it is not where this login ends");
        assert_eq!(problem.code, Code::Invalid, "{problem:?}");
    }
    bring(&back).expect("it is");
    let seen = world.until("somebody is logged in", || {
        let named = pilot_proto::console::Named { name: "home".to_owned() };
        let shown = client.call::<pilot_proto::console::ForgeLoginShow>(named);
        let seen = call.block_on(shown).expect("it was begun");
        (seen.standing != LoginStanding::Waits).then_some(seen)
    });
    assert_eq!((seen.standing, seen.problem), (LoginStanding::Done, None));
}
