"""What images are made of, made up: a kernel, a runtime, packages, container images."""

import gzip
import hashlib
import io
import json
import lzma
import struct
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

COMMAND_LINE = "reboot=k console=ttyS0"
RECIPE = 'name = "tested"\nversion = "1.0"\n'
SETTINGS = 'mode = "development"\nvault_backends = ["file"]\n'


def kernel(version: str = "6.12.0-cape") -> bytes:
    """The beginning of a bzImage, as far as anybody looks at it."""
    image = bytearray(4096)
    image[0x202:0x206] = b"HdrS"
    image[0x20E:0x210] = (0x400 - 0x200).to_bytes(2, "little")
    image[0x400 : 0x400 + len(version) + 8] = f"{version} (user)".encode() + b"\0"
    return bytes(image)


def arm_kernel() -> bytes:
    """The beginning of an Image for aarch64."""
    return bytes(56) + b"ARM\x64" + bytes(4096)


def of_machine(machine: int) -> bytes:
    """A runtime whose header says another machine."""
    program = runtime()
    return program[:18] + machine.to_bytes(2, "little") + program[20:]


def of_architecture(folder: Path, architecture: str) -> None:
    """Put kernel and runtime of an architecture into the place of those of `sources_in`."""
    if architecture == "aarch64":
        (folder / "bzImage").write_bytes(arm_kernel())
        (folder / "runtime").write_bytes(of_machine(183))


def runtime(
    says: str = f"{COMMAND_LINE}\n",
    *,
    needs: str = "{}\n",
    refuses: str = "",
    interpreter: bool = False,
) -> bytes:
    """A static program for Linux on x86_64, which answers what a runtime is asked, and ends.

    It says its command line, and when an image is to be checked what it needs, or why it refuses.
    """
    base, code_at = 0x400000, 64 + 2 * 56
    line, checked = says.encode(), (refuses or needs).encode()
    # "check-image" and "command-line" differ in their second letter.
    code = b"\x48\x8b\x44\x24\x10" + b"\x80\x78\x01h" + b"\x74\x24"
    code += _say(1, line, 0, before=36)
    code += _say(2 if refuses else 1, checked, 78 if refuses else 0, before=len(line))
    text = line + checked
    size = code_at + len(code) + len(text)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        *(b"\x7fELF\x02\x01\x01", 2, 62, 1, base + code_at, 64, 0, 0, 64, 56, 2, 0, 0, 0),
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    other = struct.pack("<IIQQQQQQ", 3 if interpreter else 0, 4, 0, 0, 0, 0, 0, 1)
    return header + load + other + code + text


def _say(stream: int, text: bytes, status: int, *, before: int) -> bytes:
    """Code of 36 bytes: write(stream, text, length); exit(status). The text is so far behind it."""
    return struct.pack(
        "<BIBI3siBI2sBIBI2s",
        *(0xB8, 1, 0xBF, stream, b"\x48\x8d\x35", before + 19, 0xBA, len(text), b"\x0f\x05"),
        *(0xB8, 60, 0xBF, status, b"\x0f\x05"),
    )


def entry(name: str, content: bytes | None = None, **fields) -> tuple[tarfile.TarInfo, bytes]:
    """An entry of a tar: a directory without content."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
    info.mode = 0o755 if content is None else 0o644
    info.size = len(content or b"")
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content or b""


def symlink(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=tarfile.SYMTYPE, linkname=target, mode=0o777)


def hardlink(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=tarfile.LNKTYPE, linkname=target)


def tar(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def deb(
    *entries: tuple[tarfile.TarInfo, bytes], compress=lzma.compress, suffix: str = ".xz"
) -> bytes:
    """A package with a maintainer script that must never run."""
    control = gzip.compress(tar(entry("./postinst", b"#!/bin/sh\ntouch /tmp/ran\n", mode=0o755)))
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": control,
        f"data.tar{suffix}": compress(tar(*entries)),
    }
    return ar(members)


def ar(members: dict[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, content in members.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        out += content + b"\n" * (len(content) % 2)
    return out


def lock(*packages: tuple[str, bytes], wanted: list[str] | None = None) -> str:
    """A lock file of packages, each by its name and its file."""
    names = wanted or sorted(name for name, _ in packages)
    text = f"wanted = {json.dumps(names)}\nwithout = []\n"
    for name, content in sorted(packages):
        text += (
            f'[[package]]\nname = "{name}"\nversion = "1.0"\narchitecture = "amd64"\n'
            f'sha256 = "{hashlib.sha256(content).hexdigest()}"\nsize = {len(content)}\n'
        )
    return text


def sources_in(folder: Path) -> dict[str, Path]:
    """Write a kernel, a runtime and settings, and return where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bzImage").write_bytes(kernel())
    (folder / "runtime").write_bytes(runtime())
    (folder / "runtime").chmod(0o755)
    (folder / "settings.toml").write_text(SETTINGS)
    return {
        "kernel": folder / "bzImage",
        "runtime": folder / "runtime",
        "settings": folder / "settings.toml",
    }


class Container:
    """A container image of layers, each bytes of a tar."""

    def __init__(
        self, *layers: bytes, compress=gzip.compress, architecture="amd64", **config
    ) -> None:
        self.layers = layers
        self.blobs: dict[str, bytes] = {}
        self.config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["/bin/app"], **config},
            "rootfs": {"type": "layers", "diff_ids": [digest(each) for each in layers]},
        }
        self.compress = compress
        suffix = {gzip.compress: "+gzip"}.get(compress, "" if compress is bytes else "+zstd")
        self.manifest = self.blob(
            {
                "schemaVersion": 2,
                "config": self.blob(self.config, "application/vnd.oci.image.config.v1+json"),
                "layers": [
                    self.blob(compress(each), f"application/vnd.oci.image.layer.v1.tar{suffix}")
                    for each in layers
                ],
            },
            "application/vnd.oci.image.manifest.v1+json",
        )

    def blob(self, content: object, kind: str) -> dict:
        """Keep a blob, and return its descriptor."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.blobs[digest(data)] = data
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    def files(self, index: dict | None = None) -> dict[str, bytes]:
        """The files of an OCI layout."""
        index = index or {"schemaVersion": 2, "manifests": [self.manifest]}
        return {
            "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
            "index.json": json.dumps(index).encode(),
            **{f"blobs/{name.replace(':', '/')}": data for name, data in self.blobs.items()},
        }

    def layout(self, folder: Path, index: dict | None = None) -> Path:
        """Write an OCI layout into a new folder."""
        for name, data in self.files(index).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return folder

    def layout_tar(self, path: Path) -> Path:
        """Write an OCI layout as a tar."""
        path.write_bytes(tar(*(entry(name, data) for name, data in self.files().items())))
        return path

    def docker_archive(self, path: Path, tag: str = "app:latest") -> Path:
        """Write what older `docker save` writes: a layer that is there twice is a link."""
        config = json.dumps(self.config).encode()
        name = f"{hashlib.sha256(config).hexdigest()}.json"
        entries, names, seen = [entry(name, config)], [], {}
        for number, layer in enumerate(self.layers):
            place = f"{number:064x}/layer.tar"
            if layer in seen:
                entries.append(symlink(place, f"../{seen[layer]}"))
            else:
                seen[layer] = place
                entries.append(entry(place, layer))
            names.append(place)
        manifest = [{"Config": name, "RepoTags": [tag], "Layers": names}]
        entries.append(entry("manifest.json", json.dumps(manifest).encode()))
        path.write_bytes(tar(*entries))
        return path


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


APP = entry("bin/app", b"#!", mode=0o755)


def signer(folder: Path, *, days=(-1, 30), curve=None, name="tests") -> tuple[Path, Path]:
    """Write a key and its certificate, valid between these days from now."""

    key = ec.generate_private_key(curve or ec.SECP384R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begin, end = (datetime.now(UTC) + timedelta(days=each) for each in days)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(end)
        .sign(key, hashes.SHA384())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return folder / "key.pem", folder / "cert.pem"


def image_files(folder: Path) -> dict[str, str]:
    """Write a recipe, all that it names, and a signer; return them by what lines call them."""
    sources_in(folder)
    key, certificate = signer(folder)
    (folder / "image.toml").write_text(
        f'{RECIPE}[kernel]\nfile = "bzImage"\n[runtime]\nfile = "runtime"\n'
        'settings = "settings.toml"\n'
    )
    return {
        "RECIPE": str(folder / "image.toml"),
        "SIGN_KEY": str(key),
        "SIGN_CERT": str(certificate),
    }
