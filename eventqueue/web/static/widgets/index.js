// The components by the names that `data-widget` gives. Each gets the element's attributes, its `data-…` as `data`, and
// what the server has drawn in it as `children`.
import { Copy } from "./copy.js";
import { Output } from "./output.js";
import { Timeline } from "./timeline.js";

export const WIDGETS = {
  copy: Copy,
  output: Output,
  timeline: Timeline,
};
