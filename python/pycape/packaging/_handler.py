"""Whether the function's code can be what an enclave will call. Nothing is executed."""

from __future__ import annotations

import ast
import csv
import sys
from typing import TYPE_CHECKING, TypeAlias

from pycape._nearest import nearest
from pycape.errors import HandlerMissing, PackagingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pycape.packaging._files import File
    from pycape.packaging._target import Target

DEFAULT_NAME = "cape_handler"

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def find_handler(files: Sequence[File], handler: str, target: Target) -> str:
    """Find `handler` ("app:cape_handler") in the function's own files, and return it.

    It may be defined, async, decorated, assigned or imported, at the top of its module. Where there
    is no `cape_handler`, it is the one function there that `pycape.function` decorates.

    Raises HandlerMissing, and PackagingError if the module does not parse.
    """
    module, _, name = handler.partition(":")
    file = _module_file(files, module)
    tree = _parsed(file, target)
    if tree is None:
        return handler
    bound = dict(_bound(tree.body))
    if name not in bound:
        if "*" in bound:
            return handler
        typed = [*_typed(bound)] if name == DEFAULT_NAME else []
        if len(typed) > 1:
            raise _several(file, module, typed)
        if not typed:
            raise _not_defined(file, name, bound)
        return f"{module}:{typed[0]}"
    definition = bound[name]
    if isinstance(definition, _Function) and not _takes_input(definition):
        raise HandlerMissing(
            f"{name} in {file.name}, line {definition.lineno}, takes no argument",
            hint=f"it is called with the input: def {name}(input: bytes) -> bytes",
        )
    return handler


def check_sources(files: Sequence[File], target: Target) -> None:
    """Parse the function's own sources as the target's Python does.

    Sources of distributions that the folder holds are left to them: they choose what to
    import. Raises PackagingError with file and line of the first that does not parse.
    """
    for file in own_sources(files):
        _parsed(file, target)


def own_sources(files: Sequence[File]) -> Iterator[File]:
    """Yield the function's own modules, without those of distributions that the folder holds."""
    distributed = set(_distributed(files))
    for file in files:
        if file.name.endswith(".py") and file.name not in distributed:
            yield file


def _module_file(files: Sequence[File], module: str) -> File:
    path = module.replace(".", "/")
    by_name = {file.name: file for file in files}
    for name in (f"{path}.py", f"{path}/__init__.py"):
        if name in by_name:
            return by_name[name]
    elsewhere = next((name for name in by_name if name.endswith(f"/{path}.py")), None)
    raise HandlerMissing(
        f"there is no {path}.py in the folder",
        hint=f"it is in {elsewhere.rpartition('/')[0]}: package that" if elsewhere else None,
    )


def _parsed(file: File, target: Target) -> ast.Module | None:
    """Return the module, or None if only a Python newer than this one can tell if it is one."""
    try:
        return ast.parse(file.path.read_bytes(), file.name, feature_version=(3, target.minor))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if target.minor > sys.version_info.minor:
            return None
        where = f"{file.name}, line {getattr(error, 'lineno', None) or 1}"
        why = getattr(error, "msg", None) or str(error) or "too deeply nested"
        raise PackagingError(
            f"{where}: {why} (as Python {target.python})",
            hint=f"the enclave's Python {target.python} has to read every module: mend it, or"
            " leave the file out with .capeignore",
            details={"file": file.name},
        ) from error


def _bound(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.AST]]:
    """Yield the names that the top level binds, and what binds them; `*` for import *."""
    pending = [*reversed(body)]
    while pending:
        statement = pending.pop()
        if isinstance(statement, _Function):
            yield statement.name, statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                yield alias.asname or alias.name.partition(".")[0], statement
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                yield from _targets(target)
        elif isinstance(statement, ast.AnnAssign) and statement.value:
            yield from _targets(statement.target)
        else:
            pending += reversed([*_nested(statement)])


def _targets(target: ast.expr) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(target, ast.Name):
        yield target.id, target
    elif isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from _targets(element)


def _nested(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Yield what stands in an if, try, with or loop: it too binds the module's names."""
    if isinstance(statement, ast.ClassDef):
        return
    for name in ("body", "orelse", "finalbody"):
        yield from getattr(statement, name, ())
    for branch in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield from branch.body


def _typed(bound: dict[str, ast.AST]) -> Iterator[str]:
    """Yield the functions that `pycape.function` decorates, whatever it is called here."""
    decorators = set()
    for statement in bound.values():
        if isinstance(statement, ast.Import):
            decorators |= {
                f"{alias.asname or alias.name}.function"
                for alias in statement.names
                if alias.name == "pycape"
            }
        elif isinstance(statement, ast.ImportFrom) and statement.module == "pycape":
            decorators |= {
                alias.asname or alias.name for alias in statement.names if alias.name == "function"
            }
    for name, definition in bound.items():
        if isinstance(definition, _Function) and any(
            ast.unparse(each.func if isinstance(each, ast.Call) else each) in decorators
            for each in definition.decorator_list
        ):
            yield name


def _takes_input(definition: _Function) -> bool:
    """Whether it can be called with one argument; what decorators make of it is unknown."""
    arguments = definition.args
    return bool(
        definition.decorator_list or arguments.posonlyargs or arguments.args or arguments.vararg
    )


def _several(file: File, module: str, names: Sequence[str]) -> HandlerMissing:
    return HandlerMissing(
        f"{file.name} defines no {DEFAULT_NAME}, and several typed functions: {', '.join(names)}",
        hint=f'choose one in cape.toml: handler = "{module}:{names[0]}"',
    )


def _not_defined(file: File, name: str, bound: dict[str, ast.AST]) -> HandlerMissing:
    functions = [each for each, definition in bound.items() if isinstance(definition, _Function)]
    close = nearest(name, functions) or next(iter(functions), None)
    return HandlerMissing(
        f"{file.name} does not define {name}",
        hint=f"it defines {close}: rename that" if close else None,
    )


def _distributed(files: Sequence[File]) -> Iterator[str]:
    """Yield the names that the distributions in the folder list as their own."""
    for file in files:
        if file.name.endswith(".dist-info/RECORD"):
            text = file.path.read_text(encoding="utf-8", errors="replace")
            for row in csv.reader(text.splitlines()):
                if row:
                    yield row[0]
