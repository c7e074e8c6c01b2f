// Completion as one types, in every field with `data-complete`: what may stand there is asked of the server, which knows
// the language of filters; here it is only shown and chosen, as a combobox with its listbox.
const WAIT_MS = 120;

export function startCompletion(main) {
  const list = document.createElement("ul");
  list.id = "completions";
  list.className = "completions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "What may stand here");
  list.hidden = true;
  document.querySelector("header").append(list); // within a landmark, where who cannot see it comes by
  addEventListener("scroll", () => list.hidden || close(), { passive: true });

  let field = null; // in which something is typed
  let found = null; // what the server said last
  let at = -1; // which of it is chosen
  let timer = null;
  let asked = 0;

  const known = new WeakSet();
  serve();
  main.addEventListener("drawn", serve);

  function serve() {
    for (const one of document.querySelectorAll("[data-complete]")) {
      if (known.has(one)) continue;
      known.add(one);
      one.setAttribute("role", "combobox");
      one.setAttribute("aria-autocomplete", "list");
      one.setAttribute("aria-expanded", "false");
      one.setAttribute("aria-controls", list.id);
      one.addEventListener("input", () => {
        if (at >= 0) choose(-1); // what is found was found for another text
        soon(one);
      });
      one.addEventListener("keydown", (event) => obey(event, one));
      one.addEventListener("blur", close);
    }
  }

  function soon(one) {
    clearTimeout(timer);
    timer = setTimeout(() => ask(one), WAIT_MS);
  }

  async function ask(one, takesFirst = false) {
    clearTimeout(timer);
    const mine = ++asked;
    const text = one.value;
    const before = one.value.slice(0, one.selectionStart ?? one.value.length);
    const query = new URLSearchParams({ q: text, cursor: Array.from(before).length });
    try {
      const answer = await fetch(`${one.dataset.complete}?${query}`, { credentials: "same-origin" });
      const told = await answer.json();
      if (mine !== asked || document.activeElement !== one) return;
      show(one, { ...told, text });
      if (takesFirst && found && one.value === text) take(0);
    } catch {
      close(); // the field works without
    }
  }

  function show(one, told) {
    if (told.options.length === 0) return close();
    [field, found, at] = [one, told, -1];
    list.replaceChildren(...told.options.map(drawn));
    const { left, bottom, width } = one.getBoundingClientRect();
    Object.assign(list.style, { left: `${left}px`, top: `${bottom + 2}px`, maxWidth: `${Math.max(width, 320)}px` });
    list.hidden = false;
    one.setAttribute("aria-expanded", "true");
  }

  function drawn({ label, note }, place) {
    const option = document.createElement("li");
    option.id = `completion-${place}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    const name = document.createElement("bdi");
    name.textContent = label;
    const meaning = document.createElement("span");
    meaning.className = "dim";
    meaning.textContent = note;
    option.append(name, " ", meaning);
    option.addEventListener("mousedown", (event) => {
      event.preventDefault(); // the focus stays where one types
      take(place);
    });
    return option;
  }

  function obey(event, one) {
    const { key } = event;
    if (list.hidden) {
      if (key !== "ArrowDown") return;
      ask(one);
    } else if (key === "ArrowDown" || key === "ArrowUp") {
      move(key === "ArrowDown" ? 1 : -1);
    } else if (key === "Tab" && !event.shiftKey) {
      // Who types fast means what fits by now, and not what was found for less.
      if (at < 0 && one.value !== found.text) ask(one, true);
      else take(Math.max(at, 0));
    } else if (key === "Enter" && at >= 0) {
      take(at);
    } else if (key === "Escape") {
      close();
    } else {
      return; // Enter with nothing chosen searches
    }
    event.preventDefault();
    event.stopPropagation();
  }

  function move(by) {
    const number = found.options.length;
    choose(at < 0 && by < 0 ? number - 1 : (at + by + number) % number);
  }

  function choose(place) {
    if (at >= 0) list.children[at].setAttribute("aria-selected", "false");
    at = place;
    if (at < 0) return field.removeAttribute("aria-activedescendant");
    list.children[at].setAttribute("aria-selected", "true");
    list.children[at].scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", list.children[at].id);
  }

  function take(place) {
    const { begin, end, options, text } = found;
    const letters = Array.from(field.value); // the server counts letters, a field the halves of some
    const more = letters.length - Array.from(text).length; // typed since
    const unitsTo = (number) => letters.slice(0, number).join("").length;
    field.setRangeText(options[place].text, unitsTo(begin), unitsTo(Math.max(begin, end + more)), "end");
    const one = field;
    close();
    soon(one);
  }

  function close() {
    clearTimeout(timer);
    asked++;
    list.hidden = true;
    field?.setAttribute("aria-expanded", "false");
    field?.removeAttribute("aria-activedescendant");
    [field, found, at] = [null, null, -1];
  }
}
