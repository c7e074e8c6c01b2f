// What of a page changes is drawn by the server, each time whole, and put into the place of what was there by Preact: so
// what is open stays open, and what is typed stays typed. An element with `data-widget` is drawn by the component of
// that name, with what the server has drawn as its children.
import { h, render } from "./vendor/preact.js";
import { WIDGETS } from "./widgets/index.js";

export function toNode(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  if (node.nodeType !== Node.ELEMENT_NODE) return null;
  const attributes = {};
  for (const { name, value } of node.attributes) attributes[name] = value;
  if (node.dataset.key) attributes.key = node.dataset.key;
  if (node.localName === "input" && "value" in attributes) {
    attributes.defaultValue = attributes.value; // its `value` would be put back whenever the page is drawn again
    delete attributes.value;
  }
  // Preact sets properties, and of what is "" that is none.
  if (node.localName === "option" && "selected" in attributes) attributes.selected = true;
  const children = Array.from(node.childNodes, toNode);
  const widget = WIDGETS[node.dataset.widget];
  return widget ? h(widget, { ...attributes, data: { ...node.dataset } }, children) : h(node.localName, attributes, children);
}

export function startParts(main) {
  const show = (drawn) => {
    render(Array.from(drawn.childNodes, toNode), main);
    main.dispatchEvent(new CustomEvent("drawn"));
  };
  const copy = main.cloneNode(true);
  main.replaceChildren();
  show(copy);
  let number = 0;
  return {
    main,
    isHeld: false,
    // From here on nothing is shown but what is asked for by name: somebody looks at another time.
    hold() {
      this.isHeld = true;
    },
    // Asks for what this page shows now, and shows it; returns for how many milliseconds it was waited.
    async again(url = location.href) {
      const began = performance.now();
      const mine = ++number;
      // What is shown by now, if it says so: where that is so still, nothing is drawn.
      const seen = main.querySelector("[data-seen]")?.dataset.seen ?? "";
      const answer = await fetch(url, { headers: { "x-part": "main", "x-seen": seen }, credentials: "same-origin" });
      if (answer.status === 204) {
        main.dispatchEvent(new CustomEvent("drawn"));
        return performance.now() - began;
      }
      const drawn = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = drawn.getElementById("main");
      if (found === null) throw new Error(answer.statusText);
      if (mine !== number) return performance.now() - began; // what was asked for later is what is wanted
      document.title = `${drawn.title} · queuectl`;
      show(found);
      return performance.now() - began;
    },
  };
}
