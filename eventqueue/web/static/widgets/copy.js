// A button that copies a text.
import { Component, h } from "../vendor/preact.js";

export class Copy extends Component {
  async copy() {
    await navigator.clipboard.writeText(this.props.data.text);
    this.setState({ done: true });
    setTimeout(() => this.setState({ done: false }), 1500);
  }

  render({ data }, { done }) {
    const label = done ? "copied" : "copy";
    return navigator.clipboard ? h("button", { type: "button", class: "copy", "aria-label": `Copy ${data.text}`, onClick: () => this.copy() }, label) : null;
  }
}
