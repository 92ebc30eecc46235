# shellcheck shell=bash
# What the scripts share: how they speak, and how they get a Debian package.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # daemons live there, and a plain user's PATH has none of it

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die MESSAGE REMEDY: what happened, and what to do next.
die() {
    say "$1"
    [ -z "${2:-}" ] || printf '  -> %s\n' "$2" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

is_root() { [ "$(id -u)" = 0 ]; }

# Only one process at a time past this line; the lock goes when the script ends, however it ends.
# Children that outlive the script must not inherit descriptor 9.
one_at_a_time() {
    mkdir -p "$(dirname "$1")"
    exec 9>"$1"
    if ! flock --nonblock 9; then
        say "another ${0##*/} is at work: waiting for it"
        flock --timeout "${2:-900}" 9 || die "the other ${0##*/} still holds $1" "look what it does: fuser -v $1"
    fi
}

# install_packages WHY PACKAGE...: Debian packages, or a clear word about what is missing.
install_packages() {
    local why=$1
    shift
    have apt-get || die "$why needs $*, and this is no Debian or Ubuntu" "install them with this system's package manager"
    is_root || die "$why needs $*" "sudo apt-get install $*"
    say "installing $* ($why)"
    apt_get install "$@" || {
        say "not found in the package lists as they are: renewing them"
        # A third-party source that does not answer must not stand between us and Debian's own.
        apt_get update || say "some package lists could not be renewed"
        apt_get install "$@" || die "could not install $*" "the lines above say why; where no mirror can be reached: docs/air-gapped.md"
    }
}

# Never asks, never waits for ever: neither for a person, nor a mirror, nor another apt. Its hundreds of
# lines are shown only where it fails.
apt_get() {
    local output
    output=$(DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet --quiet --no-install-recommends \
        -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" 2>&1 </dev/null 9>&-) || {
        tail -n 15 <<<"$output" | sed 's/^/  | /' >&2
        return 1
    }
}
