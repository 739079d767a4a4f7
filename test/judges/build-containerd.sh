#!/bin/sh
# Builds what judges `shoal snapshotter` from containerd's Go modules: the snapshotter suite and a
# client that pulls as CRI does, and for 2 and 1.7 also that containerd itself (Debian has 1.6).
#
# Usage: test/judges/build-containerd.sh 2|1.7|1.6
# Prints the directory that holds bin/suite and bin/client, and for 2 and 1.7 also bin/containerd,
# bin/ctr and bin/containerd-shim-runc-v2. Versions stand in test/conformance/containerd-*/go.mod;
# the client is that of 2, whose API 1.x has in packages of other names, and 1.7 links to the suite of
# 1.6. A second call does nothing while the sources are the same. The first takes about two minutes of two cores for 2, one and a half for 1.7,
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

# The client with the names that 1.x has for the packages of 2; beside the sources, which stay as they are.
write_client_of_1() {
  mkdir -p of-1/client || return
  for file in client/*.go; do
    sed -e 's,containerd/v2/client",containerd",' -e 's,containerd/v2/core/,containerd/,' \
      -e 's,containerd/v2/pkg/snapshotters",containerd/pkg/snapshotters",' \
      -e 's,containerd/v2/pkg/,containerd/,' "$file" >"of-1/$file" || return
  done
}

# The snapshotters that want C libraries are left out.
build() {
  enter_sources || return
  client=./client
  if [ "$line" != 2 ]; then
    write_client_of_1 || return
    client=./of-1/client
  fi
  build_go_tools -tags 'no_btrfs no_devmapper no_zfs' "$client" &&
    nice -n 10 go test -c -ldflags '-s -w' -o "$work/root/bin/suite" .
}

install() {
  rm -rf "$work/source/of-1"
  keep_sources
  "$work/root/bin/suite" -test.list . >/dev/null &&
    { [ "$line" = 1.6 ] || "$work/root/bin/containerd" --version >/dev/null; }
}

build_judge "containerd-$line"
