#!/bin/sh
# Sets the machine up and runs the whole test suite. Parts can be named:
#   ./test.sh                      set-up, then check, unit, integration, mount, containerd
#   ./test.sh unit                 set-up and that part only
#   SHOAL_TEST_STRICT=1 ./test.sh  a test that cannot run here is a failure
set -eu
cd "$(dirname -- "$0")"
scripts/set-up.sh
exec node_modules/node/bin/node --disable-warning=ExperimentalWarning scripts/run-tests.ts "$@"
