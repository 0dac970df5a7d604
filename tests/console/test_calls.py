"""Calls by the page's form: phases, logs, output, and what is too much."""

import base64
import gc
import threading
from contextlib import ExitStack

import pytest
from tests.e2e.processes import wait_until

from pycape import Token
from pycape.console import Console
from pycape.console.calls import MOST_KEPT, MOST_RUNNING, Order
from pycape.console.forms import MOST_INPUT

from .conftest import Visitor


def test_an_encrypted_call_has_its_phases_output_log_and_receipt(visitor):
    page = visitor.when_over(visitor.call(text="hello\r\nworld", encrypted="on"))
    assert "HELLO\nWORLD" in page, "lines end as they were typed"
    for phase in ("encrypt", "connect", "attest", "run"):
        assert f'class="{phase} is-done"' in page
    assert "encrypted before it was sent" in page
    assert "<dt>outcome</dt><dd>success</dd>" in page
    assert "none: the input was sent" not in page
    assert "<title>encrypt " in page


def test_a_call_that_is_not_encrypted_first(visitor):
    page = visitor.when_over(visitor.call(text="hello"))
    assert '<span class="name">encrypt</span>' not in page
    assert "none: the input was sent through the session only" in page


def test_a_call_that_fails_says_where_and_why(visitor):
    page = visitor.when_over(visitor.call(text="fail"))
    assert 'class="run is-failed"' in page
    assert "it ended here" in page
    assert "ValueError" in page
    assert "CAPE-FUN-000" in page
    assert "<dt>outcome</dt><dd>FunctionError</dd>" in page


def tokens_and_orders() -> list[Token | Order]:
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, Token | Order)]


def test_a_call_that_failed_keeps_neither_input_nor_token(visitor):
    before = tokens_and_orders()
    fields = {"text": "fail", "encrypted": "on", "token": "not a token"}
    page = visitor.when_over(visitor.call(**fields))
    assert 'class="state failed"' in page

    def nothing_is_kept() -> bool:
        return all(any(each is known for known in before) for each in tokens_and_orders())

    # The thread that made the call ends a moment after the call.
    wait_until(nothing_is_kept)


def test_a_file_is_sent_as_it_is(visitor):
    data = bytes(range(256))
    path = visitor.call(text="not this", file=base64.b64encode(data).decode())
    assert "shown as bytes" in visitor.when_over(path)
    output = visitor.http.get(f"{path}/output")
    assert output.content == data.upper()
    assert output.headers["Content-Type"] == "application/octet-stream"
    assert output.headers["Content-Disposition"].startswith("attachment")


def test_an_output_that_is_a_page_is_not_shown_as_one(visitor):
    path = visitor.call(text="<h1>hi</h1>")
    assert "&lt;H1&gt;HI" in visitor.when_over(path)


def test_an_output_that_is_too_large_is_not_kept(visitor):
    path = visitor.call(text="much")
    assert "2,097,152 bytes: too many" in visitor.when_over(path)
    assert visitor.http.get(f"{path}/output").status_code == 404


@pytest.mark.parametrize("field", ["text", "file"])
def test_an_input_that_is_too_large_is_refused(visitor, field):
    data = "x" * (MOST_INPUT + 1)
    data = base64.b64encode(data.encode()).decode() if field == "file" else data
    form = {"form_token": visitor.form_token(), "function": visitor.function_id("shout")}
    answer = visitor.post("/calls", {**form, field: data})
    assert answer.status_code == 413
    assert "CAPE-SVC-003" in answer.text
    assert "cape run FUNCTION -f FILE" in answer.text


def test_a_form_that_never_ends_is_not_read(visitor):
    answer = visitor.http.post(
        "/calls",
        content=(b"x" * (1 << 20) for _ in range(64)),
        headers={"Origin": visitor.address},
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body", [b"\xff\xff", b"&".join(b"a=%d" % n for n in range(100)), b"%ff=1", b""]
)
def test_what_is_no_form(visitor, body):
    answer = visitor.http.post("/calls", content=body, headers={"Origin": visitor.address})
    assert answer.status_code in {400, 403}


def test_a_file_that_is_not_in_base64(visitor):
    form = {"form_token": visitor.form_token(), "function": visitor.function_id("shout")}
    assert visitor.post("/calls", {**form, "file": "!"}).status_code == 400


def test_a_call_that_runs_is_watched_and_stopped(visitor):
    path = visitor.call(text="wait")
    with visitor.http.stream("GET", f"{path}/changes") as changes:
        assert changes.headers["Content-Type"].startswith("text/event-stream")
        lines = changes.iter_lines()
        for line in lines:
            if "[31m" in line:
                break
        page = visitor.text(path)
        assert 'class="run is-runs"' in page
        assert '<noscript><meta http-equiv="refresh"' in page
        form = {"form_token": visitor.form_token()}
        assert visitor.post(f"{path}/stop", form).status_code == 303
        assert "event: over" in lines
    page = visitor.text(path)
    assert 'class="state stopped"' in page
    assert 'class="run is-failed"' in page


def test_too_many_at_once_are_refused_and_stop_with_the_console(home):
    threads = set(threading.enumerate())
    with ExitStack() as running:
        console = running.enter_context(Console(config_dir=home))
        visitor = Visitor(console)
        visitor.enter(console)
        for _ in range(MOST_RUNNING):
            visitor.call(text="wait")
        form = {"form_token": visitor.form_token(), "function": visitor.function_id("shout")}
        answer = visitor.post("/calls", form)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert "CAPE-SVC-004" in answer.text
        watched = visitor.http.stream("GET", "/calls/changes")
        with watched as changes:
            lines = changes.iter_lines()
            assert next(lines) == "event: picture"
            running.close()
            assert "event: over" in list(lines)
        visitor.http.close()
    left = {each.name for each in set(threading.enumerate()) - threads}
    assert left <= {"AnyIO worker thread"}, "those are the platform's"


def test_the_last_ones_are_kept(home):
    with Console(config_dir=home) as console:
        visitor = Visitor(console)
        visitor.enter(console)
        token, function = visitor.form_token(), visitor.function_id("shout")
        for _ in range(MOST_KEPT + 1):
            form = {"form_token": token, "function": function, "text": "x"}
            visitor.when_over(visitor.post("/calls", form).headers["Location"])
        visitor.text("/calls/1", 404)
        assert "CAPE" not in visitor.text("/calls/2")
        visitor.http.close()
