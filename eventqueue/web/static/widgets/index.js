// The components by the names that `data-widget` gives. Each gets the element's attributes, its `data-…` as `data`, and
// what the server has drawn in it as `children`.
import { Facets } from "./facets.js";
import { Slices } from "./slices.js";

export const WIDGETS = {
  facets: Facets,
  slices: Slices,
};
