// Drives the second half of /start: the applicant at the bar, and every step of the office up to the decision. Each
// step is a published operation with variables filled in from what earlier steps answered; all of them may be changed.
import { HEADERS, ask, given, onSend, refused, sentence, show } from "/ask.js";

const { texts } = given;
const holder = document.getElementById("holder").elements;
const MATCHES = "MATCHES";

// Ids and the newest token, kept while one signs in and out in this tab. Number and code are not kept.
const known = JSON.parse(sessionStorage.getItem("known") ?? "{}");
let staff = null;
let line = null;

const onCase = (more) => () => ({ input: { case: known.case ?? "", ...more } });

// What each step sends, and what the steps after it learn from its answer.
const STEPS = {
  EnterBar: {
    variables: () => ({
      input: { number: holder.number.value, code: holder.code.value, consent: "v1", camera: true, microphone: true },
    }),
    hold: () => (staff ? texts.bar_signed_in : null),
    then: ({ call, ticket }, output) => open(call, output, ticket),
  },
  ClaimNextCall: {
    variables: () => ({ input: {} }),
    then({ call }, output) {
      known.call = call;
      open(call, output);
    },
  },
  Call: {
    variables: () => ({ id: known.call ?? "", atLeast: known.token }),
    then(told) {
      known.case = told.case;
      known.source = told.identitySource;
      known.verdicts = Object.fromEntries(told.comparisons.map(({ kind, suggested }) => [kind, suggested]));
    },
  },
  RecordChecks: {
    variables() {
      const check = (kind) => ({
        source: known.source ?? "CIVIL_REGISTRY",
        verdict: known.verdicts?.[kind] ?? MATCHES,
      });
      const checks = {
        surname: check("SURNAME"),
        firstName: check("FIRST_NAME"),
        documentValidity: check("DOCUMENT_VALIDITY"),
        citizenship: check("CITIZENSHIP"),
        picture: check("PICTURE"),
        visualContact: true,
      };
      return { input: { call: known.call ?? "", checks, will: texts.sample_will } };
    },
  },
  Verify: { variables: () => ({ input: { call: known.call ?? "" } }), then: () => line?.close() },
  OfficerCases: {
    variables: () => ({ states: ["IN_TERM", "UNDER_REVIEW", "CONCLUSION_PREPARED"], first: 20, atLeast: known.token }),
    then({ edges }) {
      if (!edges.some(({ node }) => node.id === known.case)) known.case = edges[0]?.node.id;
    },
  },
  StartReview: { variables: onCase({}) },
  RequestInformation: { variables: onCase({ text: texts.sample_question }) },
  PrepareConclusion: { variables: onCase({ text: texts.sample_conclusion, recommends: "GRANTED" }) },
  Decide: { variables: onCase({ outcome: "GRANTED", reasons: texts.sample_reasons }) },
  CaseEvents: { variables: () => ({ number: holder.number.value }) },
};

const formOf = (name) => document.querySelector(`form[data-step="${name}"]`);

// Fills in the variables of every step that nobody has changed by hand.
function refresh() {
  sessionStorage.setItem("known", JSON.stringify(known));
  for (const [name, { variables }] of Object.entries(STEPS)) {
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

for (const [name, { hold, then }] of Object.entries(STEPS)) {
  const form = formOf(name);
  const area = form.querySelector("textarea");
  area.addEventListener("input", () => {
    area.dataset.changed = "yes";
  });
  onSend(form, async (_, output) => {
    const answer = await sent(name, area.value, hold?.());
    if (refused(answer)) {
      show(output, sentence(answer), true);
      return;
    }
    show(output, JSON.stringify(answer, null, 2));
    delete area.dataset.changed;
    known.token = answer.token ?? known.token;
    then?.(answer, output);
    refresh();
  });
}

// This side's line to the call: it says who is there, and when both are. It lasts as long as the page.
function open(call, output, ticket) {
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

document.getElementById("holder").addEventListener("input", refresh);
document.addEventListener("filed", ({ detail }) => {
  holder.number.value = detail.number;
  holder.code.value = detail.code;
  const pay = document.getElementById("pay");
  pay.href = detail.bankPage;
  pay.hidden = false;
  Object.assign(known, { case: detail.case, token: detail.token });
  refresh();
});

refresh();
await tellStaff();
