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
