import app


def test_kinds_are_told_apart():
    assert app.cape_handler(b"[5.1, 3.5, 1.4, 0.2]") == "setosa"
    assert app.cape_handler(b"[6.3, 3.3, 6.0, 2.5]") == "virginica"
