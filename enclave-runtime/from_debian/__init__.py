"""What the project builds from Debian's sources, for images and for tests: a kernel, and a QEMU.

Each build is of one pinned source, by tools that are named, into a cache that is keyed by all that
goes in. Standard library only: it runs before anything is installed.
"""
