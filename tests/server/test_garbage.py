"""Whatever is sent to whatever path, the answer is a refusal with our code, never a defect."""

from urllib.parse import quote

import pytest
from control_plane import Plane
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from signing import Account

from pycape.errors import error_class
from pycape.server.app import OPERATIONS

ACCOUNT = Account()
PATH_VALUES = st.one_of(
    st.text(max_size=80),
    st.sampled_from([ACCOUNT.id, "alice", "00" * 32, "1" * 20]),
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.text(alphabet="abc.{}\"':,0[]", max_size=80).map(str.encode),
    st.sampled_from(
        [
            ACCOUNT.epoch(2**40).encode(),
            ACCOUNT.name_claim("alice", account="cape1").encode(),
            ACCOUNT.manifest(version=2**60).encode(),
            ACCOUNT.revocations(-1).encode(),
            b'{"function": "\\ud800"}',
            b"[" * 10_000,
        ]
    ),
)
TYPES = st.sampled_from(["application/jose", "application/json", "text/plain", ""])
QUERIES = st.dictionaries(
    st.sampled_from(["account", "name", "limit", "cursor", "x"]), st.text(max_size=70), max_size=4
)


REQUESTS = st.fixed_dictionaries(
    {"path": PATH_VALUES, "query": QUERIES, "type": TYPES, "body": BODIES, "authorization": BODIES}
)


@pytest.fixture(scope="module")
def shared_plane(tmp_path_factory):
    plane = Plane(tmp_path_factory.mktemp("plane"))
    yield plane
    plane.close()


@pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}"
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=REQUESTS)
def test_garbage_is_refused(shared_plane, operation, sent):
    path = operation.path
    for parameter in ("name", "account", "id"):
        path = path.replace(f"{{{parameter}}}", quote(sent["path"], safe=""))
    answer = shared_plane.client.request(
        operation.method,
        path,
        params=sent["query"],
        content=sent["body"],
        headers={
            "Content-Type": sent["type"],
            "Authorization": b"Cape " + b"".join(sent["authorization"].split()),
        },
    )
    if answer.status_code in operation.answers:
        return
    problem = answer.json()
    assert answer.status_code < 500 or problem["name"] == "Overloaded"
    assert error_class(problem["name"]).code == problem["code"]
