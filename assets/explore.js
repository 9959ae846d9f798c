/* Explore: a grid that waits for its order, the address that says what is looked at, pictures as files. */

(() => {
    "use strict";

    const EVERY = 700; // milliseconds between two questions whether the rows are sorted
    const asked = new Map(); // grid -> when what it waits for was said

    /* While it stands on the page that rows are sorted, their grid asks for them again. */
    setInterval(() => {
        for (const said of document.querySelectorAll("[data-sorting]")) {
            const { sorting: grid, at } = said.dataset;
            if (asked.get(grid) !== at && !document.hidden) {
                asked.set(grid, at);
                window.dash_ag_grid?.getApi(grid)?.refreshInfiniteCache();
            }
        }
    }, EVERY);
})();
