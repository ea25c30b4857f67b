#!/bin/sh
# The start of every container: puts the compiled kernels where numba may use them, then becomes spanpulse.
#
# Numba reads no cache that it may not write, and the root is read-only: so the 3 MB are copied to /tmp. Where that
# fails the process starts all the same, and compiles for a quarter of a minute.
set -eu
kept=$(dirname "$0")/../kernels
NUMBA_CACHE_DIR="${TMPDIR:-/tmp}/spanpulse-kernels"
export NUMBA_CACHE_DIR
if ! { mkdir -p "$NUMBA_CACHE_DIR" && cp -R "$kept/." "$NUMBA_CACHE_DIR/"; }; then
  echo "start: the compiled kernels cannot be copied to $NUMBA_CACHE_DIR, so they are compiled again" >&2
fi
exec spanpulse "$@"
