// The commands that make the same images.
import { element } from "./elements.js";

const quoted = (text) => (/^[\w./=,+-]+$/.test(text) ? text : `'${String(text).replaceAll("'", "'\\''")}'`);

const rounded = (number) => String(Number(number.toFixed(6)));

/** Options of the sampling that a request wishes. */
function sampling(wish) {
  const parts = ["--seed", wish.seed];
  const add = (name, value, usual) => value !== undefined && value !== usual && parts.push(name, value);
  add("--steps", wish.num_inference_steps);
  if (wish.guidance_scale > 1) {
    parts.push("--guidance", rounded(wish.guidance_scale - 1));
    add("--guidance-schedule", wish.guidance_schedule, "constant");
  }
  add("--temperature", wish.temperature, 1);
  add("--top-k", wish.top_k, 0);
  add("--top-p", wish.top_p, 1);
  add("--reveal", wish.reveal, "usual");
  add("--order", wish.order, "usual");
  add("--entropy-bound", wish.entropy_bound, 0);
  add("--extrapolate", wish.extrapolate, 0);
  add("--trapezoidal", wish.trapezoidal, 0);
  add("--corrector", wish.corrector, "none");
  for (const of of ["sweeps", "places", "when", "kappa", "eta"]) {
    add(`--corrector-${of}`, wish[`corrector_${of}`]);
  }
  return parts;
}

const joined = (parts) => parts.map(quoted).join(" ");

/** @param model and how it is opened, as the command line takes them: a list of words */
export function generate(model, wish) {
  const parts = ["smalti", "generate", ...model, "--out", "drawn", "--count", wish.n];
  if (wish.prompt) {
    parts.push("--label", wish.prompt);
  }
  if (wish.size) {
    const [width, height] = wish.size.split("x");
    parts.push("--size", `${height}x${width}`);
  }
  return joined([...parts, ...sampling(wish)]);
}

export function edit(model, wish) {
  const parts = ["smalti", "edit", ...model, "--image", "image.png"];
  if (wish.rectangle || wish.mask) {
    parts.push("--mask", wish.rectangle ?? "mask.png");
  }
  if (wish.extend) {
    parts.push("--extend", wish.extend);
  }
  parts.push("--out", "edited", "--count", wish.n);
  if (wish.prompt) {
    parts.push("--label", wish.prompt);
  }
  return joined([...parts, "--feather", wish.feather, ...sampling(wish)]);
}

/** Shows a command with a button that copies it. */
export function show(place, command, ...note) {
  const copy = element("button", { type: "button", textContent: "Copy" });
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  const words = command.split(" ").flatMap((word, i) => [...(i ? [" "] : []), element("span", { textContent: word })]); // which break between
  place.replaceChildren(element("code", {}, ...words), copy);
  if (note.length) {
    place.append(element("p", { className: "note" }, ...note));
  }
  place.hidden = false;
}
