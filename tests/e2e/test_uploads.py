"""Files on their way in: several at once, gone on with after a reload, dropped and pasted elsewhere."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import Server, Visitor

CHUNK = 8 << 20

DROP = """(text) => {
  const moved = new DataTransfer();
  moved.items.add(new File([text], "dropped.csv"));
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: moved, bubbles: true, cancelable: true }));
}"""

PASTE = """([text, html]) => {
  const copied = new DataTransfer();
  copied.setData("text/plain", text);
  copied.setData("text/html", html);
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: copied, bubbles: true, cancelable: true }));
}"""

SPANNED = "<table><tr><th colspan=2>who</th><th>note</th></tr><tr><td>Ann</td><td>1</td><td>so, so</td></tr></table>"


def _opens(page: Page, name: str) -> None:
    expect(page.locator("#dataset-chip")).to_contain_text(name)
    page.wait_for_url("**/types?dataset=*")
    page.get_by_role("heading", name="Check what we understood").wait_for()


def test_files_come_in_by_every_way_and_none_is_sent_twice(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    page = visitor.open()
    page.on("dialog", lambda asked: asked.accept())  # leaving while a file is on its way asks first
    large, other, none = tmp_path / "large.csv", tmp_path / "other.csv", tmp_path / "none.csv"
    large.write_bytes(b"id,text\n" + b"1,%s\n" % (b"x" * 990) * 9_000)
    other.write_text("a,b\n1,2\n")
    none.write_text("a,b\n")
    offsets: list[int] = []

    def cut(route: Route) -> None:
        """The line holds for a part, and then no more."""
        if route.request.method == "PATCH":
            offsets.append(int(route.request.headers["upload-offset"]))
            assert route.request.headers["upload-checksum"].startswith("sha256 ")
            if offsets[-1] >= CHUNK:
                return route.abort()
        return route.fallback()

    page.route("**/_uploads/*", cut)
    page.set_input_files("#browse", str(large))
    expect(page.locator("#upload")).to_contain_text("Connection lost")
    page.unroute("**/_uploads/*")
    page.reload()
    offsets.clear()
    page.on(
        "request",
        lambda asked: offsets.append(int(asked.headers["upload-offset"])) if asked.method == "PATCH" else None,
    )
    page.wait_for_selector("#drop-zone")
    page.set_input_files("#browse", [str(large), str(other), str(none)])
    _opens(page, "large.csv")
    assert offsets[0] == CHUNK
    tray = page.get_by_role("list", name="Files on their way in")
    expect(tray).to_contain_text("none.csv: The file has column names but no rows.")
    tray.get_by_role("button", name="Close none.csv").click()
    tray.get_by_role("link", name="Open other.csv").click()
    _opens(page, "other.csv")
    expect(tray).to_have_count(0)

    page.goto(f"{server.address}/runs")
    page.get_by_role("heading", name="My runs", level=1).wait_for()
    page.evaluate(DROP, "k,v\n1,2\n3,4\n")
    _opens(page, "dropped.csv")

    page.goto(f"{server.address}/data")
    page.wait_for_selector("#drop-zone")
    page.evaluate(PASTE, ["who note\nAnn 1 so, so", SPANNED])
    _opens(page, "pasted.csv")
    made = page.url.partition("dataset=")[2]
    assert (visitor.workspace.dataset(made) / "original").read_text() == 'who,,note\nAnn,1,"so, so"\n'
    assert list(visitor.workspace.each("uploads")) == []
    assert visitor.complaints == []
