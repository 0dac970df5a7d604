"""The wheels, in an empty environment, with no checkout in sight."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

DIST = Path(__file__).parents[2] / "dist"


@pytest.mark.network
@pytest.mark.timeout(900)
def test_the_demo_runs_from_the_wheels_alone(tmp_path, capsys):
    wheels = sorted(DIST.glob("*.whl"))
    if len(wheels) != 2:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"two wheels are wanted in {DIST.name}/: `make wheels` builds them")
    began = time.monotonic()
    venv = tmp_path / "venv"
    uv = [str(Path(sys.executable).with_name("uv"))]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, venv], check=True)
    python = venv / "bin" / "python"
    subprocess.run(
        [
            *uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            python,
            "--find-links",
            DIST,
            "pycape[local,demo]==4.0.0",
        ],
        check=True,
    )
    environment = {
        "PATH": f"{venv / 'bin'}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        **{
            name: value
            for name, value in os.environ.items()
            if "CERT" in name or "PIP_" in name or "UV_" in name
        },
    }
    demo = subprocess.run(
        [venv / "bin" / "cape", "demo", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    assert demo.returncode == 0, demo.stderr
    assert json.loads(demo.stdout)["data"]["ok"]
    left = [path.name for path in tmp_path.iterdir() if path.name not in {"venv", ".cache"}]
    assert left == [], "the demo leaves nothing behind"
    with capsys.disabled():
        print(f"\nfrom wheels to first result: {seconds:.0f} s")
