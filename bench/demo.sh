#!/bin/sh
# Shoal's main job on real input, in one command on a fresh Debian 12 machine:
# an ordinary image of several hundred MB is served by a registry, converted, pushed, mounted lazily
# over a slow link, and a real program runs from it - beside a full pull and unpack of the same image.
#
# Usage: bench/demo.sh [--megabits N] [--keep] [--json FILE]
#   --megabits N   speed of the link in Mbit/s (default 200)
#   --keep         leave the work directory and say where it is
#   --json FILE    also write the numbers as JSON
# Without root it says what it leaves out and does the rest.
set -eu
cd "$(dirname -- "$0")/.."
scripts/set-up.sh --no-judges
exec node_modules/node/bin/node --disable-warning=ExperimentalWarning bench/demo/main.ts "$@"
