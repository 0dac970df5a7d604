"""Dashboard, alerts and the page on metrics speak of metrics that there are."""

import json
import re
import subprocess
from dataclasses import dataclass

import httpx
import msgspec
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.pages import ROOT, anchors

from pycape import errors
from pycape.demo import echo_folder
from pycape.host.configuration import Configuration, Listen
from pycape.host.data_path import DataPath
from pycape.local.enclave_program import EnclaveProgram

from .conftest import user
from .processes import wait_until
from .units import command, environment_file

DASHBOARD = ROOT / "deploy" / "grafana" / "cape.json"
PROMETHEUS = ROOT / "deploy" / "prometheus" / "prometheus.yml"
RULES = ROOT / "deploy" / "prometheus" / "cape.rules.yml"
LAYERS = ROOT / "enclave-runtime" / "src" / "jail" / "layer.rs"
PAGE = ROOT / "docs" / "operate" / "metrics.md"

# What Prometheus itself adds to each sample.
FROM_SCRAPES = {"instance", "job"}


@dataclass(frozen=True)
class Exposition:
    """What both services tell: families by name, and the labels of each sample's name."""

    families: dict[str, str]
    labels: dict[str, set[str]]


@pytest.fixture(scope="module")
def exposition(platform, tmp_path_factory):
    folder = tmp_path_factory.mktemp("metrics")
    with user(platform, folder) as cape:
        function = cape.deploy(echo_folder(), name="seen")
        cape.run(function, None, b"x")
    return told_by(platform.url, platform.enclave_url)


@pytest.fixture(scope="module")
def all_expositions(exposition):
    """The same, and what the data path of a host tells."""
    listen = {"sessions": 0, "enclaves": 0, "operate": 0}
    process = {"settings": "s", "nsm": "n", "vault_key": "v"}
    url = "wss://one.example/v2/session"
    told = {"name": "one", "launcher": "process", "url": url, "listen": listen, "process": process}
    data_path = DataPath(msgspec.convert(told, Configuration), lambda: None)
    try:
        of_host = told_by(f"http://127.0.0.1:{data_path.ports.operate}")
    finally:
        data_path.stop()
    families = exposition.families | of_host.families
    return Exposition(families, exposition.labels | of_host.labels)


def told_by(*urls):
    families, labels = {}, {}
    for url in urls:
        for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text):
            families[family.name] = family.type
            for sample in family.samples:
                labels.setdefault(sample.name, set()).update(sample.labels)
    return Exposition(families, labels)


def dashboard_expressions():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    targets = [target for panel in panels for target in panel.get("targets", [])]
    return [target["expr"] for target in targets]


def rules():
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    return group["rules"]


def check_expression(expression, exposition):
    """Fail unless each metric of an expression is there, with the labels it is asked for."""
    names = re.findall(r"\b(?:cape_\w+)\b", expression)
    if not names:
        assert re.match(r"up\b", expression), expression
    known = set(FROM_SCRAPES)
    for name in names:
        assert name in exposition.labels, f"{name} in {expression}"
        known |= exposition.labels[name]
    grouped = re.findall(r"\bby \(([\w, ]+)\)", expression)
    asked = {label for labels in grouped for label in re.split(r", *", labels)}
    asked |= set(re.findall(r"(\w+) *(?:=~|!~|!=|=) *\"", expression))
    assert asked <= known, f"{asked - known} in {expression}"


def test_the_dashboard_can_be_imported():
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["title"] == "Cape"
    assert "id" not in dashboard, "Grafana gives it one"
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert all(x + w <= 24 for _, w, x, _ in places)


def test_the_dashboard_asks_for_what_can_be_chosen():
    variables = [each["name"] for each in json.loads(DASHBOARD.read_text())["templating"]["list"]]
    asked = set(re.findall(r'instance=~"\$(\w+)"', " ".join(dashboard_expressions())))
    assert asked == set(variables) - {"datasource"}


def test_the_dashboard_draws_what_there_is(all_expositions):
    expressions = dashboard_expressions()
    assert len(expressions) > 20
    for expression in expressions:
        assert expression.count("(") == expression.count(")")
        check_expression(expression, all_expositions)


def test_the_dashboard_leaves_nothing_out(all_expositions):
    drawn = " ".join(dashboard_expressions())
    for name in all_expositions.families:
        assert re.search(rf"\b{name}(?:_bucket|_info|_total)?\b", drawn), name


def test_an_alert_is_of_what_there_is_and_leads_to_what_to_do(exposition):
    assert len({rule["alert"] for rule in rules()}) == len(rules()) > 5
    for rule in rules():
        check_expression(rule["expr"], exposition)
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == str(PAGE.relative_to(ROOT))
        assert anchor in anchors(PAGE), anchor


def test_alerts_name_outcomes_that_there_are():
    for rule in rules():
        for names in re.findall(r'calls_total{outcome=~?"([\w|]+)"', rule["expr"]):
            for name in names.split("|"):
                assert issubclass(getattr(errors, name), errors.CapeError)


def test_prometheus_asks_where_the_units_answer():
    configuration = yaml.safe_load(PROMETHEUS.read_text())
    assert configuration["rule_files"] == [RULES.name, "cape-host.rules.yml"]
    targets = {
        job["job_name"]: job["static_configs"][0]["targets"]
        for job in configuration["scrape_configs"]
    }
    environment = {**environment_file(), "VAULT_ID": ""}
    enclave = command("cape-enclave.service", environment)
    control = command("cape-control.service", environment)
    assert targets == {
        "cape-control": [f"127.0.0.1:{control[control.index('--port') + 1]}"],
        "cape-enclave": [enclave[enclave.index("--operate") + 1]],
        "cape-host": [f"127.0.0.1:{Listen().operate}"],
    }


def test_a_failure_has_one_number_for_its_caller_and_the_operator(platform, tmp_path, caplog):
    folder = tmp_path / "fails"
    folder.mkdir()
    source = "def cape_handler(data):\n    raise ValueError('Sesam ' + data.decode())\n"
    (folder / "app.py").write_text(source)
    with user(platform, tmp_path / "client") as cape:
        function = cape.deploy(folder, name="fails")
        with (
            caplog.at_level("INFO", "pycape.server"),
            pytest.raises(errors.FunctionError) as raised,
        ):
            cape.run(function, None, b"open")
        request_id = raised.value.details["request_id"]
        wait_until(lambda: request_id in caplog.text)
    [line] = [record.message for record in caplog.records if request_id in record.message]
    said = json.loads(line)["said"]["fields"]
    assert (said["operation"], said["outcome"]) == ("run", "FunctionError")
    assert "Sesam" not in caplog.text


def test_the_page_explains_every_metric_and_no_other(exposition):
    rows = re.findall(r"^\| `(cape_\w+)` \| (\w+) \|([^|]*)\|", PAGE.read_text(), re.MULTILINE)
    assert {name: kind for name, kind, _ in rows} == exposition.families
    labels = {
        name: set(re.findall(r"`(\w+)`", told)) for name, _, told in rows if told.strip() != ""
    }
    for name, told in labels.items():
        samples = [sample for sample in exposition.labels if sample.startswith(name)]
        assert told <= set().union(*(exposition.labels[sample] for sample in samples)), name


@pytest.mark.parametrize("mode", ["development", "production"])
def test_production_does_not_tell_what_runs(own_platform, tmp_path, mode):
    """The mode is measured: of a production image a host can be told no more than it should."""
    layers = re.findall(r' = "(\w+)";', LAYERS.read_text("utf-8"))
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f'mode = "{mode}"\nvault_backends = []\n[isolation]\nrequired = {json.dumps(layers)}\n'
    )
    state = own_platform.state
    command = EnclaveProgram.find().serve(
        settings=settings,
        nsm=state.nsm,
        key=state.vault_key,
        vault="00" * 32,
        blobs=state.run / "blobs.sock",
        log_runs=20,
    )
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 78
    message = json.loads(done.stderr)["error"]["message"]
    # What is wrong in development is the vault.
    assert ("--log-runs is for development" in message) == (mode == "production"), message
