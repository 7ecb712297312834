"""How long this process has been alive: from its start, not from the first line of Python."""

import os
import time
from pathlib import Path


def process_age() -> float:
    """Seconds since the kernel started this process (/proc/PID/stat counts hundredths)."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started
