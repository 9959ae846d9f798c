/* A table pasted: text of a spreadsheet or of CSV, or a table of a web page, becomes a file and comes in as any. */

(() => {
  "use strict";

  const byId = (id) => document.getElementById(id);
  const PAGES = ["/", "/data"];

  /* The cells of text with quotes as spreadsheets write it. */
  function cells(text, mark) {
    const rows = [[]];
    let cell = "";
    let quoted = false;
    for (let at = 0; at < text.length; at += 1) {
      const c = text[at];
      if (quoted) {
        if (c === '"' && text[at + 1] === '"') {
          cell += '"';
          at += 1;
        } else if (c === '"') quoted = false;
        else cell += c;
      } else if (c === '"' && cell === "") quoted = true;
      else if (c === mark || c === "\n") {
        rows.at(-1).push(cell);
        cell = "";
        if (c === "\n") rows.push([]);
      } else cell += c;
    }
    rows.at(-1).push(cell);
    return rows.filter((row) => row.length > 1 || row[0] !== "");
  }

  /* The cells of the one table in a page's HTML: what spans several stands in the first, the others stay empty. */
  function grid(html) {
    const found = new DOMParser().parseFromString(html, "text/html").querySelectorAll("table");
    if (found.length !== 1) return [];
    const rows = [];
    [...found[0].rows].forEach((line, y) => {
      const row = (rows[y] ??= []);
      let x = 0;
      for (const cell of line.cells) {
        while (row[x] !== undefined) x += 1;
        for (const brk of cell.querySelectorAll("br")) brk.replaceWith("\n");
        const text = cell.textContent.trim().replace(/[^\S\n]+/g, " ");
        const [wide, high] = [Math.min(cell.colSpan, 1000), Math.min(cell.rowSpan || 1, found[0].rows.length - y)];
        for (let down = 0; down < high; down += 1) {
          for (let right = 0; right < wide; right += 1) {
            (rows[y + down] ??= [])[x + right] = down || right ? "" : text;
          }
        }
        x += wide;
      }
    });
    return rows.map((row) => Array.from(row, (cell) => cell ?? "")).filter((row) => row.some(Boolean));
  }

  const quote = (cell) => (/[",\n\r]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

  /* What was copied as text. Its HTML is taken where the text has not the same rows, each as wide. */
  function table(text, html) {
    const plain = text.replace(/\r\n?/g, "\n").replace(/\n+$/, "");
    const marked = html ? grid(html) : [];
    if (marked.length < 2) return plain;
    const rows = cells(plain, "\t");
    const wide = Math.max(...marked.map((row) => row.length));
    const keeps = rows.length === marked.length && rows.every((row) => row.length === wide);
    if (keeps) return plain;
    return marked.map((row) => Array.from({ length: wide }, (_, at) => quote(row[at] ?? "")).join(",")).join("\n");
  }

  /* A file of a text, where it is one of a table: at least two lines. */
  function fileOf(text) {
    if (text.split("\n").filter((line) => line.trim()).length < 2) return null;
    const name = text.includes("\t") ? "pasted.tsv" : "pasted.csv";
    return new File([`${text}\n`], name, { type: "text/plain", lastModified: Date.now() });
  }

  function copied(event) {
    const { clipboardData: from } = event;
    return table(from?.getData("text/plain") ?? "", from?.getData("text/html") ?? "");
  }

  document.addEventListener("paste", (event) => {
    if (event.target.id === "paste-text") {
      const text = copied(event);
      if (text === event.clipboardData.getData("text/plain")) return;
      event.preventDefault();
      event.target.setRangeText(text, event.target.selectionStart, event.target.selectionEnd, "end");
      return;
    }
    const isTyped = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (isTyped || document.querySelector("dialog[open]") || !PAGES.includes(location.pathname)) return;
    const text = copied(event);
    const files = [...(event.clipboardData?.files ?? [])];
    const made = fileOf(text);
    if (made && /[\t,;|]/.test(text)) window.datainsights.arrive([made]);
    else if (files.length && !text) window.datainsights.arrive(files);
  });

  function open() {
    byId("paste-text").value = "";
    byId("paste-said").textContent = "";
    byId("paste-dialog").showModal();
    byId("paste-text").focus();
  }

  function add() {
    const file = fileOf(byId("paste-text").value.replace(/\r\n?/g, "\n"));
    if (!file) {
      byId("paste-said").textContent = "Paste at least two lines: the names of the columns, and a row.";
      byId("paste-text").focus();
      return;
    }
    byId("paste-dialog").close();
    window.datainsights.arrive([file]);
  }

  document.addEventListener("click", (event) => {
    const id = event.target.closest?.("button")?.id;
    if (id === "paste") open();
    else if (id === "paste-take") add();
    else if (id === "paste-close") byId("paste-dialog").close();
  });
})();
