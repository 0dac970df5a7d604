import sys

import pytest

from pycape.errors import HandlerMissing, PackagingError


def app(function, source):
    (function / "app.py").write_text(source)
    return function


@pytest.mark.parametrize(
    "source",
    [
        "def cape_handler(input): ...",
        "async def cape_handler(input: bytes) -> bytes: ...",
        "def cape_handler(input, context): ...",
        "def cape_handler(*parts): ...",
        "def cape_handler(input, /): ...",
        "import serdio\n@serdio.lift_io(as_handler=True)\ndef cape_handler(x, y): ...",
        "@decorated\ndef cape_handler(): ...",
        "from model import cape_handler",
        "from model import classify as cape_handler",
        "from model import *",
        "import model.cape_handler as cape_handler",
        "cape_handler = lambda input: input",
        "handler = cape_handler = print",
        "cape_handler: object = print",
        "first, (cape_handler, *rest) = 1, (print, 2)",
        "try:\n    from fast import cape_handler\nexcept ImportError:\n    pass",
        "try:\n    pass\nexcept ImportError:\n    from slow import cape_handler",
        "if True:\n    pass\nelse:\n    def cape_handler(input): ...",
        "with x:\n    def cape_handler(input): ...",
        "for x in y:\n    pass\nelse:\n    cape_handler = x",
        "match x:\n    case 1:\n        cape_handler = x",
        "if x: pass\n" + "elif x: pass\n" * 900 + "else:\n    cape_handler = x",
        "\ufeffdef cape_handler(input): ...",
        "# coding: latin-1\ndef cape_handler(input): ...",
    ],
)
def test_a_handler_is_found(function, bundle, source):
    bundle(app(function, source))


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def handler(input): ...",
        "class Model:\n    def cape_handler(self, input): ...",
        "def outer():\n    def cape_handler(input): ...",
        "class cape_handler: ...",
        "cape_handler: object",
        "x.cape_handler = print",
        "'def cape_handler(input): ...'",
    ],
)
def test_no_handler_is_an_error(function, bundle, source):
    with pytest.raises(HandlerMissing, match=r"app\.py does not define cape_handler"):
        bundle(app(function, source))


def test_a_handler_of_a_similar_name_is_pointed_out(function, bundle):
    with pytest.raises(HandlerMissing) as caught:
        bundle(app(function, "def other(): ...\ndef cape_handle(input): ..."))
    assert caught.value.hint == "it defines cape_handle: rename that"


def test_a_handler_that_takes_nothing_is_an_error(function, bundle):
    with pytest.raises(HandlerMissing, match="line 2, takes no argument"):
        bundle(app(function, "\ndef cape_handler(*, input=b''): ..."))


def test_no_app_py_is_an_error(function, bundle):
    (function / "app.py").rename(function / "main.py")
    with pytest.raises(HandlerMissing, match=r"there is no app\.py in the folder"):
        bundle(function)


def test_an_app_py_that_is_ignored_is_an_error(function, bundle):
    (function / ".capeignore").write_text("*.py\n")
    with pytest.raises(HandlerMissing):
        bundle(function)


def test_the_handler_may_have_another_name_and_module(function, bundle):
    (function / "models").mkdir()
    (function / "models" / "best.py").write_text("def classify(input): ...")
    (function / "cape.toml").write_text('handler = "models.best:classify"')
    assert bundle(function).handler == "models.best:classify"


def test_the_module_may_be_a_package(function, bundle):
    (function / "app.py").unlink()
    (function / "app").mkdir()
    (function / "app" / "__init__.py").write_text("def cape_handler(input): ...")
    bundle(function)


def test_nothing_is_executed(function, bundle):
    bundle(app(function, "raise SystemExit('ran')\ndef cape_handler(input): ..."))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"def cape_handler(input)\n    pass\n", r"app\.py, line 1: expected ':'"),
        (b"\n\nx = = 1\n", r"app\.py, line 3: invalid syntax"),
        (b"x = '\xff'\n", r"app\.py, line 1: .*utf-8"),
        (b"x = 1\0\n", r"app\.py, line 1: .*null bytes"),
        (b"x = " + b"(" * 5000, r"app\.py, line 1: "),
    ],
)
def test_a_source_that_does_not_parse_is_an_error(function, bundle, source, message):
    (function / "app.py").write_bytes(source)
    with pytest.raises(PackagingError, match=message):
        bundle(function)


def test_every_source_of_the_function_is_parsed(function, bundle):
    (function / "lib").mkdir()
    (function / "lib" / "broken.py").write_text("def\n")
    with pytest.raises(PackagingError, match=r"lib/broken\.py, line 1"):
        bundle(function)


def test_sources_of_distributions_in_the_folder_are_left_to_them(function, bundle):
    (function / "old").mkdir()
    (function / "old" / "python2.py").write_text("print 'hello'\n")
    (function / "old-1.0.dist-info").mkdir()
    (function / "old-1.0.dist-info" / "RECORD").write_text("old/python2.py,sha256=x,14\n")
    bundle(function)


def test_syntax_that_the_target_does_not_have_is_an_error(function, bundle):
    source = "def cape_handler(input): ...\ntry: pass\nexcept* ValueError: pass\n"
    bundle(app(function, source), python="3.11")
    with pytest.raises(PackagingError, match=r"line \d: .*\(as Python 3\.10\)") as caught:
        bundle(app(function, source), python="3.10")
    assert "Python 3.10 has to read every module" in caught.value.hint


def test_syntax_of_a_later_python_than_this_one_is_not_judged(function, bundle):
    later = f"3.{sys.version_info.minor + 1}"
    bundle(app(function, "something new\n"), python=later)
    with pytest.raises(HandlerMissing):
        bundle(app(function, "x = 1\n"), python=later)
