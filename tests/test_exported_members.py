"""What is public is in a sorted `__all__`, and says what it is."""

import ast
import difflib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pycape
from pycape import (
    attestation,
    envelope,
    errors,
    images,
    insecure,
    keys,
    packaging,
    policy,
    receipts,
    serde,
    testing,
    tokens,
    transports,
)
from pycape.experimental import cli

MODULES = [
    pycape,
    attestation,
    cli,
    envelope,
    errors,
    images,
    insecure,
    keys,
    packaging,
    policy,
    receipts,
    serde,
    testing,
    tokens,
    transports,
]

ACCEPTED = Path(__file__).with_name("public_surface.txt")

STUB = ast.parse((Path(pycape.__file__).parent / "_core.pyi").read_text("utf-8"))
STUB_CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}

# Nobody makes one: others give it, or a class of one's own is like it.
GIVEN = {
    "AsyncConnection",
    "AsyncFunctionContext",
    "AsyncFunctionContextManager",
    "AsyncOutputStream",
    "AsyncRemoteFunction",
    "AsyncTransport",
    "AsyncValueStream",
    "BuiltImage",
    "Bundle",
    "Connection",
    "Difference",
    "Entry",
    "ExtraFile",
    "FunctionContext",
    "FunctionContextManager",
    "FunctionDecorator",
    "FunctionSettings",
    "HttpRequest",
    "HttpResponse",
    "Image",
    "IssuedToken",
    "KeyRecord",
    "Lock",
    "LockedPackage",
    "OutputStream",
    "Packages",
    "Part",
    "Platform",
    "Progress",
    "Reader",
    "Recipe",
    "RemoteFunction",
    "Result",
    "Section",
    "SerdeHookBundle",
    "Sizes",
    "Sources",
    "Timing",
    "Transport",
    "TypedFunction",
    "ValueStream",
    "Writer",
}

# These raise nothing of their own.
SILENT = {
    "ChainCache",
    "any_code",
    "close",
    "read",
    "readable",
    "seekable",
    "table",
    "to_dict",
    "unbundle",
    "write",
}


def members():
    """Yield each public thing by its full name, methods and properties with it."""
    for module in MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            if not callable(value) or value.__module__.startswith("pycape.errors"):
                continue
            yield f"{module.__name__}.{name}", value
            if inspect.isclass(value) and name not in STUB_CLASSES:
                yield from methods(f"{module.__name__}.{name}", value)


def methods(prefix, kind):
    for name, value in public_members(kind).items():
        if callable(value) or isinstance(value, (classmethod, property)):
            yield f"{prefix}.{name}", value


def public_members(kind):
    """Return what a class has by a public name, from those of its bases too that have none."""
    private = [base for base in kind.__mro__[1:] if is_private(base)]
    merged = {n: value for base in (*reversed(private), kind) for n, value in vars(base).items()}
    return {name: merged[name] for name in sorted(merged) if not name.startswith("_")}


def is_private(base):
    named = any(getattr(module, base.__name__, None) is base for module in MODULES)
    return base.__module__.startswith("pycape.") and not named


MEMBERS = dict(members())


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_all_is_sorted_and_there(module):
    assert module.__doc__
    assert module.__all__ == sorted(module.__all__, key=lambda name: (not name.isupper(), name))
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name)


@pytest.mark.parametrize("name", MEMBERS)
def test_it_says_what_it_is(name):
    documentation = inspect.getdoc(MEMBERS[name])
    assert documentation
    assert documentation.partition("\n\n")[0].endswith(".")


@pytest.mark.parametrize(
    "name", [name for name, value in MEMBERS.items() if not isinstance(value, property)]
)
def test_it_says_what_it_raises(name):
    if name.rpartition(".")[2] not in SILENT | GIVEN | STUB_CLASSES.keys():
        assert "Raises" in inspect.getdoc(MEMBERS[name])


@pytest.mark.parametrize("name", STUB_CLASSES)
def test_the_stub_of_the_core_says_what_a_class_is(name):
    assert ast.get_docstring(STUB_CLASSES[name])


@pytest.mark.parametrize(
    "name", sorted(STUB_CLASSES.keys() & {n for m in MODULES for n in m.__all__})
)
def test_the_stub_of_the_core_says_what_its_public_methods_do(name):
    for method in STUB_CLASSES[name].body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
            properties = [each for each in method.decorator_list if each.id == "property"]
            assert properties or ast.get_docstring(method), method.name


def test_nothing_else_can_be_imported_by_its_public_name():
    assert set(pycape.__all__) <= set(dir(pycape))
    assert not hasattr(pycape, "nothing")


def test_import_pycape_loads_nothing_heavy():
    code = "import pycape, sys; print(*(name for name in sys.modules if 'pycape' in name))"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert loaded == ["pycape"]


def test_the_client_loads_the_network_when_it_is_made():
    code = (
        "from pycape import Cape, FunctionRef, Token; import sys;"
        "print(*sys.modules.keys() & {'asyncio', 'httpx', 'websockets'});"
        "Cape();"
        "print('httpx' in sys.modules)"
    )
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()
    assert loaded == ["", "True"]


def surface():
    """Yield what a user can name, a line each: modules, members and their signatures."""
    for module in MODULES:
        yield f"{module.__name__}"
        for name in module.__all__:
            value = getattr(module, name)
            yield f"  {described(name, value)}"
            if inspect.isclass(value) and name not in STUB_CLASSES:
                for base in value.__bases__:
                    yield f"    is a {base.__name__}"
                for member, inner in public_members(value).items():
                    yield f"    {described(member, inner)}"
    yield "pycape._core"
    for node in STUB.body:
        if isinstance(node, ast.FunctionDef):
            yield f"  {declared(node)}"
        if isinstance(node, ast.ClassDef):
            yield f"  class {node.name}"
            yield from (f"    {declared(each)}" for each in node.body if not is_docstring(each))


def described(name, value):
    if isinstance(value, property):
        return f"{name}: property"
    if inspect.isclass(value) or callable(value):
        kind = "class " if inspect.isclass(value) else ""
        try:
            # A function shows its address, which is another in each run.
            signature = re.sub(r"<function (\w+) at 0x\w+>", r"\1", str(inspect.signature(value)))
            return f"{kind}{name}{signature}"
        except ValueError:
            return f"{kind}{name}"
    return f"{name}: {type(value).__name__}"


def declared(node):
    """Return a declaration of the stub without its documentation, in one line."""
    if isinstance(node, ast.FunctionDef):
        bare = ast.FunctionDef(
            node.name, node.args, [ast.Pass()], node.decorator_list, node.returns
        )
        text = ast.unparse(ast.fix_missing_locations(bare)).removesuffix("pass").strip()
        return " ".join(text.split()).removesuffix(":")
    return ast.unparse(node)


def is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_the_public_surface_is_the_one_that_was_accepted():
    """A change of it is a change for somebody: `ACCEPT=1 pytest` with this file accepts it."""
    found = [*surface(), ""]
    if "ACCEPT" in os.environ:
        ACCEPTED.write_text("\n".join(found), "utf-8")
    accepted = ACCEPTED.read_text("utf-8").split("\n")
    changes = list(difflib.unified_diff(accepted, found, "accepted", "found", n=0, lineterm=""))
    assert not changes, "\n".join(["ACCEPT=1 accepts these changes:", *changes])
