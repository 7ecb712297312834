"""Imports what a service imports, for `ebb audit --imports`, which has this run under `ebb measure --imports`.

Each argument is a module, and the names that are taken of it, between blanks. What fails is told on standard error, and is
no reason not to go on.
"""

import atexit
import os
import sys

told = os.dup(2)  # packages can close what they like
sys.path[:] = [place for place in sys.path if place]  # where it is called is no place of the service's


def tell(text):
    # What a package has said last need not have ended its line.
    os.write(told, ("\n%s\n" % text).encode("utf-8", "replace"))


words, sys.argv[1:] = sys.argv[1:], []  # packages can read flags there
for word in words:
    module, *names = word.split(" ")
    try:
        __import__(module, None, None, names)
    except BaseException as error:
        why = "%s: %s" % (type(error).__name__, error)
        tell("ebb-import-failed\t%s\t%s" % (module, " ".join(why.split())[:500]))
tell("ebb-imports-done")
try:
    atexit._run_exitfuncs()  # the bill's among them
finally:
    os._exit(0)  # threads of packages may have no end
