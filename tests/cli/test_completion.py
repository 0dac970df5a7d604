"""`cape completion`, and what a shell is told at Tab."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.fixture
def environment(tmp_path):
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path), "LANG": "C.UTF-8"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_is_printed_is_a_script_of_that_shell(stranger, shell, tmp_path):
    done = stranger.ok("completion", shell)
    assert "_CAPE_COMPLETE" in done.text
    assert stranger.data("completion", shell) == {"shell": shell, "script": done.text[:-1]}
    if shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(done.text)
        subprocess.run([shell, "-n", script], check=True, timeout=60)


def test_the_shell_is_the_present_one(stranger, monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert stranger.ok("completion").text == stranger.ok("completion", "fish").text


@pytest.mark.parametrize(
    ("shell", "message"),
    [("/bin/tcsh", "there is no completion for tcsh"), ("", "which shell is it for?")],
)
def test_a_shell_that_is_not_known_is_told(stranger, monkeypatch, shell, message):
    monkeypatch.setenv("SHELL", shell)
    error = stranger.error("completion")
    assert (error["message"], error["hint"]) == (message, "name one: bash, zsh, fish")


def completions(environment, *words) -> list[str]:
    """Return what bash offers for the last word."""
    line = " ".join(f"'{word}'" for word in words)
    script = f"""
        source <(cape completion bash)
        COMP_WORDS=({line}) COMP_CWORD={len(words) - 1}
        compopt() {{ COMPREPLY+=("compopt $2"); }}
        _cape_completion cape
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, check=True, timeout=60
    )
    assert done.stderr == b""
    return done.stdout.decode().split("\n")[:-1]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["cape", "enc"], ["encrypt"]),
        (["cape", "token", "cr"], ["create"]),
        (["cape", "encrypt", "--not"], ["--not-after"]),
        (["cape", "encrypt", "--kem", ""], ["xwing", "x25519"]),
        (["cape", "completion", ""], ["bash", "zsh", "fish"]),
        (["cape", "decrypt", "le"], ["compopt default"]),
        (["cape", "encrypt", "-o", "le"], ["compopt default"]),
        (["cape", "deploy", "fu"], ["compopt dirnames"]),
        (["cape", "dev", "--data-dir", "fu"], ["compopt dirnames"]),
        (["cape", "nothing", ""], [""]),
    ],
    ids=" ".join,
)
def test_bash_offers(environment, words, offered):
    assert completions(environment, *words)[: len(offered)] == offered
