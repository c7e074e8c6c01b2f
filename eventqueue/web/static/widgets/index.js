import { Chart } from "./chart.js";

// The components by the names that `data-widget` gives. Each gets the element's attributes, its `data-…` as `data`, and
// what the server has drawn in it as `children`.
export const WIDGETS = { chart: Chart };
