// What the server draws at an address, as nodes of Preact: the children of the element with that id.
import { toNode } from "./parts.js";

export async function drawnAt(url, id) {
  const answer = await fetch(url, { headers: { "x-part": "main" }, credentials: "same-origin" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = page.getElementById(id);
  if (found === null) throw new Error(answer.statusText);
  return Array.from(found.childNodes, toNode);
}
