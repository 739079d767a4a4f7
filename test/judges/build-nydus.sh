#!/bin/sh
# Builds the real Nydus (nydus-image and nydusd 2.2.0, crate nydus-rs) as the judge of what Shoal
# writes and as the writer of what Shoal must read.
#
# Usage: test/judges/build-nydus.sh        prints the directory that holds bin/nydus-image, bin/nydusd
# A second call does nothing. It takes about five minutes of two cores; build-judge.sh has the rest.
set -eu
. "$(dirname -- "$0")/build-judge.sh"

version=2.2.0

check_tools() {
  need_rust 1.70
}

is_complete() {
  [ -x "$final/bin/nydus-image" ] && [ -x "$final/bin/nydusd" ]
}

# -g0 and few optimisations where they cost most time would change what is judged: plain release.
build() {
  CARGO_TARGET_DIR="$work/target" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=0 \
    OPENSSL_NO_VENDOR=1 nice -n 5 cargo install nydus-rs --version "=$version" --locked \
    --bin nydus-image --bin nydusd --root "$work/root" --no-track
}

install() {
  "$work/root/bin/nydus-image" --version >/dev/null
}

build_judge "nydus-$version"
