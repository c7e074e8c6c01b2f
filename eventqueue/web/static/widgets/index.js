// The components by the names that `data-widget` gives. Each gets the element's attributes, its `data-…` as `data`, and
// what the server has drawn in it as `children`.
import { Chart } from "./chart.js";
import { Facets } from "./facets.js";

export const WIDGETS = {
  chart: Chart,
  facets: Facets,
};
