#!/usr/bin/env bash
# Puts the CPythons that a stable Debian does not have yet into .work/pythons, out of Debian's unstable suite. They run where
# they are, with the C library that they were made for beside them: nothing is installed, and apt's own lists and settings
# are left alone. Made once; fails where there is no apt, no keyring of Debian's, or no way to Debian.
set -uo pipefail
cd "$(dirname "$0")/.."
. tests/need.sh

readonly versions="3.14 3.15"
readonly mirror=http://deb.debian.org/debian suite=sid
readonly dir=$PWD/.work/pythons
readonly apt=$dir/apt
readonly update_s=40 fetch_s=120 # where the network hangs, the tests go on without these

fail() {
  echo "   $1" >&2
  exit 1
}

# An apt with a root of its own. Of the system's it has the proxies, and that of Debian's keys, which it verifies all with.
prepare_apt() { # keyring
  mkdir -p "$apt"/etc/apt/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d} "$apt"/var/lib/{apt/lists/partial,dpkg} \
    "$apt/var/cache/apt/archives/partial"
  : >"$apt/var/lib/dpkg/status"
  echo "deb [signed-by=$1] $mirror $suite main" >"$apt/etc/apt/sources.list"
  apt-config dump | grep -E '^Acquire::https?::' >"$apt/conf"
  # An old state of the suite is as good to test with, so it need not be a recent one.
  cat >>"$apt/conf" <<END
Dir "$apt";
Dir::State::status "$apt/var/lib/dpkg/status";
APT::Architecture "$(dpkg --print-architecture)";
APT::Architectures "$(dpkg --print-architecture)";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "10";
END
}

private_apt() { # seconds, words...
  APT_CONFIG=$apt/conf timeout --foreground -k 5 "$1" apt-get -qq "${@:2}"
}

# With all that it needs, down to the C library. The index has the checksums, and is signed.
fetch() { private_apt "$fetch_s" install --yes --download-only "$1"; }

unpack() {
  local package
  for package in "$apt"/var/cache/apt/archives/*.deb; do
    dpkg-deb -x "$package" "$dir" || return 1
  done
}

# The loader and the libraries of the same tree, whatever the system has. In this order: the other way round, and in one go,
# patchelf 0.18 makes a program of fixed addresses that does not start.
settle() { # version
  local python=$dir/usr/bin/python$1 loader libraries
  loader=$(find "$dir/usr/lib" -name 'ld*.so.[0-9]' -type f) && libraries=${loader%/*} || return 1
  change() { "$loader" --library-path "$libraries" "$dir/usr/bin/patchelf" "$@" "$python"; }
  change --force-rpath --set-rpath "$libraries" && change --set-interpreter "$loader" || return 1
  # Its installation would have compiled the standard library; in the tests each run would do it anew.
  "$python" -I -c "import sys, ctypes, sqlite3, ssl; sys.exit(sys.prefix != sys.argv[1])" "$dir/usr" &&
    "$python" -I -m compileall -q -j 0 "$dir/usr/lib/python$1"
}

mkdir -p .work
exec 9>.work/pythons.lock
flock 9
# A tree that was moved does not run any more.
made_from="$(sha256sum <tests/pythons.sh) $dir"
[ "$(cat "$dir/made-from" 2>/dev/null)" != "$made_from" ] || exit 0

echo "== fetching CPython ${versions// / and } from Debian into ${dir#"$PWD"/}"
rm -rf "$dir"
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "there is no apt here"
keys() { ls /usr/share/keyrings/debian-archive-keyring.{gpg,pgp} 2>/dev/null | head -n 1; }
[ -n "$(keys)" ] || install_package debian-archive-keyring || fail "Debian's keys are missing; install debian-archive-keyring"
prepare_apt "$(keys)"
trap 'rm -rf "$apt"' EXIT
private_apt "$update_s" update && fetch patchelf || fail "nothing could be fetched from Debian"
for version in $versions; do
  fetch "python$version" || echo "   Debian's $suite has no python$version that could be fetched" >&2
done
unpack || fail "a package could not be unpacked"
for version in $versions; do
  [ ! -e "$dir/usr/bin/python$version" ] && continue
  settle "$version" || { echo "   python$version does not run here" >&2; rm -f "$dir/usr/bin/python$version"; }
done
ls "$dir"/usr/bin/python3.[0-9]* >/dev/null 2>&1 || fail "there is none that runs"
echo "$made_from" >"$dir/made-from"
