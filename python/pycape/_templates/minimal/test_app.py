import app


def test_words_are_counted():
    assert app.cape_handler(b"one two\nthree") == "3 words"
    assert app.cape_handler(b"") == "0 words"
