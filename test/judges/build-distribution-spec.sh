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
  is_built_from_sources conformance
}

build() {
  enter_sources && build_go_tools
}

install() {
  keep_sources
  [ -x "$work/root/bin/conformance" ]
}

build_judge distribution-spec
