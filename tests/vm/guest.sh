#!/bin/bash
# What the guest does with what the host sent: installs ebb, runs the tests, sends back what they left.
# Boot one runs all tests but `after_reboot`, `before_reboot` last; then the guest loses power (its reset ends the machine), and boot two
# runs `after_reboot`. run.sh reads the tests' lines on ttyS1, and `end=WHY` on ttyS2.
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

install_ebb() {
  rm -f /usr/sbin/policy-rc.d # mmdebstrap's, for a tree that is not booted
  DEBIAN_FRONTEND=noninteractive apt-get install -y ./ebb_*.deb &&
    timeout 60 sh -c 'until ebb doctor >/dev/null 2>&1; do sleep 0.5; done' && return
  systemctl status --no-pager ebbd.service ebbd.socket ebb-runs.service
  return 1
}

# The tests of a module among those that the words ask for.
of_module() { ./vm --list "${words[@]}" 2>/dev/null | sed -n "s/^\($1::.*\): test\$/\1/p"; }

# Last of all, since nothing of ebb is there afterwards.
remove_ebb() {
  local gone
  mapfile -t gone < <(of_module package_gone)
  [ -z "${gone[*]}" ] || ./vm --test-threads=1 --exact "${gone[@]}"
}

up() { cut -d. -f1 /proc/uptime; }

mkdir -p "$EBB_VM_ARTEFACTS"
boot=$(($(cat "$state/boot" 2>/dev/null || echo 0) + 1))
echo "$boot" >"$state/boot" && sync "$state/boot" "$state"
mapfile -t before < <(of_module before_reboot)
mapfile -t after < <(of_module after_reboot)

if [ "$boot" = 1 ]; then
  echo "$(uname -r), $(systemctl --version | head -n 1), up after $(up) s"
  install_ebb >"$EBB_VM_ARTEFACTS/install" 2>&1 || { cat "$EBB_VM_ARTEFACTS/install"; finish "ebb could not be installed"; }
  echo "ebb is installed after $(up) s"
  ./vm --test-threads=1 --skip before_reboot:: --skip after_reboot:: --skip package_gone:: "${words[@]}"
  [ -n "${before[*]}${after[*]}" ] || { remove_ebb; finish ok; }
  touch "$state/reset-expected" && sync
  [ -z "${before[*]}" ] || ./vm --test-threads=1 --exact "${before[@]}"
  echo "reset after $(up) s, as by a power cut"
  sleep 0.2 # so that the line is out
  echo b >/proc/sysrq-trigger
  sleep infinity
elif [ "$boot" = 2 ] && [ -e "$state/reset-expected" ]; then
  echo "up again after $(up) s"
  [ -z "${after[*]}" ] || ./vm --test-threads=1 --exact "${after[@]}"
  remove_ebb
  finish ok
fi
finish "the guest started a time too often, $boot times: a panic of its kernel?"
