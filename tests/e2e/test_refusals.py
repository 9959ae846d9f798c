"""Bad input, as people bring it: one clear sentence, and nothing half-written."""

from __future__ import annotations

import contextlib
import json
import socket
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server, Visitor, upload

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 20


def _csv(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def _choose(page: Page, file: Path) -> None:
    page.wait_for_selector("#drop-zone")
    page.set_input_files("#browse", str(file))


def _leaves_nothing(visitor: Visitor) -> None:
    """No dataset, no upload, no temporary file: only records and marks of runs, and which dataset is open."""
    folder = visitor.workspace.folder
    left = [path for path in folder.rglob("*") if path.is_file() and "jobs" not in path.relative_to(folder).parts]
    assert {path.name for path in left} <= {"workspace.json", "runs.json", "runs.lock"}
    assert list(folder.glob("jobs/*/tmp")) == []


def test_files_that_are_no_tables_get_a_sentence_one_after_another(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open()
    for name, content, said in (("header_only.csv", b"customer,date,amount\n", "no rows"), ("picture.csv", PNG, "PNG")):
        (tmp_path / name).write_bytes(content)
        _choose(page, tmp_path / name)
        expect(page.locator("#state .note")).to_contain_text(said)
        expect(page.locator(".run-panel")).to_have_count(0)
        page.locator("#state").get_by_role("button", name="Close").click()
        expect(page.locator("#state .note")).to_have_count(0)
    # These two are refused before they are sent.
    _choose(page, _csv(tmp_path / "empty.csv", ""))
    expect(page.locator("#upload .note")).to_contain_text("is empty")
    with open(tmp_path / "large.csv", "wb") as sparse:
        sparse.truncate(3_000_000_000)
    _choose(page, tmp_path / "large.csv")
    expect(page.locator("#upload .note").last).to_contain_text("takes files of up to 2 GB")
    _leaves_nothing(visitor)
    assert visitor.complaints == []


def test_an_upload_that_was_cut_off_is_kept_apart_and_can_go_on(server: Server) -> None:
    client = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def send(path: str, method: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(server.address + path, body or None, named, method=method)
        try:
            with client.open(request) as answer:
                return answer.status, dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers)

    text = b"customer,date,amount\n" + b"a,2024-01-01,5\n" * 1_000
    status, headers = send("/_uploads", "POST", Upload_Length=str(len(text)), Upload_Metadata="filename dC5jc3Y=")
    assert status == 201
    place = headers["Location"]
    assert (
        send(place, "PATCH", text[:5_000], Upload_Offset="0", Content_Type="application/offset+octet-stream")[0] == 204
    )
    # The rest never comes. The same part twice is refused; where it stopped is known.
    assert send(place, "PATCH", text[:5_000], Upload_Offset="0")[0] == 409
    status, headers = send(place, "HEAD")
    assert (status, headers["Upload-Offset"]) == (200, "5000")
    assert [path for each in server.workspaces() for path in each.folder.glob(f"datasets/*{place[-8:]}*")] == []
    # It goes on where it stopped, and another visitor never sees it.
    stranger = urllib.request.Request(server.address + place, method="HEAD")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(stranger)
    assert refused.value.code == 404
    assert send(place, "PATCH", text[5_000:], Upload_Offset="5000")[0] == 204
    assert send(place, "DELETE")[0] == 204
    assert send(place, "HEAD")[0] == 404


def test_uploads_that_stall_leave_the_server_to_others(server: Server) -> None:
    client = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar := CookieJar()))
    stalled = []
    for _ in range(8):  # as many as the server has threads
        begin = urllib.request.Request(f"{server.address}/_uploads", None, {"Upload-Length": "100"}, method="POST")
        with client.open(begin) as answer:
            place = answer.headers["Location"]
        line = socket.create_connection(("127.0.0.1", server.port))
        cookie = "; ".join(f"{each.name}={each.value}" for each in jar)
        head = (
            f"PATCH {place} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nUpload-Offset: 0\r\nContent-Length: 100\r\n\r\n"
        )
        line.sendall(head.encode() + b"a")
        stalled.append(line)
    with contextlib.ExitStack() as lines:
        for line in stalled:
            lines.callback(line.close)
        assert urllib.request.urlopen(f"{server.address}/healthz", timeout=15).status == 200


def test_a_cancelled_upload_does_not_begin_after_all(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open()
    page.evaluate(
        "() => { tus.Upload.prototype.findPreviousUploads = "
        "() => new Promise((found) => { window.found = () => found([]); }); }"
    )
    sent = []
    page.on("request", lambda request: sent.append(request.url) if "/_uploads" in request.url else None)
    _choose(page, _csv(tmp_path / "items.csv", "a,b\n1,2\n"))
    page.locator("#upload").get_by_role("button", name="Cancel").click()
    page.evaluate("window.found()")
    page.wait_for_timeout(500)
    assert sent == []
    assert list(visitor.workspace.each("uploads")) == []


def test_a_server_that_says_nothing_is_a_lost_connection(visitor: Visitor, server: Server) -> None:
    """Ten seconds are a quarter of one here."""
    page = visitor.context.new_page()
    page.add_init_script(
        "const timeout = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = (ms) => timeout(ms / 40);"
    )
    page.route("**/_pulse", lambda route: None)
    page.goto(server.address)
    expect(page.locator("#connection")).to_contain_text("Connection lost")
    page.unroute("**/_pulse")
    expect(page.locator("#connection")).to_be_empty()


def test_a_table_without_date_or_amount_says_what_rfm_misses(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    page = visitor.open()
    upload(page, _csv(tmp_path / "names.csv", "name,city\n" + "Ann,Bath\nBob,York\n" * 20))
    page.goto(f"{server.address}/")
    expect(page.locator(".analysis-card.needs", has_text="RFM")).to_contain_text("Needs a column for the customer")
    page.goto(f"{server.address}/rfm")
    page.get_by_label("Customer").select_option("name")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("this table has no date column")).to_be_visible()
    assert visitor.complaints == []


def test_a_number_out_of_bounds_is_told_at_its_control_and_nothing_runs(visitor: Visitor) -> None:
    page = visitor.stand("/rfm", "Purchases")
    number = page.get_by_label("Scores from 1 to")
    for wrong in ("12", "many", ""):
        number.fill(wrong)
        number.press("Tab")
        page.locator("#run").click()
        expect(page.locator(".wrong .error-slot")).to_contain_text("a whole number from 3 to 10")
        expect(number).to_have_value(wrong)
    assert list(visitor.workspace.each("results")) == []
    number.fill("4")
    number.press("Tab")
    page.locator("#run").click()
    page.wait_for_url("**/rfm?result=*")
    expect(page.locator(".error-slot", has_text="whole number")).to_have_count(0)
    assert visitor.complaints == []


def test_a_table_that_cannot_answer_says_why(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    page = visitor.open()
    text = "customer,date,amount,price\n" + "".join(f"c{day % 5},2024-01-{day:02},,1.5\n" for day in range(1, 21))
    upload(page, _csv(tmp_path / "no_amounts.csv", text))
    page.goto(f"{server.address}/rfm")
    page.get_by_role("button", name="Run", exact=True).click()
    said = "choose the column that holds it, or both a quantity and a unit price"
    expect(page.locator(".error-slot, #state .note").get_by_text(said)).to_be_visible()
    assert list(visitor.workspace.folder.glob("results/*/result.json")) == []
    assert visitor.complaints == []


def test_an_odd_table_is_read_and_how_is_said(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open()
    upload(page, _csv(tmp_path / "windows.csv", "Käufer;Ort\nJürgen;Köln\nZoë;Besançon – Süd\n", "cp1252"))
    expect(page.locator("#main").get_by_text("Windows-1252").first).to_be_visible()
    about = json.loads(next(visitor.workspace.folder.glob("datasets/*/dataset.json")).read_text())
    assert about["rows"] == 2
    assert visitor.complaints == []
