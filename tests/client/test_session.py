"""One session, with an enclave in memory: what is said, and what becomes of it."""

import pytest

from pycape import _session, errors
from pycape._drive import drive
from pycape._effects import Receive, Send, TakePending
from pycape._session import Session
from pycape._timeout import Timeout

from .doubles import ScriptedTransport
from .session_doubles import (
    CloseEvent,
    Core,
    CreditEvent,
    DataEvent,
    Enclave,
    EndEvent,
    ErrorEvent,
    VerifiedReceipt,
    Violation,
)


@pytest.fixture
def session(monkeypatch):
    monkeypatch.setattr(_session, "_core", Core)
    return Session(Core())


TIMES = Timeout(request=300, idle=60)


def make(operation, enclave: Enclave):
    return drive(operation, ScriptedTransport(None), TIMES, enclave)


def call(session, *answers, data: bytes = b"x", early=(), receipt=True):
    operation = session.run(
        "ab" * 32,
        token="t",
        owner_proof=None,
        statements=[],
        shared=False,
        data=memoryview(data),
        receipt=receipt,
    )
    enclave = Enclave(*answers, early=early)
    return make(operation, enclave), enclave


def test_an_answer_is_put_together_and_its_room_given_back(session):
    answer, enclave = call(session, DataEvent(b"ab"), DataEvent(b"cd"), EndEvent(b"e", {"cold": 1}))
    assert (answer.output, answer.usage) == (b"abcde", {"cold": 1})
    assert enclave.sent == ["open", "credit 2", "credit 2"]
    assert not session.has_ended


def test_a_small_input_is_in_the_first_message_and_a_large_one_follows_it(session):
    _, enclave = call(session, EndEvent(), data=bytes(65_536))
    assert enclave.sent == ["open"]
    _, enclave = call(session, EndEvent(), data=bytes(300_000))
    assert enclave.sent == ["open", 262_144, 37_856, "end"]


def test_an_upload_waits_for_room(session):
    session._core.credit = 100_000
    _, enclave = call(session, CreditEvent(), EndEvent(), data=bytes(200_000))
    assert enclave.sent == ["open", 100_000, 100_000, "end"]
    assert [phase for phase, _ in enclave.waits] == ["idle", "request"]


def test_an_answer_before_the_input_ended_ends_the_upload(session):
    session._core.credit = 0
    answer, enclave = call(session, EndEvent(b"enough"), data=bytes(200_000))
    assert answer.output == b"enough"
    assert enclave.sent == ["open"]
    assert not session.has_ended


def test_the_answer_may_take_as_long_as_a_request_until_it_begins(session):
    """Whatever else comes before: CLOSE, or more room for an input."""
    _, enclave = call(session, CreditEvent(), CloseEvent(), DataEvent(b"x"), EndEvent())
    assert enclave.waits == [("request", 300)] * 3 + [("idle", 60)]


@pytest.mark.parametrize(
    ("name", "kind"), [("FunctionError", errors.FunctionError), ("Overloaded", errors.Overloaded)]
)
def test_a_call_that_fails_leaves_its_session_as_it_was(session, name, kind):
    with pytest.raises(kind, match="because"):
        call(session, ErrorEvent(name))
    answer, _ = call(session, EndEvent(b"next"))
    assert answer.output == b"next"


def test_the_facts_of_an_error(session):
    with pytest.raises(errors.Overloaded) as raised:
        call(session, ErrorEvent("Overloaded", details={"retry_after": "0.25"}))
    assert raised.value.retry_after == 0.25


@pytest.mark.parametrize("data", [b"x", bytes(3 << 20)], ids=["small", "large"])
@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([], errors.StreamTruncated),
        ([DataEvent(b"part")], errors.StreamTruncated),
        ([errors.TimeoutExpired("nothing for 60 s", phase="request")], errors.TimeoutExpired),
        ([Violation(errors.ProtocolError("a frame does not open"))], errors.ProtocolError),
        ([Violation(errors.TooLarge("too large a frame"))], errors.TooLarge),
        ([ErrorEvent("ServiceError", call=0)], errors.ServiceError),
        ([KeyboardInterrupt()], KeyboardInterrupt),
    ],
    ids=["cut", "cut within", "late", "violation", "size", "failed", "key pressed"],
)
def test_a_call_without_its_answer_ends_the_session(session, answers, kind, data):
    with pytest.raises(kind):
        call(session, *answers, data=data)
    assert session.has_ended
    with pytest.raises(errors.ConnectFailed, match="nothing was sent") as raised:
        call(session, EndEvent(b"never seen"))
    assert "function_context" in raised.value.hint


def test_an_input_that_cannot_be_read_ends_the_session(session):
    def chunks():
        yield b"x"
        raise OSError("no such disk")

    with pytest.raises(OSError, match="no such disk"):
        make(session.deploy("m", "p", chunks()), Enclave(EndEvent()))
    assert session.has_ended


def test_an_operation_that_is_given_up_ends_the_session(session):
    operation = session.describe()
    assert isinstance(next(operation), TakePending)
    assert isinstance(operation.send(None), Send)
    assert isinstance(operation.send(None), Receive)
    operation.close()
    with pytest.raises(errors.ConnectFailed, match="given up"):
        call(session, EndEvent())


def test_close_during_a_call_lets_it_end_and_no_other_begin(session):
    answer, _ = call(session, CloseEvent(), EndEvent(b"still"))
    assert answer.output == b"still"
    with pytest.raises(errors.ConnectFailed, match="closed it with code 1001"):
        call(session, EndEvent())


def test_close_between_calls_is_seen_before_anything_is_sent(session):
    enclave = Enclave(EndEvent(), early=[CloseEvent()])
    with pytest.raises(errors.ConnectFailed, match="code 1001, as it does after an hour"):
        make(session.describe(), enclave)
    assert enclave.sent == []


def test_no_reason_is_made_up_for_a_close_of_another_code(session):
    enclave = Enclave(EndEvent(), early=[CloseEvent(1000)])
    with pytest.raises(errors.ConnectFailed, match=r"closed it with code 1000\)"):
        make(session.describe(), enclave)


def test_a_socket_that_closed_between_calls_is_seen_before_anything_is_sent(session):
    enclave = Enclave(EndEvent(), early=[errors.StreamTruncated("1006")])
    with pytest.raises(errors.ConnectFailed, match="nothing was sent"):
        make(session.describe(), enclave)
    assert enclave.sent == []


def test_a_failure_between_calls_is_said(session):
    with pytest.raises(errors.ServiceError, match="because"):
        call(session, EndEvent(), early=[ErrorEvent("ServiceError", call=0)])
    with pytest.raises(errors.ConnectFailed, match="because"):
        call(session, EndEvent())


def test_a_session_that_was_ended_here(session):
    session.end("it was closed")
    session.end("for another reason")
    with pytest.raises(errors.ConnectFailed, match="it was closed"):
        call(session, EndEvent())


def test_a_host_that_closes_before_the_document_may_be_asked_again():
    attesting = Session.attest(None, None, None, None)
    with pytest.raises(errors.ConnectFailed, match="before it attested"):
        make(attesting, Enclave())


def test_a_host_that_has_no_document_may_be_asked_again():
    attesting = Session.attest(None, None, None, None)
    refusal = errors.ProtocolError("the enclave's host refused: no attestation document")
    with pytest.raises(errors.ConnectFailed, match="no attestation document"):
        make(attesting, Enclave(refusal))


def test_an_operation_is_closed_when_whoever_drives_it_is_interrupted():
    closed = []

    def operation():
        try:
            yield Receive("idle")
        finally:
            closed.append(True)

    with pytest.raises(KeyboardInterrupt) as raised:
        make(operation(), Enclave(KeyboardInterrupt()))
    assert closed == [True], "while the traceback still holds on to it"
    assert raised.tb is not None


class Signer:
    """An account that counts what it signs."""

    def __init__(self, name: str) -> None:
        self.id, self.signed = name, 0

    def sign_owner_proof(self, session) -> str:
        self.signed += 1
        return f"{self.id} signed {session} ({self.signed})"


def test_an_owner_signs_a_session_once():
    session = Session(Core())
    alice, bob = Signer("alice"), Signer("bob")
    proofs = [session.sign_owner_proof(alice) for _ in range(2)]
    assert proofs == ["alice signed None (1)"] * 2
    assert session.sign_owner_proof(bob) == "bob signed None (1)"
    Session(Core()).sign_owner_proof(alice)
    assert alice.signed == 2, "another session is signed for itself"


def test_a_receipt_is_compared_with_all_that_is_known_of_the_run(session):
    answer, _ = call(session, DataEvent(b"ab"), EndEvent(b"c"), data=b"input")
    [expected] = session._core.expected
    assert expected == {
        "checksum": b"\xab" * 32,
        "call_nonce": session._core.nonces[0],
        "after": 0,
        "input": b"input",
        "output": b"abc",
        "error": None,
    }
    assert answer.receipt == VerifiedReceipt(1)


def test_each_run_has_a_nonce_of_its_own_and_a_receipt_later_than_the_last(session):
    call(session, EndEvent())
    with pytest.raises(errors.FunctionError) as failed:
        call(session, ErrorEvent("FunctionError", receipt=b"receipt"))
    assert failed.value.receipt == VerifiedReceipt(2)
    call(session, EndEvent())
    assert [expected["after"] for expected in session._core.expected] == [0, 1, 2]
    assert [expected["error"] for expected in session._core.expected] == [
        None,
        "FunctionError",
        None,
    ]
    nonces = session._core.nonces
    assert len(set(nonces)) == len(nonces) == 3
    assert all(len(nonce) == 32 for nonce in nonces)


def test_a_call_that_failed_before_its_handler_began_has_no_receipt(session):
    with pytest.raises(errors.FunctionError) as failed:
        call(session, ErrorEvent("FunctionError"))
    assert failed.value.receipt is None
    assert not session.has_ended


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (EndEvent(receipt=None), "missing"),
        (EndEvent(receipt_key=None), "incomplete"),
        (EndEvent(salts=None), "incomplete"),
        (EndEvent(receipt=b"forged"), "signature"),
        (ErrorEvent("FunctionError", receipt=b"receipt", receipt_key=None), "incomplete"),
        (ErrorEvent("FunctionError", receipt=b"receipt", salts=None), "incomplete"),
        (ErrorEvent("FunctionError", receipt=b"forged"), "signature"),
    ],
)
def test_a_receipt_that_is_missing_or_wrong_is_no_answer_and_ends_the_session(
    session, event, reason
):
    with pytest.raises(errors.ReceiptInvalid) as refused:
        call(session, event)
    assert (refused.value.reason, refused.value.details["reason"]) == (reason, reason)
    with pytest.raises(errors.ConnectFailed, match="broken off"):
        call(session, EndEvent())


def test_a_call_that_wants_no_receipt_asks_for_none(session):
    answer, _ = call(session, DataEvent(b"ab"), EndEvent(b"c", receipt=None), receipt=False)
    assert (answer.output, answer.receipt) == (b"abc", None)
    with pytest.raises(errors.FunctionError) as failed:
        call(session, ErrorEvent("FunctionError"), receipt=False)
    assert failed.value.receipt is None
    assert session._core.nonces == [None, None]
    assert session._core.expected == []
    with pytest.raises(errors.ReceiptInvalid, match="no receipt") as refused:
        _ = answer.proof
    assert refused.value.reason == "missing"


def test_a_receipt_is_asked_for_again_after_calls_without(session):
    call(session, EndEvent())
    call(session, EndEvent(receipt=None), receipt=False)
    call(session, EndEvent())
    assert [expected["after"] for expected in session._core.expected] == [0, 1]


def test_what_runs_no_function_has_no_receipt(session):
    answer = make(session.describe(), Enclave(EndEvent(receipt=None)))
    assert answer.public_key is None
    assert session._core.expected == []
