/* Run several analyses: tells the page when something changed, and says how far the part is that
   runs. The insides of .part .far are ours alone while a part runs. */

(() => {
    "use strict";

    let told = "";

    document.addEventListener("datainsights:pulse", ({ detail }) => {
        const place = document.getElementById("chain");
        if (!place) {
            told = "";
            return;
        }
        const { boot, news, runs, busy } = detail;
        const data = `${boot} ${news} ${runs}`;
        if (told !== data && window.dash_clientside?.set_props) {
            told = data;
            window.dash_clientside.set_props("chain-news", { data });
        }
        const part = busy?.mine && place.querySelector(`[data-part="${busy.job}"].part-running`);
        if (!part) return;
        const share = `${(Math.min(busy.share ?? 0, 1) * 100).toFixed(1)}%`;
        part.querySelector(".far").textContent = window.datainsights.progress(busy);
        part.querySelector(".fill").style.width = share;
        part.querySelector(".told").textContent = busy.label || "Starting";
        part.querySelector("[role=progressbar]").setAttribute("aria-valuenow", String(Math.round(parseFloat(share))));
    });
})();
