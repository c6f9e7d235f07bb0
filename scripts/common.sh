# Shared by the scripts beside it; sourced, not run.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else die "\`$*\` needs root: run it yourself, or install sudo"
    fi
}

# install_packages COMMAND:PACKAGE… : installs the Debian package of each
# command that is missing. Prints nothing when all are there.
install_packages() {
    local missing=() entry
    for entry in "$@"; do
        command -v "${entry%%:*}" >/dev/null 2>&1 || missing+=("${entry#*:}")
    done
    [ ${#missing[@]} = 0 ] && return 0
    command -v apt-get >/dev/null || die "these packages are missing: ${missing[*]}"
    say "installing ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# What a build needs: a C compiler for SQLite, libgit2 and zstd, and git.
setup_build() {
    install_packages cc:build-essential make:build-essential pkg-config:pkg-config git:git
    if ! command -v cargo >/dev/null; then
        [ -x "$HOME/.cargo/bin/cargo" ] || die "no cargo: install the toolchain of rust-toolchain.toml with rustup first"
        export PATH="$HOME/.cargo/bin:$PATH"
    fi
}

# The version every test runs against; facts about it are in docs/ARCHITECTURE.md.
CLAUDE_VERSION=2.1.329

# What the tests need besides: a PostgreSQL server's programs, the real claude.
setup_tests() {
    install_packages setpriv:util-linux
    if ! command -v postgres >/dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then
        install_packages postgres:postgresql
    fi
    local installed=.tools/claude/node_modules/@anthropic-ai/claude-code/package.json
    if ! grep -q "\"version\": \"$CLAUDE_VERSION\"" "$installed" 2>/dev/null; then
        install_packages npm:npm
        say "installing claude $CLAUDE_VERSION into .tools"
        rm -rf .tools/claude
        mkdir -p .tools/claude
        # The package says node >= 22, but its program is native and needs no node to run.
        npm install --prefix .tools/claude --no-audit --no-fund --no-save --loglevel error \
            "@anthropic-ai/claude-code@$CLAUDE_VERSION" >&2 ||
            die "npm could not install claude $CLAUDE_VERSION; the tests drive the real one and do not skip it"
    fi
}
