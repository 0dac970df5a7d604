import copy
import inspect
import pickle
import re
from pathlib import Path

import click
import pytest

from pycape import errors
from pycape.cli._main import cape

CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, errors.CapeError)
]

FACTS = {
    errors.PcrMismatch: {"index": 0, "expected": "aa" * 48, "actual": "bb" * 48},
    errors.TimeoutExpired: {"phase": "attest"},
    errors.TooLarge: {"size": 70, "limit": 64, "status": 413, "request_id": "r1"},
    errors.Overloaded: {"retry_after": 1.5},
    errors.TokenExpired: {"status": 403, "request_id": "r2"},
    errors.FunctionError: {"type": "KeyError", "traceback": "..."},
    errors.FunctionCrashed: {"signal": 9},
    errors.NoWheelForPlatform: {"package": "x", "platform": "x86_64-manylinux_2_28"},
}


def test_every_class_has_a_code_of_its_own():
    codes = [kind.code for kind in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"CAPE-(?:[A-Z]{3}-)?\d{3}", code) for code in codes)


def test_the_docstring_shows_the_tree():
    def tree(kind, depth):
        lines = [f"{'  ' * depth}{'*x+-'[depth]} {kind.__name__}"]
        for child in kind.__subclasses__():
            lines += tree(child, depth + 1)
        return lines

    shown = errors.__doc__.partition("\n\n")[2].partition("\n\n")[0]
    assert shown == "\n".join(tree(errors.CapeError, 0))


def test_all_is_sorted_and_complete():
    assert errors.__all__ == sorted(errors.__all__)
    assert {kind.__name__ for kind in CLASSES} < set(errors.__all__)


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_survives_pickle_and_copy(kind):
    facts = FACTS.get(kind, {})
    error = kind("it broke", hint="mend it", details={"where": "here"}, **facts)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert str(twin).endswith("it broke")
        assert vars(twin) == vars(error)


@pytest.mark.parametrize(("kind", "facts"), FACTS.items())
def test_facts_are_attributes(kind, facts):
    error = kind("it broke", **facts)
    for name, value in facts.items():
        assert getattr(error, name) == value


def test_a_hint_replaces_the_class_hint():
    assert "cape join" in errors.PolicyRequired("no policy").hint
    assert errors.PolicyRequired("no policy", hint="").hint == ""
    assert errors.ConfigError("no setting").hint is None


@pytest.mark.parametrize(
    ("name", "details", "hint"),
    [
        ("ServiceError", {"ran": "no"}, "nothing of the function ran: call again in a moment"),
        ("ServiceError", {"ran": "perhaps"}, "the function may have run: .* newly connected"),
        ("ServiceError", {}, "tell the platform's operator"),
        ("TooLarge", {"what": "input", "limit": "64"}, "annotated `BinaryIO`"),
        ("TooLarge", {"what": "message"}, "send less at once"),
        ("TooLarge", {"what": "bundle"}, "list in .capeignore"),
        ("ReceiptInvalid", {"reason": "function"}, "`cape receipt show FILE`"),
        ("ReceiptInvalid", {"reason": "output"}, "compare the bytes"),
        ("ReceiptInvalid", {"reason": "salt"}, "FILE.salts"),
        ("ReceiptInvalid", {"reason": "signature"}, "as it was handed out"),
        ("FunctionCrashed", {"signal": "9"}, "run out of memory, or its operator ended it"),
        ("FunctionCrashed", {"signal": "11"}, "`--logs`"),
        ("FunctionError", {"type": "KeyError"}, "`cape test FOLDER INPUT` runs it here"),
        ("PackagingError", {}, "in the function's cape.toml or requirements.txt"),
        ("Cancelled", {}, None),
    ],
)
def test_a_hint_that_depends_on_the_facts(name, details, hint):
    given = errors.from_wire(name, "it failed", details).hint
    assert given is None if hint is None else re.search(hint, given)


COMMANDS = sorted(
    {
        command
        for source in Path(errors.__file__).parent.rglob("*.py")
        for command in re.findall(r"`cape ([a-z][^`{]*)", source.read_text("utf-8"))
    }
)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_that_a_text_names_exists(words):
    command = cape
    options = []
    for word in words.split():
        if isinstance(command, click.Group):
            command = command.get_command(click.Context(command), word)
            assert command is not None, word
        elif word.startswith("-"):
            options.append(word)
    known = {spelling for each in command.params for spelling in each.opts}
    assert set(options) <= known


def test_a_function_error_says_whose_exception_it_is_and_its_type():
    error = errors.FunctionError("division by zero", type="ZeroDivisionError", traceback="...")
    for shown in (error, copy.copy(error)):
        assert str(shown) == "the function failed: ZeroDivisionError: division by zero"
        assert repr(shown) == "FunctionError('division by zero', type='ZeroDivisionError')"
        assert (shown.message, shown.__notes__) == ("division by zero", ["\nIn the function: ..."])
    assert str(errors.FunctionError(type="KeyError")) == "the function failed: KeyError"
    stopped = errors.FunctionTimeout("the function took longer than 5 s")
    assert str(stopped) == "the function took longer than 5 s"


@pytest.mark.parametrize("kind", CLASSES)
def test_no_hint_names_a_page_that_a_wheel_does_not_have(kind):
    hints = [value for name, value in vars(kind).items() if name.startswith("_hint")]
    assert not [hint for hint in hints if isinstance(hint, str) and "docs/" in hint]


def test_the_docs_url_is_a_page_of_the_repository():
    assert errors.PcrMismatch("x").docs_url == "docs/errors/CAPE-ATT-007.md"


def test_a_name_from_the_wire_becomes_its_class():
    assert errors.error_class("VaultMismatch") is errors.VaultMismatch


@pytest.mark.parametrize("name", ["", "Exception", "error_class", "InventedLater"])
def test_an_unknown_name_from_the_wire_becomes_cape_error(name):
    assert errors.error_class(name) is errors.CapeError


def test_facts_from_the_wire_are_parsed():
    error = errors.from_wire("PcrMismatch", "PCR0 differs", {"index": "0", "actual": "bb"})
    assert isinstance(error, errors.PcrMismatch)
    assert (error.index, error.expected, error.actual) == (0, None, "bb")
    assert error.details == {"index": "0", "actual": "bb"}


@pytest.mark.parametrize("name", ["Overloaded", "NotFound", "ServiceError", "TooLarge"])
def test_an_enclave_names_the_call_as_its_operators_log_does(name):
    error = errors.from_wire(name, "no", {"request_id": "00ff"})
    assert isinstance(error, errors.ServiceError)
    assert error.request_id == "00ff"


def test_a_fact_that_does_not_parse_stays_in_the_details_only():
    error = errors.from_wire("TooLarge", "too large", {"size": "many", "limit": "64"})
    assert isinstance(error, errors.TooLarge)
    assert (error.size, error.limit) == (None, 64)
    assert error.details["size"] == "many"
