// What is shown is asked for again whenever the views have moved: once a second at most, and less often where that takes
// long or the tab is hidden.
const EVERY_MS = 1000;
const SHARE = 8; // it is asked for again after so many times what it took

export function startLive(url, parts) {
  if (!url) return;
  const pulse = document.getElementById("pulse");
  let next = 0;
  let timer = null;
  let last = null;

  const tell = (found) => {
    const late = found.lag ? `, ${found.lag.toFixed(1)} s behind it` : found.lag === null ? "; how far that is behind it is not known" : "";
    pulse.textContent = found.problem ?? (found.position === null ? "There are no views yet." : `At position ${found.position.toLocaleString("en")} of the log${late}`);
  };
  const look = async () => {
    timer = null;
    if (document.hidden || parts.isHeld) return;
    if (parts.main.querySelector("[data-still]")) return; // what is asked for once alone
    let took = EVERY_MS;
    try {
      took = await parts.again();
    } catch (error) {
      pulse.textContent = `It cannot be seen for now (${error.message}): what is shown is what it was.`;
    }
    const every = parts.main.querySelector("[data-every]")?.dataset.every ?? EVERY_MS; // what costs more says so
    next = performance.now() + Math.max(every, SHARE * took);
  };
  const soon = () => {
    timer ??= setTimeout(look, Math.max(0, next - performance.now()));
  };
  // What goes on in the server's process, and is not in the log, is asked for as long as it does.
  const goOn = () => parts.main.querySelector("[data-again]") && soon();
  parts.main.addEventListener("drawn", goOn);
  goOn();

  const source = new EventSource(url);
  source.addEventListener("moved", (event) => {
    last = JSON.parse(event.data);
    tell(last);
    soon();
  });
  source.addEventListener("error", () => {
    pulse.textContent = "The connection is lost: it is tried again …";
  });
  document.addEventListener("visibilitychange", () => document.hidden || soon());
}
