// What both paths of /start share: steps that are published operations with variables filled in from what earlier steps
// answered, all of which may be changed; this side's line to a call; who of the staff is signed in.
import { HEADERS, ask, given, onSend, refused, sentence, show } from "/ask.js";

const { operations, texts, url } = given;

// Under another name of this machine the service would take the page for a stranger's.
if (location.origin !== url) location.replace(`${url}${location.pathname}${location.search}${location.hash}`);

// Ids and the newest token, kept while one signs in and out in this tab. Number, code and passwords are not kept.
const KEPT = `known-${given.service}`;
export const known = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
export const holder = document.getElementById("holder").elements;

let steps = {};
let staff = null;
let line = null;

export const signedIn = () => (staff ? texts.bar_signed_in : null);
export const closeLine = () => line?.close();

const formOf = (name) => document.querySelector(`form[data-step="${name}"]`);

// Shows a refusal; what was answered if it is none, else null.
export function accepted(output, answer) {
  if (!refused(answer)) return answer;
  show(output, sentence(answer), true);
  return null;
}

// Fills in the variables of every step that nobody has changed by hand.
export function refresh() {
  sessionStorage.setItem(KEPT, JSON.stringify(known));
  for (const [name, { variables }] of Object.entries(steps)) {
    const area = formOf(name).querySelector("textarea");
    if (!area.dataset.changed) area.value = JSON.stringify(variables(), null, 2);
  }
}

// The answer to the step; what holds it back is a refusal, too.
async function sent(name, text, held) {
  if (held) return { code: "", message: held };
  let variables;
  try {
    variables = JSON.parse(text);
  } catch (reason) {
    return { code: "", message: texts.no_json.replace("{reason}", reason.message) };
  }
  return ask(name, variables);
}

// Lets each step be sent: `variables` are what it sends, `hold` says why it is held back, `then` learns from its answer.
export async function drive(given_steps) {
  steps = given_steps;
  for (const [name, { hold, then }] of Object.entries(steps)) {
    const form = formOf(name);
    const area = form.querySelector("textarea");
    area.addEventListener("input", () => {
      area.dataset.changed = "yes";
    });
    onSend(form, async (_, output) => {
      const answer = accepted(output, await sent(name, area.value, hold?.()));
      if (!answer) return;
      show(output, JSON.stringify(answer, null, 2));
      delete area.dataset.changed;
      known.token = answer.token ?? known.token;
      then?.(answer, output);
      refresh();
    });
  }
  document.getElementById("holder").addEventListener("input", refresh);
  refresh();
  await tellStaff();
}

// This side's line to the call: it says who is there, and when both are. It lasts as long as the page.
export function openLine(call, output, ticket) {
  line?.close();
  const opened = new WebSocket(`${location.origin.replace(/^http/, "ws")}/videobar/calls/${call}`);
  line = opened;
  const tell = (text, fault) => show(output, text, fault);
  opened.addEventListener("open", () => {
    tell(texts.line_open);
    if (ticket) opened.send(JSON.stringify({ ticket }));
  });
  opened.addEventListener("message", ({ data }) => {
    const { type, sides = [], message } = JSON.parse(data);
    if (type === "refused") tell(message, true);
    else if (type === "connected" || sides.length === 2) tell(texts.line_both);
    else if (type === "present") tell(texts.line_alone);
  });
  opened.addEventListener("close", () => {
    if (line === opened && !output.hasAttribute("data-fault")) tell(texts.line_over);
  });
}

async function tellStaff() {
  ({ staff } = await ask("Me"));
  const told = staff && `${texts.signed_in} ${staff.name}: ${staff.roles.join(", ").toLowerCase()}`;
  document.getElementById("staff").textContent = told ?? texts.nobody;
  document.querySelector('form[data-form="sign-out"]').hidden = !staff;
}

// Signing in must not end a line: another tab is opened while one is open here.
document.getElementById("sign-in").addEventListener("click", ({ currentTarget }) => {
  currentTarget.target = line?.readyState === WebSocket.OPEN ? "_blank" : "";
});

onSend(document.querySelector('form[data-form="sign-out"]'), async () => {
  line?.close();
  await fetch("/sign-out", { method: "POST", headers: HEADERS });
  await tellStaff();
});

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(operations[button.dataset.copy]);
    button.textContent = texts.copied;
  });
}

for (const link of document.querySelectorAll("a[data-open]")) {
  link.href = `/graphiql#${new URLSearchParams({ query: operations[link.dataset.open] })}`;
}

const MATCHES = "MATCHES";

// What a call's view teaches the steps after it.
export function learnCall(told) {
  known.case = told.case;
  known.source = told.identitySource;
  known.verdicts = Object.fromEntries(told.comparisons.map(({ kind, suggested }) => [kind, suggested]));
}

// The checks as the comparison suggests them; the picture is for the eye.
export function suggestedChecks() {
  const check = (kind) => ({ source: known.source ?? "CIVIL_REGISTRY", verdict: known.verdicts?.[kind] ?? MATCHES });
  return {
    surname: check("SURNAME"),
    firstName: check("FIRST_NAME"),
    documentValidity: check("DOCUMENT_VALIDITY"),
    citizenship: check("CITIZENSHIP"),
    picture: check("PICTURE"),
    visualContact: true,
  };
}
