"""What the pages of hosts, their units and alerts say is what there is."""

import re
import shlex
import shutil
import subprocess

import httpx
import msgspec
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.e2e.units import UNITS, environment_file, settings
from tests.host.hosts import CAPE, Service, serve
from tests.pages import ROOT, anchors, blocks
from tests.ports import free_port

from pycape._profile import Profile
from pycape.host.configuration import Configuration, load
from pycape.server.admissions import admitted_hosts

PAGE = ROOT / "docs" / "operate" / "hosts.md"
AWS = ROOT / "docs" / "operate" / "aws.md"
RULES = ROOT / "deploy" / "prometheus" / "cape-host.rules.yml"
ANALYZES = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing"
)


def table(page, heading):
    """The cells of a section's first table, but for its head."""
    section = page.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [re.split(r"\s*\|\s*", row.strip("| ")) for row in rows[2:]]


def declared():
    """Each key of a configuration with its schema, `section.key` for those of a section."""
    (_, schemas) = msgspec.json.schema_components([Configuration], ref_template="{name}")
    top = schemas["Configuration"]["properties"]
    found = {}
    for name, schema in top.items():
        reference = schema.get("$ref") or next(
            (each["$ref"] for each in schema.get("anyOf", ()) if "$ref" in each), None
        )
        if reference is None:
            found[name] = schema
        else:
            properties = schemas[reference]["properties"].items()
            found |= {f"{name}.{key}": described for key, described in properties}
    return found


def test_every_key_is_told_with_its_range_and_default():
    told = {cells[0].strip("`"): cells[1:] for cells in table(PAGE, "host.toml")}
    found = declared()
    assert told.keys() == found.keys()
    for name, schema in found.items():
        least, most = schema.get("minimum"), schema.get("maximum")
        if least is not None and name != "enclaves":
            assert told[name][0] == f"{least} to {most}", name
        default = schema.get("default")
        if isinstance(default, bool):
            assert told[name][1] == str(default).lower(), name
        elif isinstance(default, int) or (isinstance(default, str) and default):
            assert told[name][1].strip("`") == str(default), name
    assert told["enclaves"][:2] == ["1 to 4", "1"]


def test_the_example_is_a_configuration():
    found = load(UNITS / "host.toml")
    assert (found.launcher, found.kms.credentials) == ("nitro-cli", "instance")
    folders = [it[0] for it in table(AWS, "3. Cape")]
    for path in (found.control_plane.token_file, found.kms.wrapped_file, found.run_dir):
        assert f"`{path}`" in folders, path


def test_the_trial_of_the_page_is_a_configuration(tmp_path):
    [trial] = blocks(PAGE, "toml")
    (tmp_path / "host.toml").write_text(trial.replace("VAULT_ID", "ab" * 32))
    found = load(tmp_path / "host.toml")
    assert (found.launcher, found.image.memory_mib) == ("qemu", 1024)
    # Nothing of it is where only root may write, and its store is the agent's own.
    assert found.run_dir.startswith("trial/")
    assert found.blob_folder.startswith("trial/")


def test_a_token_is_made_rotated_and_taken_back_as_the_page_says(tmp_path):
    """Each command of the section, in its order; the last of a host's names there is dismissed."""
    section = PAGE.read_text("utf-8").split("\n## Tokens\n")[1].split("\n## ")[0]
    commands = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
    commands += [
        each for each in re.findall(r"`(cape host [^`]+)`", section) if "status" not in each
    ]
    assert len(commands) == 6
    for words in map(shlex.split, commands):
        if "--data-dir" not in words:
            words += ["--data-dir", "/var/lib/cape"]
        words[words.index("--data-dir") + 1] = str(tmp_path)
        yes = ["--yes"] if words[2] == "dismiss" else []
        done = subprocess.run(
            [*CAPE, *words[1:], *yes], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (words, done.stderr)
    assert (tmp_path / "host-1.token").stat().st_mode & 0o777 == 0o600
    assert admitted_hosts(tmp_path / "local" / "hosts.json") == {}


def test_the_agents_unit_fits_its_configuration_and_the_control_planes():
    found, control = settings("cape-host.service"), settings("cape-control-hosts.conf")
    [start] = found["ExecStart"]
    assert shlex.split(start)[:3] == ["/opt/cape/bin/cape", "host", "run"]
    configuration = load(UNITS / "host.toml")
    assert configuration.run_dir == f"/run/{found['RuntimeDirectory'][0]}"
    first, start = control["ExecStart"]
    words = shlex.split(start)
    assert first == "", "the unit's own is replaced"
    assert words[words.index("--blobs") + 1] == str(configuration.blob_socket)
    assert "--hosts" in words
    assert configuration.control_plane.urls == [
        f"http://127.0.0.1:{words[words.index('--port') + 1]}"
    ]
    # No key for a device or group that nitro-cli needs is taken away again.
    assert found["SupplementaryGroups"] == ["ne"]
    assert "PrivateDevices" not in found
    for directive in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictNamespaces"):
        assert found[directive] == ["yes"]
    assert (found["ProtectSystem"], found["CapabilityBoundingSet"]) == (["strict"], [""])
    assert found["User"] == ["cape"]


def test_a_control_plane_of_agents_is_told_what_its_unit_asks_for_and_nothing_else():
    _, start = settings("cape-control-hosts.conf")["ExecStart"]
    example = "cape-control-hosts.env"
    assert environment_file(example).keys() == set(re.findall(r"\${(\w+)}", start))
    [units] = [block for block in blocks(AWS, "sh") if "cape-control-hosts.conf" in block]
    assert f"deploy/systemd/{example} /etc/cape/cape.env" in units


def test_the_agents_unit_writes_where_it_has_to_and_sees_nothing_of_the_control_plane():
    found, control = settings("cape-host.service"), settings("cape-control-hosts.conf")
    [writable], [hidden] = found["ReadWritePaths"], found["InaccessiblePaths"]
    assert writable.split() == [
        "/run/nitro_enclaves",
        "/var/log/nitro_enclaves",
        "-/var/lib/cape/blobs",
    ]
    _, start = control["ExecStart"]
    words = shlex.split(start)
    assert hidden == f"-{words[words.index('--data-dir') + 1]}/local", "records, blobs, vault"
    configuration = load(UNITS / "host.toml")
    for read in (configuration.image.file, configuration.kms.wrapped_file):
        assert not read.startswith(
            tuple(path.removeprefix("-") for path in (*writable.split(), hidden))
        )
    run_dir = f"/run/{found['RuntimeDirectory'][0]}"
    assert configuration.nitro_cli.lock.startswith(f"{run_dir}/")


def test_stores_are_where_the_units_look_for_them_and_the_page_mounts_them():
    [mount] = blocks(AWS, "fstab")
    folder, options = mount.split()[1], mount.split()[3].split(",")
    found, control = settings("cape-host.service"), settings("cape-control.service")
    assert found["ReadWritePaths"][0].split()[-1] == f"-{folder}", "if it is there"
    assert found["RequiresMountsFor"] == [folder]
    words = shlex.split(control["ExecStart"][0])
    of_control = f"{words[words.index('--data-dir') + 1]}/local/blobs"
    assert control["RequiresMountsFor"] == [of_control]
    assert f"`{of_control}`" in AWS.read_text("utf-8")
    assert f'`blob_folder = "{folder}"`' in AWS.read_text("utf-8")
    assert f"`{folder}`" in [it[0] for it in table(AWS, "3. Cape")]
    told = PAGE.read_text("utf-8")
    for option in ("lookupcache=positive", "hard"):
        assert option in options
        assert f"`{option}`" in told


@ANALYZES
@pytest.mark.parametrize(
    ("unit", "most"), [("cape-host", 2.5), ("cape-control", 1.5), ("cape-enclave", 5.0)]
)
def test_units_have_no_more_rights_than_they_need(unit, most):
    """As systemd scores them: 10 is a service that may do anything."""
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    threshold = f"--threshold={most * 10:.0f}"
    done = subprocess.run(
        [*command, threshold, UNITS / f"{unit}.service"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@ANALYZES
def test_systemd_understands_the_agents_unit(tmp_path):
    for name in ("cape-host.service", "cape-control.service"):
        unit = (UNITS / name).read_text().replace("/opt/cape/bin/cape ", "/bin/true ")
        (tmp_path / name).write_text(unit)
    allocator = tmp_path / "nitro-enclaves-allocator.service"
    allocator.write_text("[Service]\nType=oneshot\nExecStart=/bin/true\n")
    verified = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            "--man=no",
            "--recursive-errors=no",
            tmp_path / "cape-host.service",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stderr
    assert "cape-host.service" not in verified.stderr, verified.stderr


def test_every_line_of_the_agents_log_is_explained():
    logged = set()
    for file in (ROOT / "python/pycape/host").rglob("*.py"):
        logged |= set(re.findall(r'log\.(?:info|warning|error)\(\s*"([^"]+)"', file.read_text()))
    for name in ("local/supervisor.py", "server/blob_service.py"):
        text = (ROOT / "python/pycape" / name).read_text()
        logged |= set(re.findall(r'log\.(?:info|warning|error)\(\s*"([^"]+)"', text))
    told = {event for cells in table(PAGE, "Logs") for event in re.findall("`([^`]+)`", cells[0])}
    assert told == logged


@pytest.fixture
def exposition(platform, agent):
    running = agent(platform.configuration("metrics"))
    serve(platform.folder / "metrics.toml")
    text = httpx.get(f"http://127.0.0.1:{running.data['operate']}/metrics").text
    return list(text_string_to_metric_families(text))


def test_metrics_and_alerts_are_of_what_there_is(exposition):
    samples = {sample.name: sample.labels for family in exposition for sample in family.samples}
    told = {cells[0].strip("`"): cells[1:] for cells in table(PAGE, "Metrics")}
    assert {family.name: family.type for family in exposition} == {
        name: cells[0] for name, cells in told.items()
    }
    for family in exposition:
        labels = {label for sample in family.samples for label in sample.labels}
        assert labels == set(re.findall(r"`(\w+)`", told[family.name][1])), family.name
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]:
        names = re.findall(r"\bcape_\w+\b", rule["expr"])
        assert all(name in samples for name in names), rule["expr"]
        assert names or rule["expr"].startswith("up{")
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == str(PAGE.relative_to(ROOT))
        assert anchor in anchors(PAGE), anchor


def test_a_control_plane_describes_the_platform_of_a_profile(platform, tmp_path):
    """As the unit of a platform with its vault in KMS starts it: it has no vault of its own."""
    profile = Profile.load(platform.state / "profile.toml")
    profile.save(tmp_path / "platform.toml")
    port = free_port()
    words = ["--port", port, "--control", f"http://127.0.0.1:{port}", "--data-dir", tmp_path]
    words += ["--blobs", tmp_path / "blobs.sock", "--platform", tmp_path / "platform.toml"]
    words += ["--hosts"]
    service = Service(tmp_path, "control", "host", "serve", *words)
    try:
        described = httpx.get(f"{service.data['url']}/v2/platform").json()
        assert described == httpx.get(f"{platform.url}/v2/platform").json()
        assert service.data["vault"] == described["vault"] == platform.vault
        assert not (tmp_path / "local" / "vault.key").exists()
    finally:
        assert service.end() == 0
        service.kill()


def test_a_profile_whose_birth_does_not_hold_starts_nothing(platform, tmp_path):
    text = (platform.state / "profile.toml").read_text()
    (tmp_path / "platform.toml").write_text(text.replace(platform.vault, "ab" * 32))
    words = ["--control", "https://cape.example.org", "--data-dir", tmp_path, "--port", 0]
    words += ["--platform", tmp_path / "platform.toml", "--blobs", tmp_path / "blobs.sock"]
    done = subprocess.run(
        [*CAPE, "host", "serve", *map(str, words)], capture_output=True, check=False
    )
    assert done.returncode == 77, done.stderr


def test_one_enclave_and_hosts_that_report_exclude_each_other(platform):
    words = ["--control", "https://cape.example.org", "--hosts"]
    words += ["--enclave", "http://127.0.0.1:9464"]
    done = subprocess.run(
        [*CAPE, "host", "serve", *map(str, words)], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"--hosts is for hosts that report" in done.stderr
