/* The profile of a table: columns are found as one types, and what is opened over the page closes again. */

document.addEventListener("input", (event) => {
    if (event.target.id !== "find-column") {
        return;
    }
    const wanted = event.target.value.trim().toLowerCase();
    for (const row of document.querySelectorAll("#columns tbody tr")) {
        row.hidden = wanted !== "" && !row.querySelector("th").textContent.toLowerCase().includes(wanted);
    }
});

document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details[data-pop][open]")) {
        if (!open.contains(event.target)) {
            open.open = false;
        }
    }
});

document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && document.querySelector("details[data-pop][open]");
    if (open) {
        open.open = false;
        open.querySelector("summary").focus();
    }
});
