#!/bin/sh
# Prints the path of a tar archive with a Debian root file system that holds the given packages,
# making it with mmdebstrap when it is not cached: real input for tests, demo and benches.
#
# Usage: scripts/debian-root.sh [package,package...]     default: python3,python3-numpy
# The cache is ${SHOAL_TEST_CACHE:-~/.cache/shoal-test}; the archive appears there in one rename.
set -eu

packages=${1:-python3,python3-numpy}
suite=bookworm
cache=${SHOAL_TEST_CACHE:-${HOME:-/root}/.cache/shoal-test}
key=$(printf '%s %s' "$suite" "$packages" | sha256sum | cut -c1-16)
final="$cache/debian-$key.tar"

if [ ! -s "$final" ]; then
  command -v mmdebstrap >/dev/null 2>&1 || {
    echo "debian-root: mmdebstrap is missing. Run scripts/set-up.sh first." >&2
    exit 1
  }
  mkdir -p "$cache"
  exec 9>"$cache/debian-$key.lock"
  flock 9
  if [ ! -s "$final" ]; then
    echo "debian-root: making $final, once: takes a few minutes" >&2
    # One name, below the lock: what a killed run left is written over.
    draft="$cache/debian-$key.draft.tar"
    trap 'rm -f "$draft"' EXIT
    # Without this a shell that a signal ends passes EXIT over.
    trap 'exit 130' INT TERM HUP
    # Anything but root uses a user namespace; the archive is the same.
    tries=1
    until SOURCE_DATE_EPOCH=1700000000 mmdebstrap --quiet --variant=apt \
      --include="$packages" "$suite" "$draft" >&2 9>&-; do
      rm -f "$draft"
      [ "$tries" -lt 3 ] || exit 1
      tries=$((tries + 1))
      sleep 3
    done
    mv "$draft" "$final"
    trap - EXIT
  fi
fi
echo "$final"
