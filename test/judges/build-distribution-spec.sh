#!/bin/sh
# Builds what judges `shoal proxy`: the conformance suite of the OCI distribution specification, from
# its Go module.
#
# Usage: test/judges/build-distribution-spec.sh
# Prints the directory that holds bin/conformance. The version stands in
# test/conformance/distribution-spec/go.mod. A second call does nothing while that is the same. The
# first takes a few seconds; build-judge.sh has the rest.
set -eu
. "$(dirname -- "$0")/build-judge.sh"

sources=$(cd "$(dirname -- "$0")/../conformance/distribution-spec" && pwd)

check_tools() {
  need_go 1.24
}

is_complete() {
  [ -x "$final/bin/conformance" ] && diff -r "$sources" "$final/source" >/dev/null 2>&1
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
  [ -x "$work/root/bin/conformance" ]
}

build_judge distribution-spec
