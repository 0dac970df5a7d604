import app


def test_numbers_are_summarised():
    assert app.summarise([1, 2, 3, 5], digits=1) == {"mean": 2.8, "median": 2.5}
