#!/bin/sh
# Builds a small writer of images with batch chunks and encrypted ones from Nydus's own builder
# (crate nydus-builder 0.2.0): nydus-image 2.2.0, the judge, has no options for them.
#
# Usage: test/judges/build-nydus-builder.sh    prints the directory that holds bin/nydus-builder
# A second call does nothing while the sources are the same. It takes about two minutes of two
# cores; build-judge.sh has the rest.
set -eu
. "$(dirname -- "$0")/build-judge.sh"

sources=$(cd "$(dirname -- "$0")/nydus-builder" && pwd)

check_tools() {
  need_rust 1.85
}

is_complete() {
  [ -x "$final/bin/nydus-builder" ] && diff -r "$sources" "$final/source" >/dev/null 2>&1
}

# From a copy, so that nothing is ever written next to the sources.
build() {
  rm -rf "$work/source" && cp -R "$sources" "$work/source" && cd "$work/source" &&
    CARGO_TARGET_DIR="$work/target" OPENSSL_NO_VENDOR=1 nice -n 19 cargo build --release --locked
}

install() {
  mv "$work/target/release/nydus-builder-judge" "$work/root/bin/nydus-builder"
  mv "$work/source" "$work/root/source"
  # Without arguments it complains.
  [ "$("$work/root/bin/nydus-builder" 2>/dev/null || echo $?)" = 1 ]
}

build_judge nydus-builder-0.2.0
