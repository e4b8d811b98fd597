// Drives /activate, where the link of the mail leads. What stands after # is the link's secret: it reaches no server by
// the address, no log and no other site; here it is sent by POST, and is gone with the page. Looking uses nothing up.
import { ask, byId, facts, given, moment, onSend, refused, sentence, show, tellFaults } from "/ask.js";

const { texts } = given;
const told = byId("told");
const link = byId("link");

let token = "";

function tell(text) {
  link.hidden = true;
  told.hidden = false;
  told.textContent = text;
}

async function open() {
  token = location.hash.slice(1) || token;
  history.replaceState(null, "", `${location.pathname}${location.search}`);
  if (!token) {
    tell(texts.no_link);
    return;
  }
  byId("language").hash = token;
  const answer = await ask("OpenActivationLink", { token });
  if (refused(answer)) tell(sentence(answer));
  else tellLink(answer);
}

function tellLink({ username, kind, mobile, email, filedAt, opensUntil, isActive }) {
  byId("what").textContent = isActive ? texts.reset : texts.activate;
  byId("why").textContent = isActive ? texts.reset_why : texts.activate_why;
  facts(byId("facts"), [
    [texts.taxpayer, texts[kind]],
    [texts.filed, moment(filedAt)],
    [texts.mobile, mobile],
    [texts.email, email],
    [texts.until, moment(opensUntil)],
  ]);
  const form = byId("activate");
  form.elements.username.value = username;
  form.querySelector("button").textContent = isActive ? texts.reset_send : texts.activate_send;
  byId("disown").hidden = isActive;
  told.hidden = true;
  link.hidden = false;
  link.focus();
}

// The link is used up: what was done is all that is left to say.
function done(text) {
  token = "";
  byId("language").hash = "";
  tell(text);
  told.focus();
}

byId("activate").elements.shown.addEventListener("change", ({ currentTarget }) => {
  const { password, repeatedPassword } = byId("activate").elements;
  for (const input of [password, repeatedPassword]) input.type = currentTarget.checked ? "text" : "password";
});

// The same id until it is done: a press that is repeated because no answer came is the same command. With another
// password typed since it is another one, or the page would say that the new one counts where the first did.
let command = crypto.randomUUID();
for (const name of ["password", "repeatedPassword"]) {
  byId("activate").elements[name].addEventListener("input", () => {
    command = crypto.randomUUID();
  });
}

onSend(byId("activate"), async ({ password, repeatedPassword }) => {
  const input = { commandId: command, token, password: password.value, repeatedPassword: repeatedPassword.value };
  const answer = await ask("ActivateByLink", { input });
  if (tellFaults(byId("activate"), answer)) {
    command = crypto.randomUUID();
    return;
  }
  password.value = "";
  repeatedPassword.value = "";
  done(texts.done.replace("{username}", answer.username));
});

onSend(byId("disown"), async (_, output) => {
  const answer = await ask("DisownRegistration", { input: { commandId: command, token } });
  if (refused(answer)) show(output, sentence(answer), true);
  else done(texts.disowned);
});

onSend(byId("again"), async ({ identification }, output) => {
  const input = { identification: identification.value };
  const answer = await ask("SendActivationLink", { input });
  if (tellFaults(byId("again"), answer)) return;
  show(output, texts.again_sent.replace("{hours}", answer.hours));
});

addEventListener("hashchange", () => location.hash && open());
open().catch(() => tell(texts.failed));
