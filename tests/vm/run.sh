#!/usr/bin/env bash
# The tests of the installed ebb on a real systemd with a real cgroup v2, in two guests under QEMU.
#   run.sh [--guest trixie|bookworm] [WORD...]     WORDs choose tests by their names, as for `cargo test`
#   run.sh --images                                only makes what the guests boot from
# Images are cached in $EBB_VM_CACHE (.work/vm/images) by what they are made from. What a guest sends back, and its
# console, is in .work/vm/out/GUEST/. In a guest nothing is skipped. Ends with `N passed, N failed, N skipped`.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/need.sh
PATH=$PATH:/usr/sbin:/sbin # mke2fs, which not every user has there

readonly cache=${EBB_VM_CACHE:-.work/vm/images}
readonly deadline_s=${EBB_VM_DEADLINE_S:-1500} # for one boot of a guest, from power on
readonly boot_s=240                            # until a guest says its first word; it takes 10 to 40 s
guests=(trixie bookworm)
if [ "${1:-}" = --guest ]; then
  guests=("$2")
  shift 2
fi

step() { printf '== %s (%ss)\n' "$1" "$SECONDS"; }
fail() {
  echo "$1" >&2
  exit 1
}

image_of() { echo "$cache/$1-$(sha256sum tests/vm/image.sh | cut -c1-12)"; }

# Made only where it is not there yet, also when two of these run at once.
image() { # guest
  local dir
  dir=$(image_of "$1")
  mkdir -p "$cache"
  exec 9>"$cache/$1.lock"
  flock 9
  [ -e "$dir/root.img" ] && touch "$dir" && return
  step "building the image of $1"
  # Those that another state of the script has made, and that nobody has looked at for a day.
  find "$cache" -mindepth 1 -maxdepth 1 -name "$1-*" -mtime +0 -exec rm -rf {} +
  rm -rf "$dir.part" && mkdir "$dir.part" || return 1
  tests/vm/image.sh "$1" "$dir.part" >"$cache/$1.log" 2>&1 || { tail -n 20 "$cache/$1.log" >&2; return 1; }
  mv "$dir.part" "$dir"
  step "built the image of $1"
}

# The tests of the guests, and the library's own, have to run on the oldest C library among the guests, which is 2.36.
build_tests() {
  local flags=()
  if [ "$(printf '%s\n' 2.36 "$(ldd --version | sed -n '1s/.* //p')" | sort -V | tail -n 1)" != 2.36 ]; then
    export RUSTFLAGS="-C target-feature=+crt-static"
    flags=(--target "$(rustc -vV | sed -n 's/^host: //p')")
  fi
  cargo test --locked --lib --test vm --no-run "${flags[@]}" || return 1
  cargo test --locked --lib --test vm --no-run "${flags[@]}" --message-format=json >.work/vm/built 2>/dev/null
}

binary() { # vm or ebb, which is the library's
  sed -n "s/.*\"executable\":\"\([^\"]*\/deps\/$1-[^\"]*\)\".*/\1/p" .work/vm/built | tail -n 1
}

# Everything that goes in, as one tar.
pack() { # guest, words...
  local in=.work/vm/in/$1
  rm -rf "$in" && mkdir -p "$in"
  echo "$1" >"$in/guest"
  shift
  for word in "$@"; do echo "$word"; done >"$in/words"
  cp tests/vm/guest.sh "$in/"
  strip --strip-debug -o "$in/vm" "$(binary vm)" && strip --strip-debug -o "$in/unit" "$(binary ebb)" || return 1
  cp dist/ebb_*.deb "$in/" || return 1
  tar -C "$in" -cf "$in.tar" . && truncate -s %1M "$in.tar"
}

# What costs an emulated processor much and changes nothing that is tested. `tsc=reliable`: on a busy host the kernel would
# take its clock for a bad one and ask a slow device for the time instead. `norandmaps`: QEMU keeps what it has translated by
# address, and a program that starts at another one each time is translated each time (a start takes twice as long). `erms`:
# string instructions that are quick in a processor are a loop over single bytes here, and the kernel clears and copies all
# memory by them.
readonly quick="mitigations=off init_on_alloc=0 tsc=reliable norandmaps"
readonly processor="max,la57=off,erms=off"

# No KVM: it is not there in a container or a guest, and what is not always there is not what to test with.
machine() { # guest
  local out=.work/vm/out/$1 image
  image=$(image_of "$1")
  args=(-M pc -accel tcg,thread=multi -cpu "$processor" -smp "$smp" -m 2048 -nodefaults -display none -no-reboot
    -kernel "$image/vmlinuz"
    -append "root=PARTUUID=ebb00001-01 rootwait rw quiet console=ttyS0 panic=-1 psi=1 $quick")
  disk() { args+=(-drive "if=none,id=$1,format=raw,cache=unsafe,file=$2" -device "nvme,drive=$1,serial=$1"); }
  disk root "$out/root.img"
  disk input ".work/vm/in/$1.tar,readonly=on"
  disk output "$out/artefacts.tar"
  line() { args+=(-chardev "file,id=$1,append=on,path=$out/$1" -serial "chardev:$1"); }
  line console
  line tests
  line end
}

# An emulated kernel hangs at its start now and then: one that has said nothing for long is switched off.
watch_start() { # guest, pid of QEMU
  local tests=.work/vm/out/$1/tests said waited=0
  said=$(wc -c <"$tests")
  while [ "$(wc -c <"$tests")" = "$said" ] && kill -0 "$2" 2>/dev/null; do
    sleep 2
    waited=$((waited + 2))
    [ "$waited" -lt "$boot_s" ] || { echo "it hangs at its start, and is started again" >>"$tests"; kill "$2"; return; }
  done
}

# Each boot has a machine of its own on the same disk: a guest that resets itself ends its machine, as a power cut does.
boots() { # guest
  local out=.work/vm/out/$1 args qemu
  machine "$1"
  for _ in 1 2 3 4; do
    timeout --foreground -k 5 "$deadline_s" qemu-system-x86_64 "${args[@]}" 2>>"$out/qemu" &
    qemu=$!
    watch_start "$1" "$qemu"
    wait "$qemu" || echo "$1: QEMU ended with $? (124: not done after $deadline_s s)" >>"$out/qemu"
    tail -n 1 "$out/tests" | grep -q '^reset after\|hangs at its start' || break
  done
}

boot() { # guest
  local out=.work/vm/out/$1 boots
  rm -rf "$out" && mkdir -p "$out"
  cp --sparse=always "$(image_of "$1")/root.img" "$out/root.img"
  truncate -s 64M "$out/artefacts.tar"
  : >"$out/tests"
  boots "$1" &
  boots=$!
  tail -n +1 -f --pid="$boots" "$out/tests" | sed -u "s/^/$1: /"
  wait "$boots"
  rm -f "$out/root.img"
  tar -C "$out" -xf "$out/artefacts.tar" 2>/dev/null && rm "$out/artefacts.tar"
}

count() { grep -ah '^test result:' .work/vm/out/*/tests | grep -o "[0-9]* $1" | awk '{n += $1} END {print n + 0}'; }

# A guest that did not come to its end, or a test binary that did not, is a failure of its own.
came_to_its_end() { # guest
  local out=.work/vm/out/$1 end
  end=$(sed -n 's/^end=//p' "$out/end" 2>/dev/null)
  [ "$end" = ok ] && grep -q '^running' "$out/tests" && [ "$(grep -c '^running' "$out/tests")" = "$(grep -c '^test result:' "$out/tests")" ] && return
  echo "$1 did not come to its end: ${end:-it hung or died}; its console:"
  tail -n 30 "$out/console" "$out/qemu" | sed "s/^/$1| /"
  return 1
}

[ "$(uname -m)" = x86_64 ] || fail "the guests are x86_64, and so has this host to be"
need_cargo
need mmdebstrap mmdebstrap
[ "$(id -u)" = 0 ] || need newuidmap uidmap # with lines of theirs in /etc/subuid and /etc/subgid, for the owners of files in an image
need mke2fs e2fsprogs
need qemu-system-x86_64 qemu-system-x86
need flock util-linux
need strip binutils
mkdir -p .work/vm
for guest in "${guests[@]}"; do
  image "$guest" &
  images+=($!)
done
made() { for job in "${images[@]}"; do wait "$job" || fail "an image could not be built"; done; }
if [ "${1:-}" = --images ]; then
  made
  exit
fi
step "building ebb and the tests"
# For a quick look: what is in dist/, such as binaries of a debug build, is packaged as it is.
package() { if [ -n "${EBB_VM_DIST:-}" ]; then debian/make-deb "$(rustc -vV | sed -n 's/^host: //p')"; else make --no-print-directory deb; fi; }
package >.work/vm/package.log 2>&1 || { tail -n 30 .work/vm/package.log; exit 1; }
build_tests || exit 1
made

smp=$((${#guests[@]} > 1 ? 1 : 2))
step "booting ${guests[*]}"
rm -rf .work/vm/out
for guest in "${guests[@]}"; do
  pack "$guest" "$@" || exit 1
  boot "$guest" &
  boots+=($!)
done
wait "${boots[@]}"
step "done"
dead=0
for guest in "${guests[@]}"; do came_to_its_end "$guest" || dead=$((dead + 1)); done
for guest in "${guests[@]}"; do sed "s/^/$guest: /" ".work/vm/out/$guest/figures" 2>/dev/null; done
failed=$(($(count failed) + dead)) skipped=$(count ignored)
echo "$(count passed) passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$skipped" = 0 ] && [ "$(count passed)" -gt 0 ]
