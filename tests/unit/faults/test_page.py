"""docs/faults.md names tests that exist, and every test of the modules that do damage."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.trees import tree

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "faults.md"
DAMAGE = [*(ROOT / "tests/unit/faults").glob("test_*.py"), *(ROOT / "tests/dyno").glob("test_[mc]*.py")]


def named() -> list[str]:
    """Every test that the page names."""
    return re.findall(r"`(tests/[\w/]+\.py::\w+)`", PAGE.read_text(encoding="utf-8"))


def defined(path: Path) -> list[str]:
    """The tests that a module defines, by path and name."""
    names = [
        each.name for each in tree(path).body if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")
    ]
    return [f"{path.relative_to(ROOT)}::{name}" for name in names]


def test_what_is_named_exists() -> None:
    assert named()
    there = {each for name in named() for each in defined(ROOT / name.partition("::")[0])}
    assert [name for name in named() if name not in there] == []


def test_what_does_damage_is_named() -> None:
    modules = [path for path in DAMAGE if path != Path(__file__)]
    assert len(modules) >= 6
    assert [each for path in modules for each in defined(path) if each not in named()] == []


def test_each_line_says_what_happens_and_names_its_test() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    faults = [line for line in lines if not line.startswith("| Fault |")]
    assert len(faults) > 30
    for line in faults:
        fault, happens, tests = (cell.strip() for cell in line.strip("|").split(" | "))
        assert fault, line
        assert happens.endswith("."), line
        assert tests.startswith("`tests/"), line
