"""A document of headings, lines and tables, as Markdown and as one page of HTML that needs nothing else.

Any text may stand in it: names and values of a table are shown as they are and do nothing. Signs that
cannot be seen, or that turn the order of those after them, are written out.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LONGEST = 200  # characters of a cell

_TURNING = frozenset("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2028\u2029\u2066\u2067\u2068\u2069\ufeff")
_ACTIVE = re.compile(r"[\\`*{}\[\]#~|$]|(?<!\w)_|_(?!\w)")  # what Markdown takes for its own
_LEADS = re.compile(r"^(?:[-+=]|\d+(?=[.)]))")  # at the start of a line, besides
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

_STYLE = """
:root { color-scheme: light dark; --canvas: #f7f8fb; --surface: #fff; --line: #dfe3ec; --text: #161b2c;
  --muted: #5f6880; --accent: #2b4acb; }
@media (prefers-color-scheme: dark) { :root { --canvas: #0e1118; --surface: #151923; --line: #272d3d;
  --text: #e9ecf4; --muted: #939cb2; --accent: #9daeff; } }
body { margin: 0 auto; max-width: 72rem; padding: 2rem 1.25rem; background: var(--canvas); color: var(--text);
  font: 0.9rem/1.5 "Inter Variable", Inter, system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; font-weight: 600; }
h2 { font-size: 1.15rem; font-weight: 600; margin-top: 2rem; }
h3 { font-size: 0.95rem; font-weight: 600; margin: 1.5rem 0 0.25rem; }
p { max-width: 46rem; margin: 0.4rem 0; }
strong { color: var(--muted); font-weight: 500; }
.frame { overflow-x: auto; width: fit-content; max-width: 100%; margin: 0.6rem 0 1.2rem;
  border: 1px solid var(--line); border-radius: 8px; background: var(--surface); }
table { border-collapse: collapse; font-size: 0.82rem; overflow-wrap: break-word; }
th, td { padding: 0.35rem 0.7rem; text-align: start; vertical-align: top; border-bottom: 1px solid var(--line);
  min-width: 3rem; max-width: 18rem; white-space: pre-wrap; }
th { color: var(--muted); font-weight: 500; }
tr:last-child > td { border-bottom: 0; }
.number { text-align: end; white-space: nowrap; font-variant-numeric: tabular-nums; }
@media print { :root { --canvas: #fff; --surface: #fff; --line: #ccc; --text: #000; --muted: #444; }
  body { max-width: none; padding: 0; font-size: 9pt; } .frame { overflow: visible; border-radius: 0; }
  thead { display: table-header-group; } tr { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""


@dataclass(frozen=True)
class Heading:
    """What the blocks after it are about; 2 is a part of the document, 3 a part of that."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Line:
    """A sentence or more; `label` is what it answers."""

    text: str
    label: str = ""


@dataclass(frozen=True)
class Grid:
    """A table of texts, or of several in a cell; the columns in `numbers` are set to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numbers: frozenset[int] = frozenset()


Block = Heading | Line | Grid
Cell = str | tuple[str, ...]


def shown(text: str, longest: int = LONGEST) -> str:
    """A value as it can be seen: spaces at its ends are marked, signs without a shape are written out."""
    kept = text[:longest].strip(" ")
    at = len(text) - len(text.lstrip(" "))
    after = len(text) - len(text.rstrip(" ")) if kept else 0
    seen = f"{'␣' * min(at, longest)}{kept}{'␣' * after if len(text) <= longest else '…'}"
    return _all(seen)


def _seen(sign: str) -> str:
    if sign not in _TURNING and unicodedata.category(sign) not in {"Cc", "Cs", "Co", "Cn"} and sign != "\u00a0":
        return sign
    return {"\n": "↵", "\r": "↵", "\t": "⇥"}.get(sign, f"\\u{ord(sign):04x}")


def markdown(title: str, blocks: Iterable[Block]) -> str:
    """The document as Markdown, with tables as GitHub writes them."""
    lines = [f"# {_plain(title)}"]
    for block in blocks:
        lines.append("")
        match block:
            case Heading(text, level):
                lines.append(f"{'#' * level} {_plain(text)}")
            case Line(text, label):
                lines.append(f"**{_plain(label)}:** {_plain(text)}" if label else _led(_plain(text)))
            case Grid(columns, rows, numbers):
                lines.append(_row(columns))
                lines.append(_row(["---:" if at in numbers else "---" for at in range(len(columns))], raw=True))
                lines += [_row(row) for row in rows]
    return "\n".join(lines) + "\n"


def page(title: str, blocks: Iterable[Block]) -> str:
    """The document as one page of HTML: no script, nothing fetched, light or dark as the reader has it."""
    body = "\n".join(map(_marked, blocks))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(_line(title))}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{_escaped(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _marked(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{_escaped(text)}</h{level}>"
        case Line(text, label):
            return f"<p>{f'<strong>{_escaped(label)}:</strong> ' if label else ''}{_escaped(text)}</p>"
        case Grid(columns, rows, numbers):
            right = ['class="number"' if at in numbers else "" for at in range(len(columns))]
            head = "".join(
                f'<th scope="col" {mark}>{_escaped(name)}</th>' for name, mark in zip(columns, right, strict=True)
            )
            body = "\n".join(
                f"<tr>{''.join(f'<td {m}>{_cell(cell)}</td>' for cell, m in zip(row, right, strict=True))}</tr>"
                for row in rows
            )
            return (
                f'<div class="frame"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
            )


def _line(text: str) -> str:
    """A text on one line, in which nothing is hidden."""
    return _all(" ".join(text.split()))


def _escaped(text: str) -> str:
    return html.escape(_line(text))


def _cell(cell: Cell) -> str:
    """A cell whose texts have a direction of their own: one from right to left turns nothing around it."""
    texts = (cell,) if isinstance(cell, str) else cell
    return ", ".join(f"<bdi>{html.escape(_all(text))}</bdi>" for text in texts if text)


def _all(text: str) -> str:
    """A text with every space it has."""
    return "".join(map(_seen, text))


def _plain(text: str) -> str:
    return _inert(_line(text))


def _inert(text: str) -> str:
    return _ACTIVE.sub(lambda found: f"\\{found[0]}", text).translate(_ENTITIES)


def _led(text: str) -> str:
    return _LEADS.sub(lambda found: found[0] + "\\" if found[0].isdigit() else f"\\{found[0]}", text)


def _row(cells: Sequence[Cell], *, raw: bool = False) -> str:
    texts = [cell if isinstance(cell, str) else ", ".join(cell) for cell in cells]
    return f"| {' | '.join(text if raw else _inert(_all(text)) for text in texts)} |"
