// Drives /, the page that mails lead to: looks an application or a registration up by number and code, answers the
// office, receives the decision. Number and code stay in this page's memory and are gone with it.
import { ask, byId, day, download, element, facts, given, moment, onSend, refused, sentence, show } from "/ask.js";
import { tellRegistration } from "/registration.js";

const { texts, words } = given;
const word = (value) => words[value] ?? value;
const money = ({ amount, currency }) => `${amount} ${word(currency)}`;

let held = {};

async function lookUp(atLeast) {
  const answer = await ask("Status", { ...held, atLeast });
  const output = byId("look-up").querySelector("output");
  byId("case").hidden = byId("registration").hidden = true;
  if (refused(answer)) {
    show(output, sentence(answer), true);
    return;
  }
  show(output, "");
  const registers = answer.__typename === "RegistrationStatus";
  if (registers) await tellRegistration(answer, held, lookUp);
  else tell(answer);
  const shown = byId(registers ? "registration" : "case");
  shown.hidden = false;
  shown.focus();
}

function tell(told) {
  byId("state").textContent = texts[told.state];
  facts(byId("facts"), [
    [texts.number, told.number],
    [texts.applicant, told.form && `${told.form.nameKa.first} ${told.form.nameKa.last}`],
    [texts.filed, day(told.registeredAt)],
    [texts.missing, told.missing.map(word).join(", ")],
    [texts.until, told.answerUntil && day(told.answerUntil)],
    [texts.due, told.dueOn && day(told.dueOn)],
    [texts.ground, told.refusalGround && word(told.refusalGround)],
    [texts.reasons, told.refusal],
    [texts.decided, told.decidedAt && day(told.decidedAt)],
  ]);
  tellPayment(told);
  list(byId("due"), told.due ?? [], ({ rule, date, days }) =>
    element("li", {}, `${day(date)}: ${word(rule)}, ${texts.days.replace("{days}", days)}`),
  );
  byId("said").hidden = !told.said.length;
  facts(
    byId("said").querySelector("dl"),
    told.said.map(({ event, at, text }) => [`${texts[event] ?? event}, ${moment(at)}`, text || texts.documents_only]),
  );
  byId("answer").hidden = told.state !== "INFORMATION_REQUESTED";
  byId("decision").hidden = !told.decidedAt;
  show(byId("decision").querySelector("output"), "");
  list(byId("papers"), [...told.documents, ...told.said.flatMap(({ documents }) => documents)], paper);
}

function tellPayment({ missing, fee, cashReference, payments }) {
  const page = payments.find(({ page }) => page)?.page;
  const section = byId("pay");
  section.hidden = !missing.includes("FEE");
  const cash = texts.pay_cash.replace("{amount}", money(fee)).replace("{reference}", cashReference ?? "");
  const link = page ? [element("a", { href: page }, texts.pay_card), " "] : [];
  section.querySelector("p").replaceChildren(...link, cash);
}

function list(section, items, make) {
  section.hidden = !items.length;
  section.querySelector("ol, ul").replaceChildren(...items.map(make));
}

function paper({ kind, mediaType, ticket }, index) {
  const name = `${index + 1}-${kind.toLowerCase()}.${mediaType.split("/")[1]}`;
  const button = element("button", { value: ticket, "data-name": name }, texts.open);
  return element("li", {}, `${word(kind)} `, button);
}

onSend(byId("look-up"), async ({ number, code }) => {
  held = { number: number.value, code: code.value };
  await lookUp();
});

onSend(byId("answer"), async ({ text }, output) => {
  const answer = await ask("ProvideInformation", { input: { ...held, text: text.value } });
  if (refused(answer)) show(output, sentence(answer), true);
  else await lookUp(answer.token);
});

onSend(byId("decision"), async (_, output) => {
  const answer = await ask("ReceiveDecision", { input: held });
  if (refused(answer)) {
    show(output, sentence(answer), true);
    return;
  }
  await download(answer.document, "decision.pdf");
  show(output, [word(answer.outcome), answer.reasons].filter(Boolean).join("\n"));
});

byId("papers").addEventListener("submit", (event) => {
  event.preventDefault();
  const output = byId("papers").querySelector("output");
  show(output, "");
  download(event.submitter.value, event.submitter.dataset.name).catch(() => show(output, texts.failed, true));
});

onSend(byId("resend"), async ({ number, email }, output) => {
  const answer = await ask("ResendCode", { input: { number: number.value, email: email.value } });
  show(output, refused(answer) ? sentence(answer) : texts.lost_sent, refused(answer));
});
