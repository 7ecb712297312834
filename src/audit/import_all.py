"""Imports what a service imports, for `ebb audit --imports`, which has this run under `ebb measure --imports`.

Each argument is a module, and the names that are taken of it, between blanks. What fails is told on standard error, and is
no reason not to go on.
"""

import os
import sys

for word in sys.argv[1:]:
    module, *names = word.split(" ")
    try:
        __import__(module, None, None, names)
    except BaseException as error:
        why = "%s: %s" % (type(error).__name__, error)
        line = "ebb-import-failed\t%s\t%s\n" % (module, " ".join(why.split())[:500])
        os.write(2, line.encode("utf-8", "replace"))
os.write(2, b"ebb-imports-done\n")
