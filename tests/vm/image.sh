#!/usr/bin/env bash
# Builds what a guest boots from: a Debian with systemd on one disk, and its kernel. Nothing is installed on the host.
#   image.sh SUITE DIR     makes DIR/root.img and DIR/vmlinuz
# It knows nothing of ebb. What changes with every run comes in on a disk of its own: run.sh, guest.sh.
set -euo pipefail

# The root disk is named by its partition, since the order of the disks is not certain: run.sh has the same number.
readonly disk_id=ebb00001
readonly disk_mib=2048
packages=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,python3-minimal,kmod,procps,e2fsprogs
# ext4 and NVMe are built into the kernel; all else that a test wants is named here. (zram compresses by lzo-rle.)
readonly modules="zram lzo-rle loop overlay"

# Runs with the guest's tree in $1, while /proc, /sys and /dev are mounted in it.
customize() {
  local root=$1 dir=$2 kernel version
  kernel=$(chroot "$root" apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9]\S*\).*/\1/p')
  (cd "$root/tmp" && chroot "$root" sh -c "cd /tmp && apt-get -qq -o APT::Sandbox::User=root download $kernel")
  version=${kernel#linux-image-}
  mkdir "$root/tmp/kernel"
  dpkg-deb --fsys-tarfile "$root"/tmp/linux-image-*.deb | tar -x -C "$root/tmp/kernel"
  cat "$root/tmp/kernel/boot/vmlinuz-$version" >"$dir/vmlinuz"
  keep_modules "$root" "$version"
  settle "$root"
  # Bound without what is mounted below it. The image is larger than what is in it: a hole costs nothing.
  truncate -s "${disk_mib}M" "$dir/root.img"
  unshare --mount sh -c 'mount --bind "$1" /mnt && mke2fs -q -t ext4 -L root -E offset=1048576 -d /mnt "$2" "$3"' \
    sh "$root" "$dir/root.img" "$((disk_mib - 1))M"
  partition_table "$dir/root.img"
}

# Those of $modules, what they need, and no others.
keep_modules() { # tree, version
  local from="$1/tmp/kernel/lib/modules" to="$1/usr/lib/modules" module path
  [ -d "$from" ] || from="$1/tmp/kernel/usr/lib/modules"
  mkdir -p "$to"
  mv "$from/$2" "$to/"
  chroot "$1" depmod "$2"
  for module in $modules; do
    chroot "$1" modprobe --set-version "$2" --show-depends "$module"
  done | sed -n 's/^insmod \(\S*\).*/\1/p' | sort -u >"$1/tmp/keep"
  mkdir "$1/tmp/kept"
  while read -r path; do
    cp --parents "$1${path/#\/lib/\/usr\/lib}" "$1/tmp/kept/"
  done <"$1/tmp/keep"
  rm -rf "$to/$2/kernel"
  mv "$1/tmp/kept$to/$2/kernel" "$to/$2/"
  chroot "$1" depmod "$2"
}

# No question at boot, no clockwork of its own, and one service that hands over to what the host sent.
settle() { # tree
  local unit
  rm -rf "$1"/tmp/* "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/cache/apt/archives/*.deb
  rm -f "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$1/etc/resolv.conf" # ebb's own manual pages are to be installed
  # What keeps services from starting while the tree is made. In the guest a package starts its own.
  rm -f "$1/usr/sbin/policy-rc.d"
  mv "$1/usr/sbin/start-stop-daemon.REAL" "$1/usr/sbin/start-stop-daemon"
  : >"$1/etc/fstab"
  echo guest >"$1/etc/hostname"
  echo 0123456789abcdef0123456789abcdef >"$1/etc/machine-id"
  chroot "$1" useradd --create-home --shell /bin/sh app
  for unit in systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket \
    systemd-udevd-kernel.socket getty.target systemd-random-seed.service systemd-binfmt.service timers.target \
    systemd-pcrphase.service systemd-update-utmp.service; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit"
  done
  # Started when somebody asks for it over D-Bus (`loginctl enable-linger`), not at boot.
  rm -f "$1"/usr/lib/systemd/system/multi-user.target.wants/{systemd-logind,getty,systemd-update-utmp-runlevel}*
  mkdir -p "$1/etc/systemd/journald.conf.d"
  printf '[Journal]\nRateLimitBurst=0\n' >"$1/etc/systemd/journald.conf.d/guest.conf"
  cat >"$1/etc/systemd/system/guest.service" <<'END'
[Unit]
Description=What the host sent
[Service]
ExecStart=/usr/local/sbin/guest
Environment=HOME=/root LANG=C.UTF-8
TasksMax=infinity
[Install]
WantedBy=multi-user.target
END
  cat >"$1/usr/local/sbin/guest" <<'END'
#!/bin/sh
# Unpacks the disk with the serial number `input`, a plain tar, and hands over to its guest.sh.
for disk in /sys/block/nvme*; do
  case $(cat "$disk/device/serial") in
    input*) input=/dev/${disk##*/} ;;
    output*) OUTPUT=/dev/${disk##*/} ;;
  esac
done
export OUTPUT
for tty in ttyS1 ttyS2; do stty -F "/dev/$tty" raw -echo; done
rm -rf /opt/input && mkdir -p /opt/input && cd /opt/input && tar -xf "$input" && exec ./guest.sh >/dev/ttyS1 2>&1
END
  chmod 755 "$1/usr/local/sbin/guest"
  chroot "$1" systemctl -q enable guest.service
  ln -sf /usr/lib/systemd/system/multi-user.target "$1/etc/systemd/system/default.target"
}

# One partition of type Linux from the first MiB to the end: 16 bytes, so no partitioning tool is needed.
partition_table() { # image
  local sectors=$(((disk_mib - 1) * 2048))
  le32() { printf "\\x$(printf %02x $(($1 & 255)))\\x$(printf %02x $(($1 >> 8 & 255)))\\x$(printf %02x $(($1 >> 16 & 255)))\\x$(printf %02x $(($1 >> 24 & 255)))"; }
  { le32 "0x$disk_id"; printf '\0\0'; printf '\0\0\0\0\x83\0\0\0'; le32 2048; le32 $sectors; } |
    dd of="$1" bs=1 seek=440 conv=notrunc status=none
  printf '\x55\xaa' | dd of="$1" bs=1 seek=510 conv=notrunc status=none
}

if [ "$1" = --customize ]; then
  customize "$2" "$3"
  exit
fi
suite=$1 dir=$2
# One engine, the one that needs no daemon, and in one of the guests: 180 MB.
[ "$suite" != trixie ] || packages+=,podman,crun,catatonit,uidmap
: >"$dir/root.img"
: >"$dir/vmlinuz"
# Where the caller is not root, the tree belongs to another user of a namespace, who has to write these two.
[ "$(id -u)" = 0 ] || chmod 666 "$dir/root.img" "$dir/vmlinuz"
# The image is made within the hook: what comes after it is for a tree that is kept, and where the caller is not root it fails
# in this one, which has no lists of packages any more.
exec mmdebstrap --quiet --variant=minbase --format=null --include="$packages" --skip=cleanup \
  --aptopt='APT::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/i18n/*' \
  --customize-hook="bash '$(realpath "$0")' --customize \"\$1\" '$(realpath "$dir")'" \
  "$suite" /dev/null
