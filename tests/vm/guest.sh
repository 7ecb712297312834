#!/bin/bash
# What the guest does with what the host sent: installs ebb, runs the tests, sends back what they left.
# Boot one runs most tests, `before_reboot` last; then the guest loses power (its reset ends the machine). Boot two runs what needs no
# installed ebbd while that one is kept from starting, then `after_reboot`. run.sh reads the tests' lines on ttyS1, and
# `end=WHY` on ttyS2.
cd "$(dirname "$0")" || exit 1
mapfile -t words <words
EBB_VM_GUEST=$(cat guest)
state=/var/lib/vm-lane
EBB_VM_ARTEFACTS=$state/artefacts
export EBB_VM_GUEST EBB_VM_ARTEFACTS

finish() { # why
  journalctl --no-pager -o short-monotonic >"$EBB_VM_ARTEFACTS/journal" 2>&1
  journalctl --no-pager -o json -u ebbd.service >"$EBB_VM_ARTEFACTS/ebbd.json" 2>&1
  tar -C "$EBB_VM_ARTEFACTS" -cf "$OUTPUT" . && sync "$OUTPUT"
  echo "end=$1" >/dev/ttyS2
  sync
  echo o >/proc/sysrq-trigger
  sleep infinity
}

# As the README says it, and by dpkg alone, which takes half as long.
install_ebb() {
  local by=(apt-get install -y)
  [ "$EBB_VM_GUEST" = trixie ] || by=(dpkg --install)
  rm -f /usr/sbin/policy-rc.d # mmdebstrap's, for a tree that is not booted
  DEBIAN_FRONTEND=noninteractive "${by[@]}" ./ebb_*.deb &&
    timeout 60 sh -c 'until ebb doctor >/dev/null 2>&1; do sleep 0.5; done' && return
  systemctl status --no-pager ebbd.service ebbd.socket ebb-runs.service
  return 1
}

# The tests of a module among those that the words ask for.
of_module() { ./vm --list "${words[@]}" 2>/dev/null | sed -n "s/^\($1::.*\): test\$/\1/p"; }

# Those of modules, where the words ask for any.
tests_of() { # modules...
  local module found=()
  for module in "$@"; do mapfile -t -O "${#found[@]}" found < <(of_module "$module"); done
  [ -z "${found[*]}" ] || tests --exact "${found[@]}"
}

up() { cut -d. -f1 /proc/uptime; }

# Tests one after the other, each line with how long it took. The clock of the guest is one that nobody sets.
tests() {
  local line before now
  read -r before _ </proc/uptime
  ./vm --test-threads=1 "$@" | while IFS= read -r line; do
    read -r now _ </proc/uptime
    case $line in
      test\ *\ ...\ *) line+=" in $(((10#${now/./} - 10#${before/./}) / 100)) s" before=$now ;;
    esac
    printf '%s\n' "$line"
  done
}

mkdir -p "$EBB_VM_ARTEFACTS"
boot=$(($(cat "$state/boot" 2>/dev/null || echo 0) + 1))
echo "$boot" >"$state/boot" && sync "$state/boot" "$state"
# What has an ebbd of its own, or asks none.
readonly apart=(coming_from container library user)
# What takes long and does not hang on the version of the kernel or of systemd is done by one of the guests, unless asked for.
case $EBB_VM_GUEST in
  trixie) others=(given_back twenty_jobs) ;;
  bookworm) others=(short_runs) ;;
esac
[ -z "${words[*]}" ] || others=()
# Where there is no podman: image.sh.
[ "$EBB_VM_GUEST" = trixie ] || others+=(engines)

skip() { printf -- '--skip\n%s::\n' "$@"; }

if [ "$boot" = 1 ]; then
  echo "$(uname -r), $(systemctl --version | head -n 1), up after $(up) s"
  install_ebb >"$EBB_VM_ARTEFACTS/install" 2>&1 || { cat "$EBB_VM_ARTEFACTS/install"; finish "ebb could not be installed"; }
  echo "ebb is installed after $(up) s"
  mapfile -t skipped < <(skip before_reboot after_reboot package_gone "${apart[@]}" "${others[@]}")
  tests "${skipped[@]}" "${words[@]}"
  if [ -z "$(of_module before_reboot)$(of_module after_reboot)" ]; then
    tests_of "${apart[@]}" package_gone
    finish ok
  fi
  touch "$state/reset-expected" && sync
  tests_of before_reboot
  echo "reset after $(up) s, as by a power cut"
  sleep 0.2 # so that the line is out
  echo b >/proc/sysrq-trigger
  sleep infinity
elif [ "$boot" = 2 ] && [ -e "$state/reset-expected" ]; then
  echo "up again after $(up) s"
  tests_of "${apart[@]}"
  echo "waiting for ebbd from $(up) s on"
  tests_of after_reboot
  # Last of all, since nothing of ebb is there afterwards.
  tests_of package_gone
  finish ok
fi
finish "the guest started a time too often, $boot times: a panic of its kernel?"
