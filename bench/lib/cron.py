"""Vixie cron as Debian builds it: fetched without being installed, and started where it can touch nothing.

A private mount namespace hides the machine's crontabs and /run from it, and its pid file from the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lib.procs import BenchError, Processes, wait_until

INSTALLED = Path("/usr/sbin/cron")

# $1 is the crontab, $2 an empty file, $3 cron. /var/spool is always there; /var/spool/cron need not be.
SCRIPT = """
set -e
mount -t tmpfs -o mode=0755 tmpfs /var/spool
mkdir -p -m 0755 /var/spool/cron
mkdir -m 1730 /var/spool/cron/crontabs
cp "$1" /var/spool/cron/crontabs/root
chmod 0600 /var/spool/cron/crontabs/root
if [ -d /etc/cron.d ]; then mount -t tmpfs tmpfs /etc/cron.d; fi
if [ -e /etc/crontab ]; then mount --bind "$2" /etc/crontab; fi
mount -t tmpfs -o mode=0755 tmpfs /run
exec "$3" -f
"""


@dataclass(frozen=True)
class Cron:
    """A cron that can be started, and its version."""

    program: Path
    version: str

    def start(self, procs: Processes, crontab: list[str], place: Path) -> subprocess.Popen[str]:
        """Starts a cron whose only crontab has these lines; its files lie at `place`, each with an ending."""
        table, empty, log = (place.with_name(place.name + end) for end in (".crontab", ".empty", ".log"))
        table.write_text("".join(f"{line}\n" for line in crontab))
        empty.touch()
        argv = ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", str(table), str(empty), str(self.program)]
        process = procs.daemon(argv, log)
        # unshare and sh become cron, in the same process.
        comm = Path(f"/proc/{process.pid}/comm")
        wait_until(lambda: comm.read_text() == "cron\n", "becoming cron", process, log)
        return process


def find(procs: Processes, work: Path) -> Cron | str:
    """A cron to measure, or the reason why there is none. `work` is where a fetched package is kept."""
    if os.geteuid() != 0:
        return "cron needs root to run on a crontab of its own; run the bench as root for its figures"
    log = work / "cron.log"
    try:
        procs.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/run"], log)
    except (BenchError, OSError):
        return "cron needs a mount namespace of its own, which is not allowed here"
    try:
        return _installed(procs, log) or _fetched(procs, work / "cron", log)
    except (BenchError, OSError) as error:
        print(f"bench: no cron: {error}", file=sys.stderr)
        return "Debian's cron could not be fetched (apt-get download cron)"


def _installed(procs: Processes, log: Path) -> Cron | None:
    """The machine's own, if it is Debian's package `cron` and not another one of that name."""
    if not INSTALLED.exists():
        return None
    try:
        owner = procs.run(["dpkg-query", "--search", str(INSTALLED)], log)
        version = procs.run(["dpkg-query", "--show", "--showformat=${Version}", "cron"], log)
    except (BenchError, OSError):
        return None
    return Cron(INSTALLED, version) if owner.startswith("cron:") else None


def _fetched(procs: Processes, place: Path, log: Path) -> Cron:
    """The package, downloaded once and unpacked; nothing of it is installed and no service starts."""
    place.mkdir(parents=True, exist_ok=True)
    if not list(place.glob("cron_*.deb")):
        download = ["env", "--chdir", str(place), "apt-get", "--quiet", "download", "cron"]
        try:
            procs.run(download, log, 120)
        except BenchError:
            procs.run(["apt-get", "--quiet", "update"], log, 120)
            procs.run(download, log, 120)
    package = next(place.glob("cron_*.deb"))
    procs.run(["dpkg-deb", "--extract", str(package), str(place / "unpacked")], log)
    version = procs.run(["dpkg-deb", "--field", str(package), "Version"], log).strip()
    return Cron(place / "unpacked/usr/sbin/cron", version)
