"""What `nitro-cli` says when it fails, and what to do: docs/operate/aws.md has the same table."""

import re

from pycape.errors import ConfigError

# The program writes each failure as `[ E36 ] Its name. An explanation...`, the cause first.
_FAILURE = re.compile(r"\[ (E\d{2}) \] ([^.\n]+)\.")

HINTS = {
    "E05": "look at /var/log/nitro_enclaves and whether `nitro-cli --version` works",
    "E07": "systemctl restart nitro-enclaves-allocator; the user has to be in the group ne",
    "E11": "an earlier enclave is still ending, or CIDs collide: [image] first_cid",
    "E19": "the file it names is missing or not allowed: start the instance with enclaves enabled, "
    "and have the user in the group ne",
    "E22": "cpu_count of /etc/nitro_enclaves/allocator.yaml, times the enclaves, then restart "
    "nitro-enclaves-allocator",
    "E26": "more memory_mib in [image]: four times the image's size",
    "E27": "memory_mib of /etc/nitro_enclaves/allocator.yaml, times the enclaves, then restart "
    "nitro-enclaves-allocator",
    "E29": "another enclave is just ending; if it stays, restart nitro-enclaves-allocator",
    "E31": "huge pages are taken: restart nitro-enclaves-allocator soon after a boot",
    "E35": "huge pages are missing: restart nitro-enclaves-allocator; or the image is cut short",
    "E36": "the image does not boot: `cape image inspect` checks it, its signature's certificate "
    "included; enclaves that start side by side fail so, too",
    "E39": "a process of an enclave does not answer: one ended the hard way, or another starts",
    "E51": "NITRO_CLI_ARTIFACTS is not set, which only building needs: `cape image build` does "
    "without nitro-cli",
}
_SEE = "docs/operate/aws.md, when nitro-cli fails"


def nitro_error(what: str, status: int, stderr: str) -> ConfigError:
    """Return what the program failed with; `nitro` in its details is the first code it told."""
    failures = _FAILURE.findall(stderr)
    if not failures:
        lines = stderr.strip().splitlines() or ["it gave no reason"]
        return ConfigError(f"{what} ended with status {status}: {lines[-1][:500]}", hint=_SEE)
    told = ", then ".join(f"{name} ({code})" for code, name in failures)
    cause, _ = failures[0]
    hint = HINTS.get(cause, _SEE)
    return ConfigError(f"{what}: {told}{_more(stderr)}", hint=hint, details={"nitro": cause})


def _more(stderr: str) -> str:
    """Return the fact that some failures have beside their explanation."""
    file = re.search(r"^File: '([^'\n]+)', failing operation: '([^'\n]+)'", stderr, re.MULTILINE)
    return f": {file[1]}, {file[2].lower()}" if file else ""
