// Drives a taxpayer's path of /start: the form with mobile and address confirmed inside it, the video bar with every
// step of the consultant, the link, and signing in.
import { ask, byId, element, given, language, moment, onSend, show, tellFaults } from "/ask.js";
import {
  accepted,
  closeLine,
  drive,
  holder,
  known,
  learnCall,
  openLine,
  refresh,
  signedIn,
  suggestedChecks,
} from "/start/steps.js";

const { texts } = given;

const form = (name) => document.querySelector(`form[data-form="${name}"]`);
const fields = form("register").elements;
const onCall = (more) => () => ({ input: { call: known.call ?? "", ...more?.() } });

onSend(form("draft"), async (_, output) => {
  const opened = accepted(output, await ask("OpenDraft", { input: {} }));
  if (opened) show(output, `${texts.draft_is} ${moment(opened.expiresAt)}`);
});

// A code is asked for and comes back; what it confirmed goes into the form.
function confirming(asking, confirming, field, request, confirm, sentTo) {
  onSend(form(asking), async (asked, output) => {
    const input = { [field]: asked[field].value };
    if (!accepted(output, await ask(request, { input }))) return;
    show(output, sentTo);
    fields[field].value = asked[field].value;
  });
  onSend(form(confirming), async ({ code }, output) => {
    const input = { [field]: form(asking).elements[field].value, code: code.value };
    if (accepted(output, await ask(confirm, { input }))) show(output, texts.email_confirmed);
  });
}

confirming("mobile", "mobile-code", "mobile", "RequestMobileCode", "ConfirmMobile", texts.sms_sent);
confirming("email", "code", "email", "RequestEmailCode", "ConfirmEmail", texts.email_sent);

fields.username.addEventListener("change", async ({ currentTarget }) => {
  const answer = await ask("UsernameFree", { username: currentTarget.value }).catch(() => null);
  const output = form("register").querySelector("output");
  if (!answer || answer.code) return;
  const faults = answer.faults.map(({ message }) => message).join(" ");
  show(output, answer.free ? texts.username_free : faults || texts.username_taken, !answer.free);
});

const NAMES = ["username", "identification", "password", "repeatedPassword", "mobile", "email"];

onSend(form("register"), async (elements, output) => {
  const filled = Object.fromEntries(NAMES.map((name) => [name, elements[name].value]));
  const consents = given.consents
    .filter(({ kind }) => elements[kind].checked)
    .map(({ kind, version }) => ({ kind, version, language: language.toUpperCase() }));
  const input = { form: { ...filled, language: language.toUpperCase() }, consents };
  const answer = await ask("RegisterTaxpayer", { input });
  if (tellFaults(form("register"), answer)) return;
  show(output, JSON.stringify(answer, null, 2));
  holder.number.value = answer.number;
  holder.code.value = answer.code;
  Object.assign(known, { kept: answer.case, token: answer.token });
  refresh();
});

onSend(form("sign-in-account"), async ({ username, password }, output) => {
  const input = { username: username.value, password: password.value };
  if (!accepted(output, await ask("SignIn", { input }))) return;
  password.value = "";
  const account = accepted(output, await ask("Account"));
  if (account) show(output, JSON.stringify(account, null, 2));
});

fields.identification.addEventListener("input", refresh);

// The grounds on which this call may end in a refusal; for whom the registry does not show to represent, that one first.
const grounds = byId("grounds");

function offer(offered, representation) {
  const ground = grounds.querySelector("select");
  ground.replaceChildren(...offered.map((each) => element("option", { value: each }, given.grounds[each])));
  const first = representation && !representation.mayRepresent ? "NO_REPRESENTATIVE" : offered[0];
  known.ground = ground.value = first;
  grounds.hidden = false;
}

grounds.addEventListener("input", ({ target }) => {
  known.ground = target.value;
  refresh();
});

await drive({
  EnterBar: {
    variables: () => ({
      input: {
        number: holder.number.value,
        code: holder.code.value,
        consent: given.recording,
        camera: true,
        microphone: true,
        declared: {
          firstName: "ნინო",
          surname: "მაისურაძე",
          personalNumber: fields.identification.value,
          mobile: fields.mobile.value,
        },
      },
    }),
    hold: signedIn,
    then: ({ call, ticket }, output) => openLine(call, output, ticket),
  },
  ClaimNextCall: {
    variables: () => ({ input: {} }),
    then({ call }, output) {
      known.call = call;
      openLine(call, output);
    },
  },
  Call: {
    variables: () => ({ id: known.call ?? "", atLeast: known.token }),
    then(told) {
      learnCall(told);
      known.kept = told.case;
      offer(told.grounds, told.representation);
    },
  },
  SendReadOutCode: { variables: onCall(() => ({ kept: known.kept ?? "" })) },
  ClarifyUsername: { variables: onCall(() => ({ kept: known.kept ?? "", code: "" })) },
  RecordChecks: { variables: onCall(() => ({ checks: suggestedChecks(), will: texts.sample_taxpayer_will })) },
  Verify: { variables: onCall(), then: closeLine },
  RefuseReception: {
    variables: onCall(() => ({ ground: known.ground ?? "IDENTITY_DOUBT", reasons: texts.sample_refusal })),
    then: closeLine,
  },
  SendActivationLink: { variables: () => ({ input: { identification: fields.identification.value } }) },
  CaseEvents: { variables: () => ({ number: holder.number.value }) },
});
