"""Write output.svg of each function: what its README's commands show, as in a terminal.

    python functions/pictures.py

Anybody's renderer draws it: text of one width, on a ground that is dark where the reader's pages
are. Nothing is fetched, no font either.
"""

import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tests.pages import examples, promised, typed  # noqa: E402 - the checkout's root is known now

COLUMNS = 96
CHARACTER, LINE, ASCENT, EDGE = 8, 19, 13, 16

STYLE = (
    "text{font:13px ui-monospace,Menlo,Consolas,monospace;white-space:pre;fill:#1f2328}"
    "rect{fill:#f6f8fa;stroke:#d0d7de}.typed{font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}rect{fill:#161b22;stroke:#30363d}}"
)


def picture(readme: Path) -> str:
    """Draw what a README's blocks show, but for what differs each time."""
    rows = [
        (piece, is_typed)
        for text, is_typed in shown(readme)
        for piece in re.findall(f".{{1,{COLUMNS}}}", text) or [""]
    ]
    width, height = 2 * EDGE + COLUMNS * CHARACTER, 2 * EDGE + len(rows) * LINE
    text = "\n".join(line(number, *row) for number, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">\n<style>{STYLE}</style>\n'
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6"/>\n'
        f"{text}\n</svg>\n"
    )


def line(number: int, text: str, is_typed: bool) -> str:
    kind = ' class="typed"' if is_typed else ""
    place = f'x="{EDGE}" y="{EDGE + LINE * number + ASCENT}"'
    return f"<text {place}{kind}>{escape(text, quote=False)}</text>"


def shown(readme: Path) -> Iterator[tuple[str, bool]]:
    """Yield lines, and whether they are typed."""
    for language, block in examples(readme):
        if language == "console":
            for command, output in typed(block):
                if output.strip() not in ("", "..."):
                    yield f"$ {command}", True
                    yield from ((text, False) for text in output.splitlines())
        elif language == "python":
            for statement in block.splitlines():
                if statement.lstrip().startswith("print(") and "  # " in statement:
                    yield f">>> {statement.partition('  # ')[0].strip()}", True
                    yield from ((text, False) for text in promised(statement))
        elif language == "sh":
            for statement in block.splitlines():
                command, _, comment = statement.partition("  # ")
                yield f"$ {command.strip()}", True
                if comment:
                    yield comment.strip(), False


def main() -> None:
    for readme in sorted(HERE.glob("*/README.md")):
        if "](output.svg)" in readme.read_text("utf-8"):
            readme.with_name("output.svg").write_text(picture(readme), encoding="utf-8")


if __name__ == "__main__":
    main()
