"""From the bytes of a file to UTF-8 text: what they are, and how they were written.

A byte-order mark decides; else text that is strict UTF-8 is UTF-8; else zero bytes in every
second place are UTF-16; else it is Windows-1252, or Latin-1 where that has no character, unless its
accents stand side by side as no Western word has them: then a detector says which alphabet it is. One
pass reads every byte, so a surprise in the last line is known before the first is believed.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from services.errors import FileRefused, ParamError
from services.reading import ENCODINGS

BLOCK = 1 << 20
LONGEST_LINE = 10_000_000  # bytes; beyond, it is no table of lines

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32", "utf-32"),
    (codecs.BOM_UTF32_BE, "UTF-32", "utf-32"),
    (codecs.BOM_UTF8, "UTF-8", "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "UTF-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "UTF-16", "utf-16"),
)

_CSV = "Save the table as CSV and upload that."
_UNPACK = "Unpack it and upload the CSV inside."
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture", "Upload the table the picture was made from, as CSV."),
    (b"\xff\xd8\xff", "a JPEG picture", "Upload the table the picture was made from, as CSV."),
    (b"GIF8", "a GIF picture", "Upload the table the picture was made from, as CSV."),
    (b"%PDF-", "a PDF document", "Export the table from the program it was made with, as CSV."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"ORC", "an ORC file", "Export it as CSV and upload that."),
    (b"SQLite format 3\x00", "an SQLite database", "Export the table you want as CSV and upload that."),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "Export the table you want as CSV and upload that."),
    (b"\x80\x04\x95", "a Python pickle", "Write the table with to_csv and upload that."),
    (b"\x80\x05\x95", "a Python pickle", "Write the table with to_csv and upload that."),
    (b"\x7fELF", "a program", "Upload a table as CSV."),
    (b"{\\rtf", "a rich-text document", _CSV),
)


@dataclass(frozen=True, kw_only=True)
class Text:
    """What one pass over the bytes of a file found."""

    encoding: str  # as shown to a person
    codec: str
    content: str  # sha256 of the bytes
    size: int
    lines: int  # not counting empty ones at the end; only right for encodings in single bytes
    quotes: bool
    nulls: int  # stray zero bytes
    damaged: int  # bytes that are not of the encoding
    longest: int  # a line of more than a block is at least this long

    @property
    def is_plain(self) -> bool:
        """UTF-8 that can be read where it lies."""
        return self.codec in {"utf-8", "utf-8-sig"} and not self.nulls and not self.damaged


def inspect(source: Path, watch: Callable[[float], None], codec: str | None = None) -> Text:
    """Read every byte of `source` once and say what text it is; `codec` is given where it was chosen.

    Raises
    ------
    FileRefused
        It is empty, no text, or a known file of another kind.
    """
    size = source.stat().st_size
    if not size:
        raise FileRefused("The file is empty. Choose a file with a header line and at least one row.")
    digest = hashlib.sha256()
    strict = codecs.getincrementaldecoder("utf-8")("replace")
    breaks = carriages = pairs = nulls = damaged = wide = run = longest = done = undefined = 0
    quotes, last, ending, head, wanted = False, b"", b"", b"", codec
    accents: list[bytes] = []
    with source.open("rb") as file:
        while block := file.read(BLOCK):
            if not head:
                head = block[:65_536]
                _refuse_other(head)
                marked = next((mark for mark in _MARKS if head.startswith(mark[0])), None) or _unmarked_utf16(head)
                if marked is None and wanted is None:
                    _refuse_binary(head)
            digest.update(block)
            breaks += block.count(b"\n")
            if b"\r" in block:
                carriages += block.count(b"\r")
                pairs += block.count(b"\r\n")
            pairs += last == b"\r" and block[:1] == b"\n"
            nulls += block.count(b"\0") if b"\0" in block else 0  # to look for one is ten times quicker
            quotes = quotes or b'"' in block
            if not block.isascii() or strict.getstate()[0]:
                # A lead byte of UTF-8 is 0xC2 or more; what is replaced is damage, unless it was U+FFFD before.
                wide += len(block.translate(None, _BELOW_C2))
                meant = (block.count(_REPLACED) if _REPLACED in block else 0) + (ending[-2:] + block[:2]).count(
                    _REPLACED
                )
                damaged += strict.decode(block).count("\ufffd") - meant
                undefined += len(block) - len(block.translate(None, _NOT_1252))
                if sum(map(len, accents)) < _ACCENTS:
                    accents += [line for line in block.splitlines() if not line.isascii()][:1_000]
            cut = max(block.rfind(b"\n"), block.rfind(b"\r"))
            run = run + len(block) if cut < 0 else len(block) - cut - 1
            longest = max(longest, run)
            last, ending = block[-1:], (ending + block)[-4_096:]
            done += len(block)
            watch(done / size)
    tail = strict.decode(b"", True)
    if marked is None and wanted is None and nulls > size // 100:
        raise FileRefused(
            "This file holds binary data, not text, although it is named like a table. "
            "Export the table as CSV and upload that."
        )
    shown, codec = marked[1:] if marked else ("UTF-8", "utf-8")
    if codec in {"utf-8", "utf-8-sig"}:
        damaged += len(tail)
        if (damaged > 1 and damaged * 10 > wide) or (damaged and wide < 10 and not tail):
            shown, codec = ("Latin-1", "latin-1") if undefined else ("Windows-1252", "cp1252")
            shown, codec = _alphabet(b"\n".join(accents)[:_ACCENTS]) or (shown, codec)
            damaged = 0
    else:
        nulls = damaged = 0
    if wanted is not None and not (marked and wanted.startswith(codec[:5])):
        shown, codec = ENCODINGS[wanted].partition(" (")[0], wanted
        damaged, nulls = (damaged, nulls) if codec == "utf-8" else (0, 0)
    if longest > LONGEST_LINE:
        raise FileRefused(
            f"This file has a line of more than {LONGEST_LINE // 1_000_000} million characters, so it is no table of "
            "lines. Check that its lines end in line breaks and that no quote is left open."
        )
    if not ending.strip(b"\r\n\0 \t") and size <= len(ending):
        raise FileRefused("The file holds only empty lines. Choose a file with a header line and at least one row.")
    body = ending.rstrip(b"\r\n")
    spare = ending[len(body) :]
    blank = spare.count(b"\n") + spare.count(b"\r") - spare.count(b"\r\n")
    return Text(
        encoding=shown,
        codec=codec,
        content=digest.hexdigest(),
        size=size,
        lines=breaks + carriages - pairs - blank + 1,
        quotes=quotes,
        nulls=nulls,
        damaged=damaged,
        longest=longest,
    )


def _alphabet(lines: bytes) -> tuple[str, str] | None:
    """Which encoding of another alphabet than the Latin one the non-ASCII `lines` are in; None: none, as far as seen.

    In a Western word an accent stands alone; a detector asked about a few of them would guess anything.
    """
    high = sum(byte > 127 for byte in lines)
    beside = sum(one > 127 and other > 127 for one, other in pairwise(lines))
    if beside < 0.6 * high:
        return None
    from charset_normalizer import from_bytes

    # Hebrew has its letters where Cyrillic has its small ones, and hardly anything where that has its capitals.
    capitals = sum(0xC0 <= byte <= 0xDF for byte in lines)
    alphabets = [each for each in _ALPHABETS if each != "cp1255" or capitals < 0.02 * high]
    best = from_bytes(lines, cp_isolation=alphabets, preemptive_behaviour=False).best()
    codec = best.encoding.replace("_", "-") if best else ""
    codec = {"shift-jis": "shift_jis", "cp932": "shift_jis", "euc-jp": "euc_jp", "euc-kr": "euc_kr"}.get(codec, codec)
    return (ENCODINGS[codec].partition(" (")[0], codec) if codec in ENCODINGS else None


def rewrite(source: Path, text: Text, target: Path, watch: Callable[[float], None]) -> None:
    """Write `source` as UTF-8 without zero bytes to `target`.

    Raises
    ------
    ParamError
        It is not in the encoding that was chosen; the field is `encoding`.
    """
    try:
        _rewrite(source, text, target, watch)
    except UnicodeError:
        raise ParamError(
            f"This file is not written in {text.encoding}: some of its bytes are no characters there. "
            "Choose another encoding.",
            field="encoding",
        ) from None


def _rewrite(source: Path, text: Text, target: Path, watch: Callable[[float], None]) -> None:
    damaged = "replace" if text.codec in {"utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"} else "strict"
    decoder = codecs.getincrementaldecoder(text.codec)(damaged)
    done = 0
    with source.open("rb") as file, target.open("wb") as out:
        while block := file.read(BLOCK):
            out.write(decoder.decode(block).replace("\0", "").encode("utf-8", "replace"))
            done += len(block)
            watch(done / text.size)
        out.write(decoder.decode(b"", True).replace("\0", "").encode("utf-8", "replace"))


_ACCENTS = 32_768  # bytes of lines that a detector is shown
_ALPHABETS = ["cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]
_REPLACED = "\ufffd".encode()
_BELOW_C2 = bytes(range(0xC2))
_NOT_1252 = bytes([0x81, 0x8D, 0x8F, 0x90, 0x9D])


def _refuse_other(head: bytes) -> None:
    for magic, what, advice in _OTHERS:
        if head.startswith(magic):
            raise FileRefused(f"This is {what}, not a CSV. {advice}")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise FileRefused(
            "This is a web page, not a CSV. It may be the sign-in page of the site the table is on: download the table "
            "itself and upload that."
        )
    if start.startswith(b"<?xml"):
        raise FileRefused(f"This is an XML document, not a CSV. {_CSV}")


def _refuse_binary(head: bytes) -> None:
    control = len(head) - len(head.translate(None, bytes(set(range(32)) - {0, 9, 10, 12, 13, 27})))
    if control > len(head) // 50 or head.count(b"\0") > len(head) // 3:
        raise FileRefused(
            "This file holds binary data, not text, although it is named like a table. "
            "Export the table as CSV and upload that."
        )


def _unmarked_utf16(head: bytes) -> tuple[bytes, str, str] | None:
    """UTF-16 without its mark: plain letters leave a zero in every second byte, always the same one."""
    half = len(head) // 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if half and odd > half * 0.4 and even < half * 0.05:
        return (b"", "UTF-16", "utf-16-le")
    if half and even > half * 0.4 and odd < half * 0.05:
        return (b"", "UTF-16", "utf-16-be")
    return None
