// What is shown is asked for again whenever the views have moved: once a second at most, and less often where that takes
// long; a tab that is hidden asks for nothing. A browser has six connections for all tabs of a page, so one of them
// follows for all: who holds the lock, which passes on when its tab is closed.
const EVERY_MS = 1000;
const STALE_MS = 10_000; // after which it is asked for again though nothing has moved: times go on
const SHARE = 8; // it is asked for again after so many times what it took
const AGAIN_MS = 5000;
const NAME = "queuectl-live";

export function startLive(url, parts) {
  if (!url) return;
  const pulse = document.getElementById("pulse");
  const trouble = document.getElementById("trouble");
  let shown = document.body.dataset.position; // how far the views were that it was made of
  let seen = shown;
  let next = 0;
  let timer = null;

  const look = async () => {
    timer = null;
    if (document.hidden || parts.isHeld) return;
    if (parts.main.querySelector("[data-still]")) return; // what is asked for once alone
    const began = performance.now();
    const position = seen;
    try {
      await parts.again();
      shown = position;
    } catch (error) {
      trouble.textContent = `It cannot be seen for now (${error.message}): what is shown is what it was.`;
    }
    const now = performance.now();
    const every = parts.main.querySelector("[data-every]")?.dataset.every ?? EVERY_MS; // what costs more says so
    next = now + Math.max(every, SHARE * (now - began));
  };
  const soon = () => {
    if (!document.hidden) timer ??= setTimeout(look, Math.max(0, next - performance.now()));
  };
  const hear = ({ moved, lost }) => {
    trouble.textContent = lost ?? moved.problem ?? "";
    if (!moved) return;
    pulse.textContent = moved.problem ? "" : inWords(moved);
    seen = String(moved.position ?? "");
    if (seen !== shown) soon();
  };
  // What goes on in the server's process, and is not in the log, is asked for as long as it does.
  const goOn = () => parts.main.querySelector("[data-again]") && soon();
  parts.main.addEventListener("drawn", goOn);
  goOn();

  follow(url, hear);
  setInterval(soon, STALE_MS);
  document.addEventListener("visibilitychange", soon);
}

// Hears what is told, as the one who follows or from the one who does.
function follow(url, hear) {
  const others = new BroadcastChannel(NAME);
  let last = null; // what was told, of who follows
  others.addEventListener("message", ({ data }) => {
    if (data !== "what?") hear(data);
    else if (last) others.postMessage(last);
  });
  others.postMessage("what?");
  const begin = () =>
    connect(url, (said) => {
      last = said;
      hear(said);
      others.postMessage(said);
    });
  if (!navigator.locks) begin(); // by a name that is not safe, a browser has none
  else navigator.locks.request(NAME, () => new Promise(begin));
}

function connect(url, tell) {
  const source = new EventSource(url);
  source.addEventListener("moved", (event) => tell({ moved: JSON.parse(event.data) }));
  source.addEventListener("error", async () => {
    tell({ lost: "The connection is lost: it is tried again …" });
    if (source.readyState !== EventSource.CLOSED) return; // then the browser tries
    setTimeout(connect, AGAIN_MS, url, tell);
    const answer = await fetch(url, { method: "HEAD" }).catch(() => null);
    if (answer?.status === 401) tell({ lost: "This page was started anew: open the address that it printed then." });
    else if (answer?.status === 503) tell({ lost: "More tabs are open than there may be: this one is not live." });
  });
}

function inWords({ position, lag }) {
  if (position === null) return "There are no views yet.";
  const late = lag ? `, ${lag.toFixed(1)} s behind it` : lag === null ? "; how far that is behind it is not known" : "";
  return `At position ${position.toLocaleString("en")} of the log${late}`;
}
