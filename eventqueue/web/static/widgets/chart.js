// How much happened a second, as steps. Drawn by uPlot, which is loaded with the first chart, over what the server drew.
import { Component, createRef, h } from "../vendor/preact.js";

const HEIGHT = 180;
const LINES = [
  { label: "in", colour: "--pending" },
  { label: "done", colour: "--completed" },
  { label: "failed", colour: "--dead", dash: [6, 4] },
];
const colour = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

let loading = null;
function load() {
  loading ??= new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/static/vendor/uplot.css" });
    link.addEventListener("load", resolve);
    link.addEventListener("error", reject);
    document.head.append(link);
  }).then(() => import("../vendor/uplot.js"));
  return loading;
}

// The clock of a day, and the date where the day is another one.
function times(_, splits, __, ___, step) {
  const days = splits.map((seconds) => new Date(seconds * 1000).toISOString());
  return days.map((one, place) => {
    const date = place === 0 || one.slice(0, 10) !== days[place - 1].slice(0, 10) ? `\n${one.slice(0, 10)}` : "";
    return step >= 86400 ? one.slice(5, 10) : one.slice(11, 16) + date;
  });
}

// The last step ends where the chart does.
function columns(text) {
  const points = JSON.parse(text);
  return [points.x, ...LINES.map(({ label }) => [...points[label], points[label].at(-1)])];
}

function options(uPlot, width) {
  const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  return {
    width,
    height: HEIGHT,
    padding: [8, 24, 0, 0],
    cursor: { y: false },
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [{ ...axis, values: times }, { ...axis, size: 56 }],
    series: [
      { value: "{YYYY}-{MM}-{DD} {HH}:{mm}" },
      ...LINES.map((line) => ({
        label: `${line.label} per second`,
        stroke: colour(line.colour),
        dash: line.dash,
        width: 1.5,
        paths: uPlot.paths.stepped({ align: 1 }),
        points: { show: false },
        value: (_, value) => (value == null ? "–" : value.toPrecision(3)),
      })),
    ],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
  };
}

export class Chart extends Component {
  box = createRef();
  plot = null;
  redraw = () => this.plot?.redraw(false);

  async componentDidMount() {
    const { default: uPlot } = await load();
    if (!this.box.current) return;
    this.setState({ drawn: true });
    this.plot = new uPlot(options(uPlot, this.box.current.clientWidth), columns(this.props.data.points), this.box.current);
    this.sizes = new ResizeObserver(() => this.plot.setSize({ width: this.box.current.clientWidth, height: HEIGHT }));
    this.sizes.observe(this.box.current);
    this.themes = new MutationObserver(this.redraw);
    this.themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.redraw);
  }

  componentDidUpdate(before) {
    if (before.data.points !== this.props.data.points) this.plot?.setData(columns(this.props.data.points));
  }

  componentWillUnmount() {
    this.sizes?.disconnect();
    this.themes?.disconnect();
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.redraw);
    this.plot?.destroy();
  }

  render({ children, data: _, ...attributes }, { drawn }) {
    return h("div", attributes, h("div", { ref: this.box, key: "plot" }), drawn ? null : children);
  }
}
