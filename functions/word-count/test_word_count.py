import json


def test_words_are_counted(run):
    answer = json.loads(run("Don\u2019t stop: 3 well-known words. DON\u2019T! snake_case".encode()))
    assert answer["words"] == 8
    assert answer["distinct"] == 7
    assert answer["commonest"][:2] == [["don\u2019t", 2], ["3", 1]]


def test_no_words_are_none(run):
    assert json.loads(run(b"")) == {"words": 0, "distinct": 0, "commonest": []}


def test_ten_are_named(run):
    text = " ".join(f"w{number:02}" for number in range(30))
    commonest = json.loads(run(text.encode()))["commonest"]
    assert commonest == [[f"w{number:02}", 1] for number in range(10)]


def test_what_is_no_text_is_refused(refusal):
    assert refusal(b"ok \xff") == "ValueError: the text is not UTF-8, from byte 3 on"


def test_what_is_too_long_is_refused(refusal):
    said = "ValueError: the text has 8,388,609 bytes; 8,388,608 at most are counted"
    assert refusal(b" " * ((8 << 20) + 1)) == said
