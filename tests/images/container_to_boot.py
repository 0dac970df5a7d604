"""The container image that is booted: `python -m tests.images.container_to_boot PROGRAM USER TAR`.

`enclave-runtime/boot-test` has the program, and looks at what it finds.
"""

import sys
from pathlib import Path

from . import made

ACCOUNTS = b"root:x:0:0:root:/root:/bin/false\napp:x:1000:1001::/srv:/bin/false\n"


def container(program: bytes, user: str) -> made.Container:
    """A container image of a static program and two layers, of which the upper one hides a file."""
    lower = made.tar(
        made.entry("etc/passwd", ACCOUNTS),
        made.entry("etc/hidden", b"below"),
        made.entry("etc/layer", b"below"),
        made.entry("srv", uid=1000, gid=1001),
        made.entry("srv/private", b"the user's", uid=1000, gid=1001, mode=0o600),
        made.entry("srv/roots", b"root's", mode=0o600),
        made.entry("usr/bin/contained", program, mode=0o755),
    )
    upper = made.tar(made.entry("etc/.wh.hidden", b""), made.entry("etc/layer", b"above"))
    return made.Container(
        lower,
        upper,
        User=user,
        WorkingDir="/srv/new/folder",
        Env=["PATH=/usr/local/bin:/usr/bin", "COLOURS=blue, green"],
        Entrypoint=["contained"],
        Cmd=["one", "two words"],
    )


if __name__ == "__main__":
    program, user, tar = sys.argv[1:]
    container(Path(program).read_bytes(), user).layout_tar(Path(tar))
