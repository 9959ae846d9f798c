"""Small files with one defect each, and the table, or the sentence, that each must become."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.errors import Expected, FileRefused
from services.ingest import Ingested, ingest
from services.ingest.encoding import BLOCK, inspect
from services.table import Table

Take = Callable[[bytes], tuple[Ingested, dict[str, list[Any]]]]


@dataclass(kw_only=True)
class Case:
    """A file, the table it is, and what must be said about it."""

    content: bytes
    table: dict[str, list[Any]]
    kinds: str = ""  # one word a column, where the case is about kinds
    notes: tuple[str, ...] = ()
    encoding: str = "UTF-8"
    delimiter: str = ","
    rejects: list[tuple[int, str]] = field(default_factory=list)  # line number, text


SIMPLE = {"a": [1, 4], "b": [2, 5], "c": ["x", "y"]}
MANY = [f"{i}.5" for i in range(200)]

READ: dict[str, Case] = {
    "comma": Case(content=b"a,b,c\n1,2,x\n4,5,y\n", table=SIMPLE),
    "semicolon": Case(content=b"a;b;c\n1;2;x\n4;5;y\n", table=SIMPLE, delimiter=";"),
    "tab": Case(content=b"a\tb\tc\n1\t2\tx\n4\t5\ty\n", table=SIMPLE, delimiter="\t"),
    "pipe": Case(content=b"a|b|c\n1|2|x\n4|5|y\n", table=SIMPLE, delimiter="|"),
    "crlf": Case(content=b"a,b,c\r\n1,2,x\r\n4,5,y\r\n", table=SIMPLE),
    "cr": Case(content=b"a,b,c\r1,2,x\r4,5,y\r", table=SIMPLE),
    "mixed line ends": Case(content=b"a,b,c\r\n1,2,x\n4,5,y\r\n", table=SIMPLE),
    "no last line end": Case(content=b"a,b,c\n1,2,x\n4,5,y", table=SIMPLE),
    "blank lines": Case(content=b"\n\na,b,c\n\n1,2,x\n\n4,5,y\n\n\n", table=SIMPLE),
    "utf-8 mark": Case(content="a,b,c\n1,2,x\n4,5,y\n".encode("utf-8-sig"), table=SIMPLE),
    "utf-8 accents": Case(content="namé,n\nZoë,1\nÅse,2\n".encode(), table={"namé": ["Zoë", "Åse"], "n": [1, 2]}),
    "utf-16 little": Case(
        content=b"\xff\xfe" + "name,n\nZoë,1\n".encode("utf-16-le"),
        table={"name": ["Zoë"], "n": [1]},
        encoding="UTF-16",
        notes=("written in UTF-16",),
    ),
    "utf-16 big": Case(
        content=b"\xfe\xff" + "name,n\nZoë,1\n".encode("utf-16-be"),
        table={"name": ["Zoë"], "n": [1]},
        encoding="UTF-16",
    ),
    "utf-16 without mark": Case(
        content="name,n\nanna,1\nbob,2\n".encode("utf-16-le"),
        table={"name": ["anna", "bob"], "n": [1, 2]},
        encoding="UTF-16",
    ),
    "windows-1252": Case(
        content="name,price\nCafé,5 €\nNaïve,6 €\n".encode("cp1252"),
        table={"name": ["Café", "Naïve"], "price": ["5 €", "6 €"]},
        encoding="Windows-1252",
        notes=("written in Windows-1252",),
    ),
    "latin-1": Case(content=b"name,n\nCaf\xe9 \x81,1\n", table={"name": ["Café \x81"], "n": [1]}, encoding="Latin-1"),
    "damaged utf-8": Case(
        content=b"name,n\n" + "Åse Zoë é,1\n".encode() * 20 + b"bad \xe9,2\n",
        table={"name": ["Åse Zoë é"] * 20 + ["bad \ufffd"], "n": [1] * 20 + [2]},
        notes=("1 character is damaged. It is shown",),
    ),
    "stray zero bytes": Case(
        content=b"name,n\n" + b"anna,1\n" * 60 + b"b\0ob,2\n",
        table={"name": ["anna"] * 60 + ["bob"], "n": [1] * 60 + [2]},
        notes=("1 zero byte stood in the text. It was left out.",),
    ),
    "comma in quotes": Case(content=b'a,b\n1,"x, y"\n2,"z"\n', table={"a": [1, 2], "b": ["x, y", "z"]}),
    "doubled quotes": Case(content=b'a,b\n1,"say ""hi"""\n2,z\n', table={"a": [1, 2], "b": ['say "hi"', "z"]}),
    "escaped quotes": Case(
        content=b'a,b\n1,"say \\"hi\\" now"\n2,z\n', table={"a": [1, 2], "b": ['say "hi" now', "z"]}
    ),
    "line break in quotes": Case(content=b'a,b\n1,"x\ny"\n2,z\n', table={"a": [1, 2], "b": ["x\ny", "z"]}),
    "line break in the header": Case(content=b'"a\nb",c\n1,x\n2,y\n', table={"a b": [1, 2], "c": ["x", "y"]}),
    "inch mark inside a cell": Case(content=b'a,b\n1,5" tv\n2,z\n', table={"a": [1, 2], "b": ['5" tv', "z"]}),
    "text after a closing quote": Case(
        content=b'a,b,c\n1,"bad" x,2\n2,z,3\n',
        table={"a": [1, 2], "b": ['"bad" x', "z"], "c": [2, 3]},
        notes=("1 line has quotes in odd places",),
    ),
    "text after a closing quote in a short line": Case(
        content=b'id,a,b\n1,"x" y\n2,y,z\n3,y,z\n4,y,z\n',
        table={"id": [1, 2, 3, 4], "a": ['"x" y', "y", "y", "y"], "b": [None, "z", "z", "z"]},
        notes=("1 line is shorter than the header", "1 line has quotes in odd places"),
    ),
    "text after a closing quote where a backslash escapes": Case(
        content=b'a,b\n1,"say \\"hi\\" now"\n2,"bad" x\n3,C:\\new\n',
        table={"a": [1, 2, 3], "b": ['say "hi" now', '"bad" x', "C:new"]},
        notes=("1 line has quotes in odd places",),
    ),
    "spaces beside quotes in a mended line": Case(
        content=b'a,b,c\n1, x, "y, z"\n2,w\n', table={"a": [1, 2], "b": [" x", "w"], "c": ["y, z", None]}
    ),
    "a quoted line break in a mended file": Case(
        content=b'a,b,c\n1,"x\ny",z\n2,w\n', table={"a": [1, 2], "b": ["x\ny", "w"], "c": ["z", None]}
    ),
    "names that our queries use": Case(
        content=b"v,n,h,u,place,less,rows,values,count,rowid,c1,c0\n" + b"a,1,x,1.5,2024-01-01,yes,b,1,2,3,4,5\n" * 2,
        table={
            "v": ["a"] * 2,
            "n": [1] * 2,
            "h": ["x"] * 2,
            "u": [Decimal("1.5")] * 2,
            "place": [dt.date(2024, 1, 1)] * 2,
            "less": ["yes"] * 2,
            "rows": ["b"] * 2,
            "values": [1] * 2,
            "count": [2] * 2,
            "rowid": [3] * 2,
            "c1": [4] * 2,
            "c0": [5] * 2,
        },
    ),
    "a name that is taken by the number of a row": Case(
        content=b"File_Row_Number,file_row_number_2,b\n7,8,9\n",
        table={"File_Row_Number_3": [7], "file_row_number_2": [8], "b": [9]},
        notes=("The name File_Row_Number is taken by the number of a row. The column at place 1 is now File_Row_N",),
    ),
    "a long line": Case(
        content=b"a,b\n1,2\n3,4,5\n6,7\n",
        table={"a": [1, 6], "b": [2, 7]},
        rejects=[(3, "3,4,5")],
        notes=("1 line was rejected",),
    ),
    "a short line": Case(
        content=b"a,b,c\n1,2,3\n4\n5,6,7\n",
        table={"a": [1, 4, 5], "b": [2, None, 6], "c": [3, None, 7]},
        notes=("1 line is shorter than the header",),
    ),
    "ragged from the start": Case(
        content=b"a,b,c\n1,2\n3,4,5\n6,7,8,9\n",
        table={"a": [1, 3], "b": [2, 4], "c": [None, 5]},
        rejects=[(4, "6,7,8,9")],
    ),
    "an unclosed quote": Case(
        content=b'a,b\n1,x\n2,"open\n3,y\n4,z\n',
        table={"a": [1, 3, 4], "b": ["x", "y", "z"]},
        rejects=[(3, '2,"open')],
    ),
    "an unclosed quote in the last line": Case(
        content=b'a,b\n1,x\n2,y\n3,"cut o', table={"a": [1, 2], "b": ["x", "y"]}, rejects=[(4, '3,"cut o')]
    ),
    "an unclosed quote that meets a later one": Case(
        content=b'a,b,c\n1,x,1\n2,"open,2\n3,y,3\n4,"z, w",4\n5,v,5\n',
        table={"a": [1, 3, 4, 5], "b": ["x", "y", "z, w", "v"], "c": [1, 3, 4, 5]},
        rejects=[(3, '2,"open,2')],
    ),
    "a last line cut off": Case(
        content=b"a,b,c\n1,2,3\n4,5,6\n7,8",
        table={"a": [1, 4, 7], "b": [2, 5, 8], "c": [3, 6, None]},
        notes=("may have been cut off",),
    ),
    "a delimiter at the end of each line": Case(
        content=b"a,b,\n1,2,\n3,4,\n", table={"a": [1, 3], "b": [2, 4]}, notes=("neither name nor values",)
    ),
    "a delimiter at the end of the rows only": Case(content=b"a,b\n1,2,\n3,4,\n", table={"a": [1, 3], "b": [2, 4]}),
    "row names without a header": Case(
        content=b"a,b\nr1,1,2\nr2,3,4\nr3,5,6\n",
        table={"column_1": ["r1", "r2", "r3"], "a": [1, 3, 5], "b": [2, 4, 6]},
    ),
    "one name twice": Case(
        content=b"id,x,x,X\n1,2,3,4\n",
        table={"id": [1], "x": [2], "x_2": [3], "X_3": [4]},
        notes=("Two columns are named x. The one at place 3 is now x_2.",),
    ),
    "one name twice beside the name it would get": Case(
        content=b"x,x,x_2\n1,2,3\n", table={"x": [1], "x_3": [2], "x_2": [3]}
    ),
    "no name": Case(content=b"a,b,\n1,2,3\n", table={"a": [1], "b": [2], "column_3": [3]}, notes=("now column_3",)),
    "names with spaces, quotes and braces": Case(
        content=b'" a b ","say ""x""",{c}\n1,2,3\n', table={"a b": [1], 'say "x"': [2], "{c}": [3]}
    ),
    "no header": Case(
        content=b"1,2024-01-01,x\n2,2024-01-02,y\n",
        table={"column_1": [1, 2], "column_2": [dt.date(2024, 1, 1), dt.date(2024, 1, 2)], "column_3": ["x", "y"]},
        notes=("no header line",),
    ),
    "years as names": Case(
        content=b"land,2019,2020\nno,1,2\nse,3,4\n", table={"land": ["no", "se"], "2019": [1, 3], "2020": [2, 4]}
    ),
    "a preamble": Case(
        content=b"Sales report\nmade 2024-05-01\n\nday,amount\n2024-01-01,1.50\n2024-01-02,2.25\n",
        table={"day": [dt.date(2024, 1, 1), dt.date(2024, 1, 2)], "amount": [Decimal("1.50"), Decimal("2.25")]},
        notes=("2 lines above the table skipped", "Sales report"),
    ),
    "comment lines": Case(content=b"# one, two\n# three\na,b\n1,2\n3,4\n", table={"a": [1, 3], "b": [2, 4]}),
    "one column": Case(content=b"words\nhello\nworld\n", table={"words": ["hello", "world"]}, delimiter=""),
    "one column of sentences": Case(
        content=b"text\nhello, you\nnone of it, really, no\nright\nwell\n",
        table={"text": ["hello, you", "none of it, really, no", "right", "well"]},
        delimiter="",
    ),
    "leading zeros": Case(
        content=b"id,zip,n\n00001,02134,1\n00002,10001,2\n",
        table={"id": ["00001", "00002"], "zip": ["02134", "10001"], "n": [1, 2]},
        kinds="identifier identifier integer",
    ),
    "leading zeros behind a sign": Case(
        content=b"a,b,c\n-0123,+0123,-0\n5,6,7\n",
        table={"a": ["-0123", "5"], "b": ["+0123", "6"], "c": [0, 7]},
        kinds="identifier identifier integer",
    ),
    "letters and digits": Case(
        content=b"id\nA12\n13\nB7\n", table={"id": ["A12", "13", "B7"]}, kinds="identifier", delimiter=""
    ),
    "integers of twenty digits": Case(
        content=b"n,m\n12345678901234567890,1\n22345678901234567891,2\n",
        table={"n": ["12345678901234567890", "22345678901234567891"], "m": [1, 2]},
        kinds="identifier integer",
        notes=("no digit is lost",),
    ),
    "numbers that a float would round": Case(
        content=b"a,b,c,d\n123456789012345678,-99999999999999.9999,12345678901234567890.5,1234567890123.12345\n1.5,1,2,3\n",
        table={
            "a": [Decimal("123456789012345678.0"), Decimal("1.5")],
            "b": [Decimal("-99999999999999.9999"), Decimal("1.0000")],
            "c": [Decimal("12345678901234567890.5"), Decimal("2.0")],
            "d": [Decimal("1234567890123.12345"), Decimal("3.00000")],
        },
    ),
    "numbers that a float would round, beside powers": Case(
        content=b"a,b\n123456789012345678,12345678901234567890.5\n1e3,2e5\n",
        table={"a": ["123456789012345678", "1e3"], "b": ["12345678901234567890.5", "2e5"]},
        notes=("a holds numbers of more than 15 digits. It stays text, so that no digit is lost.",),
    ),
    "more digits than a decimal has": Case(
        content=b"a,b\n" + b"9" * 36 + b".99,1\n1.5,2\n",
        table={"a": ["9" * 36 + ".99", "1.5"], "b": [1, 2]},
        notes=("a holds numbers of more than 15 digits",),
    ),
    "numbers as floats are written": Case(
        content=b"a,b,c\n0.30000000000000004,0.30000000000000004,1.500000000000000056e+00\n1e-05,0.5,2.5\n",
        table={"a": [0.1 + 0.2, 1e-05], "b": [0.1 + 0.2, 0.5], "c": [1.5, 2.5]},
    ),
    "integer sizes": Case(
        content=b"a,b,c,d\n127,-32768,2147483647,-999999999999999999\n-128,32767,5,+7\n",
        table={"a": [127, -128], "b": [-32768, 32767], "c": [2147483647, 5], "d": [-999999999999999999, 7]},
    ),
    "money": Case(
        content=b"m\n1.5\n-20.25\n.5\n7\n",
        table={"m": [Decimal("1.50"), Decimal("-20.25"), Decimal("0.50"), Decimal("7.00")]},
        delimiter="",
    ),
    "many decimals": Case(
        content=b"m,n\n1.00001,1e3\n2.5,2\n", table={"m": [1.00001, 2.5], "n": [1000.0, 2.0]}, kinds="decimal decimal"
    ),
    "decimals after the sample's integers": Case(
        content=b"n\n" + b"1\n" * 25_000 + b"1.5\n" * 500,
        table={"n": [Decimal("1.0")] * 25_000 + [Decimal("1.5")] * 500},
        delimiter="",
    ),
    "decimal comma": Case(
        content=b"a;b\n1,5;x\n-2,25;y\n",
        table={"a": [Decimal("1.50"), Decimal("-2.25")], "b": ["x", "y"]},
        delimiter=";",
    ),
    "comma that may part thousands": Case(
        content=b"a;b\n1,500;x\n2,250;y\n", table={"a": ["1,500", "2,250"], "b": ["x", "y"]}, delimiter=";"
    ),
    "thousands, currency, percent": Case(
        content=b'a,b,c\n"1,234.50",$5.00,12%\n"2,000.00",$6.00,15%\n',
        table={"a": ["1,234.50", "2,000.00"], "b": ["$5.00", "$6.00"], "c": ["12%", "15%"]},
    ),
    "numbers only to a cast": Case(
        content=b"a,b,c\n0x1F,1_000,inf\n0x2F,2_000,inf\n",
        table={"a": ["0x1F", "0x2F"], "b": ["1_000", "2_000"], "c": ["inf", "inf"]},
    ),
    "few misfits in a number": Case(
        content=("n\n" + "\n".join([*MANY, "x", "1_000"]) + "\n").encode(),
        table={"n": [Decimal(value) for value in MANY] + [None, None]},
        delimiter="",
        notes=("2 values of n are not numbers (“x”, “1_000”). They are missing now.",),
    ),
    "many misfits in a number": Case(
        content=b"n\n" + b"1\n" * 50 + b"x\n", table={"n": ["1"] * 50 + ["x"]}, delimiter=""
    ),
    "missing": Case(
        content=b"a,b,c,d\n1,NA,,x\n2,7,-,null\nNaN,N/A,n/a,y\n",
        table={"a": [1, 2, None], "b": [None, 7, None], "c": [None] * 3, "d": ["x", None, "y"]},
        notes=("1 cell of d only says",),
    ),
    "all missing": Case(content=b"a,b\n1,\n2,NA\n", table={"a": [1, 2], "b": [None, None]}, kinds="integer text"),
    "spaces around": Case(content=b"a , b\n 1 , x \n 2 , NA \n", table={"a": [1, 2], "b": [" x ", None]}),
    "yes and no": Case(
        content=b"a,b,c,d\nyes,TRUE,1,yes\nno,false,0,yes\nNo,,1,maybe\n",
        table={"a": [True, False, False], "b": [True, False, None], "c": [1, 0, 1], "d": ["yes", "yes", "maybe"]},
    ),
    "iso dates": Case(
        content=b"d\n2024-01-31\n\n2024-02-29\n",
        table={"d": [dt.date(2024, 1, 31), dt.date(2024, 2, 29)]},
        delimiter="",
    ),
    "iso date that is none": Case(
        content=b"d\n2024-01-31\n2024-02-30\n", table={"d": ["2024-01-31", "2024-02-30"]}, delimiter=""
    ),
    "a year that the calendar does not have": Case(
        content=b"d,e,f\n0000-01-01,01/01/0000,0001-01-01T00:00+02:00\n2024-01-31,31/12/2024,2024-01-31T00:00Z\n",
        table={
            "d": ["0000-01-01", "2024-01-31"],
            "e": ["01/01/0000", "31/12/2024"],
            "f": ["0001-01-01T00:00+02:00", "2024-01-31T00:00Z"],
        },
    ),
    "the ends of the calendar": Case(
        content=b"d,e\n0001-01-01,9999-12-31 24:00:00\n9999-12-31,9999-12-31 23:59:59\n",
        table={
            "d": [dt.date(1, 1, 1), dt.date(9999, 12, 31)],
            "e": ["9999-12-31 24:00:00", "9999-12-31 23:59:59"],
        },
    ),
    "iso times": Case(
        content=b"d,e\n2024-01-31T10:00,2024-01-31 10:00:01.25\n2024-02-01 11:30:15,2024-02-01\n",
        table={
            "d": [dt.datetime(2024, 1, 31, 10), dt.datetime(2024, 2, 1, 11, 30, 15)],
            "e": [dt.datetime(2024, 1, 31, 10, 0, 1, 250_000), dt.datetime(2024, 2, 1)],
        },
    ),
    "iso times at midnight": Case(
        content=b"d,n\n2024-01-31 00:00:00,1\n2024-02-01 00:00:00,2\n",
        table={"d": [dt.date(2024, 1, 31), dt.date(2024, 2, 1)], "n": [1, 2]},
        kinds="date integer",
    ),
    "times with an offset": Case(
        content=b"d\n2024-01-31T10:00:00+02:00\n2024-01-31T10:00:00Z\n2024-01-31T10:00:00.5-0530\n",
        table={
            "d": [
                dt.datetime(2024, 1, 31, 8),
                dt.datetime(2024, 1, 31, 10),
                dt.datetime(2024, 1, 31, 15, 30, 0, 500_000),
            ]
        },
        delimiter="",
        notes=("shown in UTC",),
    ),
    "day first": Case(
        content=b"d,e,f\n13/02/2024,13.2.24,13-02-2024\n01/03/2024,1.3.24,01-03-2024\n",
        table={name: [dt.date(2024, 2, 13), dt.date(2024, 3, 1)] for name in "def"},
    ),
    "month first": Case(
        content=b"d,e\n02/13/2024,12/1/2010 8:26\n03/01/2024,12/31/2010 18:26\n",
        table={
            "d": [dt.date(2024, 2, 13), dt.date(2024, 3, 1)],
            "e": [dt.datetime(2010, 12, 1, 8, 26), dt.datetime(2010, 12, 31, 18, 26)],
        },
    ),
    "day or month first": Case(
        content=b"d,n\n01/02/2024,1\n03/04/2024,2\n",
        table={"d": [dt.date(2024, 2, 1), dt.date(2024, 4, 3)], "n": [1, 2]},
        notes=("d could be day first or month first.",),
    ),
    "both orders in one column": Case(
        content=b"d,n\n13/02/2024,1\n02/13/2024,2\n", table={"d": ["13/02/2024", "02/13/2024"], "n": [1, 2]}
    ),
    "year first with slashes": Case(
        content=b"d,n\n2024/02/13,1\n2024/3/1,2\n",
        table={"d": [dt.date(2024, 2, 13), dt.date(2024, 3, 1)], "n": [1, 2]},
    ),
    "named months": Case(
        content=b'd,e\n13-Feb-2024,"Mar 1, 2024"\n01-MAR-2024,"Dec 31, 2024"\n',
        table={
            "d": [dt.date(2024, 2, 13), dt.date(2024, 3, 1)],
            "e": [dt.date(2024, 3, 1), dt.date(2024, 12, 31)],
        },
    ),
    "eight digits named a date": Case(
        content=b"order_date,number\n20240213,20240213\n20240301,20240301\n",
        table={"order_date": [dt.date(2024, 2, 13), dt.date(2024, 3, 1)], "number": [20240213, 20240301]},
    ),
    "category, text, identifier": Case(
        content=b"colour,note,code\n"
        + b"".join(b"%s,note %d,K%d\n" % ([b"red", b"blue"][i % 2], i, i) for i in range(50)),
        table={
            "colour": ["red", "blue"] * 25,
            "note": [f"note {i}" for i in range(50)],
            "code": [f"K{i}" for i in range(50)],
        },
        kinds="category text identifier",
    ),
}

REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "The file is empty."),
    "empty lines": (b"\n\n \n", "only empty lines"),
    "header only": (b"a,b,c\n", "column names but no rows"),
    "header only, no line end": (b"a,b,c", "column names but no rows"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "This is a PNG picture, not a CSV."),
    "jpeg": (b"\xff\xd8\xff\xe0" + bytes(99), "This is a JPEG picture"),
    "pdf": (b"%PDF-1.7\n1 0 obj\n", "This is a PDF document"),
    "xlsx": (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "This zip archive is damaged"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "This workbook is damaged"),
    "zip": (b"PK\x03\x04\x14\0\0\0data.csv", "This zip archive is damaged"),
    "gzip": (b"\x1f\x8b\x08\0", "This gzip archive is cut off"),
    "parquet": (b"PAR1" + bytes(20), "This Parquet file is damaged"),
    "7-Zip": (b"7z\xbc\xaf\x27\x1c" + bytes(20), "This is a 7-Zip archive, not a CSV."),
    "html": (b"<!DOCTYPE html>\n<html>", "This is a web page"),
    "binary": (bytes(range(256)) * 40, "binary data"),
    "zeros": (b"a,b\n" + bytes(5_000), "binary data"),
    "no row fits": (b"a,b\n1,2,3\n4,5,6,7\n", "No line of this file fits its header."),
    "all cells empty": (b",,\n,,\n,,\n", "Every cell"),
}


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """Ingest a file of the given bytes; what is read back, and how."""

    def taken(content: bytes) -> tuple[Ingested, dict[str, list[Any]]]:
        source, folder = tmp_path / "content", tmp_path / "made"
        source.write_bytes(content)
        folder.mkdir()
        try:
            said = ingest(source, "file.csv", folder, spill=tmp_path / "spill", report=lambda *_: None)
        finally:
            assert not list((tmp_path / "spill").glob("*")), "spill was left behind"
        table = Table(path=folder / "data_full.parquet", schema=said.schema, rows=said.rows, spill=tmp_path)
        rows = table.fetch("SELECT * FROM rows")
        return said, {name: [row[place] for row in rows] for place, name in enumerate(said.schema.names)}

    return taken


@pytest.mark.parametrize("name", READ)
def test_reads(name: str, take: Take, tmp_path: Path) -> None:
    case = READ[name]
    said, table = take(case.content)
    assert table == case.table
    assert list(table) == list(case.table)
    assert [[type(cell) for cell in cells] for cells in table.values()] == [
        [type(cell) for cell in cells] for cells in case.table.values()
    ]
    assert (said.encoding, said.delimiter) == (case.encoding, case.delimiter)
    if case.kinds:
        assert [column.kind for column in said.schema] == case.kinds.split()
    for note in case.notes:
        assert any(note in one for one in said.notes), said.notes
    kept = sorted(path.name for path in (tmp_path / "made").iterdir())
    assert kept == ["data_full.parquet"] + ["rejects.csv"] * bool(case.rejects)
    assert said.rejected == len(case.rejects)
    if case.rejects:
        import csv

        with (tmp_path / "made" / "rejects.csv").open(newline="") as file:
            found = [(int(row["line"]), row["text"]) for row in csv.DictReader(file)]
        assert found == case.rejects


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_and_leaves_nothing(name: str, take: Take, tmp_path: Path) -> None:
    content, sentence = REFUSED[name]
    with pytest.raises(FileRefused) as refused:
        take(content)
    assert sentence in refused.value.message
    assert not list((tmp_path / "made").iterdir())


def test_a_replacement_character_is_no_damage_wherever_a_block_ends(tmp_path: Path) -> None:
    for before in (1, 2):
        source = tmp_path / str(before)
        lines = b"a,b\n" + b"1,x\n" * (BLOCK // 4 - 10)
        lines += b"2," + b"y" * (BLOCK - len(lines) - 2 - before) + "\ufffd\n3,é\n".encode()
        assert lines[: BLOCK + 3 - before].endswith("\ufffd".encode())
        source.write_bytes(lines)
        said = inspect(source, lambda _: None)
        assert (said.codec, said.damaged) == ("utf-8", 0)


BITS = st.text(",;\"\\'\n\r ab1.-", max_size=12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(BITS, min_size=1, max_size=6), st.sampled_from(["", "a,b\n", "id,a,b\n1,2,3\n", "a;b\n"]))
@example(['1,"x" y', "2,y,z", "3,y,z", "4,y,z"], "id,a,b\n")
@example([",", '""1\''], "")
@example(["1", '"\\"5"5'], "")
@example(['5,\\"b,""n'], "")
def test_any_small_file_is_read_or_refused(lines: list[str], header: str) -> None:
    with TemporaryDirectory() as folder:
        source, made = Path(folder) / "content", Path(folder) / "made"
        source.write_text(header + "\n".join(lines), newline="")
        made.mkdir()
        with suppress(Expected):
            said = ingest(source, "file.csv", made, spill=Path(folder) / "spill", report=lambda *_: None)
            assert said.rows
