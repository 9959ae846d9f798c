/* Explore: a grid that waits for its order, the address that says what is looked at, pictures as files. */

(() => {
    "use strict";

    const EVERY = "*"; // stands for all columns
    const AGAIN = 700; // milliseconds between two questions whether the rows are sorted
    const asked = new Map(); // grid -> when what it waits for was said
    const seen = new Map(); // dataset -> the filter beside the grid's own that its rows were asked with

    const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
    const grid = (dataset) => JSON.stringify({ dataset, type: "explored" });
    const api = (dataset) => {
        try {
            return window.dash_ag_grid?.getApi(grid(dataset));
        } catch {
            return undefined; // not drawn yet
        }
    };

    /* While it stands on the page that rows are sorted, their grid asks for them again. */
    setInterval(() => {
        for (const said of document.querySelectorAll("[data-sorting]")) {
            const { sorting, at } = said.dataset;
            if (asked.get(sorting) !== at && !document.hidden) {
                asked.set(sorting, at);
                window.dash_ag_grid?.getApi(sorting)?.refreshInfiniteCache();
            }
        }
    }, AGAIN);

    /* The filter of whole rows: what is searched for, beside what else stood there. */
    function searched(wanted, text) {
        const rules = wanted ? (wanted.conditions ?? [wanted]).filter((each) => each.type !== "search") : [];
        if (text) {
            rules.push({ type: "search", filter: text });
        }
        return rules.length > 1 ? { operator: "AND", conditions: rules } : rules[0];
    }

    /* The controls of the chart as one thing; what is not chosen is left out. */
    function chosen(controls) {
        const chart = {};
        for (const { id, value } of controls) {
            if (value && String(value).trim() && !(id.name === "bins" && value === "30") && value !== "count") {
                chart[id.name] = id.name === "bins" ? Number(value) : value;
            }
        }
        return chart;
    }

    /* All that rows must match, by the names of the columns. */
    function where({ names, also, filter }) {
        const all = { ...also };
        for (const [place, wanted] of Object.entries(filter)) {
            const name = names[Number(place.slice(1))];
            const rule = (each) => (each?.type || each?.conditions ? each : { type: "equals", filter: each });
            all[name] = name in all ? { operator: "AND", conditions: [rule(all[name]), wanted] } : wanted;
        }
        return all;
    }

    function address(state) {
        const said = { dataset: state.dataset };
        const put = (name, value) => {
            if (value && Object.keys(value).length) {
                said[name] = JSON.stringify(value);
            }
        };
        put("where", where(state));
        put("sort", state.sort.map(({ colId, sort }) => [state.names[Number(colId.slice(1))], sort]));
        put("hide", state.hide);
        if (state.view === "chart") {
            said.view = "chart";
        }
        if (Object.keys(state.chart).length > 1) {
            put("chart", state.chart);
        }
        return `${window.location.pathname}?${new URLSearchParams(said)}`;
    }

    window.dash_clientside = window.dash_clientside || {};
    window.dash_clientside.datainsights = Object.assign(window.dash_clientside.datainsights || {}, {
        /* What is looked at, from all that says so: the grid, the search, the columns, the chart, a filter removed. */
        explored(requests, search, shown, view, values, removed, state) {
            const { no_update, callback_context: context, set_props: set } = window.dash_clientside;
            if (!state) {
                return no_update;
            }
            const next = { ...state, also: { ...state.also }, filter: { ...state.filter } };
            const request = requests.find(Boolean);
            if (request) {
                next.filter = request.filterModel || {};
                next.sort = (request.sortModel || []).map(({ colId, sort }) => ({ colId, sort }));
            }
            let text = (search || "").trim();
            const changed = (context.triggered || []).find((each) => each.value && each.prop_id.includes('"unfilter"'));
            if (changed) {
                const { column } = JSON.parse(changed.prop_id.slice(0, changed.prop_id.lastIndexOf(".")));
                for (const name of column ? [column] : [EVERY, ...state.names]) {
                    delete next.also[name];
                    delete next.filter[`c${state.names.indexOf(name)}`];
                    if (name === EVERY && text) {
                        text = "";
                        set("explore-search", { value: "" });
                    }
                }
                if (!same(next.filter, state.filter)) {
                    api(state.dataset)?.setFilterModel(next.filter);
                }
            }
            const rule = searched(next.also[EVERY], text);
            delete next.also[EVERY];
            if (rule) {
                next.also[EVERY] = rule;
            }
            next.hide = state.names.filter((name) => !(shown || []).includes(name));
            next.view = view || "rows";
            next.chart = chosen(context.inputs_list[4]);
            return same(next, state) ? no_update : next;
        },

        /* ... and where it goes: into the address, the grid, and to where charts are drawn. */
        explore(state, before) {
            const { no_update } = window.dash_clientside;
            const page = document.getElementById("explore");
            if (!state || !page) {
                return no_update;
            }
            page.dataset.view = state.view;
            page.dataset.type = state.chart.type || "bar";
            page.dataset.how = state.chart.how || "count";
            const here = address(state);
            if (here !== window.location.pathname + window.location.search) {
                window.history.replaceState(window.history.state, "", here);
            }
            const rows = api(state.dataset);
            if (rows) {
                const hidden = new Set(state.hide);
                const places = (are) =>
                    state.names.flatMap((name, at) => (hidden.has(name) === are ? [`c${at}`] : []));
                rows.setColumnsVisible(places(true), false);
                rows.setColumnsVisible(places(false), true);
            }
            const also = JSON.stringify(state.also);
            if (rows && seen.has(page) && seen.get(page) !== also) {
                rows.purgeInfiniteCache();
            }
            seen.clear();
            seen.set(page, also);
            const asks = { page: state.page, dataset: state.dataset, where: where(state), chart: state.chart };
            return state.view !== "chart" || same(asks, before) ? no_update : asks;
        },
    });

    /* A suggestion fills the controls; a sample ticks theirs. */
    function fill(chart) {
        const set = window.dash_clientside.set_props;
        const none = { type: "bar", how: "count", bins: "30", log_x: false, log_y: false, sample: false };
        for (const name of ["type", "x", "how", "y", "z", "grain", "colour", "facet", "bins", "log_x", "log_y", "sample"]) {
            set({ type: "chart", name }, { value: chart[name] ?? none[name] ?? " " });
        }
    }

    /* The chart as a file, on the ground that it is seen on. */
    async function save(button) {
        const drawn = button.closest("#chart")?.querySelector(".js-plotly-plot");
        if (!drawn || !window.Plotly) {
            return;
        }
        const { width, height } = drawn.getBoundingClientRect();
        const ground = getComputedStyle(document.body).backgroundColor;
        const layout = { ...drawn.layout, paper_bgcolor: ground };
        const format = button.dataset.picture;
        const image = await window.Plotly.toImage(
            { data: drawn.data, layout, config: {} },
            { format, width: Math.round(width), height: Math.round(height), scale: format === "png" ? 2 : 1 },
        );
        const link = document.createElement("a");
        link.href = image;
        link.download = `chart.${format}`;
        document.body.append(link);
        link.click();
        link.remove();
    }

    document.addEventListener("click", (event) => {
        const suggestion = event.target.closest?.(".suggestion[data-chart]");
        if (suggestion) {
            fill(JSON.parse(suggestion.dataset.chart));
        }
        if (event.target.closest?.("[data-sample]")) {
            window.dash_clientside.set_props({ type: "chart", name: "sample" }, { value: true });
        }
        const picture = event.target.closest?.("[data-picture]");
        if (picture) {
            save(picture);
        }
    });
})();
