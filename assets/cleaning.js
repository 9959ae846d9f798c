/* Clicks in the rail of a recipe, handed on as what they mean. */
document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-recipe]");
    if (button && !button.disabled) {
        const { recipe, place, name } = button.dataset;
        window.dash_clientside.set_props("recipe-click", {
            data: { does: recipe, place: Number(place), name, at: Date.now() },
        });
    }
    const side = event.target.closest("[data-shows]");
    if (side) {
        side.closest("[data-side]").dataset.side = side.dataset.shows;
        for (const each of side.parentElement.children) {
            each.setAttribute("aria-pressed", String(each === side));
        }
    }
});

/* A recipe from a file: read here and handed on; nothing of it is uploaded as a table. */
document.addEventListener("change", async (event) => {
    const field = event.target.closest("#recipe-file");
    const file = field?.files?.[0];
    if (!file) {
        return;
    }
    const text = file.size > 1_000_000 ? "" : await file.text();
    field.value = ""; // the same file can be chosen again
    window.dash_clientside.set_props("recipe-click", { data: { does: "load", place: 0, text, at: Date.now() } });
});

/* A pair on a line of its field; as JSON where a space or a sign would get lost. */
function written([old, becomes]) {
    const odd = /[=\n]|^\[/.test(old) || [old, becomes].some((text) => text !== text.trim());
    return odd ? JSON.stringify([old, becomes]) : `${old} = ${becomes}`;
}

window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.datainsights = Object.assign(window.dash_clientside.datainsights || {}, {
    /* The columns of the table that is joined. */
    theirs(table, columns) {
        const names = (columns || {})[table] || [];
        return [names, names];
    },

    /* The clusters of spellings that are ticked, as the lines of the step's field; none where all are. */
    clustered(ticked, clusters, shown) {
        const { no_update } = window.dash_clientside;
        if (!ticked?.length || !clusters) {
            return no_update;
        }
        const kept = clusters.filter((_, place) => ticked[place]);
        const lines = kept.flat().map(written).join("\n");
        const text = kept.length === clusters.length ? "" : lines;
        return text === (shown || "") ? no_update : text;
    },
});
