"""Source code that stands alone: the definitions that some functions need, gathered from their modules, and nothing else.

Names are followed from statement to statement and from module to module, through searchitect and through the user's own files.
What comes from the standard library, torch and other installed packages stays an import.
"""

import ast
import importlib
import importlib.util
import inspect
import symtable
import sys
import sysconfig
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

from searchitect.core import RunError

STANDINS: Final = {
    "Space": 'class Space:\n    """Stands for the base class of search spaces: here only `build` matters."""',
    "Chooser": 'class Chooser:\n    """Stands for what decides a spec: here it is decided."""',
}
"""What is replaced rather than followed, since building a decided network needs none of it."""
DECIDED: Final = {"searchitect.networks.elastic": "searchitect.networks.decided"}
"""Modules whose functions have namesakes in another one, which do the same for a decided spec and need less."""
_ADVICE: Final = "export to format='torch' (model.pt2) instead"


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a module, with the comments above it."""

    text: str
    binds: frozenset[str]
    uses: frozenset[str]


@dataclass(frozen=True)
class Import:
    """``from module import name as alias``; ``import module as alias`` where ``name`` is empty."""

    module: str
    name: str
    alias: str

    def __str__(self) -> str:
        if not self.name:
            return f"import {self.module}" + (f" as {self.alias}" if self.alias != self.module else "")
        return f"from {self.module} import {self.name}" + (f" as {self.alias}" if self.alias != self.name else "")


class Source:
    """A module, taken apart."""

    def __init__(self, module: str) -> None:
        self.module = module
        try:
            self.text = inspect.getsource(sys.modules.get(module) or importlib.import_module(module))
        except (OSError, TypeError, ImportError):
            raise RunError(
                f"model.py cannot be written: the source of the module {module!r} is not to be had; {_ADVICE}"
            ) from None
        self.tree = ast.parse(self.text)

    @property
    def summary(self) -> str:
        """First line of the module's docstring."""
        return (ast.get_docstring(self.tree) or "").partition("\n")[0]

    @cached_property
    def imports(self) -> dict[str, Import]:
        """Name in the module -> where it comes from. Also those under ``if TYPE_CHECKING`` and ``try``."""
        found = {}
        for node in _outside_functions(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    found[bound] = Import(alias.name, "", alias.asname or alias.name)
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(node)
                for alias in node.names:
                    found[alias.asname or alias.name] = Import(origin, alias.name, alias.asname or alias.name)
        return found

    @cached_property
    def statements(self) -> list[Statement]:
        """All but imports, the docstring, and what runs only as a script."""
        lines, found, end = self.text.splitlines(), list[Statement](), 0
        for place, node in enumerate(self.tree.body):
            start, end = end, node.end_lineno or node.lineno
            is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
            text = "\n".join(lines[start:end]).strip("\n")
            if is_text and place > 0 and found and not isinstance(self.tree.body[place - 1], (ast.Import, ast.ImportFrom)):
                found[-1] = Statement(f"{found[-1].text}\n{text}", found[-1].binds, found[-1].uses)  # an attribute's docstring
            elif not is_text and not isinstance(node, (ast.Import, ast.ImportFrom)) and "__name__" not in _names_in_test(node):
                found.append(Statement(text, *_bound_and_used("\n".join(lines[node_start(node) - 1 : end]))))
        return found

    def _origin(self, node: ast.ImportFrom) -> str:
        relative = "." * node.level + (node.module or "")
        if not node.level:
            return relative
        module = sys.modules[self.module]
        is_package = hasattr(module, "__path__")
        return importlib.util.resolve_name(relative, self.module if is_package else self.module.rpartition(".")[0])


@dataclass
class Bundle:
    """What was gathered.

    Attributes:
        imports: of installed packages and the standard library.
        packages: installed packages among those, torch left out.
    """

    imports: set[Import] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    _sources: dict[str, Source] = field(default_factory=dict)
    _taken: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _needs: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _aliases: dict[str, str] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)

    def add(self, module: str, name: str) -> None:
        """Take in the definition of ``name`` in ``module``, and all that it needs.

        Raises:
            RunError: where a source is not to be had, or two modules define one name.
        """
        if module not in self._sources:
            self._sources[module] = Source(module)
        source = self._sources[module]
        found = [place for place, statement in enumerate(source.statements) if name in statement.binds]
        if found:
            self._own(name, module)
            for place in found:
                self._add_statement(source, place)
        elif name in source.imports:
            self._follow(source.imports[name], module)
        elif "*" in source.imports:
            raise RunError(
                f"model.py cannot be written: {module} imports * and so hides where {name!r} comes from; name what it imports"
            )

    def text(self) -> str:
        """The definitions, each module's under a heading, those that others need first."""
        graph = {module: self._needs[module] - {module} for module in self._taken}
        try:
            order = list(TopologicalSorter(graph).static_order())
        except CycleError:
            raise RunError(f"model.py cannot be written: the modules {', '.join(graph)} need one another; {_ADVICE}") from None
        parts = [STANDINS[name] for name, owner in self._owners.items() if owner == "a stand-in"]
        for module in order:
            if module not in self._taken:
                continue
            source = self._sources[module]
            parts.append(heading(f"{module}: {source.summary}" if source.summary else module))
            parts += [source.statements[place].text for place in sorted(self._taken[module])]
        parts += [f"{alias} = {name}" for alias, name in self._aliases.items()]
        text = "\n\n\n".join(parts)
        _refuse_late_imports(text)
        return text

    def import_lines(self) -> list[str]:
        """The imports, one module a line: those of the standard library, an empty line, the others."""
        names: dict[str, set[str]] = defaultdict(set)
        for found in self.imports:
            if found.name:
                names[found.module].add(found.name + (f" as {found.alias}" if found.alias != found.name else ""))
        lines = {str(found): found.module for found in self.imports if not found.name}
        lines |= {f"from {module} import {', '.join(sorted(taken))}": module for module, taken in names.items()}
        ordered = sorted(lines, key=lambda line: (line.startswith("from"), line))
        own = [line for line in ordered if lines[line].partition(".")[0] in sys.stdlib_module_names]
        return [*own, "", *(line for line in ordered if line not in own)]

    def _add_statement(self, source: Source, place: int) -> None:
        if place in self._taken[source.module]:
            return
        self._taken[source.module].add(place)
        for used in sorted(source.statements[place].uses - source.statements[place].binds):
            self.add(source.module, used)

    def _follow(self, found: Import, module: str) -> None:
        if not _is_gathered(found.module):
            self._own(found.alias.partition(".")[0], f"the package {found.module}")
            self.imports.add(found)
            top = found.module.partition(".")[0]
            if top not in sys.stdlib_module_names and top != "torch":
                self.packages.add(top)
        elif not found.name or _is_module(f"{found.module}.{found.name}"):
            name = str(found)
            raise RunError(
                f"model.py cannot be written: {module} says {name!r}; import the names themselves (from ... import ...)"
            )
        elif found.name in STANDINS and found.module.partition(".")[0] == "searchitect":
            self._own(found.name, "a stand-in")
        else:
            origin = DECIDED.get(found.module, found.module)
            self._needs[module].add(origin)
            self.add(origin, found.name)
            if found.alias != found.name:
                self._own(found.alias, module)
                self._aliases[found.alias] = found.name

    def _own(self, name: str, owner: str) -> None:
        other = self._owners.setdefault(name, owner)
        if other != owner and not (other.startswith("the package") and owner.startswith("the package")):
            raise RunError(
                f"model.py cannot be written: {name!r} is defined by {other} and by {owner}; rename one, or {_ADVICE}"
            )


def heading(text: str) -> str:
    """A comment that parts the sections of a file."""
    return "\n".join(
        [f"# {'-' * 117}", textwrap.fill(text, 119, initial_indent="# ", subsequent_indent="# "), f"# {'-' * 117}"]
    )


def node_start(node: ast.stmt) -> int:
    """First line of a statement, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _bound_and_used(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names that a statement gives to its module, and those that it takes from there, functions in it included."""
    table = symtable.symtable(text, "statement", "exec")
    binds = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    uses = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    waiting = list(table.get_children())
    while waiting:
        inner = waiting.pop()
        waiting += inner.get_children()
        uses |= {s.get_name() for s in inner.get_symbols() if s.is_global() and s.is_referenced()}
    return frozenset(binds), frozenset(uses)


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from _outside_functions(node)


def _names_in_test(node: ast.stmt) -> set[str]:
    """Names in the condition of an ``if``."""
    return {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)} if isinstance(node, ast.If) else set()


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _is_gathered(module: str) -> bool:
    """Whether a module's source goes into the file: searchitect's own, and the user's files; not installed packages."""
    top = module.partition(".")[0]
    if top == "searchitect":
        return True
    if top in sys.stdlib_module_names or top == "torch":
        return False
    loaded = sys.modules.get(module) or importlib.import_module(module)
    file = getattr(loaded, "__file__", None)
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
    return file is not None and not any(Path(file).resolve().is_relative_to(folder) for folder in installed)


def _refuse_late_imports(text: str) -> None:
    """Raise `RunError` where a function imports, when it runs, what the file should not need."""
    for node in ast.walk(ast.parse(text)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            if name.startswith(".") or _is_gathered(name):
                raise RunError(
                    f"model.py cannot be written: a function imports {name!r} when it runs; move the import to the top of its file"
                )
