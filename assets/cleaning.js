/* Clicks in the rail of a recipe, handed on as what they mean. */
document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-recipe]");
    if (button && !button.disabled) {
        const { recipe, place } = button.dataset;
        window.dash_clientside.set_props("recipe-click", {
            data: { does: recipe, place: Number(place), at: Date.now() },
        });
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
