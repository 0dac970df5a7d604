import json
import runpy

import pytest


def request(**fields) -> bytes:
    return json.dumps(fields).encode()


def test_a_text_is_continued_word_by_word(cape, function, run):
    asked = request(prompt="The value of an", tokens=25, seed=7)
    whole = run(asked).decode()
    assert whole.startswith(" ")
    with cape.function_context(function, None) as model, model.stream(asked) as words:
        pieces = [piece.decode() for piece in words]
    assert len(pieces) == 25
    assert "".join(pieces) == whole


def test_without_a_seed_it_is_another_text(cape, function):
    asked = request(prompt="The", tokens=60, temperature=10)
    assert cape.run(function, None, asked) != cape.run(function, None, asked)


def test_words_follow_each_other_as_in_the_text(folder, tmp_path, monkeypatch):
    """Of a text in which one word follows another, the model knows no other continuation."""
    training = runpy.run_path(str(folder / "train.py"))
    counts = training["train"]("Red fish, blue fish. One fish, two fish; red fish (old).")
    assert counts["fish"] == {"(": 1, ",": 2, ".": 1, ";": 1}
    assert counts["red fish"] == {"(": 1, ",": 1}
    assert counts["blue fish"] == {".": 1}
    assert counts[""]["fish"] == 5
    model = json.dumps({"word": training["WORD"], "counts": counts})
    (tmp_path / "model.json").write_text(model, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    handler = runpy.run_path(str(folder / "app.py"))["cape_handler"]
    assert "".join(handler(request(prompt="blue fish", tokens=2))) == ". one"
    assert "".join(handler(request(prompt="fish; red fish (", tokens=2))) == "old)"


def test_training_again_gives_the_same_model(folder):
    training = runpy.run_path(str(folder / "train.py"))
    written = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert training["train"](training["prose"]()) == written["counts"]
    assert sum(written["counts"][""].values()) > 10_000


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, 'the input is JSON like {"prompt": "...", "tokens": 40}'),
        ({"prompt": 1}, "the prompt is a text of at most 10,000 characters"),
        ({"prompt": "a" * 10_001}, "the prompt is a text of at most 10,000 characters"),
        ({"prompt": "a", "tokens": 0}, "tokens is a number from 1 to 1,000"),
        ({"prompt": "a", "tokens": 1001}, "tokens is a number from 1 to 1,000"),
        ({"prompt": "a", "tokens": 1.5}, "tokens is a number from 1 to 1,000"),
        ({"prompt": "a", "temperature": 0}, "temperature is a number from 0.1 to 10"),
        ({"prompt": "a", "temperature": float("nan")}, "temperature is a number from 0.1 to 10"),
        ({"prompt": "a", "seed": "x"}, "seed is a whole number"),
    ],
)
def test_what_cannot_be_continued_is_refused(refusal, fields, said):
    assert refusal(request(**fields)) == f"ValueError: {said}"


def test_what_is_no_request_is_refused(refusal):
    for data in (b"", b"[]", b'"text"', b"\xff", b"[" * 100_000):
        assert refusal(data).startswith("ValueError: the input is JSON")
