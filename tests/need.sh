# To be sourced: installs what is missing, where that can be done. Says what it installs; knows nothing of what it is for.

has_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install_package() { # Debian package
  has_apt || return 1
  echo "== installing $1"
  [ -n "${apt_updated:-}" ] || { apt-get update -qq; apt_updated=1; }
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "$1" >/dev/null
}

need() { # command, Debian package
  command -v "$1" >/dev/null && return
  install_package "$2" || { echo "$1 is missing; install the Debian package $2" >&2; exit 1; }
}

need_cargo() {
  command -v cargo >/dev/null || { echo "cargo is missing; install Rust (https://rustup.rs)" >&2; exit 1; }
}
