import dataclasses
import json
import re
from pathlib import Path

import pytest

from pycape.errors import ConfigError
from pycape.packaging import FunctionSettings, load_settings

EVERYTHING = """
name = "classify"
handler = "app:cape_handler"
python = "3.11"
isolation = "call"
memory_mib = 1024
timeout_s = 5
min_epoch = 2
revocation_max_age_s = 600
requirements = "enclave.txt"
slim = false
build_sdists = true

[env]
OMP_NUM_THREADS = "2"
A = ""
"""

EXPECTED = FunctionSettings(
    name="classify",
    python="3.11",
    isolation="call",
    memory_mib=1024,
    timeout_s=5,
    min_epoch=2,
    revocation_max_age_s=600,
    env={"A": "", "OMP_NUM_THREADS": "2"},
    requirements="enclave.txt",
    slim=False,
    build_sdists=True,
)


def test_without_a_file_there_are_defaults(tmp_path):
    assert load_settings(tmp_path) == FunctionSettings()


def test_all_settings_of_cape_toml(tmp_path):
    (tmp_path / "cape.toml").write_text(EVERYTHING)
    assert load_settings(tmp_path) == EXPECTED


def test_all_settings_of_a_project(tmp_path):
    text = EVERYTHING.replace("[env]", "[tool.cape.env]")
    (tmp_path / "pyproject.toml").write_text(f"[tool.cape]\n{text}")
    assert load_settings(tmp_path) == EXPECTED


@pytest.mark.parametrize(
    "text", ["", "[project]\nname = 'x'\n", "tool = 3\n", "[tool]\ncape = 3\n"]
)
def test_a_project_without_settings_has_the_defaults(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    assert load_settings(tmp_path) == FunctionSettings()


def test_every_setting_has_a_test_here():
    for field in dataclasses.fields(FunctionSettings):
        assert f"{field.name} = " in EVERYTHING or field.name == "env"


def test_settings_in_two_places_are_refused(tmp_path):
    (tmp_path / "cape.toml").write_text("")
    (tmp_path / "pyproject.toml").write_text("[tool.cape]\n")
    with pytest.raises(ConfigError, match=r"cape\.toml and \[tool\.cape\] in pyproject\.toml both"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('name = "No Capitals"', "1 to 64 lower-case letters, digits, - and _"),
        (f'name = "{"a" * 65}"', "1 to 64"),
        ("name = 3", "1 to 64"),
        ('handler = "app.cape_handler"', 'like "app:cape_handler"'),
        ('handler = "../app:f"', 'like "app:cape_handler"'),
        ('handler = "\u00e9:f"', 'like "app:cape_handler"'),
        (f'handler = "app:{"f" * 125}"', "at most 128 characters"),
        ("python = 3.11", 'a version like "3.11"'),
        ('python = ">=3.11"', 'a version like "3.11"'),
        ('python = "3.08"', 'a version like "3.11"'),
        ('isolation = "none"', '"session" or "call" or "function"'),
        ("isolation = true", '"session" or "call" or "function"'),
        ("memory_mib = 0", "a whole number from 1 to 1,048,576"),
        ("memory_mib = 512.0", "a whole number"),
        ('memory_mib = "512"', "a whole number"),
        ("memory_mib = true", "a whole number"),
        ("timeout_s = 0", "a whole number from 1 to 86,400"),
        ("timeout_s = inf", "a whole number"),
        ("min_epoch = -1", "a whole number from 0 to 4,294,967,280"),
        ("revocation_max_age_s = 0", "a whole number from 1 to 7,776,000"),
        ("env = []", "a table of at most 64 texts"),
        ("env = {" + ", ".join(f"A{n} = ''" for n in range(65)) + "}", "at most 64 texts"),
        (f'env = {{A = "{"x" * 16384}"}}', "16 KiB in all"),
        ("env = {A = 1}", "a table of at most 64 texts"),
        ('env = {"A B" = "x"}', "names of letters, digits and _"),
        ('env = {A = "\\u0000"}', "a table of at most 64 texts"),
        ("requirements = true", "the name of a file in the folder"),
        ('requirements = "/etc/passwd"', "the name of a file in the folder"),
        ('requirements = "../up.txt"', "the name of a file in the folder"),
        ('requirements = ""', "the name of a file in the folder"),
        ("slim = 1", "true or false"),
        ('build_sdists = "yes"', "true or false"),
    ],
)
def test_an_error_names_file_key_and_what_is_allowed(tmp_path, line, message):
    (tmp_path / "cape.toml").write_text(line)
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path)
    assert str(caught.value).startswith(f"cape.toml: {line.partition(' ')[0]} is ")
    assert message in str(caught.value).partition("allowed: ")[2]


def test_an_error_in_a_project_names_the_table(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.cape]\nslim = 1\n")
    with pytest.raises(ConfigError, match=r"^pyproject\.toml, \[tool\.cape\]: slim is 1"):
        load_settings(tmp_path)


def test_an_unknown_key_is_refused_with_the_nearest(tmp_path):
    (tmp_path / "cape.toml").write_text("memroy_mib = 512")
    with pytest.raises(
        ConfigError, match=r"cape\.toml: there is no setting 'memroy_mib'"
    ) as caught:
        load_settings(tmp_path)
    assert caught.value.hint == "did you mean memory_mib?"


@pytest.mark.parametrize("content", [b"name =", b"\xff", b"a = 1\na = 2", b"a = " + b"[" * 5000])
def test_what_is_not_toml_is_refused(tmp_path, content):
    (tmp_path / "cape.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"cape\.toml is not TOML"):
        load_settings(tmp_path)


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FunctionSettings().memory_mib = 1


def test_another_python_than_the_enclave_has_is_refused(function, bundle):
    (function / "cape.toml").write_text('python = "3.12"')
    with pytest.raises(ConfigError, match=r"wants Python 3\.12; the enclave has 3\.11"):
        bundle(function)
    assert bundle(function, python="3.12").python == "3.12"


def test_settings_come_with_the_bundle(function, bundle):
    (function / "cape.toml").write_text("timeout_s = 7")
    made = bundle(function)
    assert made.settings.timeout_s == 7
    assert made.handler == "app:cape_handler"


def test_the_guide_has_every_setting_with_its_default():
    guide = (Path(__file__).parents[2] / "docs/guide/deploy.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", guide, re.MULTILINE)
    assert [name for name, _ in rows] == [
        each.name for each in dataclasses.fields(FunctionSettings)
    ]
    for name, default in rows:
        value = getattr(FunctionSettings(), name)
        if value not in (None, {}):
            assert default == f"`{json.dumps(value)}`", name
