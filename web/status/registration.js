// A taxpayer's registration on /: where it stands, by which ways it is activated, the form to print, the nearest centre.
import { HEADERS, ask, byId, day, element, facts, given, moment, onSend, refused, save, sentence, show } from "/ask.js";

const { texts, words } = given;
const WAYS = ["VIDEO", "SERVICE_CENTRE", "LINK"];

let held = {};

// Shows what `Status` told of a registration to whoever showed number and code; `again` looks it up once more.
export async function tellRegistration(told, shownBy, again) {
  held = shownBy;
  const { registrationState, form, activationRefused: no, ways } = told;
  byId("registration-state").textContent = texts[registrationState];
  facts(byId("registration-facts"), [
    [texts.number, told.number],
    [texts.username, form?.username],
    [texts[form?.kind], form?.identification],
    [texts.registered, day(told.registeredAt)],
    [texts.activate_until, ways.length && told.activationUntil && day(told.activationUntil)],
    [texts.activated_by, told.activatedBy && texts[`by_${told.activatedBy}`]],
    [texts.ground, no && (words[no.ground] ?? no.ground)],
    [texts.reasons, no?.reasons],
  ]);
  byId("ways").hidden = !ways.length;
  for (const route of WAYS) byId(route).hidden = !ways.some((way) => way.route === route);
  tellBar(ways.find(({ bar }) => bar)?.bar);
  const link = byId("link-sent");
  link.hidden = !told.link;
  if (told.link) {
    link.textContent = texts.link_sent
      .replace("{to}", told.link.to ?? "")
      .replace("{until}", moment(told.link.opensUntil));
  }
  const { taxpayer } = await ask("Office");
  const free = taxpayer.consents.filter(({ required }) => !required);
  byId("consents").replaceChildren(...free.map((text) => consent(text, told.consents, again)));
}

// A consent with its text, whether it is given, and the button that gives it or takes it back.
function consent({ kind, version, text, language }, given, again) {
  const isGiven = given.some((one) => one.kind === kind);
  const words = isGiven ? texts.consent_withdraw : texts.consent_give;
  const button = element("button", { type: "button", "aria-label": `${words}: ${texts[kind]}` }, words);
  button.addEventListener("click", async () => {
    const asked = isGiven ? { kind } : { consent: { kind, version, language } };
    button.setAttribute("disabled", "");
    try {
      const answer = await ask(isGiven ? "WithdrawConsent" : "GiveConsent", { input: { ...held, ...asked } });
      if (refused(answer)) show(byId("consents-told"), sentence(answer), true);
      else await again(answer.token);
    } catch {
      show(byId("consents-told"), texts.failed, true);
    } finally {
      button.removeAttribute("disabled");
    }
  });
  const read = element("details", {}, element("summary", {}, texts[kind]), element("p", { class: "as-written" }, text));
  return element("li", {}, read, isGiven ? texts.consent_is_given : texts.consent_is_not, " ", button);
}

function tellBar(bar) {
  if (!bar) return;
  if (bar.isOpen) byId("bar").textContent = texts.bar_open;
  else byId("bar").textContent = bar.opens ? texts.bar_opens.replace("{opens}", moment(bar.opens)) : texts.bar_shut;
}

onSend(byId("print"), async (_, output) => {
  const response = await fetch("/documents/registration-form", {
    method: "POST",
    headers: { ...HEADERS, "Content-Type": "application/json" },
    body: JSON.stringify(held),
  });
  if (response.ok) {
    show(output, "");
    save(await response.blob(), "registration-form.pdf");
  } else show(output, sentence(await response.json()), true);
});

onSend(byId("near"), async ({ near }, output) => {
  const answer = await ask("Centres", { near: near.value || null });
  byId("centres").replaceChildren();
  if (refused(answer)) {
    const alike = answer.alike?.length ? `${texts.alike} ${answer.alike.join(", ")}` : "";
    show(output, [sentence(answer), alike].filter(Boolean).join("\n"), true);
    return;
  }
  show(output, "");
  byId("centres").replaceChildren(...answer.centres.slice(0, 5).map(centre));
});

function centre({ name, address, kilometres }) {
  const away = kilometres === null ? "" : ` (${texts.away.replace("{kilometres}", kilometres)})`;
  return element("li", {}, element("strong", {}, name), `, ${address}${away}`);
}
