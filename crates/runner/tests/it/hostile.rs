//! What a hostile repository, or an agent that was talked into it, leaves in
//! the tree and in the home for our own programs to run or to follow.

use crate::world::{World, lines, outcome};
use pilot_proto::run::Outcome;
use pilot_proto::walls::WallsKind;
use pilot_proto::{Event, Stream};

/// Every way in which git is told to run something. Inside the walls the mark
/// cannot be made; whoever makes it ran one of these outside.
const TRAPS: &str = r#"
for hook in pre-commit commit-msg post-commit post-checkout pre-push reference-transaction post-index-change; do
    printf '#!/bin/sh\ntouch "%s"\n' "$MARK" > .git/hooks/$hook
    chmod +x .git/hooks/$hook
done
trap_config() { git config "$1" "touch $MARK; cat"; }
for key in core.fsmonitor core.sshCommand core.pager core.editor core.askPass core.gitProxy \
    core.alternateRefsCommand credential.helper diff.external gpg.program gpg.ssh.program sequence.editor \
    uploadpack.packObjectsHook remote.origin.receivepack remote.origin.uploadpack \
    filter.trap.clean filter.trap.smudge filter.trap.process filter.lfs.clean filter.lfs.smudge \
    diff.trap.command diff.trap.textconv merge.trap.driver; do
    trap_config "$key"
done
git config commit.gpgSign true
git config core.hooksPath "$PWD/.git/hooks"
git config url."ext::sh -c 'touch $MARK'".insteadOf file://
printf '* filter=trap diff=trap merge=trap\n*.bin filter=lfs\n' > .gitattributes
printf '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch %s"\n\tupdate = !touch %s\n' "$MARK" "$MARK" > .gitmodules
mkdir -p .claude && printf '{"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"touch %s"}]}]}}' "$MARK" > .claude/settings.json
printf '{"mcpServers":{"x":{"command":"touch","args":["%s"]}}}' "$MARK" > .mcp.json
ln -sfn "$OUTSIDE" link-to-outside
ln -f "$OUTSIDE" hard-link 2>/dev/null
rm -rf "$HOME/.config" && ln -s "$OUTSIDE" "$HOME/.config"
ln -sfn "$OUTSIDE" "$PILOTHOUSE_ARTIFACTS/report"
echo traps are set
"#;

#[tokio::test]
async fn what_a_tree_brings_is_neither_run_nor_followed_outside_the_walls() {
    let world = World::new().await;
    let _daemon = world.daemon().await;
    let (mark, script, outside) =
        (world.gate("mark"), world.gate("traps.sh"), world.gate("outside"));
    std::fs::create_dir(&outside).expect("writable");
    std::fs::write(outside.join("secret"), "xyzzy-outside").expect("writable");
    let variables = format!("MARK={}\nOUTSIDE={}\n", mark.display(), outside.display());
    std::fs::write(&script, variables + TRAPS).expect("writable");
    let spec = world.spec(&format!("write a.txt a\nrun sh {}\nwrite b.txt b", script.display()));
    world.hub.assign(&spec);
    let events = world.hub.finished(spec.run).await;
    assert!(matches!(outcome(&events), Outcome::Pushed { .. }), "{events:#?}");
    assert!(lines(&events, Stream::Stdout).contains(&"traps are set".to_owned()), "{events:#?}");
    let walls = events.iter().find_map(|event| match event {
        Event::Walls(report) => Some(report.kind),
        _ => None,
    });
    assert_eq!(walls, Some(WallsKind::Bubblewrap));
    assert!(!mark.exists(), "something of the tree ran outside the walls");
    let left: Vec<_> = std::fs::read_dir(&outside).expect("it is there").collect();
    assert_eq!(left.len(), 1, "nothing was written through a link: {left:?}");
    let blobs = world.hub.state().blobs.clone();
    let told = blobs.values().any(|blob| blob.windows(13).any(|part| part == b"xyzzy-outside"));
    assert!(!told, "nothing was read through a link");
    assert_eq!(world.repo.read("pilot/work", "b.txt").as_deref(), Some(&b"b\n"[..]));
    world.assert_clean(spec.run).await;
}
