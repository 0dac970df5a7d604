import app

from pycape import serde


def test_numbers_are_summarised():
    output = app.cape_handler(serde.serialize([1, 2, 3, 5], digits=1))
    assert serde.deserialize(output) == {"mean": 2.8, "median": 2.5}
