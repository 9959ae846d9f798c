/* What the shell does in the browser: theme, navigation, the pulse of the server and what it
   paints (gauge, job chip, locked links), folding, copying. Dash renders the page; the insides of
   #gauge, #gauge-popover, #job-chip, #nav-card, #said and #connection are ours alone. */

(() => {
  "use strict";

  const root = document.documentElement;
  const small = window.matchMedia("(max-width: 991.98px)");
  const THIN = "\u202f";
  const byId = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];

  const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  const safe = (text) => String(text ?? "").replace(/[&<>"']/g, (c) => ENTITIES[c]);
  const icon = (name) => `<span class="icon icon-${name}" aria-hidden="true"></span>`;

  /* Writes only what changed: what has the focus, or is being read out, is left in peace. */
  function paint(node, html) {
    if (!node || node.painted === html) return;
    node.painted = html;
    node.innerHTML = html;
  }

  /* Dash reads a Store only once it has rendered; until then the last value waits here. */
  const unsent = new Map();

  function tell(id, data) {
    unsent.set(id, data);
    flush();
  }

  function flush() {
    if (!byId("gauge") || !window.dash_clientside?.set_props) return;
    for (const [id, data] of unsent) {
      unsent.delete(id);
      window.dash_clientside.set_props(id, { data });
    }
  }

  /* Theme */

  function theme() {
    const stored = document.cookie.match(/(?:^|; )theme=(light|dark)/);
    if (stored) return stored[1];
    return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }

  function dress(name) {
    root.setAttribute("data-bs-theme", name);
    document.cookie = `theme=${name}; max-age=31536000; path=/; SameSite=Lax`;
  }

  dress(theme());

  function switchTheme() {
    const name = theme() === "dark" ? "light" : "dark";
    dress(name);
    tell("theme", name);
  }

  /* Navigation: what dcc.Link does, for plain links that keep their href. */

  function go(href) {
    window.history.pushState({}, "", href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
    lost ||= failures > 0; // nobody answers for that page now
    sought = location.hash.slice(1);
  }

  /* The place on a page that an address names, once it is there. */
  let sought = "";

  function seek() {
    const place = sought && byId(sought);
    if (!place) return;
    sought = "";
    place.scrollIntoView();
  }

  function markCurrent() {
    for (const link of all("a.nav-link-item")) {
      const here = link.pathname === location.pathname;
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  function openNav(open) {
    const sidebar = byId("sidebar");
    const opener = document.querySelector(".nav-open");
    if (!sidebar || root.hasAttribute("data-nav-open") === open) return;
    root.toggleAttribute("data-nav-open", open);
    opener.setAttribute("aria-expanded", String(open));
    for (const part of all(".topbar, .main")) part.inert = open;
    (open ? sidebar.querySelector(".nav-close") : opener).focus();
  }

  /* The dataset and the theme switch move into the sidebar where the bar has no room. */
  function place() {
    const head = document.querySelector(".sidebar-head");
    const slot = document.querySelector(".dataset-slot");
    const dark = byId("theme-switch");
    if (!head || !slot || !dark) return;
    if (small.matches && slot.parentNode !== head.parentNode) {
      head.after(slot);
      head.insertBefore(dark, head.lastElementChild);
    } else if (!small.matches && slot.parentNode === head.parentNode) {
      const bar = document.querySelector(".topbar");
      bar.insertBefore(slot, byId("job-chip"));
      bar.append(dark);
    }
    for (const cards of all("[data-fold-small]")) {
      if (cards.folded === small.matches) continue;
      cards.folded = small.matches;
      cards.open = !small.matches;
    }
  }

  /* The pulse */

  let pulse = null;
  let told = "";
  let failures = 0;
  let stuck = 0;
  let known = false; // the server knew this browser, on this page
  let lost = false; // a page was asked for that the server could not give
  let timer = 0;

  /* Dash follows a run by asking again and again, and gives up at the first answer that does not come. */
  let missed = 0;
  let broken = false;
  const plain = window.fetch;

  window.fetch = async (...asked) => {
    const isDash = String(asked[0]?.url ?? asked[0]).includes("_dash-update-component");
    try {
      const answer = await plain(...asked);
      broken ||= isDash && answer.status >= 500;
      return answer;
    } catch (error) {
      broken ||= isDash;
      throw error;
    }
  };

  async function beat() {
    clearTimeout(timer);
    try {
      const answer = await fetch("/_pulse", {
        cache: "no-cache",
        credentials: "same-origin",
        signal: AbortSignal.timeout(10000),
      });
      if (!answer.ok) throw new Error(String(answer.status));
      pulse = await answer.json();
      failures = 0;
      /* Refused since this page was loaded, it shows what is somebody else's now: once for each start of the
         server, since two servers on one host, whose cookies are one, would reload their pages for ever. */
      const anew = pulse.refused && known && sessionStorage.getItem("refused") !== pulse.boot;
      if (anew) sessionStorage.setItem("refused", pulse.boot);
      if (lost || anew) location.reload();
      known ||= !pulse.refused;
      paint(byId("connection"), "");
      const { boot, news } = pulse;
      /* A page that still shows a run when none of ours is live has missed its end: it is to ask again. */
      stuck = pulse.live === 0 && document.querySelector(".run-panel") ? stuck + 1 : 0;
      if (stuck >= 3 || broken) {
        missed = Date.now();
        stuck = 0;
        broken = false;
      }
      const data = { boot, job: pulse.busy?.job ?? null, news, missed };
      if (told !== JSON.stringify(data)) {
        told = JSON.stringify(data);
        tell("pulse", data);
      }
      repaint();
      document.dispatchEvent(new CustomEvent("datainsights:pulse", { detail: pulse }));
    } catch {
      failures += 1;
      if (failures >= 3) paint(byId("connection"), "Connection lost. Trying again.");
    }
    clearTimeout(timer);
    timer = setTimeout(beat, document.hidden ? 15000 : 1000);
  }

  async function post(path, said = {}) {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(said),
    });
    beat();
    return answer;
  }

  /* Words */

  const mb = (number) =>
    number >= 1024 ? `${+(number / 1024).toFixed(1)}${THIN}GB` : `${Math.round(number)}${THIN}MB`;
  const percent = (share) => `${Math.round(share * 100)}${THIN}%`;
  const nth = (place) => {
    const ending = [11, 12, 13].includes(place % 100) ? "th" : ["th", "st", "nd", "rd"][place % 10];
    return `${place}${ending ?? "th"}`;
  };

  function about(seconds) {
    if (seconds < 1) return "less than a second";
    if (seconds < 89.5) return `about ${Math.round(seconds)}${THIN}s`;
    if (seconds < 5370) return `about ${Math.round(seconds / 60)}${THIN}min`;
    return `about ${Math.round(seconds / 3600)}${THIN}h`;
  }

  const BANDS = {
    normal: ["Normal", '<circle cx="5" cy="5" r="4.5" fill="currentColor"/>'],
    watch: [
      "Watch",
      '<path d="M5 1 9.2 8.8H.8Z" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round"/>',
    ],
    high: ["High", '<path d="M5 .8 9.6 9H.4Z" fill="currentColor"/>'],
    critical: ["Critical", '<path d="M3 0h4l3 3v4l-3 3H3L0 7V3Z" fill="currentColor"/>'],
  };

  function band(name) {
    const [word, shape] = BANDS[name] ?? BANDS.normal;
    return `<span class="band band-${safe(name)}"><svg viewBox="0 0 10 10" aria-hidden="true">${shape}</svg><span class="wide-only">${word}</span></span>`;
  }

  /* Says aloud what changed and nothing else: band, step of the job, place in the queue. */
  const heard = {};

  function say(kind, text) {
    const first = !(kind in heard);
    if (heard[kind] === text) return;
    heard[kind] = text;
    if (!first && text) byId("said").textContent = text;
  }

  /* Painting */

  function repaint() {
    flush();
    markCurrent();
    place();
    keepLevel();
    mendDropdowns();
    nameSliders();
    seek();
    if (!pulse || !byId("gauge")) return;
    paintGauge(pulse.memory);
    paintPopover(pulse.memory);
    paintChip();
    paintNews();
    paintCard();
    lockLinks();
    say("band", `Memory: ${BANDS[pulse.memory.band]?.[0] ?? pulse.memory.band}`);
    say("step", pulse.busy?.mine ? `${pulse.busy.name}: ${pulse.busy.label}` : "");
    say("place", pulse.waiting ? `${pulse.waiting.name} waits, ${nth(pulse.waiting.position)}` : "");
  }

  function paintGauge(memory) {
    const node = byId("gauge");
    const share = Math.min(memory.share, 1) * 100;
    const used = Math.round(memory.used);
    const ticks = [70, 80, 90].map((at) => `<i style="left:${at}%"></i>`).join("");
    const word = BANDS[memory.band]?.[0] ?? memory.band;
    paint(
      node,
      `<span class="visually-hidden">Memory ${used} of ${mb(memory.limit)}, ${percent(memory.share)}, ${safe(word)}</span>` +
        `<span class="words" aria-hidden="true"><span><span class="wide-only">Memory </span><strong>${used}</strong>` +
        `<span class="wide-only"> of </span><span class="small-only">/</span>${mb(memory.limit)}</span>` +
        `<span class="share">${percent(memory.share)}</span>${band(memory.band)}</span>` +
        `<span class="meter band-${safe(memory.band)}" aria-hidden="true"><span class="fill" style="width:${share.toFixed(1)}%"></span>${ticks}</span>`,
    );
    byId("clean-up").hidden = memory.share < 0.8;
  }

  const clock = (at) =>
    new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

  function trend(memory) {
    const { every, at, mb: past } = memory.history;
    if (past.length < 2) return "";
    const { limit } = memory;
    const [wide, high] = [286, 52];
    const [first, last] = [at[0], at[at.length - 1]];
    const x = (moment) => ((moment - first) / (last - first)) * wide;
    const y = (used) => 4 + (1 - Math.min(used / limit, 1)) * high;
    const top = past.indexOf(Math.max(...past));
    const minutes = Math.round((last + every - first) / 60);
    const span = minutes < 2 ? "Last minute" : `Last ${minutes} minutes`;
    const levels = [0.7, 0.8, 0.9]
      .map((share) => `<path d="M0 ${y(share * limit)}H${wide}" stroke="var(--line)" stroke-dasharray="3 3"/>`)
      .join("");
    const path = past.map((used, i) => `${i ? "L" : "M"}${x(at[i]).toFixed(1)} ${y(used).toFixed(1)}`);
    return (
      `<div class="gauge-part"><div class="line fine"><span>${span}</span><span>peak ${mb(past[top])} at ${clock(at[top])}</span></div>` +
      `<svg class="trend" viewBox="0 0 340 62" aria-hidden="true" fill="none">` +
      `<path d="M0 4H${wide}" stroke="var(--control)"/>${levels}` +
      `<path d="${path.join("")}" stroke="var(--text-2)" stroke-width="1.5" stroke-linejoin="round"/>` +
      `<circle cx="${x(at[top])}" cy="${y(past[top])}" r="3" fill="var(--high)"/>` +
      `<text x="${wide + 6}" y="8" font-size="11" fill="var(--muted)">${mb(limit)}</text>` +
      `<text x="${wide + 6}" y="${y(0.7 * limit) + 4}" font-size="11" fill="var(--muted)">70${THIN}%</text></svg></div>`
    );
  }

  /* What lies on disk costs the server a walk over it: asked for only while the popover is open. */
  const DISK_EVERY = 10_000;
  let disk = null;
  let diskAsked = 0;

  async function askDisk() {
    diskAsked = Date.now();
    try {
      const answer = await fetch("/_disk");
      if (!answer.ok) return;
      disk = await answer.json();
      if (pulse) paintPopover(pulse.memory);
    } catch {
      /* the connection's own line says so */
    }
  }

  const bytes = (number) => {
    if (number >= 2 ** 20) return mb(number / 2 ** 20);
    return number >= 1024 ? `${Math.round(number / 1024)}${THIN}KB` : `${number}${THIN}bytes`;
  };

  function ago(at) {
    const seconds = Math.max(0, Date.now() / 1000 - at);
    if (seconds < 90) return "used just now";
    if (seconds < 5400) return `used ${Math.round(seconds / 60)}${THIN}min ago`;
    if (seconds < 129_600) return `used ${Math.round(seconds / 3600)}${THIN}h ago`;
    return `used ${Math.round(seconds / 86_400)} days ago`;
  }

  function diskPart() {
    if (!disk) return "";
    const { kinds, free, largest, evicted } = disk;
    const line = (name, size) => `<div class="line"><span>${name}</span><b>${bytes(size)}</b></div>`;
    const names = { datasets: "Datasets", results: "Results and kept steps", uploads: "Uploads on their way" };
    const sum = Object.values(kinds).reduce((total, each) => total + each.bytes, 0);
    const lines = Object.entries(names)
      .filter(([kind]) => kind !== "uploads" || kinds.uploads.count)
      .map(([kind, name]) => line(`${name}, ${kinds[kind].count}`, kinds[kind].bytes));
    const mine = largest.map(
      (each) =>
        `<li><span class="name" title="${safe(each.name)}">${safe(each.name)}</span><b>${bytes(each.bytes)}</b>` +
        `<span class="fine">${safe(each.kind)}, ${ago(each.used)}</span></li>`,
    );
    return (
      `<div class="gauge-part"><div class="line fine"><span>On disk</span><span>${bytes(sum)}, ${bytes(free)} free</span></div>` +
      `${lines.join("")}${line("Caches", kinds.caches.bytes)}` +
      (evicted ? `<p class="fine evicted">Last evicted: ${safe(evicted.name)}, ${bytes(evicted.bytes)}, at ${clock(evicted.at)}</p>` : "") +
      "</div>" +
      (mine.length
        ? `<div class="gauge-part"><div class="line fine"><span>Your largest</span></div><ul class="largest">${mine.join("")}</ul></div>`
        : "")
    );
  }

  function paintPopover(memory) {
    const box = byId("gauge-popover");
    if (!box.firstChild) {
      box.innerHTML = '<div class="body"></div><div class="clean"><button type="button" class="btn btn-sm">Clean up</button><span class="fine" role="status"></span></div>';
      box.querySelector(".clean button").addEventListener("click", cleanUp);
    }
    if (box.hidden) return;
    if (Date.now() - diskAsked > DISK_EVERY) askDisk();
    const button = box.querySelector(".clean button");
    button.classList.toggle("btn-primary", memory.share >= 0.8);
    button.classList.toggle("btn-outline-secondary", memory.share < 0.8);
    const share = (part) => `${(Math.min(part.mb / memory.limit, 1) * 100).toFixed(2)}%`;
    const used = memory.parts.filter((part) => part.mb > 0);
    const colour = (part) => `background:var(--cat-${[1, 3, 5, 4, 2, 6][memory.parts.indexOf(part) % 6]})`;
    const stack = used.map((part) => `<span style="width:${share(part)};${colour(part)}"></span>`);
    const who = memory.parts.map(
      (part) =>
        `<div class="who"><span class="swatch" style="${part.mb > 0 ? colour(part) : ""}"></span>${safe(part.name)}<b>${part.mb > 0 ? mb(part.mb) : "none"}</b></div>`,
    );
    const { cleaned } = memory;
    paint(
      box.firstChild,
      `<div class="line"><h2>Memory of this server</h2><span class="quiet">limit ${mb(memory.limit)}, ${safe(memory.source)}</span></div>` +
        `<div class="line"><span class="number">${mb(memory.used)}</span><span class="quiet">${percent(memory.share)}</span>${band(memory.band)}</div>` +
        `<div class="stack">${stack.join("")}</div>${who.join("")}` +
        `<div class="who"><span class="swatch free"></span>Free for a job<b>${mb(memory.free)}</b></div>` +
        `<div class="who"><span class="swatch"></span>Kept free for the server<b>${mb(Math.max(0, memory.limit - memory.used - memory.free))}</b></div>` +
        trend(memory) +
        diskPart() +
        (cleaned ? `<p class="fine evicted">Cleaned up by itself at ${clock(cleaned.at)}. ${safe(cleaned.said)}</p>` : ""),
    );
  }

  async function cleanUp() {
    const box = byId("gauge-popover");
    const button = box.querySelector(".clean button");
    const said = button.nextElementSibling;
    if (button.disabled) return;
    button.disabled = true;
    said.textContent = "Cleaning up";
    try {
      const answer = await post("/_cleanup");
      const told = await answer.json();
      said.textContent = (answer.ok ? told.said : told.message) ?? "That did not work. Try again.";
    } catch {
      said.textContent = "That did not work. Try again.";
    }
    button.disabled = false;
    if (box.contains(document.activeElement) || document.activeElement === document.body) button.focus();
    await Promise.all([beat(), askDisk()]);
  }

  function openPopover(open) {
    const box = byId("gauge-popover");
    const gauge = byId("gauge");
    if (!box || box.hidden === !open) return;
    box.hidden = !open;
    gauge.setAttribute("aria-expanded", String(open));
    if (!open) return gauge.focus();
    diskAsked = 0;
    if (pulse) paintPopover(pulse.memory);
    box.querySelector(".clean [role=status]")?.replaceChildren();
    box.scrollTop = 0;
    box.focus();
  }

  const progress = (busy) =>
    busy.total > 1 && busy.total >= 10
      ? `${Math.min(busy.done + 1, busy.total)} of ${busy.total}`
      : percent(Math.min(busy.share ?? 0, 1));

  /* How the chip says that a run ended while its owner looked elsewhere. */
  const ENDS = {
    done: ["done", "circle-check", "done", "Open"],
    failed: ["stopped", "circle-alert", "failed", "See why"],
    killed: ["stopped", "circle-stop", "stopped", "See why"],
    interrupted: ["stopped", "circle-stop", "interrupted", "See why"],
  };

  function paintNews() {
    const news = pulse.done?.count ?? 0;
    paint(byId("runs-news"), news ? `<span class="visually-hidden">${news} new</span>` : "");
  }

  function paintChip() {
    const node = byId("job-chip");
    const { busy, waiting, done } = pulse;
    if (waiting) {
      const before = waiting.left != null ? `<span class="left">${about(waiting.left)}</span>` : "";
      paint(
        node,
        `<div class="job-chip queued"><a href="${safe(waiting.href ?? "/runs")}" data-nav>${icon("hourglass")}<strong>${safe(waiting.name)} waits, ${nth(waiting.position)}</strong>${before}</a></div>`,
      );
    } else if (busy) {
      const left = busy.left != null ? `<span class="left">${about(busy.left)} left</span>` : "";
      const name = busy.mine ? safe(busy.name) : `Another visitor\u2019s ${safe(busy.name)}`;
      const inside = `<strong>${name} ${progress(busy)}</strong>${left}`;
      const stop =
        busy.mine && busy.job
          ? `<button type="button" data-cancel="${safe(busy.job)}" aria-label="Cancel ${safe(busy.name)}">${icon("x")}</button>`
          : "";
      const foot = `<span class="foot" style="width:${(Math.min(busy.share ?? 0, 1) * 100).toFixed(1)}%"></span>`;
      const link = busy.href
        ? `<a href="${safe(busy.href)}" data-nav>${inside}</a>`
        : `<span class="not-mine">${inside}</span>`;
      paintRunning(node, busy, link, stop, foot);
    } else if (done) {
      const [look, symbol, word, open] = ENDS[done.state] ?? ENDS.done;
      paint(
        node,
        `<div class="job-chip ${look}"><a href="${safe(done.href)}" data-nav>${icon(symbol)}<strong>${safe(done.said ?? `${done.name} ${word}`)}</strong><span class="left">${open}</span></a></div>`,
      );
    } else {
      paint(node, "");
    }
  }

  /* Each part apart: a cancel button that is rebuilt each second would lose the focus. */
  function paintRunning(node, busy, link, stop, foot) {
    paint(
      node,
      `<div class="job-chip running" data-of="${safe(busy.job ?? "")}"><span class="where"></span><span class="stop"></span><span class="under"></span></div>`,
    );
    paint(node.querySelector(".where"), link);
    paint(node.querySelector(".stop"), stop);
    paint(node.querySelector(".under"), foot);
  }

  function reason() {
    const { busy } = pulse;
    if (!busy) return "A run has the server to itself. Links open again when it ends.";
    const left = busy.left != null ? about(busy.left) : null;
    if (!busy.mine) {
      return `Another visitor\u2019s ${safe(busy.name)} is running${left ? `, ${left} left` : ""}. You can go on reading here.`;
    }
    const when = busy.together
      ? "Links open again when all of them have ended."
      : left
        ? `Links open again in ${left}.`
        : "Links open again when it ends.";
    return `${safe(busy.name)} is running. ${when} You can go on reading here.`;
  }

  function paintCard() {
    paint(
      byId("nav-card"),
      pulse.lock
        ? `<div class="nav-card"><strong>${icon("pause")}Pages pause during a run</strong><span>${reason()}</span></div>`
        : "",
    );
  }

  function lockLinks() {
    for (const link of all("#sidebar a[data-nav], a.lockable, .topbar .product")) {
      const locked = link.classList.contains("locked");
      if (pulse.lock && !locked) {
        link.classList.add("locked");
        link.setAttribute("aria-disabled", "true");
        link.setAttribute("aria-describedby", "nav-card");
        link.setAttribute("tabindex", "-1");
      } else if (!pulse.lock && locked) {
        link.classList.remove("locked");
        for (const name of ["aria-disabled", "aria-describedby", "tabindex", "title"]) {
          link.removeAttribute(name);
        }
      }
      if (pulse.lock) link.title = reason();
    }
  }

  /* A click on a tile chooses it; plotly would also zoom in. Answering false stops both, so the
     click is passed on by hand to where dcc.Graph listens. */
  function keepLevel() {
    for (const plot of all(".treemap .js-plotly-plot")) {
      if (plot.level || !plot.on) continue;
      plot.level = true;
      plot.on("plotly_treemapclick", (event) => {
        plot.emit("plotly_click", event);
        return false;
      });
    }
  }

  /* The thumb of a slider is read out by the label of its field. */
  function nameSliders() {
    for (const thumb of all(".field [role=slider]:not([aria-label])")) {
      const label = thumb.closest(".field").querySelector("label")?.textContent;
      if (label) thumb.setAttribute("aria-label", label);
    }
  }

  /* dcc.Dropdown hides a field from screen readers that Tab still stops at. */
  function mendDropdowns() {
    for (const field of all(".dash-dropdown-focus-target[aria-hidden]")) field.tabIndex = -1;
  }

  async function copyLink(button) {
    const label = button.querySelector("span:last-child") ?? button;
    const before = label.textContent;
    if (button.copied) return;
    button.copied = true;
    try {
      await navigator.clipboard.writeText(button.dataset.copyLink || location.href);
      label.textContent = "Copied";
      byId("said").textContent = "Link copied";
    } catch {
      /* No clipboard outside https: the address bar has it. */
      label.textContent = button.dataset.copyLink ? "Select and copy it" : "Copy it from the address bar";
    }
    setTimeout(() => {
      label.textContent = before;
      button.copied = false;
    }, 1600);
  }

  /* Events, all delegated: pages come and go. */

  document.addEventListener("click", (event) => {
    const target = event.target.closest?.("a, button, .scrim") ?? null;
    for (const open of all("details.menu-slot[open]")) {
      if (!open.contains(event.target)) open.open = false;
      else if (target?.matches(".menu-item")) open.open = false;
    }
    if (!event.target.closest?.("#gauge, #gauge-popover, #clean-up")) closePopover();
    if (!target) return;

    if (target.classList.contains("locked")) {
      event.preventDefault();
      event.stopPropagation();
      const card = byId("nav-card")?.firstChild;
      card?.classList.add("called"); // the card says why
      setTimeout(() => card?.classList.remove("called"), 1200);
    } else if (target.matches("a[data-nav]")) {
      const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
      if (!plain || event.defaultPrevented || (target.target && target.target !== "_self")) return;
      event.preventDefault();
      openNav(false);
      go(target.getAttribute("href"));
    } else if (target.dataset.cancel) {
      target.disabled = true;
      post(`/_jobs/${encodeURIComponent(target.dataset.cancel)}/cancel`).catch(() => {
        target.disabled = false;
      });
    } else if (target.dataset.skip) {
      target.disabled = true;
      post(`/_jobs/${encodeURIComponent(target.dataset.skip)}/skip`, { step: target.dataset.step }).catch(() => {
        target.disabled = false;
      });
    } else if (target.dataset.enough) {
      target.disabled = true;
      post(`/_jobs/${encodeURIComponent(target.dataset.enough)}/enough`).catch(() => {
        target.disabled = false;
      });
    } else if (target.id === "theme-switch") {
      switchTheme();
    } else if (target.id === "gauge") {
      openPopover(byId("gauge-popover").hidden);
    } else if (target.id === "clean-up") {
      openPopover(true);
      cleanUp();
    } else if (target.matches(".nav-open")) {
      openNav(true);
    } else if (target.matches(".nav-close, .scrim")) {
      openNav(false);
    } else if (target.matches("[data-copy-link]")) {
      copyLink(target);
    } else if (target.matches("[data-unfold]")) {
      const open = target.closest(".controls").toggleAttribute("data-unfolded");
      target.setAttribute("aria-expanded", String(open));
    }
  });

  /* A middle click on a locked link comes another way. */
  document.addEventListener("auxclick", (event) => {
    if (event.target.closest?.("a.locked")) event.preventDefault();
  });

  function closePopover() {
    const box = byId("gauge-popover");
    if (!box || box.hidden) return;
    box.hidden = true;
    byId("gauge").setAttribute("aria-expanded", "false");
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details.menu-slot[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (byId("gauge-popover") && !byId("gauge-popover").hidden) {
      openPopover(false);
    } else {
      openNav(false);
    }
  });

  window.addEventListener("popstate", () => {
    markCurrent();
    /* Dash's Location did not see the address of an answer change, so it is told which one is back. */
    const key = new URLSearchParams(location.search).get("result");
    if (key && byId("answer")) tell("result", key);
  });
  window.addEventListener("_dashprivate_pushstate", markCurrent);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) beat();
  });
  small.addEventListener("change", () => {
    openNav(false);
    place();
  });

  /* What Dash renders later must look as the rest does; once a frame is enough. */
  let due = false;
  new MutationObserver(() => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      repaint();
    });
  }).observe(document.body, { childList: true, subtree: true });

  /* What other scripts of ours need of the shell. */
  window.datainsights = { go, post, icon, safe, progress };

  beat();
})();
