//! The frontend's types, made of the ones here. Committed, so that the
//! frontend builds without a Rust toolchain; this test fails when they differ,
//! and writes them when it is run with `PILOTHOUSE_WRITE=1`.

use pilot_proto::console::{self, Command, FromConsole, Method, Role, SignIn, ToConsole};
use pilot_proto::screen::{FromScreen, ToScreen};
use pilot_proto::tunnel::{FromTerminal, TUNNEL_PATH, ToTerminal, TunnelQuery};
use std::any::TypeId;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::path::Path;
use ts_rs::{Config, TS, TypeVisitor};

const FILE: &str = "../../frontend/src/api/generated/proto.ts";
const HEAD: &str = "\
// Made from crates/proto by its test `typescript`; see there. Not to be edited.
/* eslint-disable */
";

/// Declarations by name, and what was looked at already.
struct Declarations {
    config: Config,
    seen: HashSet<TypeId>,
    found: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
        // What has no file of its own is spelt out where it stands.
        if T::output_path().is_some() {
            let docs = T::docs().unwrap_or_default();
            let declared = format!("{docs}export {}\n", T::decl(&self.config));
            let other = self.found.insert(T::ident(&self.config), declared.clone());
            assert!(
                other.is_none_or(|other| other == declared),
                "two types are called `{}`",
                T::ident(&self.config)
            );
        }
    }
}

#[derive(Default)]
struct Rows {
    types: String,
    routes: String,
}

impl Rows {
    fn row<C: Command>(&mut self, declarations: &mut Declarations)
    where
        C::Request: TS,
        C::Response: TS,
    {
        declarations.visit::<C::Request>();
        declarations.visit::<C::Response>();
        let entry = C::ENTRY;
        let method = match entry.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        };
        let role = match entry.role {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Approver => "approver",
            Role::Admin => "admin",
        };
        writeln!(
            self.types,
            "  /** {} */\n  {}: {{ request: {}; response: {} }};",
            entry.doc.trim(),
            entry.name,
            C::Request::name(&declarations.config),
            C::Response::name(&declarations.config),
        )
        .expect("a string takes everything");
        writeln!(
            self.routes,
            "  {}: {{ method: \"{method}\", path: \"{}\", role: \"{role}\" }},",
            entry.name, entry.path
        )
        .expect("a string takes everything");
    }
}

fn typescript() -> String {
    let mut declarations = Declarations {
        config: Config::new().with_large_int("number"),
        seen: HashSet::new(),
        found: BTreeMap::new(),
    };
    let mut rows = Rows::default();
    macro_rules! every_row {
        ($($command:ident),+) => { $(rows.row::<console::$command>(&mut declarations);)+ };
    }
    pilot_proto::for_each_command!(every_row);
    declarations.visit::<FromConsole>();
    declarations.visit::<ToConsole>();
    declarations.visit::<SignIn>();
    declarations.visit::<Role>();
    declarations.visit::<TunnelQuery>();
    declarations.visit::<ToTerminal>();
    declarations.visit::<FromTerminal>();
    declarations.visit::<ToScreen>();
    declarations.visit::<FromScreen>();
    let mut text = HEAD.to_owned();
    for declared in declarations.found.values() {
        text.push('\n');
        text.push_str(declared);
    }
    let Rows { types, routes } = rows;
    write!(
        text,
        "\n/** Every command of a hub, by name. */\nexport type Commands = {{\n{types}}};\n\n\
         /** How each command travels, and the role it needs. */\n\
         export const ROUTES = {{\n{routes}}} as const satisfies Record<\n  keyof Commands,\n  \
         {{ method: \"GET\" | \"POST\" | \"DELETE\"; path: string; role: Role }}\n>;\n\n\
         export const LIVE_PATH = \"{}\";\nexport const SESSION_PATH = \"{}\";\n\
         export const RESCUE_PATH = \"{}\";\nexport const BLOB_PATH = \"{}\";\n\
         export const FILM_PATH = \"{}\";\n\
         export const TUNNEL_PATH = \"{}\";\n",
        console::LIVE_PATH,
        console::SESSION_PATH,
        console::RESCUE_PATH,
        console::BLOB_PATH,
        console::FILM_PATH,
        TUNNEL_PATH,
    )
    .expect("a string takes everything");
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn the_committed_typescript_is_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let made = typescript();
    if std::env::vars().any(|(name, _)| name == "PILOTHOUSE_WRITE") {
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        std::fs::write(&path, &made).expect("the types are written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "the frontend's types are old: `PILOTHOUSE_WRITE=1 cargo test --workspace --test typescript`"
    );
}
