"""The operator's pages say what the code does."""

import re

import pytest
from pages import ROOT, anchors, links

PAGES = sorted((ROOT / "docs" / "operate").glob("*.md"))
SETTINGS = ROOT / "enclave-runtime" / "src" / "settings"
UNITS = {"KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}

LIMIT = re.compile(r"^    (\w+): (.+)\.\.=(.+), default (.+);$", re.MULTILINE)
ROW = re.compile(
    r"^\| `(\w+)` \| (\S+(?: \w+)?) to (\S+(?: \w+)?) \| (\S+(?: \w+)?) \|", re.MULTILINE
)
PROCESSORS = SETTINGS.parent / "jail" / "control_group" / "processors.rs"


def number(text):
    """The value of a number of Rust, or of a table."""
    text = text.replace("HANDSHAKE_TIMEOUT.as_secs()", "10").replace("_", "")
    value, _, unit = text.partition(" ")
    if unit in UNITS:
        return int(value) << UNITS[unit]
    if unit.startswith("<< "):
        return int(value) << int(unit.removeprefix("<< "))
    if text == "none":
        return None
    return float(text) if "." in text else int(text)


def limits(pattern, text):
    return {name: tuple(map(number, values)) for name, *values in pattern.findall(text)}


def test_every_limit_is_told_with_its_range_and_default():
    source = (SETTINGS / "limits.rs").read_text("utf-8").split("\nlimits! {\n")[1].split("\n}\n")[0]
    declared = limits(LIMIT, source)
    assert len(declared) == source.count(", default ")
    range_of_processors = re.search(
        r"RangeInclusive<f64> = (\S+)\.\.=(\S+);", PROCESSORS.read_text("utf-8")
    )
    declared["processors_per_worker"] = (*map(float, range_of_processors.groups()), None)
    told = limits(ROW, (ROOT / "docs" / "operate" / "running.md").read_text("utf-8"))
    assert told == declared
    assert list(told) == sorted(told)


def test_a_handshake_may_take_as_long_as_is_told():
    core = ROOT / "crates" / "cape-core" / "src" / "session"
    declared = "HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10)"
    assert any(declared in file.read_text("utf-8") for file in core.rglob("*.rs"))


def test_every_line_of_the_runtimes_log_is_explained():
    source = ROOT / "enclave-runtime" / "src"
    logged = set()
    for file in source.rglob("*.rs"):
        for call in LOGGED.findall(file.read_text("utf-8")):
            logged |= set(re.findall(r'"([^"]+)"\s*,?\s*$', call))
    page = (ROOT / "docs" / "operate" / "logs.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.+`) \| (?:info|warn|error)", page, re.MULTILINE)
    told = {message for row in rows for message in re.findall(r"`([^`]+)`", row)}
    assert told <= logged
    assert logged - told <= UNEXPLAINED


# What is between the parentheses of a line for the log, which may have more of them inside.
LOGGED = re.compile(r"tracing::(?:info|warn|error)!\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)")

# They say all there is to say.
UNEXPLAINED = {
    "a connection of the operator was not accepted",
    "a connection was not accepted",
    "a folder of a function was not removed",
    "a worker's control group was not removed",
    "the limit of descriptors was not raised",
    "the receipt of a run that failed could not be signed",
    "the way back from a worker's namespace is closed",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for path, anchor in links(page):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_what_a_page_names_of_the_repository_is_there():
    for page in PAGES:
        for path in re.findall(r"`((?:deploy|benches)/[\w./-]*)`", page.read_text("utf-8")):
            assert (ROOT / path).exists(), path
