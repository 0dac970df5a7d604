"""A class that a public signature names is public itself: who is given one can look it up."""

import re

import griffe
import pytest
from pages import ROOT
from test_exported_members import GIVEN, MODULES


@pytest.fixture(scope="module")
def package():
    return griffe.load("pycape", search_paths=["python"], allow_inspection=False)


def target(package, path):
    """Return what a path leads to, behind imports; None for what is not the package's."""
    parent, _, name = path.removeprefix("pycape.").rpartition(".")
    if not path.startswith("pycape.") or (parent and name not in package[parent].members):
        return None  # `P.args` is nobody's either
    found = package[path.removeprefix("pycape.")]
    return found.final_target if found.is_alias else found


def public(package):
    """Yield each public name with what it stands for."""
    for module in MODULES:
        for name in module.__all__:
            path = f"{module.__name__}.{name}"
            yield path, target(package, path)


def annotations(thing):
    """Yield each annotation of a function, of what a class shows, or of a value."""
    if thing.is_function:
        for each in (thing, *(thing.overloads or ())):
            yield from (given.annotation for given in each.parameters if given.name != "self")
            yield each.returns
    elif thing.is_class:
        shown = {**thing.inherited_members, **thing.members}
        for name, member in shown.items():
            made = name == "__init__" and thing.name not in GIVEN
            if made or not name.startswith("_"):
                yield from annotations(member.final_target if member.is_alias else member)
        for overload in thing.overloads.get("__call__", ()):
            yield overload.returns
    else:
        yield thing.annotation


def named(annotation):
    """Yield the full name of each name in an annotation."""
    if isinstance(annotation, griffe.ExprName):
        yield annotation.canonical_path
    elif isinstance(annotation, griffe.Expr):
        for each in annotation.iterate(flat=False):
            yield from named(each)


def test_every_class_in_a_public_signature_is_public(package):
    things = dict(public(package))
    known = {thing.path for thing in things.values()}
    missing = {}
    for path, thing in things.items():
        for annotation in annotations(thing):
            for name in named(annotation):
                found = target(package, name)
                if found is not None and found.is_class and found.path not in known:
                    missing.setdefault(found.path, path)
    assert len(known) > 100
    assert missing == {}


def test_every_short_name_in_a_public_signature_is_explained(package):
    page = (ROOT / "docs" / "reference" / "api" / "pycape.md").read_text("utf-8")
    explained = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    short = {
        found.name
        for _, thing in public(package)
        for annotation in annotations(thing)
        for name in named(annotation)
        if (found := target(package, name)) is not None and found.is_attribute
        if not str(found.value).startswith(("TypeVar", "ParamSpec"))
    }
    assert short == explained
