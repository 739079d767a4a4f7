#!/bin/sh
# Builds the real Nydus (nydus-image and nydusd 2.2.0, crate nydus-rs) as the judge of what Shoal
# writes and as the writer of what Shoal must read.
#
# Usage: test/judges/build-nydus.sh        prints the directory that holds bin/nydus-image, bin/nydusd
# The result goes to ${SHOAL_JUDGES:-~/.cache/shoal-judges}/nydus-2.2.0 in one rename, so that who
# finds the directory finds it complete; a second call does nothing. Two calls at once wait for
# each other. It takes about five minutes of two cores.
set -eu

version=2.2.0
base=${SHOAL_JUDGES:-${HOME:-/root}/.cache/shoal-judges}
final="$base/nydus-$version"

complain() {
  echo "build-nydus: $1" >&2
  exit 1
}

is_complete() {
  [ -x "$final/bin/nydus-image" ] && [ -x "$final/bin/nydusd" ]
}

if is_complete; then
  echo "$final"
  exit 0
fi

[ -x "${HOME:-/root}/.cargo/bin/cargo" ] && PATH="${HOME:-/root}/.cargo/bin:$PATH"
command -v cargo >/dev/null 2>&1 ||
  complain "cargo is missing, so Nydus $version cannot be built. Install Rust 1.70 or newer."
command -v cc >/dev/null 2>&1 ||
  complain "a C compiler is missing, so Nydus $version cannot be built. Install build-essential."

mkdir -p "$base"
exec 9>"$base/nydus-$version.lock"
flock 9
if is_complete; then
  echo "$final"
  exit 0
fi

work="$base/nydus-$version.building"
log="$base/nydus-$version.log"
rm -rf "$work/root"
mkdir -p "$work/root"
echo "build-nydus: building Nydus $version, log in $log" >&2

# -g0 and few optimisations where they cost most time would change what is judged: plain release.
attempt=1
until CARGO_TARGET_DIR="$work/target" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=0 \
  OPENSSL_NO_VENDOR=1 nice -n 5 cargo install nydus-rs --version "=$version" --locked \
  --bin nydus-image --bin nydusd --root "$work/root" --no-track >"$log" 2>&1 9>&-; do
  if [ "$attempt" -ge 3 ]; then
    tail -n 40 "$log" >&2
    complain "Nydus $version did not build (the lines above are the end of $log)."
  fi
  attempt=$((attempt + 1))
  sleep 5
done

"$work/root/bin/nydus-image" --version >/dev/null || complain "nydus-image was built but does not run."
rm -rf "$final"
mv "$work/root" "$final"
rm -rf "$work"
echo "$final"
