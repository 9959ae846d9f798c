"""The syntax tree of a file of ours.

CPython 3.11.7 and older count the depth of a parse for all threads together, and fail with a SystemError
when another thread comes in between, which only a garbage collection lets it do (python/cpython issue 106905).
"""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path


@cache
def tree(path: Path) -> ast.Module:
    text = path.read_text(encoding="utf-8")
    collecting = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        if collecting:
            gc.enable()
