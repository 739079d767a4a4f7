#!/bin/sh
# Shoal's main job on real input, in one command on a fresh Debian 12 machine:
# an ordinary image of several hundred MB is served by a registry, converted, pushed, mounted lazily
# over a slow link, and a real program runs from it - beside a full pull and unpack of the same image.
#
# Usage: bench/demo.sh [--megabits N] [--keep] [--json FILE]
#   --megabits N   speed of the link in Mbit/s (default 200)
#   --keep         leave the work directory and say where it is
#   --json FILE    also write the numbers as JSON
#   --help         print this
# The numbers go to standard output. Without root, or where the kernel cannot mount, it says what it
# leaves out and does the rest. Only node_modules and the archive of the Debian root stay
# (${SHOAL_TEST_CACHE:-~/.cache/shoal-test}, 575 MB). SHOAL_DEMO_DIR says where it works: 2 GB on a
# disk file system (default /var/tmp, without root your home directory).
set -eu
root=$(cd "$(dirname -- "$0")/.." && pwd)
case " $* " in
  *' --help '* | *' -h '*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$root/bench/demo.sh"
    exit 0
    ;;
esac
"$root/scripts/set-up.sh" --demo
exec "$root/node_modules/node/bin/node" --disable-warning=ExperimentalWarning "$root/bench/demo/main.ts" "$@"
