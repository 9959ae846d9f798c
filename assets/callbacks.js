/* What Dash callbacks do in the browser: small, named, and without a server's help. */

window.dash_clientside = window.dash_clientside || {};

window.dash_clientside.datainsights = {
    /* The server changed (restarted, a job began or ended): follow what runs now. */
    follow(pulse, control) {
        if (!pulse || !control || !control.slug) {
            return window.dash_clientside.no_update;
        }
        if (control.slug === "ingest" && !control.upload && !control.sample) {
            return window.dash_clientside.no_update; // another tab's file must not lead this one away
        }
        const { params, ...rest } = control;
        return { ...rest, action: "attach", at: Date.now() / 1000 };
    },

    /* The address names the result shown, without loading the page anew. */
    address(key) {
        if (key) {
            const address = new URL(window.location);
            if (address.searchParams.get("result") !== key) {
                address.searchParams.set("result", key);
                window.history.replaceState(window.history.state, "", address);
            }
        }
        return window.dash_clientside.no_update;
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
