# What building every judge has in common; read by the other scripts of this directory, never run by
# itself. A judge lies in ${SHOAL_JUDGES:-~/.cache/shoal-judges}/NAME; it comes there in one
# rename, so that who finds the directory finds it complete. Two calls at once wait for each other.
#
# build_judge NAME    prints the directory of the judge, after building it when need be
# The caller defines:
#   check_tools       complains of what building needs and is not there: need_rust, need_go
#   is_complete       true when "$final" holds what is wanted
#   build             compiles into "$work"; tried three times, its output goes to "$log"
#   install           moves what was compiled to "$work/root" and tries it
# Judges of Go modules have their go.mod in "$sources", and use for that:
#   is_built_from_sources PROGRAM...
#   enter_sources
#   build_go_tools [FLAG...] [PACKAGE...]
#   keep_sources      for the next is_built_from_sources

complain() {
  echo "build-judge: $1" >&2
  exit 1
}

need_rust() {
  [ -x "${HOME:-/root}/.cargo/bin/cargo" ] && PATH="${HOME:-/root}/.cargo/bin:$PATH"
  command -v cargo >/dev/null 2>&1 ||
    complain "cargo is missing, so $name cannot be built. Install Rust $1 or newer."
  command -v cc >/dev/null 2>&1 ||
    complain "a C compiler is missing, so $name cannot be built. Install build-essential."
}

need_go() {
  [ -x /usr/local/go/bin/go ] && PATH="$PATH:/usr/local/go/bin"
  command -v go >/dev/null 2>&1 ||
    complain "go is missing, so $name cannot be built. Install Go $1 or newer."
}

is_built_from_sources() {
  for program in "$@"; do
    [ -x "$final/bin/$program" ] || return
  done
  diff -r "$sources" "$final/source" >/dev/null 2>&1
}

# A copy, so that nothing is ever written next to the sources; with what links lead to.
enter_sources() {
  rm -rf "$work/source" && cp -RL "$sources" "$work/source" && cd "$work/source"
}

# Two cores of what may be a busy machine. What it sets stays for other calls of go.
build_go_tools() {
  export CGO_ENABLED=0 GOMAXPROCS=2 GOFLAGS='-p=2 -mod=readonly -trimpath -buildvcs=false'
  # shellcheck disable=SC2046 # a list of packages
  nice -n 10 go build -ldflags '-s -w' -o "$work/root/bin/" "$@" $(go list tool)
}

keep_sources() {
  mv "$work/source" "$work/root/source"
}

build_judge() {
  name=$1
  base=${SHOAL_JUDGES:-${HOME:-/root}/.cache/shoal-judges}
  final="$base/$name"
  work="$base/$name.building"
  log="$base/$name.log"
  if is_complete; then
    echo "$final"
    return
  fi

  check_tools
  mkdir -p "$base"
  exec 9>"$base/$name.lock"
  flock 9
  if is_complete; then
    echo "$final"
    return
  fi

  rm -rf "$work/root" "$work/source"
  mkdir -p "$work/root/bin"
  echo "build-judge: building $name, log in $log" >&2
  attempt=1
  until (build) >"$log" 2>&1 9>&-; do
    if [ "$attempt" -ge 3 ]; then
      tail -n 40 "$log" >&2
      complain "$name did not build (the lines above are the end of $log)."
    fi
    attempt=$((attempt + 1))
    sleep 5
  done
  install || complain "$name was built but does not run."
  rm -rf "$final"
  mv "$work/root" "$final"
  rm -rf "$work"
  echo "$final"
}
