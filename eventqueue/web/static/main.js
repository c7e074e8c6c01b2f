// What a page does beside being read. All of it works without this: what is drawn, is drawn by the server.
import { startChecks } from "./checked.js";
import { startCompletion } from "./complete.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startParts } from "./parts.js";
import { startSlider } from "./slider.js";

const parts = startParts(document.getElementById("main"));
startLive(document.body.dataset.live, parts);
startKeys(parts);
startSlider(document.getElementById("slider"), parts);
startCompletion(parts.main);
startChecks();
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }); // of a narrow window

const themes = document.querySelector("[data-theme-switch]");
themes.hidden = false;
themes.addEventListener("click", () => {
  const is_dark = getComputedStyle(document.documentElement).colorScheme === "dark";
  document.documentElement.dataset.theme = is_dark ? "light" : "dark";
  localStorage.setItem("theme", document.documentElement.dataset.theme);
});
