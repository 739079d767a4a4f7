#!/bin/sh
# Installs exactly the npm packages of the lock file (npm ci), says every few seconds that it still
# does, tries again what a network can cause, and ends with one sentence at what no trying can heal.
#
# Usage: scripts/install-npm-packages.sh       SET_UP_TELL_S: seconds between two words, 15 by default
set -u
cd "$(dirname -- "$0")/.."
tell_s=${SET_UP_TELL_S:-15}

say() {
  echo "set-up: $1" >&2
}

log=$(mktemp)
npm=
trap 'rm -f "$log"' EXIT
trap '[ -z "$npm" ] || kill "$npm" 2>/dev/null; exit 130' INT TERM

# Nothing but this shell and npm: whoever reads our output would wait for the end of a third process.
install() {
  npm ci --no-audit --no-fund --loglevel=error >"$log" 2>&1 &
  npm=$!
  seconds=0
  while kill -0 "$npm" 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    [ $((seconds % tell_s)) -ne 0 ] ||
      say "npm is still installing, $seconds s so far (one to three minutes are usual)"
  done
  wait "$npm"
}

# npm 7 to 9 write `npm ERR! code X`, later ones `npm error code X`.
code() {
  sed -n 's/^npm \(ERR!\|error\) code \([A-Z0-9_]*\).*/\2/p' "$log" | head -n 1
}

# The first words npm has about it: what follows is its manual page.
reason() {
  sed -n 's/^npm \(ERR!\|error\) //p' "$log" | grep -v -e '^code ' -e '^errno ' -e '^syscall ' \
    -e '^path ' -e '^$' | head -n 1 | cut -c 1-300
}

remedy() {
  case $1 in
    EUSAGE) echo "package.json and package-lock.json do not agree: bring both back from git, or write the lock file anew with: npm install" ;;
    EJSONPARSE) echo "package.json or package-lock.json is damaged: bring it back from git" ;;
    EACCES | EPERM | EROFS) echo "make the checkout and npm's cache writable for $(id -un), or run this as their owner" ;;
    ENOSPC) echo "make room on the disk of the checkout or of npm's cache" ;;
    EINTEGRITY) echo "a package is not what the lock file says: empty npm's cache with npm cache clean --force, and look at the proxy or mirror" ;;
    E401 | E403) echo "the registry wants other credentials: look at npm's configuration (npm config list)" ;;
    E404 | ETARGET) echo "the registry lacks a package of the lock file: look at npm's configuration (npm config list)" ;;
    EBADENGINE | EBADPLATFORM) echo "this machine's Node or processor is not what a package supports" ;;
  esac
}

for try in 1 2 3; do
  install
  status=$?
  [ "$status" -eq 0 ] && exit 0
  code=$(code)
  remedy=$(remedy "$code")
  if [ -n "$remedy" ]; then
    say "npm ci failed with $code: $remedy."
    exit 1
  fi
  [ "$try" -eq 3 ] || {
    say "npm ci failed (${code:-status $status}: $(reason)); trying again"
    sleep $((try * 3))
  }
done
tail -n 20 "$log" >&2
say "npm ci failed three times, with ${code:-status $status}: look at the network and at npm's proxy settings (npm config list)."
exit 1
