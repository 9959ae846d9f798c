/* A file on its way in: in chunks, with progress, resumed after a lost connection. */

(() => {
    "use strict";

    const CHUNK = 8 * 1024 * 1024;
    let current = null;

    const slot = () => document.getElementById("upload");

    const size = (bytes) => {
        const mb = bytes / 1048576;
        return mb < 10 ? `${mb.toFixed(1)}\u202fMB` : `${Math.round(mb).toLocaleString("en")}\u202fMB`;
    };

    const left = (seconds) =>
        seconds < 90 ? `about ${Math.max(1, Math.round(seconds))}\u202fs left` : `about ${Math.round(seconds / 60)}\u202fmin left`;

    function element(tag, className, text) {
        const made = document.createElement(tag);
        made.className = className;
        if (text) {
            made.textContent = text;
        }
        return made;
    }

    function row(name) {
        const line = element("div", "line-card upload-row");
        const bar = element("div", "bar");
        bar.setAttribute("role", "progressbar");
        bar.setAttribute("aria-label", `Upload of ${name}`);
        const fill = element("div", "fill");
        bar.append(fill);
        const said = element("span", "said");
        const actions = element("div", "actions");
        const stop = element("button", "btn btn-outline-secondary btn-sm", "Cancel");
        stop.type = "button";
        stop.addEventListener("click", cancel);
        actions.append(stop);
        line.append(element("span", "icon icon-file-up"), element("strong", "name", name), bar, said, actions);
        slot().replaceChildren(line);
        return { fill, said, bar };
    }

    /* The sentence stays until the next file; nothing of the refused one is kept. */
    function refuse(text) {
        const note = element("div", "note note-crit");
        note.setAttribute("role", "alert");
        const said = element("div", "said");
        said.append(element("strong", "", text));
        note.append(element("span", "icon icon-circle-alert"), said);
        slot()?.replaceChildren(note);
    }

    function sentence(error) {
        const body = error.originalResponse?.getBody();
        try {
            return JSON.parse(body).message;
        } catch {
            return "The connection was lost and did not come back. Choose the file again: what has arrived is kept.";
        }
    }

    function cancel() {
        current?.abort(true);
        current = null;
        slot()?.replaceChildren();
    }

    function take(file) {
        if (!file || !slot()) {
            return;
        }
        if (file.size === 0) {
            refuse(`“${file.name}” is empty: it has no bytes. Choose another file.`);
            return;
        }
        cancel();
        window.dash_clientside.set_props("state", { children: [] });
        const shown = row(file.name);
        const began = Date.now();
        let first = null;
        const upload = new tus.Upload(file, {
            endpoint: "/_uploads",
            chunkSize: CHUNK,
            retryDelays: [0, 1000, 3000, 5000, 10000, 20000],
            metadata: { filename: file.name },
            removeFingerprintOnSuccess: true,
            onShouldRetry: (error) => {
                const status = error.originalResponse?.getStatus() ?? 0;
                return status === 0 || status >= 500 && status !== 507 || status === 409 || status === 423;
            },
            onProgress(sent, total) {
                first = first ?? sent;
                const seconds = (Date.now() - began) / 1000;
                const rate = (sent - first) / Math.max(seconds, 0.2);
                shown.fill.style.width = `${(100 * sent) / total}%`;
                shown.bar.setAttribute("aria-valuenow", Math.round((100 * sent) / total));
                const rest = rate > 0 ? `, ${left((total - sent) / rate)}` : "";
                shown.said.textContent = `${size(sent)} of ${size(total)}${sent < total ? rest : ""}`;
            },
            onSuccess() {
                const id = upload.url.split("/").pop();
                current = null;
                slot()?.replaceChildren();
                window.dash_clientside.set_props("control", {
                    data: { action: "upload", slug: "ingest", dataset: null, upload: id, at: Date.now() / 1000 },
                });
            },
            onError(error) {
                current = null;
                refuse(sentence(error));
            },
        });
        current = upload;
        upload.findPreviousUploads().then((before) => {
            if (current !== upload) {
                return;
            }
            if (before.length) {
                upload.resumeFromPreviousUpload(before[0]);
            }
            upload.start();
        });
    }

    document.addEventListener("change", (event) => {
        if (event.target.id === "browse") {
            take(event.target.files[0]);
            event.target.value = "";
        }
    });

    /* A file may be dropped anywhere on a page that takes files. */
    let depth = 0;
    const zone = () => document.getElementById("drop-zone");
    const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

    document.addEventListener("dragenter", (event) => {
        if (carriesFiles(event) && zone()) {
            depth += 1;
            zone().dataset.over = "";
        }
    });
    document.addEventListener("dragleave", (event) => {
        if (carriesFiles(event) && zone()) {
            depth = Math.max(0, depth - 1);
            if (!depth) {
                delete zone().dataset.over;
            }
        }
    });
    document.addEventListener("dragover", (event) => {
        if (carriesFiles(event)) {
            event.preventDefault();
        }
    });
    document.addEventListener("drop", (event) => {
        if (carriesFiles(event)) {
            event.preventDefault();
            depth = 0;
            if (zone()) {
                delete zone().dataset.over;
                take(event.dataTransfer.files[0]);
            }
        }
    });
})();
