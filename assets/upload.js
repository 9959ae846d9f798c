/* Files on their way in: one after the other, in chunks whose checksum the server verifies, resumed after a lost
   connection, a reload or a closed tab; then each is read by a job of its own. What is in #upload is ours alone. */

(() => {
  "use strict";

  const CHUNK = 8 * 1024 * 1024;
  const LEAST = 256 * 1024; // a line that broke gets smaller chunks: one must arrive within a minute
  const RETRIES = [0, 1000, 3000, 5000, 10000, 20000, 30000];
  const AGAIN_EVERY = 15000; // after those: tried again while the server answers otherwise
  const BUSY_EVERY = 4000; // the server's queue is full: asked again
  const WINDOW = 8000; // milliseconds that a rate is taken over
  const THIN = "\u202f";

  /* Each: file, name, key, state, node, and what its state needs. States: waiting, sending, broken, arrived,
     reading, ready, refused. */
  let items = [];
  let opens = null; // the one of this batch whose table the page opens
  let isAsking = false;
  let isOpening = false; // the page is about to show the table that was opened

  const byId = (id) => document.getElementById(id);
  const zone = () => byId("drop-zone");
  const count = (state) => items.filter((item) => item.state === state).length;
  const isBusy = (item) => ["waiting", "sending", "broken", "arrived"].includes(item.state);

  function say(text) {
    const said = byId("said");
    if (said) said.textContent = text;
  }

  /* Words */

  function size(bytes) {
    const mb = bytes / 1e6;
    return mb < 10 ? `${mb.toFixed(1)}${THIN}MB` : `${Math.round(mb).toLocaleString("en")}${THIN}MB`;
  }

  function left(seconds) {
    if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))}${THIN}s left`;
    if (seconds < 5400) return `about ${Math.round(seconds / 60)}${THIN}min left`;
    return `about ${Math.round(seconds / 3600)}${THIN}h left`;
  }

  function sentence(error) {
    try {
      return JSON.parse(error.originalResponse.getBody()).message;
    } catch {
      return null;
    }
  }

  /* The list: in the page's own place for it, else in a tray at the foot of any page. */

  const list = document.createElement("ul");
  list.className = "upload-list";
  list.setAttribute("aria-label", "Files on their way in");
  const tray = document.createElement("section");
  tray.className = "upload-tray";
  tray.setAttribute("aria-label", "Uploads");

  const paused = document.createElement("p");
  paused.className = "fine";
  paused.textContent = "Pages pause during a run. Your files arrive meanwhile and are read after it.";
  tray.append(paused);
  const isLocked = () => document.querySelector("#sidebar a.locked") !== null;

  function isInView(node) {
    const { top, bottom } = node.getBoundingClientRect();
    return bottom >= 0 && top < window.innerHeight;
  }

  let placed = ""; // the address it was placed at
  let settled = ""; // ... that the page had at the last look: right after it changes, the page before is still there

  /* Once placed, it stays there until the page goes: a list that jumps loses the focus. */
  function place() {
    if (!items.length) {
      tray.remove();
      list.remove();
      return;
    }
    paused.hidden = !isLocked() || items.every((item) => ["ready", "refused"].includes(item.state));
    if (list.isConnected && (location.href === placed || location.href !== settled)) return;
    placed = location.href;
    const slot = byId("upload");
    if (slot && zone() && isInView(zone())) {
      slot.append(list);
      tray.remove();
    } else {
      tray.prepend(list);
      document.body.append(tray);
    }
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function button(item, text, act) {
    const made = element("button", "btn btn-outline-secondary btn-sm", text);
    made.type = "button";
    made.append(element("span", "visually-hidden", ` ${item.name}`));
    made.addEventListener("click", act);
    return made;
  }

  function draw(item) {
    const look = item.state === "refused" ? "note note-crit" : "line-card upload-row";
    const node = element("li", look);
    node.dataset.state = item.state;
    const said = element("span", "said", item.said);
    const actions = element("div", "actions");
    if (item.state === "refused") {
      const text = element("div", "said");
      const bold = element("strong", "", item.said);
      bold.setAttribute("role", "alert");
      text.append(bold);
      actions.append(button(item, "Close", () => drop(item)));
      node.append(element("span", "icon icon-circle-alert"), text, actions);
    } else {
      const icon = { ready: "circle-check", waiting: "clock", broken: "wifi-off" }[item.state] ?? "file-up";
      node.append(element("span", `icon icon-${icon}`), element("strong", "name", item.name));
      if (["sending", "broken", "reading"].includes(item.state)) {
        const bar = element("div", "bar");
        const what = item.state === "reading" ? "Reading" : "Upload";
        bar.setAttribute("role", "progressbar");
        bar.setAttribute("aria-label", `${what} of ${item.name}`);
        bar.append(element("div", "fill"));
        node.append(bar);
      }
      node.append(said);
      if (item.state === "ready") {
        const open = element("a", "text-link", "Open");
        open.href = `${item.page || "/data"}?dataset=${item.dataset}`;
        open.dataset.nav = "";
        open.append(element("span", "visually-hidden", ` ${item.name}`));
        open.addEventListener("click", () => drop(item));
        actions.append(open, button(item, "Close", () => drop(item)));
      } else {
        if (item.state === "broken") actions.append(button(item, "Go on", () => goOn(item)));
        actions.append(button(item, "Cancel", () => cancel(item)));
      }
      node.append(actions);
    }
    if (item.node?.isConnected) {
      const held = item.node.contains(document.activeElement);
      item.node.replaceWith(node);
      if (held) node.querySelector("button, a")?.focus();
    } else {
      list.append(node);
    }
    item.node = node;
    fill(item);
    place();
  }

  function fill(item) {
    const bar = item.node?.querySelector(".bar");
    if (bar) {
      bar.setAttribute("aria-valuenow", String(Math.round(100 * (item.share ?? 0))));
      bar.firstChild.style.width = `${100 * (item.share ?? 0)}%`;
    }
    const said = item.node?.querySelector(".said");
    if (said && item.state !== "refused") said.textContent = item.said ?? "";
  }

  function become(item, state, said) {
    if (!items.includes(item)) return;
    item.state = state;
    item.said = said;
    draw(item);
    const word = { sending: "is uploading", arrived: "has arrived", ready: "is ready", broken: "waits for the connection" };
    if (word[state]) say(`${item.name} ${word[state]}`);
  }

  function drop(item) {
    item.node?.remove();
    items = items.filter((each) => each !== item);
    if (opens === item) opens = null;
    place();
    next();
  }

  function refuse(item, text) {
    item.upload = null;
    if (opens === item) opens = null;
    become(item, "refused", text);
    next();
  }

  /* Sending */

  async function cancel(item) {
    const { job, upload } = item;
    drop(item);
    if (job) {
      window.datainsights.post(`/_jobs/${encodeURIComponent(job)}/cancel`).catch(() => {});
    } else if (upload) {
      upload.abort(true).catch(() => {}); // what the server has of it goes; unreachable, it is swept there
    }
  }

  /* The part that is about to go, with its checksum; browsers have none outside https. */
  async function sign(item, request) {
    if (request.getMethod() !== "PATCH" || !window.crypto?.subtle) return;
    const from = Number(request.getHeader("Upload-Offset"));
    const part = await item.file.slice(from, from + item.upload.options.chunkSize).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", part));
    request.setHeader("Upload-Checksum", `sha256 ${btoa(String.fromCharCode(...digest))}`);
  }

  function progress(item, sent, total) {
    const now = Date.now();
    item.seen = [...(item.seen ?? []).filter(([at]) => now - at < WINDOW), [now, sent]];
    const [at, before] = item.seen[0];
    const rate = (sent - before) / Math.max((now - at) / 1000, 0.001);
    item.share = sent / total;
    const fast = now - at > 500 && rate > 0 && sent < total;
    const rest = fast ? `, ${size(rate)}/s, ${left((total - sent) / rate)}` : "";
    item.said = `${size(sent)} of ${size(total)}${rest}`;
    fill(item);
  }

  function retries(item, error) {
    const status = error.originalResponse?.getStatus() ?? 0;
    const again = status === 0 || (status >= 500 && status !== 507) || [409, 423, 460].includes(status);
    const isPart = error.originalRequest?.getMethod() === "PATCH";
    const { options } = item.upload;
    if (again && isPart && status !== 423) options.chunkSize = Math.max(LEAST, options.chunkSize / 2);
    if (again && status === 0) {
      item.said = "Connection lost. Trying again.";
      item.seen = [];
      fill(item);
    }
    return again;
  }

  function next() {
    if (count("sending")) return;
    const item = items.find((each) => each.state === "waiting");
    if (item) send(item);
  }

  async function send(item) {
    become(item, "sending", "Starting");
    const upload = new tus.Upload(item.file, {
      endpoint: "/_uploads",
      chunkSize: CHUNK,
      retryDelays: RETRIES,
      metadata: { filename: item.name },
      // Kept until the server has it no more: a table that was not read in the end is not sent twice.
      removeFingerprintOnSuccess: false,
      onBeforeRequest: (request) => sign(item, request),
      onShouldRetry: (error) => retries(item, error),
      onProgress: (sent, total) => progress(item, sent, total),
      onChunkComplete() {
        upload.options.chunkSize = Math.min(CHUNK, 2 * upload.options.chunkSize);
      },
      onSuccess() {
        item.id = upload.url.split("/").pop();
        become(item, "arrived", "Arrived, waiting to be read");
        read(item);
        next();
      },
      onError(error) {
        const said = sentence(error);
        if (said && !retries(item, error)) return refuse(item, said);
        item.broke = Date.now();
        become(item, "broken", "Connection lost. It goes on when the server answers.");
        next();
      },
    });
    item.upload = upload;
    const before = await upload.findPreviousUploads();
    if (item.upload !== upload || !items.includes(item)) return; // cancelled meanwhile
    if (before.length) upload.resumeFromPreviousUpload(before[0]);
    upload.start();
  }

  function goOn(item) {
    if (item.state !== "broken") return;
    item.upload = null;
    become(item, "waiting", "Waits for its turn");
    next();
  }

  /* Reading */

  async function read(item) {
    let answer = null;
    try {
      answer = await window.datainsights.post(`/_uploads/${item.id}/read`);
    } catch {
      /* asked again below */
    }
    if (!items.includes(item)) return;
    const told = await answer?.json().catch(() => null);
    if (answer?.ok && told) {
      item.job = told.job;
      item.share = 0;
      follow(item);
    } else if (!answer || answer.status === 429 || answer.status >= 500) {
      item.said = answer?.status === 429 ? "Arrived. Read as soon as other runs are done" : "Arrived, waiting to be read";
      fill(item);
      setTimeout(() => items.includes(item) && read(item), BUSY_EVERY);
    } else {
      refuse(item, told?.message ?? "This file could not be read. Choose it again.");
    }
  }

  /* The first of several opens, where the page can: it shows the run and goes to the table. */
  function follow(item, tries = 0) {
    if (opens === item && !zone() && location.pathname === "/data" && tries < 40) {
      setTimeout(() => items.includes(item) && follow(item, tries + 1), 250); // the page is on its way
      return;
    }
    if (opens === item && zone()) {
      isOpening = true;
      window.dash_clientside.set_props("state", { children: [] });
      window.dash_clientside.set_props("control", {
        data: { action: "attach", slug: "ingest", dataset: null, upload: item.id, job: item.job, at: Date.now() / 1000 },
      });
      return drop(item);
    }
    become(item, "reading", "Waiting to be read");
  }

  const ENDED = {
    cancelled: "the reading was cancelled. Choose the file again.",
    interrupted: "the server was stopped while it was read. Choose the file again: it need not be sent again.",
  };

  async function ask() {
    const asked = items.filter((item) => item.state === "reading");
    if (!asked.length || isAsking) return;
    isAsking = true;
    try {
      const answer = await fetch(`/_uploads/reading?jobs=${asked.map((item) => item.job).join(",")}`);
      const found = answer.ok ? await answer.json() : {};
      for (const item of asked) if (items.includes(item) && found[item.job]) hear(item, found[item.job]);
    } catch {
      /* the next pulse asks again */
    }
    isAsking = false;
  }

  function hear(item, job) {
    if (job.state === "done") {
      item.dataset = job.dataset;
      item.page = job.page;
      become(item, "ready", "Ready");
    } else if (job.state === "queued" || job.state === "running") {
      const waits = job.place > 1 ? `Waiting to be read, ${job.place - 1} before it` : "Waiting to be read";
      item.said = job.state === "queued" ? waits : job.label || "Reading";
      item.share = job.share;
      fill(item);
    } else {
      refuse(item, `${item.name}: ${ENDED[job.state] ?? job.message}`);
    }
  }

  document.addEventListener("datainsights:pulse", () => {
    place();
    settled = location.href;
    ask();
    const now = Date.now();
    for (const item of items) if (item.state === "broken" && now - item.broke > AGAIN_EVERY) goOn(item);
  });

  /* Taking */

  const keyOf = (file) => [file.name, file.size, file.lastModified].join("\n");

  function take(files) {
    const known = new Set(items.filter(isBusy).map((item) => item.key));
    const fresh = [...files].filter((file) => !known.has(keyOf(file)));
    if (!fresh.length) return;
    for (const item of items.filter((each) => each.state === "refused")) drop(item);
    const isFirst = !items.length;
    list.remove(); // it is placed anew, where the visitor looks now
    for (const file of fresh) {
      const item = { file, name: file.name, key: keyOf(file), state: "waiting", said: "Waits for its turn" };
      items.push(item);
      if (file.size === 0) {
        become(item, "refused", `“${file.name}” is empty: it has no bytes. Choose another file.`);
      } else {
        if (isFirst) opens ??= item;
        draw(item);
      }
    }
    if (zone()) window.dash_clientside.set_props("state", { children: [] });
    next();
  }

  /* Files do not survive a page load, and Dash goes to a page without one. While a run pauses the pages nothing is
     left: the files arrive meanwhile, in the tray, and are read after it. */
  function arrive(files) {
    if (!zone() && !isLocked()) window.datainsights.go("/data#add");
    take(files);
  }

  window.datainsights = Object.assign(window.datainsights ?? {}, { arrive });

  window.addEventListener("_dashprivate_pushstate", () => {
    if (isOpening) window.scrollTo(0, 0);
    isOpening = false;
  });

  document.addEventListener("change", (event) => {
    if (event.target.id === "browse") {
      take(event.target.files);
      event.target.value = "";
    }
  });

  document.addEventListener("click", (event) => {
    const label = event.target.closest?.("[data-accept]");
    if (label) label.querySelector("input").accept = label.dataset.accept;
  });

  window.addEventListener("beforeunload", (event) => {
    if (items.some(isBusy)) event.preventDefault();
  });

  /* A file may be dropped anywhere on any page. */
  let depth = 0;
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

  function hang(over) {
    document.documentElement.toggleAttribute("data-files-over", over);
    if (zone()) zone().toggleAttribute("data-over", over);
  }

  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    hang(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth = Math.max(0, depth - 1);
    if (!depth) hang(false);
  });
  document.addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    hang(false);
    arrive(event.dataTransfer.files);
  });
})();
