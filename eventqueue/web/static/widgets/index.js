// The components by the names that `data-widget` gives. Each gets the element's attributes, its `data-…` as `data`, and
// what the server has drawn in it as `children`.
import { Chart } from "./chart.js";
import { Copy } from "./copy.js";
import { Facets } from "./facets.js";
import { Output } from "./output.js";
import { Timeline } from "./timeline.js";
import { Slices } from "./slices.js";

export const WIDGETS = {
  chart: Chart,
  copy: Copy,
  facets: Facets,
  output: Output,
  timeline: Timeline,
  slices: Slices,
};
