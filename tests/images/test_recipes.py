"""`image.toml` is read strictly: a mistake is told with its line, and what was probably meant."""

import pytest

from pycape import images
from pycape.errors import ConfigError

from . import made

WHOLE = """
name = "tested"
version = "1.0"
architecture = "x86_64"
memory_mib = 512
cpus = 4

[kernel]
file = "bzImage"
command_line = "console=ttyS0"

[runtime]
file = "/opt/runtime"
settings = "../settings.toml"
insecure_vault_key = "vault.key"

[packages]
lock = "packages.lock"
wanted = ["libc6"]
without = ["dpkg"]
exclude = ["usr/share/doc/"]

[metadata]
source = "main"

[[file]]
path = "etc/passwd"
text = "root"

[[file]]
path = "etc/other"
source = "other"
mode = "0600"
"""


def read(folder, text):
    (folder / "image.toml").write_text(text)
    return images.read_recipe(folder / "image.toml")


def test_a_recipe_with_everything(tmp_path):
    recipe = read(tmp_path, WHOLE)
    assert (recipe.name, recipe.version, recipe.memory_mib, recipe.cpus) == (
        *("tested", "1.0"),
        *(512, 4),
    )
    assert recipe.kernel == tmp_path / "bzImage"
    assert str(recipe.runtime) == "/opt/runtime"
    assert recipe.settings == tmp_path / ".." / "settings.toml"
    assert recipe.insecure_vault_key == tmp_path / "vault.key"
    assert recipe.command_line == "console=ttyS0"
    assert recipe.packages.wanted == ("libc6",)
    assert recipe.packages.exclude == ("usr/share/doc/",)
    assert recipe.metadata == {"source": "main"}
    assert [(each.path, each.mode) for each in recipe.files] == [
        ("etc/passwd", None),
        ("etc/other", 0o600),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "error", "hint"),
    [
        ("memory_mib =", "memory_mb =", 5, "no key 'memory_mb'", "did you mean memory_mib?"),
        ("settings =", "setings =", 14, "no key 'setings' in runtime", "did you mean settings?"),
        ('text = "root"', 'content = "root"', 28, "no key 'content' in file", None),
        ('mode = "0600"', 'mod = "0600"', 33, "no key 'mod' in file", "did you mean mode?"),
        ("[metadata]", "[metadatas]", 23, "no key 'metadatas'", "did you mean metadata?"),
        ('name = "tested"', 'name = "a/b"', 2, "name is 'a/b'; allowed: 1 to 64", None),
        ("memory_mib = 512", "memory_mib = 1", 5, "from 64 to 16,777,216", None),
        ("memory_mib = 512", "memory_mib = 512.0", 5, "memory_mib is 512.0", None),
        ("cpus = 4", "cpus = true", 6, "cpus is True", None),
        ('"x86_64"', '"riscv64"', 4, '"x86_64" or "aarch64"', None),
        ("etc/passwd", "a" * 256, 27, "of at most 255 bytes", None),
        ("etc/passwd", "é" * 128, 27, "of at most 255 bytes", None),
        ("etc/passwd", "é/" * 1334 + "a", 27, "of at most 4,000 bytes", None),
        ("etc/passwd", "é" * 127, None, None, None),
        ('mode = "0600"', "mode = 384", 33, "octal digits", None),
        ('mode = "0600"', 'mode = "4755"', 33, "octal digits", None),
        ('path = "etc/other"', 'path = "/etc/other"', 31, "a path from the root", None),
        ('path = "etc/other"', 'path = "etc/../other"', 31, "a path from the root", None),
        ('path = "etc/other"', 'path = "etc//other"', 31, "a path from the root", None),
        ('["libc6"]', '["libc6", "-o"]', 19, "names of Debian's packages", None),
        ('["libc6"]', '"libc6"', 19, "names of Debian's packages", None),
        ('["usr/share/doc/"]', '["[a"]', None, None, None),
        ('lock = "packages.lock"\n', "", 17, "lock is missing in packages", None),
        ('name = "tested"\n', "", None, "name is missing", None),
        ('source = "other"', 'source = "other"\nlink = "x"', 31, "has source and link", None),
        ('source = "other"\n', "", 31, "etc/other has no content", None),
        ('source = "other"', 'link = "x"', 33, "the link etc/other has a mode", None),
        ('source = "main"', "source = 2020-01-01", None, "a table that JSON has", None),
        ('source = "main"', f'source = "{"x" * 70_000}"', None, "at most 64 KiB", None),
        ('source = "main"', "source = inf", None, "a table that JSON has", None),
        ('source = "main"', "source = nan", None, "a table that JSON has", None),
        ('command_line = "console', 'command_line = "a\\nconsole', 10, "one line", None),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, old, new, line, error, hint):
    assert old in WHOLE
    if error is None:
        read(tmp_path, WHOLE.replace(old, new))
        return
    with pytest.raises(ConfigError, match=error) as refused:
        read(tmp_path, WHOLE.replace(old, new))
    assert refused.value.hint == (hint or refused.value.hint)
    if line is not None:
        assert f"image.toml, line {line}: " in str(refused.value)


@pytest.mark.parametrize(
    "text", ["name = ", "a = 1\na = 2", "[[file]]\n[file]", "x = " + "[" * 999]
)
def test_what_is_no_toml_is_told(tmp_path, text):
    with pytest.raises(ConfigError, match=r"is not TOML|is missing|no key"):
        read(tmp_path, text)


@pytest.mark.parametrize("key", ["cpus", "metadata.a", "kernel.file", "nothing", "packages.wanted"])
def test_a_value_that_is_nested_deeply(tmp_path, key):
    deep = ".a" * 5000
    table, _, name = key.rpartition(".")
    head = f"[{table}]\n" if table else ""
    with pytest.raises(ConfigError):
        read(tmp_path, f"{made.RECIPE}{head}{name}{deep} = 1\n")


def test_tables_that_are_none(tmp_path):
    for key in ("kernel", "runtime", "packages", "metadata", "file"):
        with pytest.raises(ConfigError, match=f"{key} is"):
            read(tmp_path, f"{made.RECIPE}{key} = 1\n")
    with pytest.raises(ConfigError, match="file is no table"):
        read(tmp_path, f"{made.RECIPE}file = [1]\n")


def test_there_has_to_be_a_file(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no image\.toml"):
        images.read_recipe(tmp_path / "image.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        images.read_recipe(tmp_path)
