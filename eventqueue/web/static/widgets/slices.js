// A list that goes on as one scrolls: its further slices are those behind the server's own link to what is older, and
// only what is near the view is in the document. What is new is shown at once to who stands at its beginning, and else
// only told of: nothing moves under the reader's hands.
import { Component, cloneElement, h, toChildArray } from "../vendor/preact.js";
import { toNode } from "../parts.js";

const SIZE = 200; // rows of a slice, of which the server gives no more
const NEAR = 2000; // pixels above and below the view in which slices are drawn
const GROWN = 400; // rows of the first slice, to which new ones are added, before the list begins anew
const AGAIN_MS = 5000; // between two looks at what is in view further down
const TOP = 80; // pixels scrolled, up to which one stands at the beginning

export class Slices extends Component {
  constructor(props) {
    super(props);
    this.state = { ...begun(drawn(props.children)), news: 0, held: null, problem: null };
    this.looked = 0;
    this.onMove = () => (this.frame ??= requestAnimationFrame(() => this.look()));
  }

  componentDidMount() {
    addEventListener("scroll", this.onMove, { passive: true });
    addEventListener("resize", this.onMove);
    this.onMove();
  }

  componentWillUnmount() {
    removeEventListener("scroll", this.onMove);
    removeEventListener("resize", this.onMove);
  }

  componentWillReceiveProps({ children, data }) {
    const found = drawn(children);
    const isHeld = scrollY >= TOP || this.root?.querySelector("table:hover, :checked, :popover-open");
    const isFree = !isHeld || data.sorted !== undefined || this.state.first[0]?.key === "none";
    this.setState(isFree ? withNew(this.state, found, data) : withoutNew(this.state, found));
    if (performance.now() - this.looked > AGAIN_MS) this.lookAgain();
  }

  componentDidUpdate() {
    this.onMove();
  }

  // Loads what has come near the view, and lets go of what is far from it.
  look() {
    this.frame = null;
    const { more, next, problem } = this.state;
    for (const slice of more) {
      if (!slice.body) continue;
      const isNear = near(slice.body);
      if (isNear && !slice.rows && !slice.isAsked) this.load(slice);
      if (!isNear && slice.rows && !isInUse(slice.body)) {
        slice.height = slice.body.getBoundingClientRect().height;
        slice.rows = null;
        this.forceUpdate();
      }
    }
    const isLast = more.every((slice) => slice.next !== undefined);
    if (next && !problem && isLast && this.root && near(this.root)) {
      if (this.root.getBoundingClientRect().bottom < innerHeight + NEAR) {
        const slice = { url: next, rows: null, height: 0 };
        this.setState({ more: [...more, slice] });
        this.load(slice);
      }
    }
  }

  lookAgain() {
    this.looked = performance.now();
    for (const slice of this.state.more) if (slice.rows && slice.body && near(slice.body, 0)) this.load(slice);
  }

  async load(slice) {
    slice.isAsked = true;
    try {
      const found = await slicedAt(slice.url);
      slice.rows = found.rows;
      slice.next = found.next;
      if (this.state.more.at(-1) === slice) this.setState({ next: found.next });
      else this.forceUpdate();
    } catch (error) {
      if (this.state.more.includes(slice)) this.setState({ problem: error.message });
    } finally {
      slice.isAsked = false;
    }
  }

  showNew() {
    this.setState(withNew(this.state, this.state.held, this.props.data));
    scrollTo({ top: 0 });
  }

  render({ children }, { first, more, news }) {
    const server = drawn(children);
    const { scroll, table, head } = server;
    const seen = new Set();
    const once = (rows) => rows.filter(({ key }) => key === undefined || (!seen.has(key) && seen.add(key)));
    const bodies = more.map((slice) =>
      h("tbody", { key: slice.url, ref: (body) => (slice.body = body) }, slice.rows ? once(slice.rows) : room(slice.height)),
    );
    return h("div", { class: "slices", ref: (root) => (this.root = root) }, [
      h("div", { class: "news", role: "status" }, news ? h("button", { onClick: () => this.showNew() }, `${news} new`) : null),
      cloneElement(scroll, {}, cloneElement(table, {}, [head, h("tbody", { key: "first" }, once(first)), ...bodies])),
      end(server, this.state),
    ]);
  }
}

const room = (height) => h("tr", { key: "room", "aria-hidden": "true" }, h("td", { colSpan: 10, style: { height: `${height || 400}px` } }));

function end({ unknown, pages }, { problem, next, more }) {
  if (problem) return h("p", { class: "problem", role: "alert" }, problem, " ", h("a", { href: location.href }, "From the beginning"));
  if (more.length === 0 && !next) return [unknown, pages];
  return h("p", { class: "pages dim" }, next ? "More as you scroll …" : "These are all.");
}

// What the server has drawn: the table, its head, its rows, and the address of what is older.
function drawn(children) {
  const [scroll, pages, unknown] = ["scroll", "pages", "problem"].map((name) => one(children, ({ props }) => props?.class === name));
  const table = one(scroll, ({ type }) => type === "table");
  const rows = toChildArray(one(table, ({ type }) => type === "tbody").props.children).filter(({ type }) => type === "tr");
  const next = one(pages, ({ props }) => props?.rel === "next")?.props.href ?? null;
  return { scroll, table, head: one(table, ({ type }) => type === "thead"), rows, next, pages, unknown };
}

function one(nodes, fits) {
  for (const node of toChildArray(nodes)) {
    if (typeof node !== "object") continue;
    const found = fits(node) ? node : one(node.props.children, fits);
    if (found) return found;
  }
  return null;
}

const begun = ({ rows, next }) => ({ first: rows, more: [], next });

// The list with what is new on top of it, and what this has pushed down still below; from the beginning where it is all new.
function withNew(state, found, { sorted }) {
  const told = { news: 0, held: null };
  const { last } = known(state.first, found.rows);
  if (sorted !== undefined && state.more.length) return { ...told, first: found.rows };
  if (sorted !== undefined || last < 0 || state.first.length > GROWN) return { ...told, ...begun(found), problem: null };
  const below = state.first.slice(last + 1);
  const isWhole = below.length === 0 && state.more.length === 0;
  return { ...told, first: [...found.rows, ...below], next: isWhole ? found.next : state.next };
}

// The list as it stands there, each row as it is by now; what is in it no more is dimmed, what is new only counted.
function withoutNew(state, found) {
  const { now, last } = known(state.first, found.rows);
  const before = new Set(state.first.map(({ key }) => key));
  const first = found.rows.findIndex(({ key }) => before.has(key));
  return {
    first: state.first.map((row, place) => now.get(row.key) ?? (place < last ? cloneElement(row, { class: "gone" }) : row)),
    news: first < 0 ? found.rows.length : first,
    held: found,
  };
}

function known(rows, newer) {
  const now = new Map(newer.map((row) => [row.key, row]));
  return { now, last: rows.findLastIndex(({ key }) => now.has(key)) };
}

// What has the focus, is ticked, or opened, is not let go of.
function isInUse(body) {
  return body.contains(document.activeElement) || body.querySelector(":checked, :popover-open") !== null;
}

function near(element, within = NEAR) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > -within && top < innerHeight + within;
}

async function slicedAt(url) {
  const address = new URL(url, location.href);
  address.searchParams.set("n", SIZE);
  const answer = await fetch(address, { headers: { "x-part": "main" }, credentials: "same-origin" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!answer.ok) throw new Error(page.querySelector(".problem")?.textContent ?? answer.statusText);
  return {
    rows: Array.from(page.querySelectorAll("tbody tr"), toNode),
    next: page.querySelector("a[rel=next]")?.getAttribute("href") ?? null,
  };
}
