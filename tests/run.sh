#!/usr/bin/env bash
# All tests. Says what it does, and at the end by name what could not run here, and `N passed, N failed, N skipped`.
# Words after it go to the test binaries: `tests/run.sh restart` runs what has `restart` in its name.
set -uo pipefail
cd "$(dirname "$0")/.."
. tests/need.sh

work=.work/test
mkdir -p "$work"
skipped="$PWD/$work/skipped"
log="$work/log"
: >"$skipped"
counts="$PWD/$work/counts"
: >"$counts"

step() { printf '== %s\n' "$1"; }

# The `varlink` package for the test that is an ordinary Varlink client; without it that test is skipped.
varlink_client() {
  local venv=.work/varlink
  if cmp -s tests/requirements.txt "$venv/made-from" && "$venv/bin/python" -c 'import varlink' 2>/dev/null; then
    return
  fi
  step "making a venv with the Varlink client of PyPI in $venv"
  python3 -c 'import ensurepip' 2>/dev/null || install_package python3-venv || return
  rm -rf "$venv"
  python3 -m venv "$venv" &&
    "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement tests/requirements.txt &&
    cp tests/requirements.txt "$venv/made-from"
}

# The venv of examples/memory-diet, with real services to audit, to measure and to compare; without it those tests are skipped.
diet_venv() {
  python3 examples/memory-diet/diet.py --prepare
}

need_cargo
need cc gcc
need python3 python3
need flock util-linux
varlink_client || echo "   that did not work; the test that needs it is skipped"
diet_venv || echo "   that did not work; the tests that need it are skipped"
tests/pythons.sh || echo "   that did not work; tests on Python 3.14 and 3.15 are skipped"

step "building (the first time takes some minutes)"
cargo test --locked --no-run || exit 1

# Most of the time of these tests is waiting, so more of them run at once than there are processors.
threads=$((4 * $(nproc)))
step "running, $threads tests at once"
EBB_SKIPPED_FILE="$skipped" EBB_COUNTS_FILE="$counts" cargo test --locked --no-fail-fast -- --test-threads="$threads" "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

count() { grep -a '^test result:' "$log" | grep -ao "[0-9]* $1" | awk '{n += $1} END {print n + 0}'; }
cat "$counts"
awk '/crash points/ {n += $1} END {if (n) print n " crash points in all"}' "$counts"
sort -u "$skipped"
not_run=$(sort -u "$skipped" | wc -l)
# Cargo counts a test that could not run among those that passed. What it calls ignored is no test by itself.
echo "$(($(count passed) - not_run)) passed, $(count failed) failed, $not_run skipped"
[ "$(count passed)" -gt 0 ] || { echo "no test has run" >&2; exit 1; }
exit "$status"
