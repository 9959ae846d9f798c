"""docs/troubleshooting.md explains every sentence that a person can be told."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import services.errors
from dashapp.settings import BadSetting
from dashapp.startup import CannotStart
from services.errors import Expected
from services.health import Check
from tests.trees import tree

ROOT = Path(__file__).resolve().parents[3]
PAGE = " ".join((ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").split())
RAISED = {name for name, kind in vars(services.errors).items() if isinstance(kind, type) and issubclass(kind, Expected)}
RAISED |= {BadSetting.__name__, CannotStart.__name__}
# Where sentences are also returned, or put into a record.
SAID = {"supervisor.py", "engine.py", "startup.py"}
PACKAGES = ("services", "callbacks", "layouts", "dashapp")


def _template(node: ast.AST) -> str | None:
    """A text as the page writes it: what is filled in is “…”."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return None


def _sentences(file: Path) -> Iterator[str]:
    """What the module says to people: the messages of its errors, its checks' faults, its returned sentences."""
    for node in ast.walk(tree(file)):
        given: list[ast.expr | None] = []
        match node:
            case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in RAISED:
                branches = isinstance(first, ast.IfExp)
                given = [first.body, first.orelse] if branches else [first]
            case ast.Call(func=ast.Name(id=Check.__name__), args=[ast.Constant(value=False), message]):
                given = [message]
            case ast.Return(value=value) if file.name in SAID:
                given = [value]
            case ast.keyword(arg="message", value=value) if file.name in SAID:
                given = [value]
            case ast.Assign(targets=[ast.Name(id="message")], value=value) if file.name in SAID:
                given = value.values if isinstance(value, ast.BoolOp) else [value]
        for text in filter(None, map(_template, filter(None, given))):
            if len(re.findall(r"[A-Za-z]{2,}", text)) > 1 or text.endswith("."):
                yield " ".join(text.split())


def _modules() -> list[Path]:
    """Every module of ours but the analyses, their mathematics and the steps of recipes, which explain themselves."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted(path for path in found if not {"analyses", "numerics", "steps"} & set(path.parts))


def _said() -> list[tuple[str, str]]:
    return sorted({(path.name, text) for path in _modules() for text in _sentences(path)})


@pytest.mark.parametrize(("module", "text"), _said())
def test_every_message_is_explained(module: str, text: str) -> None:
    if not re.search(r"[A-Za-z]{3}", text):  # made of parts only, which are said elsewhere
        return
    held = ".{0,60}?".join(map(re.escape, text.split("…")))
    assert re.search(held, PAGE), f"docs/troubleshooting.md does not explain what {module} says: {text}"


def test_it_finds_what_there_is_to_explain() -> None:
    assert len(_said()) > 60
