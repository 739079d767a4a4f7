#!/bin/sh
# Builds a small writer of images with batch chunks from Nydus's own builder (crate nydus-builder
# 0.2.0): nydus-image 2.2.0, the judge, has no option for them.
#
# Usage: test/judges/build-nydus-batch.sh    prints the directory that holds bin/nydus-batch
# The result goes to ${SHOAL_JUDGES:-~/.cache/shoal-judges}/nydus-batch-0.2.0 in one rename, so that
# who finds the directory finds it complete; a second call does nothing while the sources are the
# same. Two calls at once wait for each other. It takes about two minutes of two cores.
set -eu

name=nydus-batch-0.2.0
sources=$(cd "$(dirname -- "$0")/nydus-batch" && pwd)
base=${SHOAL_JUDGES:-${HOME:-/root}/.cache/shoal-judges}
final="$base/$name"

complain() {
  echo "build-nydus-batch: $1" >&2
  exit 1
}

is_complete() {
  [ -x "$final/bin/nydus-batch" ] && diff -r "$sources" "$final/source" >/dev/null 2>&1
}

if is_complete; then
  echo "$final"
  exit 0
fi

[ -x "${HOME:-/root}/.cargo/bin/cargo" ] && PATH="${HOME:-/root}/.cargo/bin:$PATH"
command -v cargo >/dev/null 2>&1 ||
  complain "cargo is missing, so nydus-batch cannot be built. Install Rust 1.85 or newer."
command -v cc >/dev/null 2>&1 ||
  complain "a C compiler is missing, so nydus-batch cannot be built. Install build-essential."

mkdir -p "$base"
exec 9>"$base/$name.lock"
flock 9
if is_complete; then
  echo "$final"
  exit 0
fi

# A copy, so that nothing is ever written next to the sources.
work="$base/$name.building"
log="$base/$name.log"
rm -rf "$work/root" "$work/source"
mkdir -p "$work/root/bin"
cp -R "$sources" "$work/source"
echo "build-nydus-batch: building, log in $log" >&2

attempt=1
until (cd "$work/source" && CARGO_TARGET_DIR="$work/target" OPENSSL_NO_VENDOR=1 \
  nice -n 19 cargo build --release --locked >"$log" 2>&1 9>&-); do
  if [ "$attempt" -ge 3 ]; then
    tail -n 40 "$log" >&2
    complain "nydus-batch did not build (the lines above are the end of $log)."
  fi
  attempt=$((attempt + 1))
  sleep 5
done

mv "$work/target/release/nydus-batch" "$work/root/bin/"
mv "$work/source" "$work/root/source"
[ "$("$work/root/bin/nydus-batch" 2>/dev/null || echo $?)" = 1 ] ||
  complain "nydus-batch was built but does not run."
rm -rf "$final"
mv "$work/root" "$final"
rm -rf "$work"
echo "$final"
