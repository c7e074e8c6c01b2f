// The life of a job on a line, as the server has drawn it, which grows while the job lives, tells of what is pointed at,
// and can be looked at more closely. Laid out by the rule of `web/drawing/scale.py`.
import { Component, createRef, h } from "../vendor/preact.js";

const LONG = 4;
const CUT_WIDTH = 6;
const CUT_MAX = 40;
const RUN_MIN = 0.4;
const EVERY_MS = 500;
const CLOSEST = 64;

const of = (node, type) => (Array.isArray(node.props.children) ? node.props.children : [node.props.children]).filter((one) => one?.type === type);

function phasesIn(svg, now) {
  return of(svg, "a").map((node) => {
    const is_open = node.props["data-open"] !== undefined;
    const begin = Number(node.props["data-begin"]);
    const end = is_open ? Math.max(begin, now) : Number(node.props["data-end"]);
    return { node, begin, end, is_open, ms: end - begin, kind: node.props["data-kind"], title: of(node, "title")[0].props.children.join("") };
  });
}

function cutOf(phases) {
  const idle = phases.filter((one) => one.kind !== "running").sort((one, other) => other.ms - one.ms);
  let left = phases.reduce((sum, one) => sum + one.ms, 0);
  let most = 0;
  idle.forEach((one, place) => {
    left -= one.ms;
    if (left > 0 && one.ms > LONG * left) most = place + 1;
  });
  return new Set(idle.slice(0, most));
}

function laid(phases) {
  const cut = cutOf(phases);
  const cut_width = cut.size ? Math.min(CUT_WIDTH, CUT_MAX / cut.size) : 0;
  const rest = phases.reduce((sum, one) => sum + (cut.has(one) ? 0 : one.ms), 0);
  const scale = rest ? (100 - cut_width * cut.size) / rest : 0;
  const widths = phases.map((one) => (cut.has(one) ? cut_width : Math.max(one.ms * scale, one.kind === "running" ? RUN_MIN : 0)));
  const sum = widths.reduce((one, other) => one + other, 0);
  let x = 0;
  return phases.map((phase, place) => {
    const width = sum ? (widths[place] * 100) / sum : 0;
    x += width;
    return { phase, x: x - width, width, is_cut: cut.has(phase) };
  });
}

export class Timeline extends Component {
  state = { zoom: 1, told: "" };
  box = createRef();

  componentDidMount() {
    this.timer = setInterval(() => this.props.data.lives !== undefined && !document.hidden && this.setState({}), EVERY_MS);
  }

  componentWillUnmount() {
    clearInterval(this.timer);
  }

  // The server's time goes on here from when it was drawn.
  now() {
    if (this.drawn !== this.props.data.now) {
      this.drawn = this.props.data.now;
      this.since = performance.now();
    }
    return Date.parse(this.drawn) + performance.now() - this.since;
  }

  zoom(by) {
    const box = this.box.current;
    const middle = (box.scrollLeft + box.clientWidth / 2) / box.scrollWidth;
    this.setState({ zoom: by === 0 ? 1 : Math.min(CLOSEST, Math.max(1, this.state.zoom * by)) }, () => {
      box.scrollLeft = middle * box.scrollWidth - box.clientWidth / 2;
    });
  }

  bar({ phase, x, width, is_cut }) {
    const { node, title, is_open } = phase;
    const tell = () => this.setState({ told: title });
    const [rect] = of(node, "rect");
    const place = { ...rect.props, x: `${x}%`, width: `${width}%`, class: `${rect.props.class.replace(" cut", "")}${is_cut ? " cut" : ""}${is_open ? " open" : ""}` };
    const texts = of(node, "text").map((text) => h("text", { ...text.props, x: `${x + width / 2}%` }, text.props.children));
    return h("a", { ...node.props, key: node.key, onMouseEnter: tell, onFocus: tell }, h("title", null, title), h("rect", place), texts);
  }

  render({ children, data, ...attributes }, { zoom, told }) {
    const svg = children.find((one) => one?.type === "svg");
    if (!svg) return h("div", attributes, children);
    const bars = laid(phasesIn(svg, this.now()));
    const button = (label, name, by, is_off) => h("button", { type: "button", "aria-label": name, disabled: is_off, onClick: () => this.zoom(by) }, label);
    const drawn = h("svg", { ...svg.props, width: `${zoom * 100}%` }, bars.map((bar) => this.bar(bar)), of(svg, "text"));
    return h("div", null, [
      h("div", { ...attributes, ref: this.box }, drawn),
      h("p", { class: "told" }, button("−", "Look from further away", 0.5, zoom === 1), button("+", "Look more closely", 2, zoom === CLOSEST), h("span", null, told)),
    ]);
  }
}
