// What the page asks of its server.
import { at } from "./elements.js";

/** What the server says is wrong. */
export class Refusal extends Error {}

let asking = null; // one dialog, whoever asks meanwhile

/** The server's token, from who looks at the page. @param refused the one that was sent; null if none was */
function asked(refused) {
  asking ??= ask(refused).finally(() => (asking = null));
  return asking;
}

async function ask(refused) {
  const dialog = at("token-dialog");
  at("token-refused").textContent = refused === null ? "" : "The server refused that token. Its file, which --token-file names, has the right one.";
  at("token").setAttribute("aria-invalid", refused !== null);
  dialog.returnValue = "";
  dialog.showModal();
  at("token").select();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  if (dialog.returnValue !== "given") {
    throw new Refusal("This server wants its token, and none was given: load the page again to give it.");
  }
  sessionStorage.setItem("token", at("token").value.trim());
}

async function call(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem("token");
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch (problem) {
      if (problem.name === "AbortError") {
        throw problem;
      }
      throw new Refusal("The server can't be reached: is smalti studio still running?");
    }
    if (response.ok || response.status === 304) {
      return response;
    }
    if (response.status === 401) {
      if (token === sessionStorage.getItem("token")) { // else another was given meanwhile
        await asked(token);
      }
      continue;
    }
    const said = await response.json().catch(() => null);
    throw new Refusal(said?.error?.message ?? `The server answered ${response.status}.`);
  }
}

export const get = async (path) => (await call(path)).json();

export const getPicture = async (path) => (await call(path)).blob();

/** Null where nothing has changed since that tag. */
export async function changed(path, tag) {
  const response = await call(path, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
  return response.status === 304 ? null : { tag: response.headers.get("ETag"), facts: await response.json() };
}

const form = (values) => {
  const body = new FormData();
  for (const [name, value] of Object.entries(values)) {
    if (value instanceof Blob) {
      body.append(name, value, `${name}.png`);
    } else {
      body.append(name, String(value));
    }
  }
  return body;
};

export const send = async (path, values) => (await call(path, { method: "POST", body: form(values) })).json();

/** Gives `each` what is said in answer to JSON, event by event. */
export const streamJson = (path, values, signal, each) =>
  stream(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(values), signal }, each);

/** The same in answer to a form with files. */
export const streamForm = (path, values, signal, each) => stream(path, { method: "POST", body: form(values), signal }, each);

async function stream(path, options, each) {
  const response = await call(path, options);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let whole = false;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) {
      break;
    }
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.split("\n").find((line) => line.startsWith("data: "))?.slice(6);
      if (data === "[DONE]") {
        whole = true;
      } else if (data) {
        const event = JSON.parse(data);
        if (event.error) {
          throw new Refusal(event.error.message);
        }
        await each(event);
      }
    }
  }
  if (!whole) {
    throw new Refusal("The answer ended before all was drawn.");
  }
}
