//! An owner of walls that is going to be killed: raises them, starts the shell
//! script of its third argument inside and keeps it until then.
//!
//! `owner RUN TREE SCRIPT KIND`, with the init of the tests beside it.

use pilot_proto::RunId;
use pilot_proto::walls::{WallLimits, WallsKind, WallsWish};
use pilot_sandbox::{Launch, Plan, Surroundings, Walls};
use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsStr;
use std::path::PathBuf;

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("owner RUN TREE SCRIPT KIND");
    let (run, tree, script) = (RunId(next()?.parse()?), PathBuf::from(next()?), next()?);
    let kind = match next()?.as_str() {
        "landlock" => WallsKind::Landlock,
        _ => WallsKind::Bubblewrap,
    };
    let inside = std::env::current_exe()?.with_file_name("walls_init");
    let state = tree.with_extension("state");
    std::fs::create_dir_all(&state)?;
    let plan = Plan {
        run,
        wish: WallsWish { kind, limits: WallLimits::default() },
        home: tree.clone(),
        writable: vec![tree.clone()],
        readable: Vec::new(),
        files: BTreeMap::new(),
        inside: vec![inside.into_os_string()],
        sockets: Vec::new(),
        gates: Vec::new(),
        ports: Vec::new(),
        state,
    };
    let walls = Walls::raise(plan, &pilot_sandbox::survey(OsStr::new(PATH)).await).await?;
    let surroundings = Surroundings { run, home: &tree, temporary: &tree, path: OsStr::new(PATH) };
    let env = pilot_sandbox::environment(surroundings, &BTreeMap::new());
    let args = vec!["-c".into(), script.into()];
    let launch = Launch { program: "/bin/sh".into(), args, env, cwd: tree };
    let mut agent = walls.spawn(&launch).await?;
    agent.wait().await?;
    std::future::pending().await
}
