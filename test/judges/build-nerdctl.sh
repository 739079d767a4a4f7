#!/bin/sh
# Builds nerdctl from its Go module: Debian 12 has none.
#
# Usage: test/judges/build-nerdctl.sh
# Prints the directory that holds bin/nerdctl. The version stands in test/conformance/nerdctl/go.mod.
# A second call does nothing while that is the same. The first takes about two minutes of two cores;
# build-judge.sh has the rest.
set -eu
. "$(dirname -- "$0")/build-judge.sh"

sources=$(cd "$(dirname -- "$0")/../conformance/nerdctl" && pwd)

check_tools() {
  need_go 1.24
}

is_complete() {
  is_built_from_sources nerdctl
}

build() {
  enter_sources && build_go_tools
}

install() {
  keep_sources
  "$work/root/bin/nerdctl" --version >/dev/null
}

build_judge nerdctl
