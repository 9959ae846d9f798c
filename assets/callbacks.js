/* What Dash callbacks do in the browser: small, named, and without a server's help. */

window.dash_clientside = window.dash_clientside || {};

let lastAsked = 0; // when a result so far was last asked for

window.dash_clientside.datainsights = {
    /* The server changed (restarted, a job began or ended): follow what runs now. The server knows
       which run is this tab's own, and is told which end was shown here already. */
    follow(pulse, control, told) {
        if (!pulse || !control || !control.slug) {
            return window.dash_clientside.no_update;
        }
        if (control.slug === "ingest" && !control.upload && !control.sample && !control.job) {
            return window.dash_clientside.no_update; // another tab's file must not lead this one away
        }
        const { params, ...rest } = control;
        return { ...rest, action: "attach", told, at: Date.now() / 1000 };
    },

    /* A result so far comes with every poll; it is drawn when it is another than the one shown. One that was
       asked for and is not there after some seconds was lost with the connection: it is asked for again. */
    so_far(partial, shown, drawn) {
        const isThere = partial === shown && drawn.some((each) => each?.startsWith(`${partial}@`));
        const isAsked = partial === shown && Date.now() - lastAsked < 5000;
        if (!partial || isThere || isAsked) {
            return window.dash_clientside.no_update;
        }
        lastAsked = Date.now();
        return partial;
    },

    /* The address names the result shown, without loading the page anew. */
    address(key) {
        const address = new URL(window.location);
        const before = address.searchParams.get("result");
        if (key && before !== key) {
            if (key.includes(".")) {
                address.searchParams.delete("result"); // a result so far has no address: its run has
            } else {
                address.searchParams.set("result", key);
                address.searchParams.delete("run");
            }
            // Back leads to the answer that was shown before, if there was one.
            const how = before && !key.includes(".") ? "pushState" : "replaceState";
            window.history[how](window.history.state, "", address);
        }
        const answer = document.getElementById("answer");
        if (key && answer && answer.getBoundingClientRect().top < 0) {
            answer.scrollIntoView();
        }
        return window.dash_clientside.no_update;
    },

    /* The answer to a column's question is a type; a type that is one of its answers is that answer. */
    answer_type(kinds, answers, options) {
        const { no_update, callback_context } = window.dash_clientside;
        const [types, questions] = callback_context.inputs_list;
        const from = callback_context.triggered_id;
        const type = types.findIndex((each) => each.id.place === from?.place);
        const question = questions.findIndex((each) => each.id.place === from?.place);
        const none = (list) => list.map(() => no_update);
        if (!from || type < 0 || question < 0) {
            return [none(kinds), none(answers)];
        }
        if (from.what === "answer") {
            return [none(kinds).with(type, answers[question]), none(answers)];
        }
        const isOne = options[question].some((each) => each.value === kinds[type]);
        return [none(kinds), none(answers).with(question, isOne ? kinds[type] : null)];
    },

    /* The sample that fits: its size goes into the form, and Run is clicked. */
    use_rows(clicks) {
        const { no_update, callback_context } = window.dash_clientside;
        const { prop_id: changed, value } = callback_context.triggered[0] ?? {};
        if (!clicks.some(Boolean) || !value) {
            return [no_update, no_update]; // buttons that appeared or went
        }
        const { rows } = JSON.parse(changed.slice(0, changed.lastIndexOf(".")));
        return [rows ? String(rows) : "", Date.now()]; // none: all of them
    },

    press(clicks) {
        if (clicks) {
            window.dash_clientside.set_props("pressed", { data: Date.now() });
        }
    },

    /* Where the end of a job leads, as a link would. */
    go_on(href) {
        if (href) {
            window.datainsights.go(href);
        }
    },

    /* What was wrong with an answer is forgotten when it is given anew. */
    mended() {
        return [null, ""];
    },

    /* A segment clicked, in a chart or a table, becomes the filter of its grid. */
    pick() {
        const context = window.dash_clientside.callback_context;
        const changed = (context.triggered || []).find((each) => each.value != null);
        if (!changed) {
            return window.dash_clientside.no_update;
        }
        const id = JSON.parse(changed.prop_id.slice(0, changed.prop_id.lastIndexOf(".")));
        if (id.type === "unpick") {
            return {};
        }
        const value = id.type === "pick" ? id.value : changed.value.points[0].label;
        return { [id.column]: { filterType: "text", type: "equals", filter: value } };
    },

    /* Every analysis that can be asked, or none of them when all are ticked. */
    tick_all(clicks, ticked) {
        const all = ticked.every(Boolean);
        return ticked.map(() => !all);
    },

    awaited(pulse, exporting) {
        return exporting ? { job: exporting, at: Date.now() } : window.dash_clientside.no_update;
    },

    /* A finished export is fetched as any download is. */
    download(address) {
        if (address) {
            const link = document.createElement("a");
            link.href = address;
            link.download = "";
            document.body.append(link);
            link.click();
            link.remove();
        }
        return window.dash_clientside.no_update;
    },
};
