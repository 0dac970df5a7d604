"""`cape completion`, and what a shell is told at Tab."""

import os
import pty
import select
import shutil
import signal
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


needs_fish = pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
needs_zsh = pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")


@pytest.fixture
def folder(tmp_path):
    """A folder with a file and a folder, as completion offers them."""
    (tmp_path / "letter.cape").write_text("x")
    (tmp_path / "functions").mkdir()
    return tmp_path


@needs_fish
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("cape enc", {"encrypt"}),
        ("cape token cr", {"create"}),
        ("cape token ", {"create", "list", "revoke", "show"}),
        ("cape encrypt --not", {"--not-after"}),
        ("cape encrypt --kem ", {"xwing", "x25519"}),
        ("cape decrypt le", {"letter.cape"}),
        ("cape deploy fu", {"functions/"}),
        ("cape nothing ", set()),
    ],
)
def test_fish_offers(environment, folder, line, offered):
    script = f"cape completion fish | source; complete --do-complete '{line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        env=environment | {"XDG_CONFIG_HOME": str(folder / "fish")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert {row.split("\t")[0] for row in done.stdout.splitlines()} == offered


@pytest.fixture
def zsh(environment, folder):
    """Type into an interactive zsh with Tab where it is written, and return what it then has."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["zsh", "--no-rcs", "--interactive"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment | {"TERM": "dumb", "ZDOTDIR": str(folder), "PS1": ""},
        cwd=folder,
        start_new_session=True,
    )
    os.close(theirs)

    def shown_until(text: str) -> str:
        shown = ""
        while text not in shown and select.select([ours], [], [], 60)[0]:
            shown += os.read(ours, 1 << 16).decode()
        assert text in shown
        return shown

    def typed(line: str) -> str:
        """Return the line after completion, which `echo` in place of `cape` prints."""
        os.write(ours, line.encode())
        os.write(ours, b"\x01print -r -- 'it has' \n")  # from the beginning of the line
        shown = shown_until("\nit has ")
        return (shown.partition("\nit has ")[2] or shown_until("\n")).splitlines()[0].strip()

    setup = "autoload -Uz compinit && compinit -u -D; source <(cape completion zsh); print set''up"
    os.write(ours, f"unsetopt zle_bracketed_paste; {setup}\n".encode())
    shown_until("setup\r\n")
    yield typed
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    os.close(ours)


@needs_zsh
@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("cape enc\t", "cape encrypt"),
        ("cape token cr\t", "cape token create"),
        ("cape encrypt --not\t", "cape encrypt --not-after"),
        ("cape encrypt --kem xw\t", "cape encrypt --kem xwing"),
        ("cape decrypt le\t", "cape decrypt letter.cape"),
        ("cape deploy fu\t", "cape deploy functions"),
    ],
)
def test_zsh_completes(zsh, line, completed):
    assert zsh(line) == completed
