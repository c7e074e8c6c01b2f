// A slider over the life of the log: what is shown follows it, and stays where it is let go. At its right end it is now.
import { Component, h, render } from "./vendor/preact.js";
import htm from "./vendor/htm.js";

const html = htm.bind(h);
const STEPS = 1000;
const POWER = 3; // what was lately has more room than what was long ago
const SOON_MS = 120;

class Slider extends Component {
  constructor(props) {
    super(props);
    this.begin = Date.parse(props.begin);
    this.now = Date.parse(props.now);
    this.ahead = this.now - Date.now(); // the database's clock of this one
    const at = props.at ? Date.parse(props.at) : this.now;
    const far = (this.now - at) / Math.max(1, this.now - this.begin);
    this.state = { step: Math.round(STEPS * (1 - Math.cbrt(Math.min(1, Math.max(0, far))))), at };
  }

  // The moment of a step in milliseconds, null for now.
  momentOf(step) {
    if (step >= STEPS) return null;
    return Math.round(this.now - (this.now - this.begin) * ((STEPS - step) / STEPS) ** POWER);
  }

  addressOf(step) {
    const address = new URL(location.href);
    const moment = this.momentOf(step);
    address.searchParams.delete("said");
    if (moment === null) address.searchParams.delete("at");
    else address.searchParams.set("at", new Date(moment).toISOString());
    return address.href;
  }

  // While it is moved, what is shown is only looked at; where it is let go, one stays.
  moved(step) {
    if (!this.isMoved) this.now = Date.now() + this.ahead; // and not when the page was opened
    this.isMoved = true;
    this.setState({ step, at: this.momentOf(step) });
    this.props.hold();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.props.show(this.addressOf(step)), SOON_MS);
  }

  stayed(step) {
    clearTimeout(this.timer);
    location.assign(this.addressOf(step));
  }

  render() {
    const { step, at } = this.state;
    const told = step >= STEPS ? "now" : `${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z`;
    return html`<label><span class="hidden">Time</span
      ><input
        type="range"
        min="0"
        max=${STEPS}
        value=${step}
        aria-valuetext=${told}
        onInput=${(event) => this.moved(Number(event.target.value))}
        onChange=${(event) => this.stayed(Number(event.target.value))} /></label
      ><output>${told}</output>`;
  }
}

export function startSlider(place, parts) {
  if (place === null) return;
  const { begin, now, at } = place.dataset;
  const show = (url) => parts.again(url).catch(() => {}); // one that is passed over need not be seen
  render(html`<${Slider} begin=${begin} now=${now} at=${at} hold=${() => parts.hold()} show=${show} />`, place);
}
