# Keeps the daemon that a command started alive: starts it anew, at once, when it dies otherwise than
# by being asked to. A shell and not a program of ours: a megabyte, and nothing that can crash.
# Under a service manager it is not used: there `Restart=` does this.
#
# usage: sh supervisor.sh RUN COMMAND...      descriptor 3: where the first daemon says it is ready
#
# Statuses of the daemon (see daemon-exit.ts): 0 asked to stop; 3 did not start; 4 another one runs.

# Seconds since the boot: the clock may jump.
seconds() {
  read -r up _ < /proc/uptime
  echo "${up%%.*}"
}

# The number of a daemon that has ended may be another process by now.
forward() {
  is_stopping=1
  [ -z "$daemon" ] || kill -TERM "$daemon" 2> /dev/null
}

# A signal that came while the daemon was being started has not reached it yet.
started_as() {
  daemon=$1
  [ "$is_stopping" -eq 0 ] || forward
}

# Waits for the daemon's end, also when a signal interrupts the waiting.
await_daemon() {
  while :; do
    # What the shell itself says of a killed child is no line of JSON.
    wait "$daemon" 2> /dev/null
    status=$?
    kill -0 "$daemon" 2> /dev/null || break
  done
  daemon=
}

say() {
  printf '{"level":"warn","time":"%s","event":"supervisor","message":"%s"}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" >&2
}

# All in one function: a shell reads a script while it runs it, and an upgrade may change the file.
supervise() {
  run=$1
  shift
  # A core file of a daemon would hold pull secrets and the key that seals them.
  ulimit -c 0
  is_stopping=0
  daemon=
  pause=0
  trap forward TERM INT
  started=$(seconds)
  "$@" --ready-fd 3 &
  started_as $!
  exec 3>&-
  await_daemon
  [ "$status" -ne 3 ] || exit 3
  while [ "$is_stopping" -eq 0 ] && [ "$status" -ne 0 ] && [ "$status" -ne 4 ] && [ -d "$run" ]; do
    # One that ran for a minute died of something new. Else: at once, then after 1, 2, 4, ... 30 s.
    [ $(($(seconds) - started)) -lt 60 ] || pause=0
    say "the daemon ended with status $status; the next one starts in $pause s"
    sleep "$pause" &
    wait $!
    pause=$((pause == 0 ? 1 : pause * 2))
    [ "$pause" -le 30 ] || pause=30
    [ "$is_stopping" -eq 0 ] || exit 0
    started=$(seconds)
    "$@" &
    started_as $!
    await_daemon
  done
  exit 0
}

supervise "$@"
