// Drives /start: begins a draft, confirms the address, uploads files, files the application. Shows answers as they come.
const { operations, texts } = JSON.parse(document.getElementById("given").textContent);
const HEADERS = { "X-Sarkmeli": "start" };

async function ask(name, variables) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: { ...HEADERS, "Content-Type": "application/json", "Accept-Language": document.documentElement.lang },
    body: JSON.stringify({ query: operations[name], variables }),
  });
  return response.json();
}

const form = (step) => document.querySelector(`form[data-step="${step}"]`);

function show(step, answer) {
  form(step).querySelector("output").textContent =
    typeof answer === "string" ? answer : JSON.stringify(answer, null, 2);
}

// The first field's answer, or null if it is a refusal, which is shown.
function answered(step, result) {
  const [answer] = Object.values(result.data ?? {});
  if (!answer || "message" in answer) {
    show(step, answer ? answer.message : result);
    return null;
  }
  return answer;
}

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
  const list = document.getElementById("uploads");
  list.replaceChildren(
    ...uploads.map(({ id, kind, size }) => {
      const item = document.createElement("li");
      item.textContent = `${texts[kind] ?? kind}, ${size} B, ${id}`;
      return item;
    }),
  );
  fillIn((input) => {
    input.documents = uploads.map(({ id }) => id);
  });
}

const steps = {
  async draft() {
    const answer = answered("draft", await ask("OpenDraft", { input: {} }));
    if (answer) show("draft", `${texts.draft_is} ${answer.expiresAt}`);
  },
  async email({ email }) {
    const answer = answered("email", await ask("RequestEmailCode", { input: { email: email.value } }));
    if (!answer) return;
    show("email", texts.email_sent);
    fillIn((input) => {
      input.form.email = email.value;
    });
  },
  async code({ code }) {
    const email = form("email").elements.email.value;
    const answer = answered("code", await ask("ConfirmEmail", { input: { email, code: code.value } }));
    if (answer) show("code", texts.email_confirmed);
  },
  async file({ kind, file }) {
    const response = await fetch(`/uploads?kind=${encodeURIComponent(kind.value)}`, {
      method: "POST",
      headers: {
        ...HEADERS,
        "Content-Type": "application/octet-stream",
        "Accept-Language": document.documentElement.lang,
      },
      body: file.files[0],
    });
    const answer = await response.json();
    show("file", response.ok ? "✓" : (answer.message ?? answer));
    await listUploads();
  },
  async register({ variables }) {
    show("register", await ask("RegisterApplication", JSON.parse(variables.value)));
  },
};

for (const [step, run] of Object.entries(steps)) {
  form(step).addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.submitter;
    button.disabled = true;
    try {
      await run(event.target.elements);
    } catch {
      show(step, texts.failed);
    } finally {
      button.disabled = false;
    }
  });
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(operations[button.dataset.copy]);
    button.textContent = texts.copied;
  });
}

for (const link of document.querySelectorAll("a[data-open]")) {
  link.href = `/graphiql#${new URLSearchParams({ query: operations[link.dataset.open] })}`;
}

listUploads();
