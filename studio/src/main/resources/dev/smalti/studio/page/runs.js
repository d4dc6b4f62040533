// Trainings as they go on: a list of runs, and the curves, previews and speed of one.
import { at, element, renew } from "./elements.js";
import { changed, get, getPicture } from "./calls.js";

const EVERY = 3000; // milliseconds
const LIVE = 180; // seconds since the last line
const HIDDEN = new Set(["seconds", "step"]);
const FIRST = ["loss", "bits_per_token", "perplexity", "codebook_usage", "psnr"];
const SVG = "http://www.w3.org/2000/svg";

export function startRuns(studio) {
  let name = null;
  let tag = null;
  let facts = null;
  let busy = false;
  let preview = null; // what shows them, of the run that is shown

  const visible = () => !at("view-runs").hidden && document.visibilityState === "visible";
  setInterval(() => visible() && studio.facts?.runs && refresh(), EVERY);

  studio.showRuns = () => {
    if (!studio.facts.runs) {
      renew(at("run"), [element("p", { className: "hint" }, "Start the studio with ", element("code", { textContent: "--runs DIR" }), " to watch the run folders in it: their curves, previews and codebooks, as they grow.")]);
      return;
    }
    refresh();
  };

  async function refresh() {
    if (busy) {
      return;
    }
    busy = true;
    let wished = name;
    try {
      const { runs } = await get("/studio/runs");
      list(runs);
      name ??= runs[0]?.name ?? null;
      wished = name;
      if (name && runs.some((run) => run.name === name)) {
        const next = await changed(`/studio/runs/${encodeURIComponent(name)}`, tag);
        if (next && wished === name) {
          ({ tag, facts } = next);
          await show();
        }
      } else if (runs.length === 0) {
        renew(at("run"), [element("p", { className: "hint", textContent: "There is no run in this folder yet. One shows up here with its first line of metrics." })]);
      }
      studio.reached();
    } catch (problem) {
      studio.news(problem.message, true);
    } finally {
      busy = false;
    }
    if (wished !== name) {
      refresh(); // another was chosen meanwhile
    }
  }

  function list(runs) {
    renew(at("run-list"), runs.map((run) => {
      const live = run.seconds_ago < LIVE;
      return element("button", { type: "button", "aria-current": run.name === (name ?? runs[0].name), "data-key": run.name },
        element("b", {}, element("span", { className: live ? "dot live" : "dot", "aria-hidden": true }), run.name),
        element("small", { textContent: `${[run.method, run.kind].filter(Boolean).join(" ")} · ${ago(run.seconds_ago)}` }));
    }));
  }

  at("run-list").addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-key]")?.dataset.key;
    if (chosen) {
      [name, tag, facts, preview] = [chosen, null, null, null];
      refresh();
    }
  });

  async function show() {
    const curves = facts.curves;
    const latest = (suffix) => {
      const found = Object.keys(curves).filter((key) => key === suffix || key.endsWith(`.${suffix}`)).sort((a, b) => b.startsWith("held_out") - a.startsWith("held_out"))[0];
      return found ? curves[found].at(-1)[1] : null;
    };
    const done = facts.steps && facts.step >= facts.steps;
    const figures = [
      ["Step", facts.steps ? `${facts.step.toLocaleString("en")} / ${facts.steps.toLocaleString("en")}` : facts.step.toLocaleString("en")],
      ["Time left", done ? "done" : facts.seconds_left === null ? "not known" : time(facts.seconds_left)],
      ["Steps a second", number(facts.steps_per_second)],
      ["Items a second", number(latest("items_per_second"))],
      ["Loss", number(latest("loss"))],
      ["Codes in use, as perplexity", number(latest("perplexity"))],
      ["Share of codes used", latest("codebook_usage") === null ? null : `${(100 * latest("codebook_usage")).toFixed(0)}%`],
    ].filter(([, value]) => value !== null);
    const live = facts.seconds_ago < LIVE && !done;
    const progress = element("progress", { "aria-label": "Steps done", "data-key": "progress" });
    for (const [attribute, value] of [["max", facts.steps || 1], ["value", facts.step]]) {
      progress.setAttribute(attribute, value);
    }
    const parts = [
      element("div", { className: "run-head" }, element("h3", { textContent: facts.name }), element("span", { className: "facts", textContent: [facts.method, facts.kind, facts.batch && `batches of ${facts.batch}`].filter(Boolean).join(" · ") }),
        element("span", { className: "facts" }, element("span", { className: live ? "dot live" : "dot", "aria-hidden": true }), live ? "training" : done ? "finished" : `last written ${ago(facts.seconds_ago)}`)),
      ...(facts.steps ? [progress] : []),
      element("div", { className: "figures" }, ...figures.map(([term, value]) => element("div", {}, element("dl", {}, element("dt", { textContent: term }), element("dd", { textContent: value }))))),
      element("div", { className: "charts" }, ...grouped(curves).map(([title, lines]) => chart(title, lines))),
    ];
    if (facts.previews.length > 0) {
      preview ??= previews(studio, facts.name);
      await preview.tell(facts.previews);
      parts.splice(parts.length - 1, 0, preview.place);
    }
    renew(at("run"), parts);
  }
}

/** The previews of a run, which stay the same element while there come more of them. */
function previews(studio, run) {
  let steps = [];
  let wanted = null; // null for the newest
  let loaded = null;
  const title = element("h2");
  const image = element("img");
  const text = element("output");
  const slider = element("input", { type: "range", min: 0, max: 0, "aria-label": "Preview of which step" });
  const scrub = element("div", { className: "scrub" }, slider, text);
  const place = element("div", { className: "preview", "data-key": `previews of ${run}` }, title, image, scrub);

  async function load() {
    const step = wanted ?? steps.at(-1);
    title.textContent = `Preview, step ${step}`;
    text.textContent = `step ${step}`;
    if (step === loaded) {
      return;
    }
    loaded = step;
    try {
      const blob = await getPicture(`/studio/runs/${encodeURIComponent(run)}/previews/${step}`);
      if (step === loaded) { // else another was asked for meanwhile
        image.alt = `Preview of step ${step}`;
        image.src = URL.createObjectURL(blob);
        image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
      }
    } catch (problem) {
      loaded = null;
      studio.news(problem.message, true);
    }
  }

  slider.addEventListener("input", () => {
    const place = Number(slider.value);
    wanted = place === steps.length - 1 ? null : steps[place];
    load();
  });

  return {
    place,

    /** The steps that there are now. */
    async tell(now) {
      steps = now;
      slider.max = now.length - 1;
      slider.value = wanted === null ? now.length - 1 : Math.max(0, now.indexOf(wanted));
      scrub.hidden = now.length < 2;
      await load();
    },
  };
}

/** Curves of one measure together: of training, and held out. */
function grouped(curves) {
  const groups = new Map();
  for (const [key, points] of Object.entries(curves)) {
    const measure = key.split(".").at(-1);
    if (HIDDEN.has(measure) || measure === "items" || points.length < 1) {
      continue;
    }
    const held = key.startsWith("held_out.");
    const place = [...groups.keys()].find((each) => each.split(".").at(-1) === measure && held !== groups.get(each)[0].held && groups.get(each).length < 2);
    if (place) {
      groups.get(place).push({ held, points });
    } else {
      groups.set(key, [{ held, points }]);
    }
  }
  const rank = ([key]) => {
    const found = FIRST.indexOf(key.split(".").at(-1));
    return found < 0 ? FIRST.length : found;
  };
  return [...groups.entries()].sort((a, b) => rank(a) - rank(b));
}

function chart(title, lines) {
  const [width, height, left, bottom] = [340, 150, 44, 18];
  const all = lines.flatMap((each) => each.points);
  const range = (i) => {
    const values = all.map((each) => each[i]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return low === high ? [low - (Math.abs(low) || 1) * 0.1, high + (Math.abs(high) || 1) * 0.1] : [low, high];
  };
  const [[x0, x1], [y0, y1]] = [range(0), range(1)];
  const x = (value) => left + ((value - x0) / (x1 - x0)) * (width - left - 6);
  const y = (value) => 8 + (1 - (value - y0) / (y1 - y0)) * (height - bottom - 14);
  const svg = document.createElementNS(SVG, "svg");
  const part = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    if (text !== undefined) {
      made.textContent = text;
    }
    svg.append(made);
  };
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("role", "img");
  const last = lines.map((each) => `${number(each.points.at(-1)[1])}${each.held && lines.length > 1 ? " held out" : ""}`).join(" · ");
  svg.setAttribute("aria-label", `${title} over the steps: now ${last}`);
  for (const value of [y0, (y0 + y1) / 2, y1]) {
    part("line", { class: "axis", x1: left, x2: width - 6, y1: y(value), y2: y(value) });
    part("text", { x: left - 6, y: y(value) + 3.5, "text-anchor": "end" }, number(value));
  }
  part("text", { x: left, y: height - 3 }, number(x0));
  part("text", { x: width - 6, y: height - 3, "text-anchor": "end" }, `step ${number(x1)}`);
  for (const { held, points } of lines) {
    if (points.length > 1) {
      part("polyline", { class: held ? "curve held" : "curve", points: points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" ") });
    }
    part("circle", { class: held ? "at held" : "at", cx: x(points.at(-1)[0]), cy: y(points.at(-1)[1]), r: 3 });
  }
  const key = lines.length > 1 ? [element("div", { className: "key" }, ...lines.map(({ held }) => element("span", {}, element("i", { className: held ? "held" : "" }), held ? "held out" : "training")))] : [];
  return element("div", { className: "chart", "data-key": title }, element("header", {}, element("h4", { textContent: title.replaceAll("_", " ").replaceAll(".", " · ") }), element("output", { textContent: last })), svg, ...key);
}

function number(value) {
  if (value === null || value === undefined) {
    return null;
  }
  const size = Math.abs(value);
  if (size === 0) {
    return "0";
  }
  if (size >= 1000) {
    return Math.round(value).toLocaleString("en");
  }
  return size < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

function time(seconds) {
  if (seconds < 90) {
    return `${Math.round(seconds)} s`;
  }
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

const ago = (seconds) => (seconds < 5 ? "just now" : seconds > 172_800 ? `${Math.round(seconds / 86_400)} days ago` : `${time(seconds)} ago`);
