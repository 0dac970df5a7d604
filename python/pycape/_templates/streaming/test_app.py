import io

import app


def test_each_line_gets_its_number():
    assert list(app.cape_handler(io.BytesIO(b"a\nb\n"))) == ["1 a\n", "2 b\n"]
