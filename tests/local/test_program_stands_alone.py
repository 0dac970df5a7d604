"""The runtime's program is the first of an image, where no library lies beside it."""

import struct
import sysconfig
from pathlib import Path

# Program headers of an ELF file (elf(5)): a program that another one has to load names that one.
INTERPRETER = 3


def header_types(program):
    """The types of the program headers of a 64-bit, little-endian file."""
    assert program[:6] == b"\x7fELF\x02\x01"
    (offset,) = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    return {struct.unpack_from("<I", program, offset + index * size)[0] for index in range(count)}


def test_it_needs_no_other_program_to_be_loaded():
    program = (Path(sysconfig.get_path("scripts")) / "cape-enclave").read_bytes()
    assert INTERPRETER not in header_types(program)


def test_a_program_that_does_is_told_from_it():
    assert INTERPRETER in header_types(Path("/bin/sh").read_bytes())
