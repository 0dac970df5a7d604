"""The layers of a container image, one upon the other (OCI image specification, layer.md)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pycape.images._tar import parts_of, read_tar, refused
from pycape.images._tree import Directory, File, Node, Symlink, Tree

if TYPE_CHECKING:
    from pycape.images._budget import Budget
    from pycape.images._contents import Contents
    from pycape.images._decompress import Source
    from pycape.images._tar import Member

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
# Others of that beginning are bookkeeping of a file system (AUFS).
_BOOKKEEPING = ".wh..wh."

_SET_ID = 0o6000


@dataclass
class Unpacking:
    """What archives are unpacked to: a tree, the place of contents, and how much may still come.

    `dropped` tells what an image does not take over: devices, pipes, and bits and capabilities that
    would give a program more rights than its user has. With `keeps_links`, a link to a directory
    stays where an archive has a directory of that name, as `dpkg` does it.
    """

    tree: Tree
    contents: Contents
    budget: Budget
    keeps_owners: bool
    keeps_links: bool
    dropped: dict[str, str] = field(default_factory=dict)

    def layer(self, number: int, source: Source, where: str) -> None:
        """Unpack a layer of a container image, upon those of lower numbers."""
        for member, content in read_tar(source, where, self.budget):
            above, last = member.parts[:-1], member.parts[-1] if member.parts else ""
            if last != _OPAQUE and any(part.startswith(_BOOKKEEPING) for part in member.parts):
                continue
            if any(part.startswith(_WHITEOUT) for part in above):
                raise refused(where, f"{member.name} is below a name that hides others")
            if last == _OPAQUE:
                if isinstance(directory := self.tree.find(above), Directory):
                    _clear(directory, number)
            elif last.startswith(_WHITEOUT):
                self._hide(member, last.removeprefix(_WHITEOUT), number, where)
            else:
                self._add(member, content, number, where)

    def package(self, source: Source, where: str) -> None:
        """Unpack the files of a package."""
        for member, content in read_tar(source, where, self.budget):
            self._add(member, content, 0, where)

    def _add(self, member: Member, content: Source, layer: int, where: str) -> None:
        node = self._node(member, content, where)
        if node is None:
            self.dropped[member.name] = "a device or a pipe"
            return
        node.layer = layer
        if node.permissions & _SET_ID and not isinstance(node, Symlink):
            node.permissions &= ~_SET_ID
            if not isinstance(node, Directory):
                self.dropped[member.name] = "its set-user-id or set-group-id bit"
        if member.has_capabilities:
            self.dropped[member.name] = "its capabilities"
        if isinstance(node, Directory):
            self._add_directory(member, node)
        elif member.parts:
            self.tree.put(member.parts, node)
        else:
            raise refused(where, "something else than a directory is the root")

    def _add_directory(self, member: Member, node: Directory) -> None:
        """Set a directory; one that is there keeps what is in it."""
        there = self.tree.find(member.parts, follow=self.keeps_links)
        if isinstance(there, Directory):
            there.permissions, there.user, there.group = node.permissions, node.user, node.group
            there.layer = max(there.layer, node.layer)
            self.tree.directory(member.parts[:-1], node.layer)
        else:
            self.tree.put(member.parts, node)

    def _node(self, member: Member, content: Source, where: str) -> Node | None:
        """Return what an entry is; None for what an image has not."""
        user, group = (member.user, member.group) if self.keeps_owners else (0, 0)
        match member.kind:
            case "directory":
                return Directory(member.permissions, user, group)
            case "file":
                kept = self.contents.take(content)
                return File(member.permissions, user, group, content=kept, size=member.size)
            case "symlink":
                return Symlink(0o777, user, group, target=member.target)
            case "hardlink":
                return self._twin(member, where)
        return None

    def _twin(self, member: Member, where: str) -> Node:
        """Return another file of the same content: a ramdisk of ours has no hard links."""
        linked = self.tree.find(parts_of(member.target, where), follow=False)
        if not isinstance(linked, File | Symlink):
            raise refused(
                where, f"{member.name} is a hard link to {member.target}, which is no file"
            )
        if isinstance(linked, File):
            self.budget.content(where, member.name, linked.size)
        return replace(linked)

    def _hide(self, member: Member, name: str, layer: int, where: str) -> None:
        """Remove what lower layers have under a name; what this layer has there stays."""
        if name in {"", ".", ".."}:
            raise refused(where, f"{member.name} hides nothing")
        directory = self.tree.find(member.parts[:-1])
        there = directory.children.get(name) if isinstance(directory, Directory) else None
        if isinstance(directory, Directory) and there is not None:
            if isinstance(there, Directory) and there.layer == layer:
                _clear(there, layer)
            elif there.layer != layer:
                del directory.children[name]


def _clear(directory: Directory, layer: int) -> None:
    """Remove what lower layers have in a directory, once for a layer, whatever it has itself."""
    pending = [directory]
    while pending:
        here = pending.pop()
        if here.cleared == layer:
            continue
        here.cleared = layer
        here.children = {name: node for name, node in here.children.items() if node.layer == layer}
        pending += [node for node in here.children.values() if isinstance(node, Directory)]
