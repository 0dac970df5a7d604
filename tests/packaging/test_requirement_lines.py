"""A line of the requirements that cannot be followed: where it is, what is wrong, what helps."""

import pytest

from pycape.errors import ConfigError, PackagingError


def refused(function, bundle, text):
    """Return the error; passwords are nowhere in it."""
    content = text if isinstance(text, bytes) else text.encode()
    (function / "requirements.txt").write_bytes(content)
    with pytest.raises(PackagingError) as caught:
        bundle(function)
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.details}"
    return caught.value


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("line", "wrong", "hint"),
    [
        ("numpy=2.0", "compares versions by =", "by =="),
        ("numpy=>2", "compares versions by =>", "by =="),
        ("numpy==", "cannot be read: unexpected end of version", "numpy>=1.26,<3"),
        ("numpy>=1 <2", "has <2 after a version", "commas"),
        ("numpy 2.0", "is no name with versions", "numpy>=1.26,<3"),
        ("import numpy", "is no name with versions", "one package"),
        ("numpy[extra", "has extras that cannot be read", "brackets"),
        ("!numpy", "does not begin with the name of a package", "one package"),
        ("<html>", "does not begin with the name of a package", "one package"),
        ('numpy ; python_version >> "3"', "has a condition that cannot be read", "python_version"),
        ('numpy ; pyhton == "3"', "has a condition that cannot be read", "python_version"),
        ("--trusted-hots x", "is no option that is known", "--find-links"),
        ("-rmore.txt", "is no option that is known", "-r, -c"),
        ("numpy --upgrade", "has something else than --hash", "--hash"),
        ("--index-url", "is not one option and its value", "--index-url https://"),
        ("--find-links nowhere", "names neither an address nor a folder", "https://"),
        ("--index-url https://me:hunter2@:x/", "has no sound address", "https://HOST/simple"),
        ("--index-url https://me:hunter2@h/ -e x", "is not one option and its value", "one option"),
        ("-r missing.txt", "includes a file that is not there", "counts from requirements.txt"),
        ("-r https://me:hunter2@h/more.txt", "includes what is not a plain path", "path of a file"),
        ("-r ${HOME}/more.txt", "includes what is not a plain path", "variables"),
        ("git+https://me:hunter2@h/x.git", "is a repository", "uv build --wheel"),
        ("mine @ git+ssh://h/x", "is a repository", "uv build --wheel"),
        ("./mine-1.0-py3-none-any.whl", "names what is not there", "from the function's folder"),
        ("mine @ ./mine", "names what is not there", "from the function's folder"),
        ("./mine.whl", "is no name of a wheel: must have a version", "built with"),
        ("./notes.txt", "names a file that is no package", "-r FILE"),
    ],
)
def test_a_line_that_cannot_be_followed(function, bundle, line, wrong, hint):
    """Offsets of uv are in bytes: other lines and letters before do not move it."""
    error = refused(function, bundle, f"# été €\r\n\n{line}\nhelper\n")
    shown = line.replace("me:hunter2@", "")
    assert str(error).startswith(f"requirements.txt, line 3: {shown!r} {wrong}")
    assert hint in error.hint


@pytest.mark.usefixtures("index")
def test_a_bad_line_of_an_included_file(function, bundle):
    (function / "more").mkdir()
    (function / "more" / "base.txt").write_text("helper\n\n  numpy=2\n")
    error = refused(function, bundle, "-r more/base.txt\n")
    assert str(error) == "more/base.txt, line 3: 'numpy=2' compares versions by ="


def test_a_package_or_a_version_that_no_index_has(function, bundle, index):
    index.wheel("helper", "1.0")
    index.wheel("helper", "1.1")
    error = refused(function, bundle, f"{index.options}nobody_has.this\n")
    assert str(error) == "requirements.txt, line 3: the package index has no nobody-has-this"
    for versions in ("==99.0", ">=99"):
        error = refused(function, bundle, f"{index.options}Helper{versions}\n")
        assert str(error) == (
            f"requirements.txt, line 3: the package index has no helper{versions};"
            " these versions have a wheel: 1.1, 1.0"
        )
        assert error.hint == "require helper==1.1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("helper\n".encode("utf-16"), "requirements.txt is not UTF-8"),
        ("helper\n".encode("utf-16-le"), "requirements.txt, line 1: there is a zero byte"),
        (b"helper\n\x0c-r more.txt\n", "requirements.txt, line 2: there is a control character"),
        (b"helper\r-e more\n", "requirements.txt, line 1: there is a control character"),
    ],
)
def test_a_file_that_is_no_plain_text(function, bundle, content, said):
    error = refused(function, bundle, content)
    assert (str(error), "UTF-8" in error.hint) == (said, True)


def test_a_mark_of_the_byte_order_hides_no_line(function, bundle, index):
    index.wheel("helper", "1.0")
    (function / "requirements.txt").write_text("\ufeff" + index.options + "helper\n", "utf-8")
    assert "helper==1.0" in bundle(function).lock
    error = refused(function, bundle, "\ufeff# x\nnumpy=2\n")
    assert str(error) == "requirements.txt, line 2: 'numpy=2' compares versions by ="


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("project", "wrong", "hint"),
    [
        (
            'version = "1"\ndependencies = ["helper", "numpy=2"]',
            "dependencies: 'numpy=2' compares versions by =",
            "by ==",
        ),
        (
            'version = "1"\ndependencies = ["helper", "./mine.whl"]',
            "dependencies: 'helper, ./mine.whl' cannot be read",
            "requirements.txt",
        ),
        ('version = 1\ndependencies = ["helper"]', "line 3: invalid type: integer", "a version"),
        ('dependencies = ["helper"]', "line 1: `pyproject.toml` is using the", "a version"),
    ],
)
def test_a_project_with_what_is_no_dependency(function, bundle, project, wrong, hint):
    (function / "pyproject.toml").write_text(f'[project]\nname = "x"\n{project}\n')
    with pytest.raises(PackagingError) as caught:
        bundle(function)
    assert str(caught.value).startswith(f"pyproject.toml, {wrong}")
    assert hint in caught.value.hint


def test_a_project_whose_dependencies_are_no_list_of_texts(function, bundle):
    (function / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = [1]\n')
    for settings in ("", 'requirements = "pyproject.toml"\n'):
        (function / "cape.toml").write_text(settings)
        with pytest.raises(ConfigError, match=r"dependencies is \[1\]; allowed: a list of texts"):
            bundle(function)
