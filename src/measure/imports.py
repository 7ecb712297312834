"""What the imports of a Python program cost: `ebb measure --imports` puts this file first on PYTHONPATH, as sitecustomize.

It reads the resident memory of the process before and after each package that is imported for the first time, and appends
what it saw to `PID.bill` beside itself. It changes nothing that the program can see, but for PYTHONPATH in its environment,
and fails in silence. Imports nothing that a bare interpreter has not, or the program's own imports would seem cheaper.
"""

import sys


def _keep_the_bill():
    import _frozen_importlib as machinery  # importlib._bootstrap, without the package around it
    import _thread
    import atexit
    import os
    import time

    here = os.path.dirname(os.path.abspath(__file__))
    page = os.sysconf("SC_PAGE_SIZE")
    # Called once for each module that is not there yet. From 3.15 on it may give None for one that need not exist.
    load = machinery._find_and_load_unlocked
    own_thread, clock = _thread.get_ident, time.perf_counter_ns
    frame_at, modules = sys._getframe, sys.modules  # by these names also while the interpreter takes modules apart
    stacks = {}  # thread -> the packages that it is about to import, the innermost last
    reading = [0]  # nanoseconds that the readings themselves took

    def stdlib():
        names = getattr(sys, "stdlib_module_names", None)  # Python 3.10
        if names is None:
            folder = os.path.dirname(os.__file__)
            names = set(sys.builtin_module_names)
            for place in (folder, os.path.join(folder, "lib-dynload")):
                if os.path.isdir(place):
                    names.update(entry.partition(".")[0] for entry in os.listdir(place))
            names.discard("site-packages")
            names.discard("dist-packages")
        own = {"sitecustomize", "usercustomize", "__main__", "__mp_main__"}
        return frozenset(names) | own | {"_frozen_importlib", "_frozen_importlib_external"}

    def memory():
        """Resident and anonymous bytes."""
        began = clock()
        try:
            file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
            try:
                fields = os.read(file, 256).split()
            finally:
                os.close(file)
            resident, shared = int(fields[1]) * page, int(fields[2]) * page
        except Exception:
            resident = shared = 0
        reading[0] += clock() - began
        return resident, resident - shared

    def write(*fields):
        # Opened each time: a program may close descriptors that it does not know, and use their numbers again.
        line = "\t".join(str(field).replace("\t", " ").replace("\n", " ") for field in fields) + "\n"
        try:
            path = os.path.join(here, "%d.bill" % os.getpid())
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            file = os.open(path, flags, 0o600)
            try:
                os.write(file, line.encode("utf-8", "backslashreplace"))
            finally:
                os.close(file)
        except Exception:
            pass

    def is_standard(package):
        # What a build generates for itself is not in the list.
        return package in standard or package.startswith(("_sysconfigdata", "_missing_stdlib_info"))

    def wanted_by():
        """The package whose code imports while none is being imported: in a function, or lazily, at the first use."""
        frame = frame_at()
        while frame is not None:
            name = dict.get(frame.f_globals, "__name__")  # whatever kind of dict the program has made of it
            if type(name) is str:
                package = name.partition(".")[0]
                if package in ("__main__", "__mp_main__"):
                    break
                # Code can say that it is of a module that there is none of.
                if not is_standard(package) and package in modules:
                    return package
            frame = frame.f_back
        return ""

    # Of `Frame`: name of the package, and what is inside of it and counted elsewhere: resident, anonymous, nanoseconds.
    NAME, RESIDENT, ANON, TIME = range(4)

    def counted_load(name, *rest, **named):
        package = name.partition(".")[0]
        stack = stacks.setdefault(own_thread(), [])
        if is_standard(package):
            # What a package needs of the standard library is its own cost.
            if stack:
                return load(name, *rest, **named)
            package = by = wanted_by()
        elif stack and stack[-1][NAME] == package:
            return load(name, *rest, **named)
        else:
            by = stack[-1][NAME] if stack else wanted_by()
        frame = [package, 0, 0, 0]
        is_again = any(outer[NAME] == package for outer in stack)
        stack.append(frame)
        before, read_before, began = memory(), reading[0], clock()
        is_there = False
        try:
            module = load(name, *rest, **named)
            is_there = module is not None
            return module
        finally:
            took = clock() - began - (reading[0] - read_before)
            while stack and stack.pop() is not frame:
                pass
            inside = frame[RESIDENT:]
            if is_there:
                after = memory()
                inside = [after[0] - before[0], after[1] - before[1], took]
                own = [whole - part for whole, part in zip(inside, frame[RESIDENT:])]
                write("import", package, by, len(stack), int(is_again), *(inside + own))
            # What is not there, or failed, is a cost of who asked for it; what it had imported before is not.
            if stack:
                for kind, part in zip((RESIDENT, ANON, TIME), inside):
                    stack[-1][kind] += part

    def begin(how):
        stacks.clear()
        version = "%d.%d.%d" % sys.version_info[:3]
        command = getattr(sys, "orig_argv", None) or [sys.executable] + getattr(sys, "argv", [])
        write(how, os.getpid(), os.getppid(), version, *memory())
        write("command", *command)

    def end():
        write("end", *memory())

    # Tracebacks leave the import machinery out, and so they do this.
    counted_load.__code__ = counted_load.__code__.replace(co_filename=load.__code__.co_filename)
    standard = stdlib()
    # What further interpreters of the process import (`concurrent.interpreters`, 3.14) goes on the same bill.
    if getattr(_thread, "_is_main_interpreter", lambda: True)():
        os.register_at_fork(after_in_child=lambda: begin("fork"))
        atexit.register(end)  # the first that is registered is the last that is called
        begin("start")
    machinery._find_and_load_unlocked = counted_load


def _make_way():
    """The sitecustomize that would have been imported without this one is."""
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [place for place in sys.path if place != here]
    own = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if getattr(error, "name", None) not in (None, "sitecustomize"):
            raise
    finally:
        # The import of this one is still under way, and wants to find something.
        sys.modules.setdefault("sitecustomize", own)


if sys.version_info >= (3, 9):
    try:
        _keep_the_bill()
    except Exception:
        pass
_make_way()
