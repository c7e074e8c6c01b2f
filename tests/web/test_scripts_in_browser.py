"""What the scripts of a page decide by themselves: when it is asked for again, and what of an answer is shown."""

import pytest
from playwright.sync_api import expect

from tests.web.conftest import OpenPage

pytestmark = pytest.mark.web

# When its turn comes is said here, and not by a clock.
LIVE = """
async () => {
  const { startLive } = await import("/static/live.js");
  const main = document.createElement("main");
  const parts = { main, isHeld: false, asked: 0, async again() { this.asked += 1; } };
  const timers = [];
  let hidden = false;
  Object.defineProperty(document, "hidden", { get: () => hidden });
  window.setTimeout = (run) => timers.push(run);
  startLive("/live", parts);
  const [teller, echo] = [new BroadcastChannel("queuectl-live"), new BroadcastChannel("queuectl-live")];
  let position = 1_000_000;
  const moved = () => new Promise((heard) => {
    echo.onmessage = heard; // it was made last, so that the page has heard it by then
    teller.postMessage({ moved: { position: ++position, lag: 0, problem: null } });
  });
  const asked = async (prepare) => {
    await moved();
    prepare();
    const before = parts.asked;
    for (const run of timers.splice(0)) await run();
    return parts.asked - before;
  };
  return {
    seen: await asked(() => {}),
    hidden: await asked(() => (hidden = true)),
    whileHidden: await asked(() => {}),
    seenAgain: await asked(() => { hidden = false; document.dispatchEvent(new Event("visibilitychange")); }),
    held: await asked(() => (parts.isHeld = true)),
    still: await asked(() => { parts.isHeld = false; main.innerHTML = "<p data-still></p>"; }),
  };
}
"""

PARTS = """
async () => {
  const { startParts } = await import("/static/parts.js");
  const main = document.createElement("main");
  main.innerHTML = '<input name="q" value="as drawn"><details><summary>more</summary></details><p>at first</p>';
  document.body.append(main);
  const parts = startParts(main);
  const answers = {};
  window.fetch = (url) => new Promise((answered) => (answers[url] = (text) => answered(new Response(text))));
  const page = (text) => `<title>x</title><main id="main"><input name="q" value="as drawn">
    <details><summary>more</summary></details><p>${text}</p></main>`.replace(/\\n\\s*/, "");
  main.querySelector("input").value = "as typed";
  main.querySelector("details").open = true;
  const both = [parts.again("/earlier"), parts.again("/later")];
  answers["/later"](page("asked for later"));
  answers["/earlier"](page("asked for earlier"));
  await Promise.all(both);
  return [main.querySelector("p").textContent, main.querySelector("input").value, main.querySelector("details").open];
}
"""


OUTPUT = """
async () => {
  const [{ h, render }, { Output }] = await Promise.all([
    import("/static/vendor/preact.js"),
    import("/static/widgets/output.js"),
  ]);
  const made = [];
  window.EventSource = class {
    constructor() { this.hear = {}; this.is_open = true; made.push(this); }
    addEventListener(name, hear) { this.hear[name] = hear; }
    close() { this.is_open = false; }
  };
  let hidden = false;
  Object.defineProperty(document, "hidden", { get: () => hidden });
  const turn = (is_hidden) => { hidden = is_hidden; document.dispatchEvent(new Event("visibilitychange")); };
  const place = document.createElement("div");
  render(h(Output, { data: { follow: "/followed", claim: "2" } }, []), place);
  const open = () => made.filter((one) => one.is_open).length;
  const found = { seen: open() };
  turn(true);
  found.hidden = open();
  turn(false);
  found.seenAgain = open();
  made.at(-1).hear.over({ data: '{"claim": 2, "note": "It has ended.", "streams": []}' });
  found.over = open();
  return found;
}
"""

SLICES = """
async () => {
  const { Slices } = await import("/static/widgets/slices.js");
  const far = (html) => {
    const body = document.createElement("tbody");
    body.innerHTML = html;
    body.getBoundingClientRect = () => ({ top: 100_000, bottom: 100_500, height: 500 });
    return { body, rows: ["a row"], height: 0, next: null };
  };
  const slices = [far("<tr><td><input type=checkbox checked>"), far("<tr><td><input type=checkbox>")];
  const list = Object.create(Slices.prototype);
  Object.assign(list, { state: { more: slices, next: null }, forceUpdate() {} });
  list.look();
  return slices.map(({ rows, height }) => [rows, height]);
}
"""


def test_a_page_is_asked_for_again_where_it_moves_and_is_seen_and_is_not_held(open_page: OpenPage) -> None:
    asked = open_page("/audit").evaluate(LIVE)

    assert asked == {"seen": 1, "hidden": 0, "whileHidden": 0, "seenAgain": 1, "held": 0, "still": 0}


def test_what_was_asked_for_last_is_shown_and_what_is_typed_and_opened_stays(open_page: OpenPage) -> None:
    assert open_page("/audit").evaluate(PARTS) == ["asked for later", "as typed", True]


def test_what_is_typed_into_a_field_is_no_key_of_the_page(open_page: OpenPage) -> None:
    page = open_page("/audit")
    field = page.locator("[data-key='/']")

    field.click()
    page.keyboard.type("gq?/jk")

    expect(field).to_have_value("gq?/jk")
    expect(page.locator("#help")).to_be_hidden()
    assert page.url.endswith("/audit")


def test_what_a_job_writes_is_followed_while_it_is_seen_and_until_it_is_over(open_page: OpenPage) -> None:
    assert open_page("/audit").evaluate(OUTPUT) == {"seen": 1, "hidden": 0, "seenAgain": 1, "over": 0}


def test_what_is_far_from_view_is_let_go_of_but_for_what_is_ticked(open_page: OpenPage) -> None:
    assert open_page("/audit").evaluate(SLICES) == [[["a row"], 0], [None, 500]]
