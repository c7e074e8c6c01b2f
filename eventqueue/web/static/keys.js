// By keyboard alone: / search, j k rows, g and a letter a page, ? help.
const TYPED = "input, textarea, select, [contenteditable]";

export function startKeys(parts) {
  const help = document.getElementById("help");
  const button = document.querySelector("[data-help]");
  button.hidden = false;
  button.addEventListener("click", () => help.showModal());

  let goes = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.target.matches(TYPED)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (goes) {
      goes = false;
      document.querySelector(`[data-go="${CSS.escape(event.key)}"]`)?.click();
    } else if (event.key === "g") {
      goes = true;
    } else if (event.key === "/") {
      document.querySelector('[data-key="/"]').focus();
    } else if (event.key === "?") {
      help.showModal();
    } else if (event.key === "j" || event.key === "k") {
      move(parts.main, event.key === "j" ? 1 : -1);
    } else {
      return;
    }
    event.preventDefault();
  });
}

// The row in which the focus is moves: its first link has it, so that Enter opens it.
function move(main, by) {
  const rows = [...main.querySelectorAll("tbody tr, [data-row]")].filter((row) => row.querySelector("a, button"));
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))];
  row?.querySelector("a, button").focus();
  row?.scrollIntoView({ block: "nearest" });
}
