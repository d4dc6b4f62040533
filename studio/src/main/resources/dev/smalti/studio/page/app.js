// The studio: its tabs, its theme, and the model that all of them draw with.
import { at, choices } from "./elements.js";
import { get } from "./calls.js";
import { startDraw } from "./draw.js";
import { startEdit } from "./edit.js";
import { startTokens } from "./tokens.js";
import { startRuns } from "./runs.js";

const TABS = ["draw", "edit", "tokens", "runs"];
const modelWatchers = [];
const resizeWatchers = [];
const changedSize = () => resizeWatchers.forEach((each) => each());

/** What the parts of the page have in common. */
const studio = {
  model: null,
  facts: null,
  onModel: (watcher) => modelWatchers.push(watcher),
  onResize: (watcher) => resizeWatchers.push(watcher),

  /** Says something where it is seen, until something else is said. */
  news(text, bad = false) {
    at("news").textContent = text;
    at("news").className = bad ? "news bad" : "news";
    changedSize();
  },

  /** Says something to who can't see the page, in passing. */
  say(text) {
    at("spoken").textContent = text;
  },

  reached() {
    if (at("news").textContent.includes("can't be reached")) {
      studio.news("");
    }
  },

  go(name, focus = false) {
    for (const each of TABS) {
      const is = each === name;
      at(`view-${each}`).hidden = !is;
      at(`tab-${each}`).setAttribute("aria-selected", is);
      at(`tab-${each}`).tabIndex = is ? 0 : -1;
    }
    if (focus) {
      at(`tab-${name}`).focus();
    }
    if (location.hash.slice(1) !== name) {
      history.replaceState(null, "", `#${name}`);
    }
    if (name === "runs" && studio.facts) {
      studio.showRuns();
    }
    changedSize();
  },
};

function theme() {
  const root = document.documentElement;
  const kept = localStorage.getItem("theme");
  if (kept) {
    root.dataset.theme = kept;
  }
  at("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    changedSize();
  });
}

function tabs() {
  for (const name of TABS) {
    at(`tab-${name}`).addEventListener("click", () => studio.go(name));
    at(`tab-${name}`).addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) {
        studio.go(TABS[(TABS.indexOf(name) + step + TABS.length) % TABS.length], true);
      }
    });
  }
}

async function start() {
  theme();
  tabs();
  startDraw(studio);
  startEdit(studio);
  startTokens(studio);
  startRuns(studio);
  studio.go(TABS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "draw");
  const sizes = new ResizeObserver(changedSize);
  [document.body, at("easel"), at("edit-easel")].forEach((each) => sizes.observe(each));
  try {
    studio.facts = await get("/studio/models");
  } catch (problem) {
    studio.news(problem.message, true);
    return;
  }
  choices(at("model"), studio.facts.models.map((model) => [model.id, model.id]));
  const use = () => {
    studio.model = studio.facts.models.find((model) => model.id === at("model").value);
    modelWatchers.forEach((each) => each(studio.model));
  };
  at("model").addEventListener("change", use);
  use();
  if (!at("view-runs").hidden) {
    studio.showRuns();
  }
  document.body.dataset.ready = "true";
}

start();
