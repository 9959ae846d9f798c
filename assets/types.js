/* A file of reading choices: read here and handed to the page's store; nothing of it is uploaded as a table. */

document.addEventListener("change", async (event) => {
  const field = event.target.closest("#choices-file");
  const file = field?.files?.[0];
  if (!file) return;
  const text = file.size > 1_000_000 ? "" : await file.text();
  field.value = ""; // the same file can be chosen again
  window.dash_clientside.set_props("load-reading", { data: { text, name: file.name, at: Date.now() } });
});
