#!/bin/sh
# Brings a Debian 12 machine to where the tests and the demo can run: Debian packages (only those
# that are missing), the npm packages of this checkout, and the judges (real Nydus, containerd, helm).
#
# Usage: scripts/set-up.sh [--demo]
# --demo: only what bench/demo.sh needs.
# Without root it installs no Debian packages and says which are missing; the tests that need them
# then say so too.
set -eu
cd "$(dirname -- "$0")/.."

case "${1:-}" in
  '') wants=tests ;;
  --demo) wants=demo ;;
  *)
    echo "set-up: unknown option $1. Usage: scripts/set-up.sh [--demo]" >&2
    exit 2
    ;;
esac

say() {
  echo "set-up: $1" >&2
}

# Three tries: mirrors and registries hiccup.
retry() {
  tries=1
  until "$@"; do
    if [ "$tries" -ge 3 ]; then
      say "failed three times: $*"
      return 1
    fi
    tries=$((tries + 1))
    sleep $((tries * 3))
  done
}

# What each package is for stands in docs/dependencies.md.
packages="acl apache2-utils aria2 attr build-essential busybox-static ca-certificates chromium cmake curl docker-registry e2fsprogs
  erofs-utils faketime fuse3 iproute2 libcap2-bin libssl-dev lz4 mmdebstrap openssl pkg-config podman procps python3
  python3-libtorrent skopeo tar time transmission-cli umoci util-linux xz-utils zstd"
[ "$wants" = demo ] && packages="ca-certificates mmdebstrap skopeo tar umoci util-linux"

# One from elsewhere is as good, and must not be replaced.
if [ "$wants" = tests ]; then
  command -v containerd >/dev/null 2>&1 || packages="$packages containerd"
  [ -x /usr/sbin/runc ] || command -v runc >/dev/null 2>&1 || packages="$packages runc"
fi

# Debian's own npm will do: Node 24 comes with npm ci.
command -v npm >/dev/null 2>&1 || packages="$packages npm"

missing_packages() {
  for package in $packages; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || printf '%s ' "$package"
  done
}

# Real Nydus wants a newer Rust than Debian 12's own: its browser builds bring one. An installed
# toolchain, from wherever, is as good.
rust_packages() {
  command -v cargo >/dev/null 2>&1 || [ -x "${HOME:-/root}/.cargo/bin/cargo" ] && return 0
  judges=${SHOAL_JUDGES:-${HOME:-/root}/.cache/shoal-judges}
  [ -x "$judges/nydus-2.2.0/bin/nydusd" ] && [ -x "$judges/nydus-builder-0.2.0/bin/nydus-builder" ] &&
    return 0
  printf 'cargo-web rustc-web '
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # a list of names
  apt-get install --simulate --no-install-recommends $missing >/dev/null 2>&1 ||
    retry apt-get update -q >&2
  # shellcheck disable=SC2086
  apt-get install -y -q --no-install-recommends $missing >&2 && return 0
  retry apt-get update -q >&2
  # shellcheck disable=SC2086
  retry apt-get install -y -q --no-install-recommends $missing >&2
}

missing=$(missing_packages)
[ "$wants" = tests ] && missing="$missing$(rust_packages)"
if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null 2>&1; then
    say "not a Debian system; please install what corresponds to: $missing"
  elif [ "$(id -u)" -ne 0 ]; then
    say "run as root to install: $missing"
  else
    say "installing: $missing"
    install_packages
  fi
fi

# npm ci replaces node_modules, so it runs only when the lock file is not what is installed: by us, or
# by npm itself, which writes its .package-lock.json last.
installed() {
  [ -x node_modules/node/bin/node ] || return 1
  cmp -s package-lock.json node_modules/.shoal-lock.json ||
    [ node_modules/.package-lock.json -nt package-lock.json ]
}

if ! installed; then
  command -v npm >/dev/null 2>&1 || {
    say "npm is missing: install it (on Debian: apt-get install npm)."
    exit 1
  }
  say "installing npm packages (npm ci), which takes a minute or more"
  scripts/install-npm-packages.sh
  cp package-lock.json node_modules/.shoal-lock.json
fi

if [ "$wants" = tests ]; then
  test/judges/build-nydus.sh >/dev/null ||
    say "real Nydus is not there: the tests against it cannot run."
  test/judges/build-nydus-builder.sh >/dev/null ||
    say "Nydus's builder is not there: the tests of batches and encryption cannot run."
  for line in 2 1.7 1.6; do
    test/judges/build-containerd.sh "$line" >/dev/null ||
      say "containerd $line is not there: the tests with its suite and client cannot run."
  done
  test/judges/build-nerdctl.sh >/dev/null ||
    say "nerdctl is not there: the tests that pull and run with it cannot run."
  test/judges/build-distribution-spec.sh >/dev/null ||
    say "the distribution suite is not there: the proxy cannot be judged by it."
  test/judges/build-helm.sh >/dev/null ||
    say "helm is not there: the chart cannot be rendered and judged."
fi
