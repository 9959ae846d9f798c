/* My runs: the list, from the lines that the server put into words (layouts/pages/my_runs.py). A line
   that did not change keeps its elements, and with them the focus and what is being typed. The
   insides of #my-runs and #my-runs-tools are ours alone. */

(() => {
    "use strict";

    const STEP = 50; // lines shown at first, and more at each "Show more"
    const CHIPS = 4; // datasets that have a filter of their own
    const LOOK = 5; // pulses between two looks at a run that is on
    const byId = (id) => document.getElementById(id);
    const shell = () => window.datainsights;

    let page = null; // what was built for the #my-runs that is in the page now

    function make(tag, attributes = {}, ...children) {
        const node = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes)) {
            if (value === false || value == null) continue;
            if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
            else if (name === "value") node.value = value;
            else node.setAttribute(name, value === true ? "" : value);
        }
        node.append(...children.filter((child) => child != null));
        return node;
    }

    const icon = (name) => make("span", { class: `icon icon-${name}`, "aria-hidden": "true" });
    const hidden = (text) => make("span", { class: "visually-hidden" }, text);
    const chosen = () => page.rows.filter((row) => page.ticked.has(row.id));
    const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

    function replace(node, ...children) {
        node.replaceChildren(...children.filter((child) => child != null));
    }

    /* Asking the server */

    async function ask(path, said) {
        const answer = said === undefined ? await fetch(path, { credentials: "same-origin" }) : await shell().post(path, said);
        const body = await answer.json();
        if (!answer.ok) throw Object.assign(new Error(body.message), { ours: true });
        return body;
    }

    /* Do something about runs; what is refused is said above the list. */
    async function act(path, said) {
        const here = page;
        try {
            const answer = await ask(path, said);
            if (answer.href) return shell().go(answer.href);
            here.note = "";
            take(here, answer);
        } catch (error) {
            here.note = error.ours ? error.message : "The server did not answer. Try again in a moment.";
            if (error.ours) await refresh();
            draw();
        }
        return undefined;
    }

    async function refresh() {
        const here = page;
        try {
            take(here, await ask("/_runs"));
        } catch {
            /* The bar says when the connection is lost; the next pulse tries again. */
        }
    }

    function take(here, listing) {
        if (here !== page) return;
        page.rows = listing.rows;
        page.undo = listing.undo;
        page.tag = listing.tag;
        const ids = new Set(page.rows.map((row) => row.id));
        for (const id of page.ticked) if (!ids.has(id)) page.ticked.delete(id);
        draw();
    }

    /* What shows */

    function matching() {
        const words = page.search.toLowerCase().split(/\s+/).filter(Boolean);
        return page.rows.filter((row) => {
            if (page.filter === "unfinished" && !row.unfinished) return false;
            if (page.filter.startsWith("data:") && row.dataset !== page.filter.slice(5)) return false;
            const text = `${row.name} ${row.title} ${row.data} ${row.version} ${row.differs} ${row.state}`.toLowerCase();
            return words.every((word) => text.includes(word));
        });
    }

    function filters() {
        const found = [["all", "All", page.rows.length]];
        const unfinished = page.rows.filter((row) => row.unfinished).length;
        if (unfinished || page.filter === "unfinished") found.push(["unfinished", "Unfinished", unfinished]);
        const data = new Map();
        for (const row of page.rows) {
            if (row.version) data.set(row.dataset, { row, count: (data.get(row.dataset)?.count ?? 0) + 1 });
        }
        const names = [...data.values()].map(({ row }) => row.data);
        const most = [...data.entries()].sort((a, b) => b[1].count - a[1].count).slice(0, CHIPS);
        for (const [id, { row, count }] of most) {
            const twice = names.filter((name) => name === row.data).length > 1;
            found.push([`data:${id}`, twice ? `${row.data} ${row.version}` : row.data, count]);
        }
        if (!found.some(([filter]) => filter === page.filter)) page.filter = "all";
        return found;
    }

    function draw() {
        const any = page.rows.length > 0;
        byId("my-runs-empty").hidden = any;
        page.bar.hidden = page.frame.hidden = !any;
        drawTools(any);
        if (any) drawFilters();
        const rows = matching();
        drawLines(rows.slice(0, page.most));
        drawFoot(rows);
        drawNote();
        drawUndo();
    }

    function drawFilters() {
        const found = filters();
        const said = JSON.stringify([found, page.filter]);
        if (page.filters.said === said) return;
        page.filters.said = said;
        const focused = page.filters.contains(document.activeElement) ? document.activeElement.dataset.filter : null;
        const buttons = found.map(([filter, label, count]) =>
            make(
                "button",
                {
                    type: "button", "data-filter": filter, "aria-pressed": String(filter === page.filter),
                    onclick: () => {
                        page.filter = filter;
                        page.most = STEP;
                        draw();
                    },
                },
                `${label} ${count}`,
            ),
        );
        replace(page.filters, ...buttons);
        if (focused) buttons.find((button) => button.dataset.filter === focused)?.focus();
    }

    /* Why the chosen runs cannot be compared; nothing when they can. */
    function hindrance() {
        const runs = chosen();
        if (runs.length !== 2) return "Tick two done runs of the same analysis to compare them.";
        if (!runs.every((run) => run.done)) return "Only done runs can be compared.";
        if (runs[0].slug !== runs[1].slug) return "Two runs of the same analysis are needed.";
        return "";
    }

    function unended() {
        const runs = chosen();
        if (!runs.length) return "Tick the runs to delete.";
        return runs.every((run) => run.live) ? "A run that is on is withdrawn or cancelled first." : "";
    }

    function tool(name, symbol, label, why, act_) {
        return make(
            "button",
            {
                type: "button", class: `btn btn-outline-secondary${why ? " disabled" : ""}`, "data-tool": name,
                "aria-disabled": why ? "true" : false, title: why || false,
                onclick: () => {
                    if (!why) return act_();
                    page.note = "";
                    page.said = why;
                    return drawNote();
                },
            },
            icon(symbol),
            make("span", {}, label),
        );
    }

    function drawTools(any) {
        const place = byId("my-runs-tools");
        if (!place) return;
        const why = [hindrance(), unended()];
        const said = JSON.stringify([any, why, chosen().map((run) => run.id)]);
        if (place.said === said) return;
        place.said = said;
        page.said = "";
        const focused = place.contains(document.activeElement) ? document.activeElement.dataset.tool : null;
        const compare = () => {
            const [newer, older] = chosen();
            shell().go(`/compare?a=${older.id}&b=${newer.id}`);
        };
        const remove = () => act("/_runs/delete", { jobs: chosen().filter((run) => !run.live).map((run) => run.id) });
        const tools = [
            tool("compare", "git-compare", why[0] ? "Compare" : "Compare 2", why[0], compare),
            tool("delete", "trash-2", "Delete", why[1], remove),
        ];
        replace(place, ...(any ? tools : []));
        if (focused) tools.find((each) => each.dataset.tool === focused)?.focus();
    }

    function drawNote() {
        const said = JSON.stringify([page.note, page.said]);
        if (page.notes.said === said) return;
        page.notes.said = said;
        replace(
            page.notes,
            page.note
                ? make("div", { class: "note note-crit" }, icon("circle-alert"), make("div", { class: "said" }, make("strong", {}, page.note)))
                : null,
            page.said ? make("p", { class: "fine" }, page.said) : null,
        );
    }

    function drawUndo() {
        const said = JSON.stringify(page.undo);
        if (page.away.said === said) return;
        page.away.said = said;
        if (!page.undo) return replace(page.away);
        const { jobs } = page.undo;
        const undo = make("button", { type: "button", class: "btn btn-outline-secondary btn-sm", onclick: () => act("/_runs/restore", { jobs }) }, "Undo");
        return replace(page.away, make("div", { class: "line-card put-away" }, icon("undo-2"), make("span", {}, page.undo.said), undo));
    }

    function drawFoot(rows) {
        const left = rows.length - page.most;
        const said = JSON.stringify([left, rows.length > 0, page.rows.length > 0]);
        if (page.foot.said === said) return;
        page.foot.said = said;
        if (page.rows.length && !rows.length) {
            const clear = () => {
                page.filter = "all";
                page.search = page.field.value = "";
                draw();
            };
            const button = make("button", { type: "button", class: "btn btn-outline-secondary btn-sm", onclick: clear }, "Show all runs");
            return replace(page.foot, make("div", { class: "empty" }, make("strong", {}, "No run matches"), button));
        }
        const more = () => {
            page.most += STEP;
            draw();
        };
        const label = `Show ${Math.min(left, STEP)} more`;
        return replace(
            page.foot,
            left > 0 ? make("button", { type: "button", class: "btn btn-outline-secondary btn-sm", onclick: more }, label) : null,
        );
    }

    /* Lines */

    function drawLines(rows) {
        const kept = new Map([...page.body.children].map((line) => [line.dataset.run, line]));
        const focused = page.body.contains(document.activeElement) ? document.activeElement : null;
        const was = focused && { run: focused.closest("tr").dataset.run, key: focused.dataset.key };
        const lines = rows.map((row) => {
            const naming = page.naming === row.id;
            const said = JSON.stringify([row, page.ticked.has(row.id), naming]);
            const old = kept.get(row.id);
            if (old?.said === said) return old;
            const made = line(row, naming);
            made.said = said;
            return made;
        });
        const same = lines.length === page.body.children.length && lines.every((each, at) => each === page.body.children[at]);
        if (!same) page.body.replaceChildren(...lines);
        const again = was && !focused.isConnected && page.body.querySelector(`[data-run="${was.run}"] [data-key="${was.key}"]`);
        if (again) again.focus();
        const ticked = rows.filter((row) => page.ticked.has(row.id)).length;
        page.every.checked = ticked > 0 && ticked === rows.length;
        page.every.indeterminate = ticked > 0 && ticked < rows.length;
    }

    function line(row, naming) {
        const cell = (name, ...children) => make("td", { class: `run-${name}`, role: "cell" }, ...children);
        const tick = make("input", {
            type: "checkbox", class: "form-check-input", "data-key": "tick", "aria-label": `Select ${row.name}, ${row.when}`,
            onchange: (event) => {
                page.ticked[event.target.checked ? "add" : "delete"](row.id);
                draw();
            },
        });
        tick.checked = page.ticked.has(row.id);
        const more = make(
            "button",
            {
                type: "button", class: "icon-button", "data-key": "more", "aria-haspopup": "menu",
                "aria-label": `More for ${row.name}, ${row.when}`, onclick: (event) => openMenu(row, event.currentTarget),
            },
            icon("ellipsis"),
        );
        return make(
            "tr",
            { "data-run": row.id, role: "row", class: tick.checked ? "row-selected" : false },
            cell("tick", tick),
            make("th", { scope: "row", role: "rowheader", class: "run-name" }, naming ? nameForm(row) : named(row)),
            cell("data", make("span", { class: row.version ? false : "quiet" }, row.data), row.version ? make("span", { class: "quiet" }, ` ${row.version}`) : null),
            make("td", { class: `run-differs${row.usual ? " run-usual" : ""}`, role: "cell", title: row.usual ? false : row.differs }, row.differs),
            cell("state", state(row)),
            make("td", { class: "run-when", role: "cell", title: row.at }, row.when),
            cell("took", row.took),
            cell("peak", row.peak),
            cell("main", main(row)),
            cell("more", more),
        );
    }

    function named(row) {
        const aside = row.named ? make("span", { class: "quiet" }, ` ${row.title}`) : null;
        const dot = row.news ? make("span", { class: "news-dot", title: "New" }, hidden(" new")) : null;
        const together = `Part ${row.part} that were asked together`;
        const part =
            row.part &&
            make("a", { href: row.chain, class: "tag tag-outline", "data-nav": true, "data-key": "chain", title: together }, row.part);
        return make("span", { class: "named" }, make("span", { class: "text" }, row.name), aside, part || null, dot);
    }

    function state(row) {
        const badge = row.badge && make("span", { class: "tag tag-outline" }, row.badge);
        const bar =
            row.share != null &&
            make(
                "span",
                { class: "bar bar-thin", role: "progressbar", "aria-label": `${row.name}`, "aria-valuemin": "0", "aria-valuemax": "100" },
                make("span", { class: "fill" }),
            );
        if (bar) progress(bar, row.share);
        const said = make("span", { class: `state state-${row.tone}`, title: row.why || false }, icon(row.icon), make("span", {}, row.state));
        return make("span", { class: "run-said" }, said, badge || null, bar || null);
    }

    function progress(bar, share) {
        bar.firstChild.style.width = `${(Math.min(share, 1) * 100).toFixed(1)}%`;
        bar.setAttribute("aria-valuenow", String(Math.round(Math.min(share, 1) * 100)));
    }

    const again = (row, fresh) => act(`/_runs/${row.id}/again`, { fresh });

    function main(row) {
        const [label, way] = row.does;
        const said = [label, hidden(` ${row.name}, ${row.when}`)];
        if (way === "open") return make("a", { href: row.href, class: "text-link", "data-nav": true, "data-key": "main" }, ...said);
        const does = way === "withdraw" ? { "data-cancel": row.id } : { onclick: () => again(row, way === "fresh") };
        return make("button", { type: "button", class: "text-link", "data-key": "main", ...does }, ...said);
    }

    function rename(row) {
        page.naming = row.id;
        draw();
        const field = page.body.querySelector(".rename input");
        field?.focus();
        field?.select();
    }

    function nameForm(row) {
        const id = `name-${row.id}`;
        const wrong = make("div", { class: "error", id: `${id}-error`, role: "status" });
        const field = make("input", {
            type: "text", class: "form-control", id, maxlength: 80, "data-key": "name", value: row.name, autocomplete: "off",
            "aria-label": `Name of ${row.name}, ${row.when}`, "aria-describedby": wrong.id,
        });
        const form = make("form", { class: "rename", novalidate: true });
        const close = () => {
            page.naming = null;
            draw();
            page.body.querySelector(`[data-run="${row.id}"] [data-key="more"]`)?.focus();
        };
        form.addEventListener("submit", async (event) => {
            event.preventDefault();
            const here = page;
            const name = field.value.trim() === row.title ? "" : field.value;
            try {
                const listing = await ask(`/_runs/${row.id}/name`, { name });
                if (here !== page) return;
                page.naming = null;
                take(here, listing);
                page.body.querySelector(`[data-run="${row.id}"] [data-key="more"]`)?.focus();
            } catch (error) {
                form.classList.add("wrong");
                field.setAttribute("aria-invalid", "true");
                replace(wrong, icon("circle-alert"), make("span", {}, error.ours ? error.message : "The server did not answer. Try again."));
                field.focus();
            }
        });
        form.addEventListener("keydown", (event) => {
            if (event.key !== "Escape") return;
            event.stopPropagation();
            close();
        });
        form.append(
            field,
            make("button", { type: "submit", class: "btn btn-primary btn-sm", "data-key": "save" }, "Save"),
            make("button", { type: "button", class: "btn btn-quiet btn-sm", "data-key": "keep", onclick: close }, "Cancel"),
            wrong,
        );
        return form;
    }

    /* One menu for all lines, on the browser's top layer: a table that scrolls would cut it off. */
    function openMenu(row, at) {
        const item = (label, does, why = "") =>
            make(
                "button",
                {
                    type: "button", role: "menuitem", class: "menu-item", disabled: Boolean(why), title: why || false,
                    onclick: () => {
                        page.menu.hidePopover();
                        does();
                    },
                },
                make("span", { class: "name" }, label),
            );
        const gone = row.again ? "" : "Its table was removed.";
        replace(
            page.menu,
            item("Open", () => shell().go(row.href)),
            item("Run again", () => again(row, true), row.live ? "It has not ended yet." : gone),
            item("Rename", () => rename(row)),
            make("div", { class: "menu-rule" }),
            item("Delete", () => act("/_runs/delete", { jobs: [row.id] }), row.live ? "Withdraw or cancel it first." : ""),
        );
        page.menu.setAttribute("aria-label", `${row.name}, ${row.when}`);
        page.menu.opener = () => page.body.querySelector(`[data-run="${row.id}"] [data-key="more"]`);
        page.menu.showPopover();
        const place = at.getBoundingClientRect();
        const below = place.bottom + 4 + page.menu.offsetHeight < window.innerHeight;
        page.menu.style.top = `${below ? place.bottom + 4 : Math.max(8, place.top - 4 - page.menu.offsetHeight)}px`;
        page.menu.style.left = `${Math.max(8, place.right - page.menu.offsetWidth)}px`;
        page.menu.querySelector("button:not(:disabled)").focus();
    }

    function steer(event) {
        if (event.key === "Escape") return void page.menu.opener?.()?.focus();
        if (event.key === "Tab") return void page.menu.hidePopover();
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!step) return undefined;
        event.preventDefault();
        const items = [...page.menu.querySelectorAll("button:not(:disabled)")];
        return void items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
    }

    /* Building the page once, and keeping it up to date */

    function build(node) {
        const heads = ["Analysis", "Data", "Differs from default", "State", "When", "Took", "Peak"];
        const every = make("input", {
            type: "checkbox", class: "form-check-input", "aria-label": "Select every run shown",
            onchange: (event) => {
                for (const row of matching().slice(0, page.most)) page.ticked[event.target.checked ? "add" : "delete"](row.id);
                draw();
            },
        });
        const body = make("tbody", { role: "rowgroup" });
        const columns = heads.map((head) => make("th", { scope: "col", role: "columnheader", class: `run-${head.split(" ")[0].toLowerCase()}` }, head));
        const table = make(
            "table",
            { class: "dense", role: "table" },
            make("caption", { class: "visually-hidden" }, "My runs"),
            make(
                "thead",
                { role: "rowgroup" },
                make(
                    "tr",
                    { role: "row" },
                    make("td", { class: "run-tick", role: "cell" }, every),
                    ...columns,
                    make("td", { role: "cell" }),
                    make("td", { role: "cell" }),
                ),
            ),
            body,
        );
        const field = make("input", {
            type: "search", class: "form-control", placeholder: "Search runs", "aria-label": "Search runs", autocomplete: "off",
            oninput: (event) => {
                page.search = event.target.value;
                page.most = STEP;
                draw();
            },
        });
        page = {
            node, every, body, field, rows: [], undo: null, tag: "", filter: "all", search: "", most: STEP,
            ticked: new Set(), naming: null, note: "", said: "", queue: "", beats: 0,
            filters: make("div", { class: "segments", role: "group", "aria-label": "Which runs" }),
            notes: make("div", { class: "run-notes", role: "status" }),
            frame: make("div", { class: "table-frame", tabindex: "0", role: "region", "aria-label": "My runs" }, table),
            foot: make("div", { class: "run-foot" }),
            away: make("div", { class: "run-away", role: "status" }),
            menu: make("div", { class: "floating menu run-menu", popover: "auto", role: "menu", onkeydown: steer }),
        };
        page.bar = make("div", { class: "run-bar-line" }, page.filters, field);
        page.listing = node.dataset.listing;
        replace(node, page.bar, page.notes, page.frame, page.foot, page.away, page.menu);
        take(page, JSON.parse(page.listing));
    }

    function look() {
        const node = byId("my-runs");
        if (!node) {
            page = null;
        } else if (byId("my-runs-empty") && byId("my-runs-tools") && (page?.node !== node || page.listing !== node.dataset.listing)) {
            build(node);
        }
    }

    /* Each pulse: how far the running one is; the whole list only when it changed. */
    document.addEventListener("datainsights:pulse", ({ detail }) => {
        if (!page) return;
        const { busy, waiting, runs, boot } = detail;
        if (busy?.mine) {
            const bar = page.body.querySelector(`[data-run="${busy.job}"] .bar`);
            if (bar) {
                progress(bar, busy.share ?? 0);
                bar.closest("tr").querySelector(".run-took").textContent = clock(busy.elapsed);
                page.beats += 1;
                if (page.beats % LOOK === 0) refresh(); // its peak so far
            }
        }
        const queue = `${boot} ${waiting?.job} ${waiting?.position}`;
        if (runs !== page.tag || queue !== page.queue) {
            const first = page.queue === "";
            page.queue = queue;
            if (!first || runs !== page.tag) refresh();
        }
    });

    new MutationObserver(look).observe(document.body ?? document.documentElement, { childList: true, subtree: true });
    look();
})();
