"""The site: built without a warning, no broken link, nothing fetched from elsewhere."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from pages import ROOT
from test_exported_members import MODULES

# What makes a browser fetch something, by the attributes that say what. A link of <a> is followed
# by a person only; <link> says in `rel` what it is for.
FETCHED = {"src", "srcset", "poster", "data"}
NOT_FETCHED = {"canonical", "next", "prev"}


class Page(HTMLParser):
    """What a page of HTML has: ids, links, and what a browser fetches for it."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.fetched, self.images = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        self.fetched += [given[name] for name in FETCHED & given.keys()]
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") not in NOT_FETCHED:
            self.fetched.append(given["href"])
        if tag == "img":
            self.images.append(given)


@pytest.fixture(scope="session")
def read(site):
    """Each page of the site, read, by its file."""
    return {file.resolve(): Page(file.read_text("utf-8")) for file in site.pages}


def test_it_is_built_without_a_warning(site):
    assert "WARNING" not in site.said
    assert "INFO    -  Documentation built" in site.said


def test_every_page_of_the_documentation_is_there(site):
    sources = [file.relative_to(ROOT / "docs") for file in (ROOT / "docs").rglob("*.md")]
    expected = {
        str(file.with_name("index.html") if file.stem == "README" else file.with_suffix(".html"))
        for file in sources
    }
    built = {str(file.relative_to(site.folder)) for file in site.pages}
    assert built == expected | {"404.html"}


def test_links_lead_somewhere(site, read):
    broken = []
    for file, page in read.items():
        base = site.folder if file.name == "404.html" else file.parent
        for link in page.links + page.fetched:
            if urlsplit(link).scheme:
                continue
            path, anchor = map(unquote, urldefrag(link))
            where = site.folder / path.lstrip("/") if path.startswith("/") else base / path
            target = (where if path else file).resolve()
            target = target / "index.html" if target.is_dir() else target
            found = target.exists() and (not anchor or anchor in read[target].ids)
            broken += [] if found else [f"{file.relative_to(site.folder)}: {link}"]
    assert broken == []


def test_a_file_outside_of_the_documentation_is_named_instead_of_linked(site):
    page = (site.folder / "security" / "isolation.html").read_text("utf-8")
    assert "here (<code>enclave-runtime/src/jail/system_calls/allowed.rs</code>)" in page


def test_no_list_table_or_link_is_left_as_text(site):
    left = []
    for file in site.pages:
        text = re.sub(r"<(code|script)\b.*?</\1>", "", file.read_text("utf-8"), flags=re.DOTALL)
        for _, inner in re.findall(r"<(p|li|td)>(.*?)</\1>", text, re.DOTALL):
            if re.search(r"\n(- |\d+\. |\|)|\]\(|```", inner):
                left.append(f"{file.relative_to(site.folder)}: {inner[:80]}")
    assert left == []


def test_no_bar_in_a_table_has_a_backslash(site):
    for file in site.pages:
        cells = re.findall(r"<td>(.*?)</td>", file.read_text("utf-8"), re.DOTALL)
        assert [cell for cell in cells if "\\|" in cell] == [], file


def test_nothing_is_fetched_from_elsewhere(site, read):
    for page in read.values():
        assert [link for link in page.fetched if urlsplit(link).netloc] == []
    for file in site.folder.rglob("*.css"):
        said = re.findall(
            r"(?:url\(|@import)\s*[\"']?(?!data:)(\w+://|//)", file.read_text("utf-8")
        )
        assert said == [], file


def test_every_image_says_what_it_shows(read):
    images = [image for page in read.values() for image in page.images]
    assert images
    assert [image for image in images if len(image.get("alt") or "") < 10] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_name_is_on_a_page(module, read):
    ids = set().union(*(page.ids for file, page in read.items() if "api" in file.parts))
    names = {f"{module.__name__}.{name}" for name in module.__all__ if name != "__version__"}
    assert names <= ids, names - ids


def test_every_specification_that_a_docstring_names_is_a_link(site):
    """That it leads to a section which is there, `test_links_lead_somewhere` shows."""
    pages = [file.read_text("utf-8") for file in site.pages if "api" in file.parts]
    linked = [link for page in pages for link in re.findall(r"Spec: <a href=\"([^\"]+)\"", page)]
    assert len(linked) >= 10
    assert sum(page.count("Spec:") for page in pages) == len(linked)
    assert "../../spec/envelope.html#keys-in-text" in [
        link for page in pages for link in re.findall(r"href=\"([^\"]+)\"", page)
    ]
