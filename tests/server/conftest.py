import pytest
import signing
from control_plane import Plane
from pages import ROOT


@pytest.fixture
def plane(tmp_path):
    plane = Plane(tmp_path)
    with plane.client:
        yield plane
    plane.close()


@pytest.fixture
def specification():
    return (ROOT / "docs/spec/control-plane.md").read_text("utf-8")


@pytest.fixture
def account():
    return signing.Account()


def refused(response, status, name):
    """The problem in an answer, after checking what every problem has."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["name"] == name
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["X-Request-Id"]
    return problem


@pytest.fixture(name="refused")
def refused_fixture():
    return refused
