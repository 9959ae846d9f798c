/* A chart as a table, built when it is opened. */

(() => {
    "use strict";

    function cell(tag, text, look) {
        const made = document.createElement(tag);
        made.textContent = text;
        made.className = `look-${look}`;
        return made;
    }

    function build(place) {
        const said = place.dataset.twin;
        if (place.dataset.built === said) {
            return;
        }
        const { columns, rows, caption, more, texts = [] } = JSON.parse(said);
        const look = (at) => (at ? (texts.includes(columns[at]) ? "text" : "number") : "name");
        const table = document.createElement("table");
        table.className = "dense";
        const title = table.createCaption();
        title.className = "visually-hidden";
        title.textContent = caption;
        const head = table.createTHead().insertRow();
        columns.forEach((name, at) => {
            const th = cell("th", name, look(at));
            th.scope = "col";
            head.append(th);
        });
        const body = table.createTBody();
        for (const row of rows) {
            const line = body.insertRow();
            row.forEach((value, at) => {
                const made = cell(at ? "td" : "th", value, look(at));
                if (!at) {
                    made.scope = "row";
                }
                line.append(made);
            });
        }
        if (more) {
            const last = body.insertRow();
            last.className = "more";
            const td = last.insertCell();
            td.colSpan = columns.length;
            td.textContent = more;
        }
        const frame = document.createElement("div");
        frame.className = "table-frame";
        frame.tabIndex = 0;
        frame.setAttribute("role", "region");
        frame.setAttribute("aria-label", caption);
        frame.append(table);
        place.replaceChildren(frame);
        place.dataset.built = said;
    }

    /* "toggle" does not bubble, but it can be caught on its way down. */
    document.addEventListener(
        "toggle",
        (event) => {
            if (event.target.open) {
                event.target.querySelectorAll?.(":scope > [data-twin]").forEach(build);
            }
        },
        true,
    );

    new MutationObserver((changes) => {
        for (const { target } of changes) {
            if (target.dataset?.twin && target.closest("details")?.open) {
                build(target);
            }
        }
    }).observe(document.documentElement, { subtree: true, attributeFilter: ["data-twin"] });
})();
