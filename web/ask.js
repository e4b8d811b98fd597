// What every page asks of the service: one published operation at a time, and how an answer is shown.
export const given = JSON.parse(document.getElementById("given").textContent);
export const language = document.documentElement.lang;

// The custom header tells the service that the page is ours and not a form on a stranger's.
export const HEADERS = { "X-Sarkmeli": "page", "Accept-Language": language };

// The one field's answer. A refusal is an answer, too: see `refused`.
export async function ask(operation, variables = {}) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: { ...HEADERS, "Content-Type": "application/json" },
    body: JSON.stringify({ query: given.operations[operation], variables }),
  });
  const { data, errors } = await response.json();
  if (errors) return { code: "", message: errors.map(({ message }) => message).join("\n") };
  return Object.values(data)[0];
}

export const refused = (answer) => typeof answer?.code === "string" && typeof answer.message === "string";

// A refusal's sentence and, of a form, what is wrong with each field.
export const sentence = ({ message, faults = [] }) =>
  [message, ...faults.map((fault) => `${fault.field}: ${fault.message}`)].join("\n");

export const byId = (id) => document.getElementById(id);

// Names and values as a list of descriptions; those without a value are left out.
export function facts(into, rows) {
  into.replaceChildren(
    ...rows.filter(([, value]) => value).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

// Tells each fault beside its field, by eye and by ear, and goes to the first; what has no field, and any other refusal,
// stands in the form's output. Whether the answer was a refusal.
export function tellFaults(form, answer) {
  for (const old of form.querySelectorAll(".fault")) old.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    describe(input, (ids) => ids.filter((id) => id !== faultOf(input)));
  }
  const output = form.querySelector("output");
  show(output, "");
  if (!refused(answer)) return false;
  const { message, faults = [] } = answer;
  const marked = [];
  const rest = [];
  for (const fault of faults) {
    const input = form.elements.namedItem(fault.field);
    if (input) marked.push(mark(input, fault.message));
    else rest.push(fault.message);
  }
  show(output, [message, ...rest].join("\n"), true);
  marked[0]?.focus();
  return true;
}

const faultOf = (input) => `fault-${input.name}`;

// Behind the label and not in it: what is wrong describes the field and is no part of its name.
function mark(input, message) {
  const id = faultOf(input);
  const already = byId(id);
  if (already) already.append(" ", message);
  else {
    input.closest("label").after(element("span", { class: "fault", id }, message));
    describe(input, (ids) => [id, ...ids]);
  }
  input.setAttribute("aria-invalid", "true");
  return input;
}

// Changes by which elements a field is described.
function describe(input, change) {
  const ids = change((input.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
  if (ids.length) input.setAttribute("aria-describedby", ids.join(" "));
  else input.removeAttribute("aria-describedby");
}

export function show(output, text, fault = false) {
  output.toggleAttribute("data-fault", fault);
  output.textContent = text;
  // What is longer than its frame is scrolled by the keyboard, too.
  if (output.scrollHeight > output.clientHeight) output.tabIndex = 0;
  else output.removeAttribute("tabindex");
}

// Runs `work` when the form is sent: its button rests meanwhile, and what fails is said in the form's own output.
export function onSend(form, work) {
  const output = form.querySelector("output");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.submitter?.setAttribute("disabled", "");
    try {
      await work(form.elements, output);
    } catch {
      show(output, given.texts.failed, true);
    } finally {
      event.submitter?.removeAttribute("disabled");
    }
  });
}

// A moment's numbers as Tbilisi's clock has them. Browsers need not know Georgian: names of months come with the page.
const CLOCK = new Intl.DateTimeFormat("en-GB", {
  ...{ year: "numeric", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" },
  timeZone: "Asia/Tbilisi",
});

const written = (year, month, date) => `${+date} ${given.months[month - 1]}${language === "ka" ? "," : ""} ${year}`;

function parts(told) {
  return Object.fromEntries(CLOCK.formatToParts(new Date(told)).map(({ type, value }) => [type, value]));
}

// A day in the page's language: of a date, or of a moment as Tbilisi has it.
export function day(told) {
  if (told.length === 10) return written(...told.split("-"));
  const { year, month, day } = parts(told);
  return written(year, month, day);
}

export function moment(told) {
  const { hour, minute } = parts(told);
  return `${day(told)}, ${hour}:${minute}`;
}

// An element with what it holds: texts are texts, never markup.
export function element(name, attributes, ...held) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...held);
  return made;
}

// Hands a document over as a file; by POST, so that its ticket stands in no address.
export async function download(ticket, name) {
  const response = await fetch("/documents", {
    method: "POST",
    headers: { ...HEADERS, "Content-Type": "application/json" },
    body: JSON.stringify({ ticket }),
  });
  if (!response.ok) throw new Error(String(response.status));
  save(await response.blob(), name);
}

// Hands what is in this page's memory over as a file.
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
