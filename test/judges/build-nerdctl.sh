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
  [ -x "$final/bin/nerdctl" ] && diff -r "$sources" "$final/source" >/dev/null 2>&1
}

# From a copy, so that nothing is ever written next to the sources.
build() {
  rm -rf "$work/source" && cp -R "$sources" "$work/source" && cd "$work/source" || return
  export CGO_ENABLED=0 GOMAXPROCS=2 GOFLAGS='-p=2 -mod=readonly -trimpath -buildvcs=false'
  # shellcheck disable=SC2046 # one package
  nice -n 10 go build -ldflags '-s -w' -o "$work/root/bin/" $(go list tool)
}

install() {
  mv "$work/source" "$work/root/source"
  "$work/root/bin/nerdctl" --version >/dev/null
}

build_judge nerdctl
