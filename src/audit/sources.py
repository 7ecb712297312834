"""Which packages a service imports when it loads its own modules: `ebb audit --imports` has the service's own interpreter
run this file, as the service's user.

Reads the sources and runs none of them: follows imports from what the service was started with through modules that are
not installed packages, and prints each import that leads to one, in the order in which they would come: `import`, module,
names, place, between tabs. Imports within functions wait until they are used, and are left out, but for those that the
program calls itself. Modules of its own that its text names, such as Django's settings, are followed as well.

Arguments: most files, most bytes of one, the directory that the service's own modules are in, how it was started (`file`,
`module`, `text` or `unknown`) and what with, then the words of its command line.
"""

import ast
import os
import stat
import sys
from importlib.util import find_spec

INSTALLED = ("site-packages", "dist-packages")
# Folders that hold none of the service's own modules.
FOREIGN = INSTALLED + ("node_modules", "__pycache__", "venv", "tests")
DEPTH = 3


def is_installed(path):
    """Whether a file belongs to an installed package, or to Python itself."""
    parts = path.split(os.sep)
    if any(folder in parts for folder in INSTALLED):
        return True
    library = os.path.dirname(os.path.realpath(os.__file__))
    if os.path.realpath(path).startswith(library + os.sep):
        return True
    # `pip install --target`
    folder = path
    while len(folder) > 1:
        folder = os.path.dirname(folder)
        if folder in TARGETS:
            return True
    return False


def targets():
    """Places of the search path that packages were installed into, whatever they are called."""
    found = set()
    for place in sys.path:
        try:
            # Not .egg-info, which lies beside the sources of what was installed so that it can be changed.
            if any(entry.endswith(".dist-info") for entry in os.listdir(place)):
                found.add(os.path.abspath(place))
        except OSError:
            pass
    return found


class Sources:
    def __init__(self, base, files_max, bytes_max):
        self.base = os.path.abspath(base)
        self.files_max, self.bytes_max = files_max, bytes_max
        self.own = {}  # top-level name -> where it is: directories of packages, or one file
        self.walked = set()  # names whose packages are walked although they are installed: the program itself
        self.loaded, self.told = set(), set()
        self.files = 0

    def top(self, module):
        """Where the top of a module is; None: it is not one of the service's own."""
        name = module.partition(".")[0]
        if name not in self.own:
            self.own[name] = self.find_top(name)
        return self.own[name]

    def find_top(self, name):
        package, file = os.path.join(self.base, name), os.path.join(self.base, name + ".py")
        if os.path.isfile(os.path.join(package, "__init__.py")):
            return [package]
        if os.path.isfile(file):
            return [file]
        try:
            spec = find_spec(name)
        except Exception:  # such as a __main__ without one
            spec = None
        if spec is None:
            # A folder without an __init__ is a package where nothing else is.
            return [package] if os.path.isdir(package) and name not in FOREIGN else None
        places = list(spec.submodule_search_locations or ())
        if not places and spec.has_location:
            places = [spec.origin]
        if not places or (name not in self.walked and all(map(is_installed, places))):
            return None
        return places

    def files_of(self, module):
        """The files that are loaded for a module of the service's own, packages first: (file, its package)."""
        parts = module.split(".")
        places = self.top(module)
        for at in range(len(parts)):
            name = ".".join(parts[: at + 1])
            if at > 0:
                places = [os.path.join(place, parts[at]) for place in places]
                places = [p for p in places if os.path.isdir(p)] or [p + ".py" for p in places]
            packages = [place for place in places if not place.endswith(".py")]
            if packages:
                for place in packages:
                    yield os.path.join(place, "__init__.py"), name
            else:
                for place in places:
                    yield place, name.rpartition(".")[0]
            places = packages

    def is_module(self, module):
        if self.top(module) is None:
            return False
        for file, _ in list(self.files_of(module))[-1:]:
            folder, name = os.path.split(file)
            # A folder without an __init__ is a package, too.
            return os.path.isfile(file) or (name == "__init__.py" and os.path.isdir(folder))
        return False

    def statements(self, file, package, is_main=False):
        """What a file imports when it is loaded: (node, file, package)."""
        if file in self.loaded or self.files >= self.files_max:
            return
        self.loaded.add(file)
        try:
            facts = os.stat(file)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > self.bytes_max:
                return
            with open(file, "rb") as opened:
                tree = ast.parse(opened.read())
            nodes = list(self.imports(tree.body, is_main, package))
            if is_main:
                for function in called(tree):
                    nodes += self.imports(function.body, is_main, package)
        except Exception:  # it is gone, of another Python, or too deep
            return
        self.files += 1
        for node in nodes:
            yield node, file, package
        # A tool names all that it could be told to use.
        is_tool = package.partition(".")[0] in self.walked
        for module, line in () if is_tool else self.in_text(tree):
            yield ast.Import(names=[ast.alias(name=module, asname=None)], lineno=line), file, package

    def imports(self, body, is_main, package):
        for node in body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                if not getattr(node, "is_lazy", 0):  # Python 3.15
                    yield node
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            elif isinstance(node, ast.If):
                test = ast.dump(node.test)
                branches = [node.orelse]
                if "TYPE_CHECKING" not in test and (is_main or "'__main__'" not in test):
                    branches.insert(0, node.body)
                for branch in branches:
                    for one in self.imports(branch, is_main, package):
                        # For another system, or another Python.
                        if not self.is_missing(one, package):
                            yield one
            elif getattr(node, "handlers", None) is not None:
                inside = list(self.imports(node.body, is_main, package))
                missing = [one for one in inside if self.is_missing(one, package)]
                yield from (one for one in inside if one not in missing)
                # What is imported instead counts where the first choice is not there.
                if missing:
                    for handler in node.handlers:
                        yield from self.imports(handler.body, is_main, package)
                else:
                    yield from self.imports(node.orelse, is_main, package)
                yield from self.imports(node.finalbody, is_main, package)
            else:
                for inner in getattr(node, "cases", ()):
                    yield from self.imports(inner.body, is_main, package)
                for field in "body", "orelse":
                    inner = getattr(node, field, None)
                    if isinstance(inner, list):
                        yield from self.imports(inner, is_main, package)

    def in_text(self, tree):
        """Modules of the service's own that are named in text: `uvicorn.run("main:app")`, `"project.settings"`."""
        for node in ast.walk(tree):
            text = getattr(node, "value", None)
            if not isinstance(node, ast.Constant) or not isinstance(text, str) or len(text) > 200:
                continue
            module, colon, _ = text.partition(":")
            if (not colon and "." not in text) or not module.replace(".", "a").isidentifier():
                continue
            # `app.apps.Config` is something of a module.
            for one in (module, module.rpartition(".")[0]):
                if one and self.is_module(one):
                    yield one, node.lineno
                    break

    def is_missing(self, node, package):
        for module, _ in named(node, package):
            if self.top(module) is not None:
                if not self.is_module(module):
                    return True
                continue
            try:
                if find_spec(module.partition(".")[0]) is None:
                    return True
            except Exception:
                pass
        return False

    def follow(self, first):
        """Walks statements in the order in which they would be carried out."""
        stack = [each(first)]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
                continue
            module, names, file, line = found
            if self.top(module) is None:
                self.tell(module, names, file, line)
                continue
            modules = [module] + [module + "." + name for name in names if self.is_module(module + "." + name)]
            files = [loaded for one in modules for loaded in self.files_of(one)]
            stack.append(each([s for loaded in files for s in self.statements(*loaded)]))

    def tell(self, module, names, file, line):
        if (module, names) in self.told:
            return
        self.told.add((module, names))
        place = os.path.relpath(file, self.base) if file.startswith(self.base + os.sep) else file
        fields = "import", module, " ".join(names), "%s:%d" % (place, line)
        line = "\t".join(field.replace("\t", " ").replace("\n", " ") for field in fields) + "\n"
        sys.stdout.buffer.write(line.encode("utf-8", "replace"))


def called(tree):
    """The functions of a program that it calls when it is loaded, and those that they call."""
    functions = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    todo = [node for node in tree.body if node not in functions.values()]
    found = []
    while todo:
        for node in ast.walk(todo.pop()):
            name = getattr(getattr(node, "func", None), "id", None)
            if isinstance(node, ast.Call) and name in functions:
                found.append(functions.pop(name))
                todo.append(found[-1])
    return found


def each(statements):
    """One by one what statements import: (module, names, file, line)."""
    for node, file, package in statements:
        for module, names in named(node, package):
            if module != "__future__":
                yield module, names, file, node.lineno


def named(node, package):
    """The modules that a statement imports, with the names that it takes of them."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, ()
        return
    module = node.module or ""
    if node.level:
        parts = package.split(".") if package else []
        if node.level > len(parts):  # beyond its package, which is an error
            return
        parts = parts[: len(parts) - (node.level - 1)]
        module = ".".join(parts + ([module] if module else []))
    yield module, tuple(alias.name for alias in node.names if alias.name != "*")


def all_below(folder, depth=DEPTH):
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in FOREIGN or entry.is_symlink():
            continue
        if entry.is_dir():
            if depth and not os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
                yield from all_below(entry.path, depth - 1)
        elif entry.name.endswith(".py"):
            yield entry.path


def look(files_max, bytes_max, base, how, what, *words):
    if how == "file" and os.path.isdir(what):  # with a __main__
        base, what = what, os.path.join(what, "__main__.py")
    sources = Sources(base, int(files_max), int(bytes_max))
    first = []
    if how == "file":
        what = os.path.abspath(what)
        first += sources.statements(what, "", True)
        # What a tool such as gunicorn imports first of all is the tool.
        if is_installed(what) or os.path.basename(os.path.dirname(what)) in ("bin", "sbin"):
            for node, _, _ in first:
                sources.walked.update(module.partition(".")[0] for module, _ in named(node, ""))
            sources.walked -= set(getattr(sys, "stdlib_module_names", sys.builtin_module_names))
            sources.own.clear()  # looked up before that was known
    elif how == "module":
        sources.walked.add(what.partition(".")[0])
        if sources.top(what) is not None:
            files = list(sources.files_of(what))
            file, package = files[-1]
            if os.path.basename(file) == "__init__.py":
                files.append((os.path.join(os.path.dirname(file), "__main__.py"), package))
            for at, (file, package) in enumerate(files):
                first += sources.statements(file, package, at == len(files) - 1)
    elif how == "text":
        try:
            first += [(node, "-c", "") for node in sources.imports(ast.parse(what).body, True, "")]
        except Exception:
            pass
    # `app.main:create_app()`, `[app:app]` of a title, `app.py`: what a tool was told to load.
    for word in words:
        module = word.strip("[]").partition(":")[0]
        if word.endswith(".py") and word != what:
            first += sources.statements(os.path.join(sources.base, word), "", True)
        elif module.replace(".", "a").isidentifier():
            if sources.is_module(module) and module.partition(".")[0] not in sources.walked:
                for file, package in sources.files_of(module):
                    first += sources.statements(file, package)
    if not first and how == "unknown":
        for file in all_below(sources.base):
            if sources.files >= sources.files_max:
                break
            folder = os.path.relpath(os.path.dirname(file), sources.base)
            package = "" if folder == "." else folder.replace(os.sep, ".")
            first += sources.statements(file, package)
    sources.follow(first)


sys.path[:] = [place for place in sys.path if place]  # where it is called is no place of the service's
TARGETS = targets()
look(*sys.argv[1:])
