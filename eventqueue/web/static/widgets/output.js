// What the attempt of a job writes, as it writes it, as long as it runs and somebody sees this tab: a browser has but
// six connections to a site. Else what the server has drawn.
import { Component, createRef, h } from "../vendor/preact.js";

export class Output extends Component {
  root = createRef();
  source = null;
  sync = () => {
    const wanted = document.hidden ? undefined : this.props.data.follow;
    if (this.url === wanted) return;
    this.url = wanted;
    this.source?.close();
    this.source = null;
    if (wanted === undefined) {
      if (!this.props.data.follow) this.setState({ written: null });
      return;
    }
    this.source = new EventSource(wanted);
    const show = (event) => this.setState({ written: JSON.parse(event.data) });
    this.source.addEventListener("written", show);
    this.source.addEventListener("over", (event) => {
      this.source.close();
      show(event);
    });
  };

  componentDidMount() {
    document.addEventListener("visibilitychange", this.sync);
    this.sync();
  }

  componentWillUnmount() {
    document.removeEventListener("visibilitychange", this.sync);
    this.source?.close();
  }

  // Who reads the end goes on reading the end; who has scrolled back stays there.
  getSnapshotBeforeUpdate() {
    return Array.from(this.root.current.querySelectorAll(".end"), (one) => one.scrollHeight - one.scrollTop - one.clientHeight < 8);
  }

  componentDidUpdate(_, __, wereAtEnd) {
    this.sync();
    this.root.current.querySelectorAll(".end").forEach((one, place) => {
      if (wereAtEnd[place] ?? true) one.scrollTop = one.scrollHeight;
    });
  }

  render({ children, data }, { written }) {
    const is_shown = written && data.follow && (written.claim === null || String(written.claim) === data.claim);
    return h("div", { ref: this.root, "aria-live": "off" }, is_shown ? draw(written) : children);
  }
}

function draw({ note, streams }) {
  const drawn = streams.flatMap(({ name, pieces, total, is_cut }) => [
    h("h3", { key: `${name}-head` }, name, is_cut && h("span", { class: "dim" }, ` the end of ${total.toLocaleString("en")} bytes`)),
    h("div", { key: name, class: "scroll end", tabindex: 0, role: "region", "aria-label": name }, h("pre", { class: "written", "data-stream": name }, pieces.map(([text, classes]) => (classes ? h("span", { class: classes }, text) : text)))),
  ]);
  return [...drawn, h("p", { key: "note", class: "dim" }, note || (streams.length ? "" : "It has written nothing yet."))];
}
