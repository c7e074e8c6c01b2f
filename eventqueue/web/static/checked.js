// A filter that is none is told of at its field before the page is left, so that the list that is there stays; and again
// as one types on, until it is one.
const WAIT_MS = 250;

export function startChecks() {
  for (const form of document.querySelectorAll("form.search")) check(form);
}

function check(form) {
  const field = form.querySelector("[name=q]");
  let timer = null;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!(await isWrong(form, field))) form.submit();
  });
  field.addEventListener("input", () => {
    clearTimeout(timer);
    if (field.hasAttribute("aria-invalid")) timer = setTimeout(() => isWrong(form, field), WAIT_MS);
  });
}

async function isWrong(form, field) {
  const typed = field.value;
  const problem = await problemOf(typed);
  if (field.value === typed) tell(form, field, problem);
  return problem !== null;
}

async function problemOf(text) {
  const query = new URLSearchParams({ q: text, whole: 1 });
  const at = new URLSearchParams(location.search).get("at");
  if (at) query.set("at", at);
  try {
    const answer = await fetch(`/search/completions?${query}`, { credentials: "same-origin" });
    return (await answer.json()).problem;
  } catch {
    return null; // the page that is gone to says it
  }
}

function tell(form, field, problem) {
  form.querySelector(".problem")?.remove();
  field.removeAttribute("aria-invalid");
  field.removeAttribute("aria-describedby");
  if (problem === null) return;
  const told = document.createElement("p");
  Object.assign(told, { className: "problem", id: "search-problem", textContent: problem });
  told.setAttribute("role", "alert");
  form.append(told);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", told.id);
}
