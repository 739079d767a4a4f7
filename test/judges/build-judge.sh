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
