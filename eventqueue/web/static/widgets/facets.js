// How many jobs there are of each kind: asked for once the page is there, and again now and then, since each time some
// thousand jobs are looked at.
import { Component, h } from "../vendor/preact.js";
import { drawnAt } from "../drawn.js";

const EVERY_MS = 60_000;

export class Facets extends Component {
  componentDidMount() {
    this.ask();
    this.timer = setInterval(() => document.hidden || !document.body.dataset.live || this.ask(), EVERY_MS);
  }

  componentWillUnmount() {
    clearInterval(this.timer);
  }

  componentDidUpdate(before) {
    if (before.data.url !== this.props.data.url) this.ask();
  }

  async ask() {
    const { url } = this.props.data;
    try {
      const found = await drawnAt(url, "facets");
      if (url === this.props.data.url) this.setState({ found });
    } catch {
      // What was shown stays: that the database or the connection is gone is told elsewhere.
    }
  }

  render({ data, children, ...attributes }, { found }) {
    return h("aside", { class: attributes.class, "aria-label": attributes["aria-label"] }, found ?? children);
  }
}
