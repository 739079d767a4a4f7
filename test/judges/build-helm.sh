#!/bin/sh
# Builds what judges the chart: helm and kubeconform from their Go modules, and the schemas of Kubernetes
# and cert-manager, which are files of theirs.
#
# Usage: test/judges/build-helm.sh
# Prints the directory that holds bin/helm, bin/kubeconform and schemas/. Versions stand in
# test/conformance/helm: go.mod, and schemas.txt with module, version, checksum and file. A second call does
# nothing while those are the same. The first takes some minutes; build-judge.sh has the rest.
set -eu
. "$(dirname -- "$0")/build-judge.sh"

sources=$(cd "$(dirname -- "$0")/../conformance/helm" && pwd)

check_tools() {
  need_go 1.26
}

is_complete() {
  is_built_from_sources helm kubeconform
}

# Value of a key of what `go mod download -json` prints, which has one on each line.
said() {
  sed -n "s/^.*\"$1\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" "$work/module.json"
}

# A module that nothing is built of: its checksum is compared here.
take_file() {
  (cd "$work" && go mod download -json "$1@$2" >module.json) || return
  if [ "$(said Sum)" != "$3" ]; then
    echo "$1@$2 has checksum $(said Sum), not $3"
    return 1
  fi
  cp "$(said Dir)/$4" "$work/root/schemas/" && chmod 0644 "$work/root/schemas/${4##*/}"
}

build() {
  enter_sources || return
  mkdir -p "$work/root/schemas"
  while read -r module version sum file; do
    take_file "$module" "$version" "$sum" "$file" || return
  done <schemas.txt
  build_go_tools
}

install() {
  keep_sources
  "$work/root/bin/helm" version >/dev/null && "$work/root/bin/kubeconform" -v >/dev/null
}

build_judge helm
