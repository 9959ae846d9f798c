"""The command line keeps its contract: one JSON object, the exit code, exact files, nothing left behind."""

import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from services import memory, params
from services.analysis import find
from services.jobs.detached import Detached
from services.table import Table
from tests.waiting import marked, until

ROOT = Path(__file__).resolve().parents[3]
KEYS = ["status", "key", "facts", "notes", "tables", "job", "error"]

PURCHASES = """customer_id,date,amount,comment
001,2024-01-01,10.50,=1+1
002,2024-01-05,20.00,-2
001,2024-01-10,5.25,@home
003,2024-01-03,-2.00,
003,2024-01-02,7.00,plain
"""


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    progress: str

    @property
    def said(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        (line,) = self.out.splitlines()
        return json.loads(line)


@dataclass(frozen=True)
class Shell:
    """Runs commands with a temporary folder of their own, which they must leave empty."""

    folder: Path

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def start(self, *words: str | Path, **environment: str) -> "subprocess.Popen[str]":
        self.temporary.mkdir(exist_ok=True)
        inherited = {
            name: value for name, value in os.environ.items() if name not in {"EXTRA_ANALYSES", "MEMORY_LIMIT_MB"}
        }
        return subprocess.Popen(
            [sys.executable, "-m", "dashapp", *map(str, words)],
            cwd=self.folder,
            env=inherited | {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str | Path, **environment: str) -> Answer:
        process = self.start(*words, **environment)
        out, progress = process.communicate(timeout=60)
        assert self.is_clean()
        return Answer(process.returncode, out, progress)

    def is_clean(self) -> bool:
        """Nothing is left of what ran: no folder, no process."""
        until(lambda: not marked(str(self.temporary)))
        return list(self.temporary.iterdir()) == []

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A folder to run commands in."""
    return Shell(tmp_path)


@pytest.fixture
def purchases(shell: Shell) -> Path:
    """Five purchases of three customers."""
    return shell.write("purchases.csv", PURCHASES)


def lines(path: Path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def refused(answer: Answer, *parts: str, field: str | None = None) -> bool:
    """Whether the answer is a refusal the user can act on, in the contract's form."""
    said = answer.said
    assert (answer.code, said["status"]) == (2, "failed"), answer.progress
    assert list(said) == KEYS
    assert (said["error"]["field"], said["error"]["incident"]) == (field, None)
    for part in parts:
        assert part in said["error"]["message"]
    assert said["error"]["message"].endswith(".")
    assert "Traceback" not in answer.progress
    return True


# Listing and describing ---------------------------------------------------------------------------


def test_analyses_lists_every_analysis_with_its_parameters(shell: Shell) -> None:
    answer = shell.run("analyses")
    assert answer.code == 0
    (rfm,) = (each for each in answer.said["analyses"] if each["slug"] == "rfm")
    assert rfm["title"]
    by_name = {each["name"]: each for each in rfm["parameters"]}
    assert {
        "customer",
        "date",
        "amount",
        "quantity",
        "price",
        "order",
        "reference_date",
        "quantiles",
        "refunds",
    } <= set(by_name)
    for each in rfm["parameters"]:
        assert {"name", "kind", "default", "bounds", "choices", "help"} <= set(each)
    assert by_name["quantiles"]["bounds"] == [3, 10]
    assert by_name["quantiles"]["default"] == 5
    assert by_name["customer"]["kind"] == "column"
    assert "keep" in by_name["refunds"]["choices"]


def test_profile_says_every_figure_unrounded(shell: Shell, purchases: Path) -> None:
    answer = shell.run("profile", purchases, "--out", shell.folder / "described" / "here")
    assert answer.code == 0
    said = answer.said
    assert (said["rows"], said["duplicates"]) == (5, 0)
    by_name = {column["name"]: column for column in said["columns"]}
    assert list(by_name) == ["customer_id", "date", "amount", "comment"]
    assert (by_name["customer_id"]["type"], by_name["customer_id"]["top"][0]) == ("identifier", ["001", 2])
    assert (by_name["date"]["type"], by_name["date"]["min"], by_name["date"]["max"]) == (
        "date",
        "2024-01-01",
        "2024-01-10",
    )
    assert by_name["comment"]["missing"] == 1
    amount = by_name["amount"]
    assert (amount["min"], amount["max"], amount["distinct"], amount["missing"]) == (-2.0, 20.0, 5, 0)
    assert amount["mean"] == pytest.approx(8.15, abs=1e-12)
    assert amount["sd"] == pytest.approx((258.7 / 4) ** 0.5, abs=1e-12)  # squares about the mean: 258.7
    assert (amount["q1"], amount["median"], amount["q3"]) == (5.25, 7.0, 10.5)
    assert json.loads((shell.folder / "described" / "here" / "profile.json").read_text()) == said
    assert answer.progress


def test_a_profile_is_json_whatever_the_numbers_are(shell: Shell) -> None:
    answer = shell.run("profile", shell.write("strange.csv", "x,y\nNaN,1e308\ninf,-1e308\n-inf,\n1.5,0\n"))
    assert answer.code == 0
    json.loads(answer.out, parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))


# Running ------------------------------------------------------------------------------------------


def test_run_says_what_the_contract_says(shell: Shell, purchases: Path) -> None:
    answer = shell.run("run", "rfm", purchases, "--set", "amount=amount", "--out", shell.folder / "out")
    assert answer.code == 0
    said = answer.said
    assert list(said) == KEYS
    assert (said["status"], said["error"]) == ("done", None)
    assert len(said["key"]) == 32
    facts = said["facts"]
    assert (facts["customers"], facts["revenue"], facts["orders"]) == (3, 40.75, 4)
    assert (facts["period_start"], facts["period_end"]) == ("2024-01-01", "2024-01-10")
    assert said["notes"][:2] == [
        "customer is “customer_id”, proposed by its name and type.",
        "date is “date”, proposed by its name and type.",
    ]
    assert not any(note.startswith("amount is") for note in said["notes"])
    assert set(said["job"]) == {"seconds", "peak_mb", "rows_used", "rows_total"}
    assert (said["job"]["rows_used"], said["job"]["rows_total"]) == (5, 5)
    assert said["job"]["seconds"] > 0
    assert "Reading the file" in answer.progress or "Describing" in answer.progress
    for name, table in said["tables"].items():
        header, *rows = lines(Path(table["file"]))
        assert Path(table["file"]) == shell.folder / "out" / f"{name}.csv"
        assert (header, len(rows)) == (table["columns"], table["rows"])
    assert sorted(path.name for path in (shell.folder / "out").iterdir()) == sorted(
        f"{name}.csv" for name in said["tables"]
    )
    header, *rows = lines(shell.folder / "out" / "customers.csv")
    told = [dict(zip(header, row, strict=True)) for row in rows]
    assert {row["customer"]: Decimal(row["monetary"]) for row in told} == {
        "001": Decimal("15.75"), "002": Decimal("20"), "003": Decimal("5"),
    }  # fmt: skip


def test_run_without_a_folder_writes_no_file(shell: Shell, purchases: Path) -> None:
    before = sorted(shell.folder.iterdir())
    said = shell.run("run", "rfm", purchases).said
    assert [table["file"] for table in said["tables"].values()] == [None] * len(said["tables"])
    assert sorted({*shell.folder.iterdir()} - {shell.temporary}) == before
    assert purchases.read_text() == PURCHASES


def test_the_same_question_has_the_same_key_and_answer(shell: Shell, purchases: Path) -> None:
    renamed = shell.write("other name.csv", PURCHASES)
    first, second = (shell.run("run", "rfm", file).said for file in (purchases, renamed))
    assert first["key"] == second["key"]
    assert (first["facts"], first["notes"]) == (second["facts"], second["notes"])


def test_the_numbers_are_the_analysis_own(shell: Shell) -> None:
    analysis = find("rfm")
    frame, asked = analysis.example(2_000)
    path = shell.folder / "purchases.csv"
    frame.to_csv(path, index=False)
    table = Table.of(frame)
    expected = analysis.run(table, asked, Detached(table))
    given = [f"--set={name}={value}" for name, value in params.canonical(asked).items() if value is not None]
    said = shell.run("run", "rfm", path, *given).said
    assert said["status"] == "done"
    for name, fact in expected.facts.items():
        assert said["facts"][name] == (pytest.approx(fact) if isinstance(fact, float) else fact), name


def test_files_written_are_exact_and_never_guarded_against_formulas(shell: Shell) -> None:
    path = shell.write("items.csv", "item\n=1+1\n-2x\n@home\nGröße\n")
    extra = {"EXTRA_ANALYSES": "tests.analyses"}
    said = shell.run("run", "instant", path, "--set", "item=item", "--out", "out", **extra).said
    assert said["tables"]["items"] == {"rows": 4, "columns": ["item", "n"], "file": "out/items.csv"}
    written = (shell.folder / "out" / "items.csv").read_bytes()
    assert not written.startswith(b"\xef\xbb\xbf")
    assert lines(shell.folder / "out" / "items.csv") == [
        ["item", "n"],
        ["-2x", "1"],
        ["=1+1", "1"],
        ["@home", "1"],
        ["Größe", "1"],
    ]


def test_lists_are_json_and_null_clears(shell: Shell) -> None:
    path = shell.write("items.csv", "item,a,b\nx,1,2\ny,3,4\n")
    extra = {"EXTRA_ANALYSES": "tests.analyses"}
    said = shell.run("run", "instant", path, "--set", "item=item", "--set", 'others=["a", "b"]', **extra).said
    assert said["facts"] == {"rows": 2, "others": 2, "size": 5}
    said = shell.run(
        "run", "instant", path, "--set", "item=item", "--set", "others=null", "--set", "size=null", **extra
    ).said
    assert said["facts"] == {"rows": 2, "others": 0, "size": 5}


def test_null_clears_what_would_have_been_proposed(shell: Shell, purchases: Path) -> None:
    assert refused(shell.run("run", "rfm", purchases, "--set", "customer=null"), "choose one", field="customer")


# What the user can fix ----------------------------------------------------------------------------


def test_an_unknown_parameter_is_refused_and_those_there_are_are_named(shell: Shell, purchases: Path) -> None:
    answer = shell.run("run", "rfm", purchases, "--set", "colour=red")
    assert refused(answer, "no parameter “colour”", "customer", "quantiles", "refunds", field="colour")
    assert "Reading" not in answer.progress


@pytest.mark.parametrize(
    ("given", "field", "parts"),
    [
        ("quantiles=11", "quantiles", ["a whole number from 3 to 10"]),
        ("quantiles=4.5", "quantiles", ["a whole number from 3 to 10"]),
        ("quantiles=many", "quantiles", ["a whole number from 3 to 10"]),
        ("refunds=burn", "refunds", ["choose one of", "keep"]),
        ("reference_date=yesterday", "reference_date", ["2018-01-31"]),
        ("customer=nobody", "customer", ["no column “nobody”", "customer_id"]),
        ("amount=customer_id", "amount", ["a number is needed", "Choose from: amount"]),
        ('customer=["customer_id"]', "customer", ["no column"]),
    ],
)
def test_a_bad_value_is_refused_with_its_field_and_what_is_allowed(
    shell: Shell, purchases: Path, given: str, field: str, parts: list[str]
) -> None:
    assert refused(shell.run("run", "rfm", purchases, "--set", given), *parts, field=field)


def test_a_value_without_a_name_is_refused(shell: Shell, purchases: Path) -> None:
    assert refused(shell.run("run", "rfm", purchases, "--set", "quantiles"), "Write --set name=value")


def test_an_unknown_analysis_is_refused_and_those_there_are_are_named(shell: Shell, purchases: Path) -> None:
    assert refused(shell.run("run", "pareto", purchases), "no analysis “pareto”", "rfm")


@pytest.mark.parametrize("command", [["run", "rfm"], ["profile"]])
@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("empty.csv", b"", "is empty"),
        ("header.csv", b"customer_id,date,amount\n", "no rows"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 8, "a PNG picture"),
        (".", None, "no file"),
        ("none.csv", None, "no file"),
    ],
)
def test_what_is_no_table_is_refused(
    shell: Shell, command: list[str], name: str, content: bytes | None, part: str
) -> None:
    path = shell.folder / name if content is None else shell.write(name, content)
    assert refused(shell.run(*command, path), part)


def test_a_table_without_what_is_needed_is_refused_with_the_field(shell: Shell) -> None:
    path = shell.write("plain.csv", "name,colour\nann,red\nbob,blue\n")
    assert refused(shell.run("run", "rfm", path, "--set", "customer=name"), "no date column", field="date")


def test_a_refusal_of_the_analysis_is_told_with_its_field(shell: Shell, purchases: Path) -> None:
    answer = shell.run("run", "refuses", purchases, "--set", "item=comment", EXTRA_ANALYSES="tests.analyses")
    assert refused(answer, "has no items to count", field="item")
    assert answer.said["job"]["seconds"] > 0


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_runs(shell: Shell, purchases: Path) -> None:
    for command in (["run", "rfm"], ["profile"]):
        answer = shell.run(*command, purchases, "--out", purchases / "below")
        assert refused(answer, "cannot be written to", field="out")
        assert "Reading" not in answer.progress


def test_a_folder_that_is_there_and_takes_no_file_is_refused_before_anything_runs(
    shell: Shell, purchases: Path
) -> None:
    for command in (["run", "rfm"], ["profile"]):
        answer = shell.run(*command, purchases, "--out", "/proc")
        assert refused(answer, "“/proc” cannot be written to", field="out")
        assert "Reading" not in answer.progress


def test_a_file_that_cannot_be_written_is_said_and_leaves_no_half(shell: Shell, purchases: Path) -> None:
    for command, name in ((["run", "rfm"], "customers.csv"), (["profile"], "profile.json")):
        (shell.folder / "out" / name).mkdir(parents=True)
        answer = shell.run(*command, purchases, "--out", "out")
        assert refused(answer, f"“out/{name}” could not be written: ", field="out")
        assert [path for path in (shell.folder / "out").iterdir() if path.name.startswith(".")] == []


def test_a_bad_setting_is_refused_by_name(shell: Shell, purchases: Path) -> None:
    assert refused(shell.run("run", "rfm", purchases, MEMORY_LIMIT_MB="lots"), "MEMORY_LIMIT_MB is “lots”")


def test_a_name_of_bytes_that_are_no_text_is_read(shell: Shell) -> None:
    path = Path(os.fsdecode(os.fsencode(shell.folder) + b"/caf\xe9.csv"))
    path.write_text("a,b\n1,2\n3,4\n")
    assert shell.run("profile", path).said["rows"] == 2
    path.unlink()
    assert refused(shell.run("profile", path), "caf�.csv")


# Other ends ---------------------------------------------------------------------------------------


def test_a_bug_is_exit_1_with_an_incident_and_its_traceback_on_standard_error(shell: Shell, purchases: Path) -> None:
    answer = shell.run("run", "breaks", purchases, "--set", "item=comment", EXTRA_ANALYSES="tests.analyses")
    assert (answer.code, answer.said["status"]) == (1, "failed")
    incident = answer.said["error"]["incident"]
    assert incident
    assert incident in answer.progress
    assert "ZeroDivisionError" in answer.progress
    assert "secret" not in answer.out


def test_without_memory_it_is_killed_with_a_sentence(shell: Shell, purchases: Path) -> None:
    here = memory.limit(60)
    reserve = "48" if here.source == "setting" else str(here.mb)
    answer = shell.run("run", "rfm", purchases, MEMORY_LIMIT_MB="60", RESERVE_MB=reserve)
    assert (answer.code, answer.said["status"]) == (3, "killed")
    assert list(answer.said) == KEYS
    assert "it needed more memory than this server has free" in answer.said["error"]["message"]
    assert answer.said["error"]["incident"] is None
    assert "Traceback" not in answer.progress


def hangs(shell: Shell, file: Path) -> "subprocess.Popen[str]":
    """A command whose job has forked two processes that hang, and hangs itself."""
    log = shell.folder / "pids"
    process = shell.start(
        "run",
        "forks",
        file,
        "--set",
        "item=comment",
        "--set",
        f"log={log}",
        EXTRA_ANALYSES="tests.analyses",
    )
    until(lambda: log.exists() and len(log.read_text().split()) == 3)
    return process


def test_an_interrupted_command_is_cancelled_and_leaves_nothing_behind(shell: Shell, purchases: Path) -> None:
    process = hangs(shell, purchases)
    assert len(list(shell.temporary.iterdir())) == 1
    process.send_signal(signal.SIGINT)
    out, progress = process.communicate(timeout=15)
    answer = Answer(process.returncode, out, progress)
    assert (answer.code, answer.said["status"]) == (130, "cancelled")
    assert list(answer.said) == KEYS
    assert answer.said["error"] == {"message": "Cancelled.", "field": None, "incident": None}
    assert "Traceback" not in progress
    assert shell.is_clean()


def test_a_terminated_command_leaves_nothing_behind(shell: Shell, purchases: Path) -> None:
    process = hangs(shell, purchases)
    process.send_signal(signal.SIGTERM)
    out, progress = process.communicate(timeout=15)
    answer = Answer(process.returncode, out, progress)
    assert (answer.code, answer.said["status"]) == (3, "killed")
    assert answer.said["error"]["message"].startswith("Interrupted")
    assert shell.is_clean()


def test_a_killed_command_leaves_no_job_running(shell: Shell, purchases: Path) -> None:
    process = shell.start(
        "run", "steps", purchases, "--set", "item=comment", "--set", f"gate={shell.folder / 'gate'}",
        EXTRA_ANALYSES="tests.analyses",
    )  # fmt: skip
    assert process.stderr is not None
    until(lambda: "Step 2" in process.stderr.readline())  # type: ignore[union-attr]
    process.kill()
    process.communicate(timeout=15)
    until(lambda: not marked(str(shell.temporary)))


def test_the_command_never_touches_the_servers_data(shell: Shell, purchases: Path) -> None:
    answer = shell.run("run", "rfm", purchases, DATA_DIR=str(shell.folder / "server"), SECRET_KEY="s3cret")
    assert answer.code == 0
    assert not (shell.folder / "server").exists()
    assert "s3cret" not in answer.out + answer.progress


def test_a_wrong_command_says_how_it_is_used(shell: Shell) -> None:
    for words in ([], ["fly"], ["run"], ["run", "rfm"], ["profile"]):
        answer = shell.run(*words)
        assert answer.code == 2
        assert answer.out == ""
        assert "usage: python -m dashapp" in answer.progress


def test_a_port_that_is_taken_is_said_in_a_sentence(shell: Shell) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = shell.run("serve", "--port", str(port), DATA_DIR=str(shell.folder / "data"))
    assert answer.code == 2
    assert f"Port {port} of 127.0.0.1 cannot be used" in answer.progress


# Cleaning -----------------------------------------------------------------------------------------

RECIPE = {
    "steps": [
        {"step": "fill", "params": {"columns": ["comment"], "by": "value", "value": "none"}},
        {"step": "filter", "params": {"formula": "amount > 0"}},
        {"step": "sort", "params": {"columns": ["amount"]}},
    ]
}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_clean_applies_a_recipe_to_every_row_and_writes_the_table(shell: Shell, purchases: Path, ending: str) -> None:
    recipe = shell.write("recipe.json", json.dumps(RECIPE))
    answer = shell.run("clean", purchases, "--recipe", recipe, "--to", f"made/clean.{ending}")
    assert answer.code == 0, answer.progress
    assert answer.said["facts"]["rows_before"] == 5
    assert answer.said["facts"]["rows_after"] == 4
    assert answer.said["file"] == f"made/clean.{ending}"
    made = duckdb.sql(f"SELECT * FROM '{shell.folder}/made/clean.{ending}'").fetchall()
    assert [float(row[2]) for row in made] == [5.25, 7.00, 10.50, 20.00]
    assert [row[3] for row in made] == ["@home", "plain", "=1+1", "-2"]


def test_clean_brings_another_table_in_by_the_name_of_its_file(shell: Shell) -> None:
    (shell.folder / "orders.csv").write_text("customer,paid\nc1,5\nc2,7\nc9,1\n")
    (shell.folder / "people.csv").write_text("customer,town\nc1,Rome\nc2,Oslo\n")
    recipe = shell.folder / "recipe.json"
    recipe.write_text('{"steps": [{"step": "join", "params": {"table": "people.csv", "on": ["customer"]}}]}')
    asked = ("clean", "orders.csv", "--recipe", recipe, "--to", "made.csv")
    answer = shell.run(*asked, "--with", "people.csv")
    assert answer.code == 0
    assert (shell.folder / "made.csv").read_text() == "customer,paid,town\nc1,5,Rome\nc2,7,Oslo\nc9,1,\n"
    answer = shell.run(*asked)
    assert answer.code == 2
    assert "Table to look things up in: choose one." in answer.said["error"]["message"]


def test_clean_without_steps_changes_nothing(shell: Shell, purchases: Path) -> None:
    recipe = shell.write("recipe.json", '{"steps": []}')
    assert shell.run("clean", purchases, "--recipe", recipe, "--to", "clean.csv").code == 0
    made = lines(shell.folder / "clean.csv")
    assert [row[:2] for row in made] == [row[:2] for row in lines(purchases)]
    assert [float(row[2]) for row in made[1:]] == [10.5, 20, 5.25, -2, 7]


def test_clean_says_what_is_wrong_with_the_recipe_or_the_file_to_write(shell: Shell, purchases: Path) -> None:
    recipe = shell.write("recipe.json", '{"steps": [{"step": "drop_column", "params": {"columns": ["none"]}}]}')
    assert refused(
        shell.run("clean", purchases, "--recipe", recipe, "--to", "clean.csv"), "Step 1, Drop columns:", "none",
        field="columns",
    )  # fmt: skip
    assert not (shell.folder / "clean.csv").exists()
    assert refused(shell.run("clean", purchases, "--recipe", "nothing.json", "--to", "clean.csv"), "nothing.json")
    to_text = shell.run("clean", purchases, "--recipe", recipe, "--to", "clean.txt")
    assert refused(to_text, "neither .csv nor .parquet", field="to")
    no_recipe = shell.write("no.json", "[]")
    assert refused(shell.run("clean", purchases, "--recipe", no_recipe, "--to", "c.csv"), "no recipe", field="recipe")
