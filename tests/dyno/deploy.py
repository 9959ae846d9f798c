"""What a platform does with this folder: `make deploy-check`.

`requirements.txt` alone goes into a fresh environment; the Procfile's line, verbatim, is started in
it inside memory cgroups of 512 and of 1,024 MB; a visitor opens every page, takes in every sample, and
has every analysis that exists answer its own example. It takes minutes and installs some 800 MB, so
it is no part of `make test`; what it prints is what README.md says of size and first answer.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.dyno.dyno import ROOT, Dyno, NoGroup
from tests.dyno.visitor import Tab, Visitor

LIMITS = (512, 1_024)
ROWS = 20_000  # of each example
LARGEST = 6  # packages named


def install(folder: Path) -> Path:
    """Make an environment of requirements.txt and nothing else, and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--requirement", ROOT / "requirements.txt"], check=True)
    return python


def sizes(folder: Path) -> dict[str, int]:
    """How many MB each package takes, largest first; the parts of one are its own lines, as on disk."""
    (packages,) = folder.glob("lib/python*/site-packages")
    found = {each.name: _bytes(each) >> 20 for each in packages.iterdir()}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.lstat().st_blocks * 512 for each in files)


def serve(mb: int) -> Iterator[str]:
    """Start, open every page, take in every sample, answer every analysis; a line for each."""
    from services.analysis import find_all
    from services.samples import SAMPLES

    began = time.monotonic()
    with Dyno(mb) as dyno, tempfile.TemporaryDirectory() as folder:
        yield f"{mb} MB: first answer after {time.monotonic() - began:.1f} s"
        visitor = Visitor(dyno.port)
        for path in ("/", "/data", "/runs", "/settings", *(f"/{slug}" for slug in find_all())):
            visitor.open(path)
        assert visitor.read("/readyz")["ready"], visitor.read("/readyz")
        tab = visitor.open("/")
        for each in SAMPLES:
            taken = _ask(dyno, tab, {"action": "sample", "slug": "ingest", "sample": each.slug, "dataset": None})
            yield f"{mb} MB: sample “{each.slug}” read and profiled, {_took(taken)}"
        for slug, analysis in sorted(find_all().items()):
            yield f"{mb} MB: {slug} on {ROWS:,} rows, {_took(_answer(dyno, visitor, Path(folder), slug, analysis))}"
        time.sleep(5)
        assert dyno.oom_kills() == 0, f"the kernel killed {dyno.oom_kills()} processes"
        yield f"{mb} MB: at most {dyno.peak_mb:.0f} MB in use, {dyno.anonymous_mb():.0f} MB at rest, nothing killed"


def _answer(dyno: Dyno, visitor: Visitor, folder: Path, slug: str, analysis: Any) -> dict[str, Any]:
    """Upload the analysis' example as a person would, and have it answered."""
    from services import params

    frame, asked = analysis.example(ROWS)
    file = folder / f"{slug}.csv"
    frame.to_csv(file, index=False)
    tab = visitor.open("/")
    read = _ask(dyno, tab, {"action": "upload", "slug": "ingest", "upload": visitor.upload(file), "dataset": None})
    tab = visitor.open(f"/{slug}")
    question = {"action": "run", "slug": slug, "dataset": read["outcome"], "params": params.canonical(asked)}
    job = _ask(dyno, tab, question)
    assert dyno.result(job["outcome"]).is_dir()
    return job


def _ask(dyno: Dyno, tab: Tab, asked: dict[str, Any]) -> dict[str, Any]:
    """Ask as a page does and return the record of what became of it, which must be an answer."""
    tab.set({("control", "data"): {**asked, "at": time.time()}})
    job = dyno.records()[-1]
    assert job["state"] == "done", job
    return job


def _took(job: dict[str, Any]) -> str:
    return f"{job['ended'] - job['started']:.1f} s, at most {job['peak_mb']:.0f} MB"


def main(installed: bool) -> None:
    """Install and go on in the fresh environment; `installed` is that going on."""
    if installed:
        for mb in LIMITS:
            for line in serve(mb):
                print(line, flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="datainsights-deploy-") as folder:
        python = install(Path(folder))
        size = sizes(Path(folder))
        largest = ", ".join(f"{name} {mb}" for name, mb in list(size.items())[:LARGEST])
        print(f"Installed: {sum(size.values())} MB, of which {largest}", flush=True)
        code = subprocess.run([python, "-m", "tests.dyno.deploy", "installed"], cwd=ROOT, check=False).returncode
    sys.exit(code)


if __name__ == "__main__":
    try:
        main("installed" in sys.argv)
    except NoGroup as no:
        sys.exit(f"{no} Run it as root outside a sandbox, or where you are logged in under systemd.")
