"""How a file is to be read, as chosen by a person: a small JSON document, checked on the way in.

What is None is found out from the file itself. The same choices are the same document, whatever
order its keys came in: `mark` is what a dataset's id may be made of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

from services.errors import ParamError
from services.schema import Kind
from services.table import ROW_NUMBER

FORMAT = 1
KINDS: tuple[str, ...] = get_args(Kind)
ORDERS = ("day first", "month first", "year first")  # of a date
MARKS = ("decimal point", "decimal comma")  # of a number: the other one parts thousands
ENCODINGS = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16 (little-endian)", "utf-16-be": "UTF-16 (big-endian)",
    "cp1252": "Windows-1252 (Western)", "latin-1": "Latin-1 (Western)", "cp1250": "Windows-1250 (Central European)",
    "iso8859-2": "Latin-2 (Central European)", "cp1251": "Windows-1251 (Cyrillic)", "koi8-r": "KOI8-R (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)", "cp1254": "Windows-1254 (Turkish)", "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)", "shift_jis": "Shift-JIS (Japanese)", "euc_jp": "EUC-JP (Japanese)",
    "gb18030": "GB 18030 (Chinese)", "big5": "Big5 (Chinese)", "euc_kr": "EUC-KR (Korean)",
    "mac-roman": "Mac Roman (Western)", "cp437": "DOS 437 (Western)", "cp850": "DOS 850 (Western)",
}  # fmt: skip

_MOST_COLUMNS = 2_000
_MOST_LINES = 1_000
_LONGEST_NAME = 200
_MOST_TOKENS = 50
_FORMATS = {"date": ORDERS, "datetime": ORDERS, "integer": MARKS, "decimal": MARKS}


@dataclass(frozen=True, kw_only=True)
class ColumnReading:
    """What was chosen for the column that the file calls `source`."""

    source: str
    name: str
    kind: Kind | None = None
    format: str | None = None
    keep: bool = True
    missing: tuple[str, ...] | None = None  # what stands for a missing value, in place of the usual tokens

    @property
    def is_plain(self) -> bool:
        """Whether nothing is chosen: the column is what is found out."""
        return self == ColumnReading(source=self.source, name=self.source)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was chosen for a whole file; `header` is the line of the names, 0 for none.

    `columns` holds only columns of which something was chosen.
    """

    encoding: str | None = None
    delimiter: str | None = None
    header: int | None = None
    sheet: str | None = None
    member: str | None = None
    columns: tuple[ColumnReading, ...] = ()

    def __bool__(self) -> bool:
        return self != Reading()

    def of(self, source: str) -> ColumnReading:
        """What was chosen for the column that the file calls `source`."""
        found = next((column for column in self.columns if column.source == source), None)
        return found or ColumnReading(source=source, name=source)

    def among(self, sources: Iterable[str]) -> Reading:
        """The same for a file that has the columns `sources`: choices for others fall away.

        Raises
        ------
        ParamError
            Two columns would have one name, or none would be left.
        """
        columns = tuple(map(self.of, sources))
        _tell_apart(columns)
        return replace(self, columns=tuple(column for column in columns if not column.is_plain))

    @property
    def of_columns(self) -> Reading:
        """The choices for columns alone, which hold for another file of the same columns."""
        return Reading(columns=self.columns)

    def as_json(self) -> dict[str, Any]:
        columns = [
            {"from" if key == "source" else key: value for key, value in asdict(c).items()} for c in self.columns
        ]
        for column in columns:
            column["missing"] = None if column["missing"] is None else list(column["missing"])
        return {"format": FORMAT, **asdict(self), "columns": columns}

    @property
    def mark(self) -> str:
        """The same for the same choices, and for no others."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()[:32]


def mark(names: Iterable[str]) -> str:
    """The same for the same column names in the same order, and for no others."""
    return hashlib.sha256(json.dumps(list(names)).encode()).hexdigest()[:32]


def parse(sent: object) -> Reading:
    """Check the document `sent` by a browser or read from a file.

    Raises
    ------
    ParamError
        It is no such document, or says what cannot be; the message names the column.
    """
    if not isinstance(sent, Mapping) or sent.get("format") != FORMAT:
        raise ParamError("This is no file of reading choices. Choose one that was saved on the Types page.")
    columns = sent.get("columns", [])
    if not isinstance(columns, list) or len(columns) > _MOST_COLUMNS:
        raise ParamError("The columns of these choices cannot be read. Save them again on the Types page.")
    reading = Reading(
        encoding=_encoding(sent.get("encoding")),
        delimiter=_delimiter(sent.get("delimiter")),
        header=_header(sent.get("header")),
        sheet=_part(sent.get("sheet"), "sheet"),
        member=_part(sent.get("member"), "member"),
        columns=tuple(map(_column, columns)),
    )
    _tell_apart(reading.columns)
    return replace(reading, columns=tuple(column for column in reading.columns if not column.is_plain))


def _encoding(sent: object) -> str | None:
    if sent is not None and (not isinstance(sent, str) or sent not in ENCODINGS):
        raise ParamError("This encoding is not known. Choose one from the list.", field="encoding")
    return sent


def _part(sent: object, field: str) -> str | None:
    if sent is not None and (not isinstance(sent, str) or len(sent) > 1_000):
        raise ParamError("There is no such part of the file. Choose one from the list.", field=field)
    return sent


def _delimiter(sent: object) -> str | None:
    if sent is None:
        return None
    if not isinstance(sent, str) or len(sent) != 1 or sent in '"\r\n\0' or sent.isalnum():
        raise ParamError(
            "A delimiter is one sign that is no letter, digit or quote. Choose another.", field="delimiter"
        )
    return sent


def _header(sent: object) -> int | None:
    if sent is None:
        return None
    if not isinstance(sent, int) or isinstance(sent, bool) or not 0 <= sent <= _MOST_LINES:
        raise ParamError(f"The header is a line from 1 to {_MOST_LINES:,}, or 0 for none.", field="header")
    return sent


def _column(sent: object) -> ColumnReading:
    source = sent.get("from") if isinstance(sent, Mapping) else None
    if not isinstance(sent, Mapping) or not isinstance(source, str):
        raise ParamError("The columns of these choices cannot be read. Save them again on the Types page.")
    name, kind, form, keep = sent.get("name", source), sent.get("kind"), sent.get("format"), sent.get("keep", True)
    name = name.strip() if isinstance(name, str) else ""
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise ParamError(
            f"The name of {source} needs 1 to {_LONGEST_NAME} characters on one line. Write another.", field=source
        )
    if kind is not None and kind not in KINDS:
        raise ParamError(f"The type of {source} is not known. Choose one from the list.", field=source)
    if form is not None and form not in _FORMATS.get(str(kind), ()):
        raise ParamError(
            f"The values of {source} cannot be read in this way with its type. Choose another.", field=source
        )
    if not isinstance(keep, bool):
        raise ParamError(f"{source} is either kept or left out. Say true or false.", field=source)
    return ColumnReading(source=source, name=name, kind=kind, format=form, keep=keep, missing=_missing(sent, source))


def _missing(sent: Mapping[str, Any], source: str) -> tuple[str, ...] | None:
    tokens = sent.get("missing")
    if tokens is None:
        return None
    known = isinstance(tokens, list) and all(isinstance(t, str) and len(t) <= _LONGEST_NAME for t in tokens)
    if not known or len(tokens) > _MOST_TOKENS:
        raise ParamError(
            f"At most {_MOST_TOKENS} short texts may stand for a missing value of {source}. Name fewer.", field=source
        )
    return tuple(sorted({token.strip() for token in tokens}))  # the order means nothing


def _tell_apart(columns: tuple[ColumnReading, ...]) -> None:
    if columns and not any(column.keep for column in columns):
        raise ParamError("Every column is left out. Keep at least one.", field="columns")
    sources: set[str] = set()
    names = {ROW_NUMBER.lower()}
    for column in columns:
        if column.source in sources or (column.keep and column.name.lower() in names):
            raise ParamError(
                f"The name {column.name} is taken. Give each column a name of its own.", field=column.source
            )
        sources.add(column.source)
        if column.keep:
            names.add(column.name.lower())
