"""Real packages of the index: each set is packed, deployed, and does something in an enclave."""

import textwrap

import pytest

from pycape import errors

pytestmark = pytest.mark.network

# What is required, what the function does, an input, and the output.
SETS = {
    "onnxruntime and numpy": (
        "onnxruntime\nnumpy\n",
        """
        import numpy
        import onnxruntime

        def cape_handler(data):
            assert "CPUExecutionProvider" in onnxruntime.get_available_providers()
            return str(numpy.frombuffer(data, numpy.uint8).sum())
        """,
        b"\1\2",
        b"3",
    ),
    "scikit-learn, with threads": (
        "scikit-learn\n",
        """
        from sklearn.ensemble import RandomForestClassifier

        def cape_handler(data):
            model = RandomForestClassifier(10, n_jobs=2, random_state=0)
            model.fit([[0], [1], [2], [3]], ["a", "a", "b", "b"])
            return model.predict([[3]])[0]
        """,
        b"",
        b"b",
    ),
    "pandas and pyarrow": (
        "pandas\npyarrow\n",
        """
        import io

        import pandas

        def cape_handler(data):
            frame = pandas.read_csv(io.BytesIO(data), engine="pyarrow")
            stored = io.BytesIO()
            frame.to_parquet(stored)
            again = pandas.read_parquet(io.BytesIO(stored.getvalue()))
            return again.groupby("who")["much"].sum().to_json()
        """,
        b"who,much\na,1\nb,2\na,3\n",
        b'{"a":4,"b":2}',
    ),
    "pillow and opencv": (
        "pillow\nopencv-python-headless\n",
        """
        import io

        import cv2
        import numpy
        from PIL import Image

        def cape_handler(data):
            stored = io.BytesIO()
            Image.new("RGB", (32, 32), "red").save(stored, "PNG")
            image = cv2.imdecode(numpy.frombuffer(stored.getvalue(), numpy.uint8), cv2.IMREAD_COLOR)
            small = cv2.resize(cv2.GaussianBlur(image, (3, 3), 0), (8, 8))
            return f"{small.shape} {small[0, 0].tolist()}"
        """,
        b"",
        b"(8, 8, 3) [0, 0, 255]",
    ),
    "cryptography": (
        "cryptography\n",
        """
        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives.asymmetric import ec

        def cape_handler(data):
            ec.generate_private_key(ec.SECP256R1())
            fernet = Fernet(Fernet.generate_key())
            return fernet.decrypt(fernet.encrypt(data))
        """,
        b"secret",
        b"secret",
    ),
    "pure Python": (
        "jinja2\nmarkdown-it-py\npython-dateutil\npyyaml\n",
        """
        import dateutil.parser
        import jinja2
        import markdown_it
        import yaml

        def cape_handler(data):
            page = markdown_it.MarkdownIt().render("*{{ who }}*, {{ year }}")
            year = dateutil.parser.parse("2 January 2026").year
            return jinja2.Template(page).render(who=yaml.safe_load(data)["who"], year=year)
        """,
        b"who: me\n",
        b"<p><em>me</em>, 2026</p>",
    ),
}


@pytest.fixture
def folder(tmp_path):
    def write(requirements, source="def cape_handler(data):\n    return data\n"):
        folder = tmp_path / "function"
        folder.mkdir()
        (folder / "app.py").write_text(textwrap.dedent(source))
        (folder / "requirements.txt").write_text(requirements)
        return folder

    return write


@pytest.mark.parametrize(("requirements", "source", "data", "output"), SETS.values(), ids=SETS)
def test_it_is_deployed_and_runs(alice, folder, requirements, source, data, output):
    function = folder(requirements, source)
    ref = alice.deploy(function)
    assert alice.run(ref, None, data) == output
    assert alice.deploy(function) == ref
    alice.delete(ref)


def test_a_version_without_a_wheel_for_this_python_is_told_with_those_that_have_one(alice, folder):
    with pytest.raises(errors.NoWheelForPlatform, match="these versions have one: ") as raised:
        alice.deploy(folder("numpy==1.21.0\n"))
    assert str(raised.value).startswith("numpy==1.21.0 has no wheel for Python 3.")
    assert raised.value.hint.startswith("require numpy==")
    assert alice.functions() == []


def test_a_package_that_has_no_wheel_at_all_is_told_with_what_can_be_done(alice, folder):
    with pytest.raises(errors.NoWheelForPlatform, match="no version has one") as raised:
        alice.deploy(folder("mysqlclient\n"))
    assert raised.value.package == "mysqlclient"
    assert "build_sdists = true" in raised.value.hint


def test_pins_that_contradict_each_other_are_told(alice, folder):
    with pytest.raises(errors.PackagingError, match="the requirements contradict") as raised:
        alice.deploy(folder("pandas==2.3.3\nnumpy==1.20.0\n"))
    for fact in ("pandas==2.3.3", "numpy==1.20.0"):
        assert fact in str(raised.value)
    assert "loosen" in raised.value.hint
