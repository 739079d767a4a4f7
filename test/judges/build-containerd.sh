#!/bin/sh
# Builds what judges `shoal snapshotter` from containerd's Go modules: the snapshotter suite and a
# client that pulls as CRI does, and for 2 and 1.7 also that containerd itself (Debian has 1.6).
#
# Usage: test/judges/build-containerd.sh 2|1.7|1.6
# Prints the directory that holds bin/suite and bin/client, and for 2 and 1.7 also bin/containerd,
# bin/ctr and bin/containerd-shim-runc-v2. Versions stand in test/conformance/containerd-*/go.mod;
# 1.7 links to the sources of 1.6, whose API is the same. A second call does nothing while the
# sources are the same. The first takes about two minutes of two cores for 2, one and a half for 1.7,
# half a minute for 1.6; build-judge.sh has the rest.
set -eu
. "$(dirname -- "$0")/build-judge.sh"

line=${1:-}
case "$line" in
  2 | 1.7 | 1.6) ;;
  *) complain "which containerd? Usage: test/judges/build-containerd.sh 2|1.7|1.6" ;;
esac
sources=$(cd "$(dirname -- "$0")/../conformance/containerd-$line" && pwd)

check_tools() {
  need_go 1.26.6
}

is_complete() {
  is_built_from_sources suite
}

# The snapshotters that want C libraries are left out.
build() {
  enter_sources && build_go_tools -tags 'no_btrfs no_devmapper no_zfs' ./client &&
    nice -n 10 go test -c -ldflags '-s -w' -o "$work/root/bin/suite" .
}

install() {
  keep_sources
  "$work/root/bin/suite" -test.list . >/dev/null &&
    { [ "$line" = 1.6 ] || "$work/root/bin/containerd" --version >/dev/null; }
}

build_judge "containerd-$line"
