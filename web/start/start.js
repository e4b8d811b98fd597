// Drives the first half of /start for an application: a draft, the confirmed address, the papers, the filed form. What
// comes of it is told to office.js, which drives the rest.
import { HEADERS, ask, element, given, moment, onSend, sentence, show } from "/ask.js";
import { accepted } from "/start/steps.js";

const { texts } = given;

const form = (name) => document.querySelector(`form[data-form="${name}"]`);

function fillIn(change) {
  const area = form("register").elements.variables;
  const variables = JSON.parse(area.value);
  change(variables.input);
  area.value = JSON.stringify(variables, null, 2);
}

async function listUploads() {
  const response = await fetch("/uploads", { headers: HEADERS });
  if (!response.ok) return;
  const uploads = await response.json();
  const told = uploads.map(({ kind, size }) => `${texts[kind] ?? kind}, ${Math.ceil(size / 1000)} kB`);
  document
    .getElementById("uploads")
    .replaceChildren(...(told.length ? told : [texts.files_none]).map((text) => element("li", {}, text)));
  fillIn((input) => {
    input.documents = uploads.map(({ id }) => id);
  });
}

onSend(form("draft"), async (_, output) => {
  const opened = accepted(output, await ask("OpenDraft", { input: {} }));
  if (!opened) return;
  show(output, `${texts.draft_is} ${moment(opened.expiresAt)}`);
  await listUploads();
});

onSend(form("email"), async ({ email }, output) => {
  if (!accepted(output, await ask("RequestEmailCode", { input: { email: email.value } }))) return;
  show(output, texts.email_sent);
  fillIn((input) => {
    input.form.email = email.value;
  });
});

onSend(form("code"), async ({ code }, output) => {
  const email = form("email").elements.email.value;
  if (accepted(output, await ask("ConfirmEmail", { input: { email, code: code.value } }))) {
    show(output, texts.email_confirmed);
  }
});

onSend(form("file"), async ({ kind, file }, output) => {
  const response = await fetch(`/uploads?kind=${encodeURIComponent(kind.value)}`, {
    method: "POST",
    headers: { ...HEADERS, "Content-Type": "application/octet-stream" },
    body: file.files[0],
  });
  if (!response.ok) {
    show(output, sentence(await response.json()), true);
    return;
  }
  show(output, `✓ ${file.files[0].name}`);
  file.value = "";
  await listUploads();
});

onSend(form("register"), async ({ variables }, output) => {
  const filed = accepted(output, await ask("RegisterApplication", JSON.parse(variables.value)));
  if (!filed) return;
  show(output, JSON.stringify(filed, null, 2));
  document.dispatchEvent(new CustomEvent("filed", { detail: filed }));
});

if ((await ask("Me")).draft) await listUploads();
