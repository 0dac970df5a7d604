"""References, spelled as pycape 3.1.1 spelled them."""

import inspect
import json

import pytest

from pycape import FunctionRef, _core, errors
from pycape._functions import to_function_ref

CHECKSUM = "ab" * 32
ID = _core.function_id(CHECKSUM)
ACCOUNT = _core.Account.generate().id


def test_the_order_of_the_constructor():
    assert list(inspect.signature(FunctionRef).parameters)[:3] == ["id", "name", "checksum"]
    ref = FunctionRef(ID, "user/function", CHECKSUM, account=ACCOUNT)
    assert (ref.id, ref.name, ref.user, ref.full_name) == (ID, "function", "user", "user/function")
    assert (ref.checksum, ref.account) == (CHECKSUM, ACCOUNT)


@pytest.mark.parametrize(
    ("ref", "fields"),
    [
        (
            FunctionRef(ID, "user/function", CHECKSUM),
            {"function_id": ID, "function_name": "user/function", "function_checksum": CHECKSUM},
        ),
        (
            FunctionRef(name="user/function", checksum=CHECKSUM),
            {"function_name": "user/function", "function_checksum": CHECKSUM},
        ),
        (FunctionRef(id=ID, checksum=CHECKSUM), {"function_id": ID, "function_checksum": CHECKSUM}),
        (FunctionRef(ID, account=ACCOUNT), {"function_id": ID, "account": ACCOUNT}),
    ],
)
def test_json_there_and_back(ref, fields, tmp_path):
    text = ref.to_json()
    assert json.loads(text) == fields
    path = tmp_path / "function.json"
    assert ref.to_json(path) is None
    for source in (text, path, str(path)):
        read = FunctionRef.from_json(source)
        assert (read, read.account) == (ref, ref.account)
    assert hash(read) == hash(ref)


def test_json_of_the_first_system_with_a_token_in_it():
    assert FunctionRef.from_json(json.dumps({"function_id": ID, "function_token": "x"})).id == ID


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "5", "null", "{}", "[" * 100_000, "x" * 5000, "\0"),
        *('{"function_id": 5}', '{"function_id": ""}', '{"function_id": null}'),
        *('{"function_name": "no-user"}', '{"function_checksum": "ab"}'),
        json.dumps({"function_id": ID, "function_checksum": "cd" * 32}),
    ],
    ids=lambda text: text[:24],
)
def test_text_that_is_no_reference(text):
    with pytest.raises(ValueError, match="names no file here, is not the JSON of a function"):
        FunctionRef.from_json(text)


def test_files_that_are_no_reference(tmp_path):
    for absent in (tmp_path / "absent", str(tmp_path / "absent.json")):
        with pytest.raises(errors.ConfigError, match=f"there is no file {absent}") as missing:
            FunctionRef.from_json(absent)
        assert missing.value.hint == f"it was looked for in {tmp_path}"
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="is not the JSON of a function: it is not text in UTF-8"):
        FunctionRef.from_json(tmp_path / "binary")
    with pytest.raises(errors.ConfigError, match="cannot be written"):
        FunctionRef(ID).to_json(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, ValueError),
        ({"checksum": CHECKSUM}, ValueError),
        ({"id": 5}, TypeError),
        ({"id": ID, "name": b"a/b"}, TypeError),
        ({"id": ID, "checksum": 5}, TypeError),
        ({"id": ID, "account": 5}, TypeError),
        ({"id": ""}, ValueError),
        ({"id": "0OIl" * 7}, ValueError),
        ({"id": "../../x"}, ValueError),
        ({"name": "bar"}, ValueError),
        ({"name": "/bar"}, ValueError),
        ({"name": "foo/"}, ValueError),
        ({"name": "a/b/c"}, ValueError),
        ({"id": ID, "checksum": "AB" * 32}, ValueError),
        ({"id": ID, "checksum": "ab" * 31}, ValueError),
        ({"id": ID, "checksum": "cd" * 32}, errors.ChecksumMismatch),
    ],
)
def test_what_names_no_function(arguments, error):
    with pytest.raises(error):
        FunctionRef(**arguments)


def test_what_a_function_is_named_by(tmp_path):
    ref = FunctionRef(ID, "user/function")
    ref.to_json(tmp_path / "function.json")
    assert to_function_ref(ID) == FunctionRef(ID)
    assert to_function_ref("user/function") == FunctionRef(name="user/function")
    assert to_function_ref(ref) is ref
    for path in (tmp_path / "function.json", str(tmp_path / "function.json")):
        assert to_function_ref(path) == ref


def test_a_checksum_is_added_or_has_to_agree():
    assert to_function_ref(ID, CHECKSUM).checksum == CHECKSUM
    added = to_function_ref(FunctionRef(ID, account=ACCOUNT), CHECKSUM)
    assert (added.checksum, added.account) == (CHECKSUM, ACCOUNT)
    pinned = FunctionRef(ID, checksum=CHECKSUM)
    assert to_function_ref(pinned, CHECKSUM) is pinned
    with pytest.raises(errors.ChecksumMismatch, match="contradicts"):
        to_function_ref(pinned, "cd" * 32)
    with pytest.raises(errors.ChecksumMismatch, match="does not have"):
        to_function_ref(ID, "cd" * 32)


@pytest.mark.parametrize("identifier", ["", "x", "no id", "0" * 27, "x" * 5000, "\0", "ü"])
def test_text_that_names_no_function(identifier):
    with pytest.raises(ValueError, match="no function's id, no user/name, and no file"):
        to_function_ref(identifier)


@pytest.mark.parametrize("identifier", [None, 5, b"x", [ID]])
def test_what_could_never_name_a_function(identifier):
    with pytest.raises(TypeError, match="a function is named by"):
        to_function_ref(identifier)


def test_a_reference_shows_what_it_has():
    assert repr(FunctionRef(name="user/function")) == "FunctionRef(name='user/function')"
    assert FunctionRef(ID) != ID
