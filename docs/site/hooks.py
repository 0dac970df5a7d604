"""What the site's builder reads otherwise than those who read the pages in the repository do.

Links to files outside docs/ become their names, since the site has no such files. Lists, tables and
code below a line of text get the empty line that Python's Markdown wants before them. A bar in the
code of a table's cell stands there as it is. Where a docstring names a section of a specification,
that is a link.
"""

import os
import re
from pathlib import Path

from markdown.extensions.toc import slugify
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

log = get_plugin_logger("site")

_SPECIFICATION = re.compile(r"Spec:\s+docs/(spec/(\w[\w-]*)\.md)((?:,\s+[\w\s-]+)*)")

_FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)#:\s]*)(#[^)]*)?\)")
_ITEM = r"(?:- |\d+\. )"
_TEXT_BEFORE_LIST = re.compile(rf"^(?!{_ITEM}|[ #|>])(.+)\n(?={_ITEM})", re.MULTILINE)
_ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]+`")
_TEXT_BEFORE_TABLE = re.compile(r"^(?![|])(.+)\n(?=\|.*\|\n\|[-|: ]+\|$)", re.MULTILINE)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Files) -> str:
    """Return a page's source as the builder is to read it."""
    docs = Path(config.docs_dir)
    folder = (docs / page.file.src_uri).parent

    def named(link: re.Match[str]) -> str:
        text, path = link[1], link[2]
        target = Path(os.path.normpath(folder / path))
        if target.is_relative_to(docs):
            return link[0]
        if not target.exists():
            log.warning("%s has a link to %s, which is not there", page.file.src_uri, path)
        name = target.relative_to(docs.parent).as_posix()
        return text if name in text else f"{text} (`{name}`)"

    parts = _FENCE.split(markdown)
    for i in range(0, len(parts), 2):
        text = _LINK.sub(named, parts[i])
        text = _ROW.sub(lambda row: _CODE.sub(_with_bars, row[0]), text)
        text = _TEXT_BEFORE_LIST.sub(r"\1\n\n", text)
        parts[i] = _TEXT_BEFORE_TABLE.sub(r"\1\n\n", text)
    return "\n\n".join(parts)


def on_page_content(html: str, page: Page, files: Files, **_: MkDocsConfig) -> str:
    """Return a page's content with links to the specifications that docstrings name."""

    def linked(named: re.Match[str]) -> str:
        path, name, sections = named.groups()
        specification = files.get_file_from_path(path)
        if specification is None:
            log.warning("%s names docs/%s, which is not there", page.file.src_uri, path)
            return named[0]
        url = get_relative_url(specification.url, page.url)
        whole, *parts = [name, *(" ".join(each.split()) for each in sections.split(",")[1:])]
        links = [f'<a href="{url}#{slugify(part, "-")}">{part}</a>' for part in parts]
        return "Spec: " + ", ".join([f'<a href="{url}">{whole}</a>', *links])

    return _SPECIFICATION.sub(linked, html)


def _with_bars(code: re.Match[str]) -> str:
    return code[0].replace("\\|", "|")
