// Drives /centre, where the QR code of a printed form leads the consultant of a service centre. The number stands after
// # and so in no log. Whatever is shown of a registry was noted before; it is gone with the page.
import { ask, byId, day, element, facts, given, moment, onSend, refused, sentence, show, tellFaults } from "/ask.js";

const { texts } = given;
const found = byId("found");
const fields = byId("find").elements;

let shown = null;
let command = crypto.randomUUID();

function readNumber() {
  const number = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", `${location.pathname}${location.search}`);
  if (number) fields.number.value = number;
  (number ? fields.visitor : fields.number).focus();
}

async function tellStaff() {
  const { staff } = await ask("Me");
  const who = staff && [staff.name, staff.centre && (await nameOf(staff.centre))].filter(Boolean).join(", ");
  byId("staff").textContent = staff ? `${texts.signed_in} ${who}` : texts.nobody;
  byId("sign-in").hidden = Boolean(staff);
}

// A centre as people call it; as the account names it, if the office knows it by no name.
async function nameOf(centre) {
  const { centres = [] } = await ask("Centres", { near: null });
  return centres.find(({ id }) => id === centre)?.name ?? centre;
}

onSend(byId("find"), async ({ number, visitor }) => {
  found.hidden = true;
  const asked = { number: number.value, visitor: visitor.value };
  const answer = await ask("RegistrationAtCentre", asked);
  if (tellFaults(byId("find"), answer)) return;
  shown = asked;
  command = crypto.randomUUID();
  tell(answer);
  found.hidden = false;
  found.focus();
});

function tell(shown) {
  const { number, state, filedAt, activationUntil, form, siblings, registry, registryAnswer, representation, id } = shown;
  byId("state").textContent = texts[state];
  facts(byId("filed"), [
    [texts.number, number],
    [texts.username, form.username],
    [texts[form.kind], form.identification],
    [texts.mobile, form.mobile],
    [texts.email, form.email],
    [texts.filed, moment(filedAt)],
    [texts.until, day(activationUntil)],
  ]);
  tellWarnings(state === "AWAITING_ACTIVATION", registry, representation);
  tellRegistry(registry, registryAnswer);
  tellCompany(representation);
  const others = siblings.filter((one) => one.id !== id);
  byId("others").hidden = !others.length;
  byId("others")
    .querySelector("ul")
    .replaceChildren(
      ...others.map(({ username, mobile, email, filedAt }) =>
        element("li", {}, [username, mobile, email, moment(filedAt)].join(", ")),
      ),
    );
  const more = byId("others-more");
  more.hidden = !shown.siblingsMore;
  more.textContent = texts.others_more.replace("{more}", shown.siblingsMore);
  const form_ = byId("activate");
  form_.reset();
  show(form_.querySelector("output"), "");
  form_.hidden = state !== "AWAITING_ACTIVATION";
}

// What speaks against activating stands first, and once more in words: a row among many is passed over.
function tellWarnings(pending, registry, representation) {
  const company = representation && !representation.mayRepresent;
  const warned = [
    company && (representation.answer === "FOUND" ? texts.warn_may_represent : texts.warn_company),
    representation?.struckOff && texts.warn_struck_off,
    registry?.documentCancelled && texts.warn_cancelled,
    registry?.died && texts.warn_died,
  ].filter((each) => pending && each);
  byId("warnings").hidden = !warned.length;
  byId("warned").replaceChildren(...warned.map((each) => element("li", {}, each)));
  // Whoever hears the page is told where it begins: the focus goes to what was found.
  if (warned.length) found.setAttribute("aria-describedby", "warned");
  else found.removeAttribute("aria-describedby");
}

function tellRegistry(registry, answer) {
  const none = byId("registry-answer");
  none.hidden = answer === "FOUND";
  none.textContent = texts[`registry_${answer}`] ?? "";
  const picture = byId("picture");
  picture.hidden = !registry?.picture;
  if (registry?.picture) picture.src = `data:${registry.pictureMediaType};base64,${registry.picture}`;
  else picture.removeAttribute("src");
  facts(
    byId("registry"),
    registry
      ? [
          [texts.surname, registry.surname],
          [texts.first_name, registry.firstName],
          [texts.former, registry.formerSurnames.join(", ")],
          [texts.born, day(registry.birthDate)],
          [texts.citizenship, registry.citizenships.join(", ")],
          [texts.document, registry.documentNumber],
          [texts.expires, registry.documentExpires && day(registry.documentExpires)],
          [texts.cancelled, registry.documentCancelled && texts.yes],
          [texts.died, registry.died && day(registry.died)],
        ]
      : [],
  );
}

function tellCompany(representation) {
  byId("company").hidden = !representation;
  if (!representation) return;
  const { answer, name, representatives, struckOff, mayRepresent } = representation;
  facts(byId("representation"), [
    [texts.company_answer, answer === "FOUND" ? null : texts[`registry_${answer}`]],
    [texts.company_name, name],
    [texts.representatives, representatives.join(", ")],
    [texts.struck_off, struckOff && texts.yes],
    [texts.may_represent, mayRepresent ? texts.yes : texts.no],
  ]);
}

onSend(byId("activate"), async ({ formSigned, documentSeen }, output) => {
  const input = {
    commandId: command,
    caseNumber: shown.number,
    visitor: shown.visitor,
    formSigned: formSigned.checked,
    documentSeen: documentSeen.checked,
  };
  const answer = await ask("ActivateAtCentre", { input });
  if (refused(answer)) {
    command = crypto.randomUUID();
    show(output, sentence(answer), true);
    return;
  }
  byId("state").textContent = texts.ACTIVE;
  show(output, texts.activated);
});

addEventListener("hashchange", () => location.hash && readNumber());
readNumber();
tellStaff().catch(() => {
  byId("staff").textContent = texts.failed;
});
