// Drawing: what is wished, the steps as they come, the scrubber back through them, variations and the shelf.
import { arrows, at, chance, choices, element, fit, picture, png, press, pressed, save, shown } from "./elements.js";
import { send, streamJson } from "./calls.js";
import * as command from "./command.js";
import { gaps, heat, tiles } from "./tiles.js";

const FRAME_BYTES = 96e6; // of all pictures of the steps that are kept
const FRAMES = 72; // pictures of the steps of all images, each of which takes decoding
const VIEWS = ["show-picture", "show-tokens"];

export function startDraw(studio) {
  let drawings = []; // of the last draw
  let chosen = null; // the one that is large
  let step = 0;
  let follows = true; // the newest step
  let playing = null;
  let view = "show-picture";
  let abort = null;
  const shelf = [];

  const topK = (value) => (value === 0 ? 0 : 2 ** (value - 1));
  const bound = () => (studio.model?.abilities.entropyBound ? Number(at("bound").value) : 0);
  const tell = [
    shown(at("steps"), (v) => (bound() > 0 ? "as bounded" : String(v))),
    shown(at("guidance"), (v) => (v === 1 ? "none" : v.toFixed(1))),
    shown(at("temperature"), (v) => v.toFixed(2)),
    shown(at("topk"), (v) => (v === 0 ? "all" : String(topK(v)))),
    shown(at("topp"), (v) => (v === 1 ? "all" : v.toFixed(2))),
    shown(at("bound"), (v) => (v === 0 ? "none" : `${v.toFixed(1)} nats`)),
    shown(at("extrapolate"), (v) => (v === 0 ? "none" : v.toFixed(2))),
    shown(at("trapezoidal"), (v) => (v === 0 ? "none" : v.toFixed(2))),
    shown(at("kappa"), (v) => v.toFixed(2)),
    shown(at("eta"), (v) => v.toFixed(2)),
  ];
  const told = () => tell.forEach((each) => each());

  /** Whatever excludes what was chosen is taken back. */
  function exclusive() {
    const can = studio.model.abilities;
    const corrector = can.correctors.length > 1 ? at("corrector").value : "none";
    at("steps").disabled = !can.anySteps || bound() > 0;
    at("gibbs-fields").hidden = corrector !== "gibbs";
    at("kappa-field").hidden = corrector !== "psi";
    at("eta-field").hidden = !corrector.startsWith("remask");
    told();
  }
  at("bound").addEventListener("input", exclusive);
  at("corrector").addEventListener("change", exclusive);
  for (const [one, other] of [["extrapolate", "trapezoidal"], ["trapezoidal", "extrapolate"]]) {
    at(one).addEventListener("input", () => {
      at(other).value = 0; // two ways to look ahead
      told();
    });
  }

  studio.onModel((model) => {
    const can = model.abilities;
    choices(at("class"), [["", model.classes.length ? "All classes in turn" : "It has no classes"], ...model.classes.map((name) => [name, name])]);
    at("class").disabled = model.classes.length === 0;
    const steps = at("steps");
    steps.max = Math.max(1, can.steps || 64);
    steps.value = can.steps ? Math.min(can.steps, 24) : 24;
    if (!can.anySteps) {
      steps.value = steps.max;
    }
    at("guidance-field").hidden = at("schedule-field").hidden = !can.guidance;
    at("topk").max = Math.floor(Math.log2(model.codes)) + 1;
    choices(at("reveal"), can.reveal.map((name) => [name, name]));
    choices(at("order"), can.orders.map((name) => [name, name]));
    at("reveal-field").hidden = can.reveal.length < 2;
    at("order-field").hidden = can.orders.length < 2;
    choices(at("corrector"), can.correctors.map((name) => [name, name]));
    at("bound-field").hidden = !can.entropyBound;
    at("extrapolate-field").hidden = !can.extrapolation;
    at("trapezoidal-field").hidden = !can.trapezoidal;
    at("corrector-field").hidden = can.correctors.length < 2;
    const [width, height] = (model.size ?? "64x64").split("x");
    for (const [id, side] of [["width", width], ["height", height]]) {
      Object.assign(at(id), { min: side, step: model.patch ?? 1, value: side, max: 4096 });
    }
    at("size-fields").hidden = !can.canvas;
    at("count").max = studio.facts.most_images;
    at("find").hidden = !studio.facts.neighbours;
    at("draw").disabled = !model.patch;
    if (!model.patch) {
      studio.news(`${model.id} draws tokens and no images: it has no tokenizer.`, true);
    }
    exclusive();
  });

  /** What of the sampling is wished, as requests have it. */
  studio.sampling = () => {
    const can = studio.model.abilities;
    const number = (id) => Number(at(id).value);
    return {
      ...(can.anySteps && bound() === 0 ? { num_inference_steps: number("steps") } : {}),
      ...(can.guidance ? { guidance_scale: number("guidance"), guidance_schedule: at("schedule").value } : {}),
      temperature: number("temperature"),
      top_k: topK(number("topk")),
      top_p: number("topp"),
      ...(can.reveal.length > 1 ? { reveal: at("reveal").value } : {}),
      ...(can.orders.length > 1 ? { order: at("order").value } : {}),
      ...(can.entropyBound ? { entropy_bound: bound() } : {}),
      ...(can.extrapolation ? { extrapolate: number("extrapolate") } : {}),
      ...(can.trapezoidal ? { trapezoidal: number("trapezoidal") } : {}),
      ...(can.correctors.length > 1 ? corrected(at("corrector").value) : {}),
    };
  };

  /** A corrector with what belongs to it. */
  function corrected(corrector) {
    const number = (id) => Number(at(id).value);
    return {
      corrector,
      ...(corrector === "gibbs" ? { corrector_sweeps: number("sweeps"), corrector_places: number("places"), corrector_when: at("when").value } : {}),
      ...(corrector === "psi" ? { corrector_kappa: number("kappa") } : {}),
      ...(corrector.startsWith("remask") ? { corrector_eta: number("eta") } : {}),
    };
  }

  function wished() {
    const size = `${at("width").value}x${at("height").value}`;
    return {
      model: studio.model.id,
      prompt: at("class").value,
      n: Number(at("count").value),
      seed: Number(at("seed").value),
      ...(size === studio.model.size ? {} : { size }),
      ...studio.sampling(),
    };
  }

  at("die").addEventListener("click", () => (at("seed").value = chance()));
  at("cancel").addEventListener("click", () => abort?.abort());
  at("draw-form").addEventListener("submit", (event) => {
    event.preventDefault();
    draw();
  });

  async function draw() {
    if (abort || !studio.model?.patch) {
      return;
    }
    const wish = wished();
    const model = studio.model;
    const [width, height] = (wish.size ?? model.size).split("x").map(Number);
    const frames = Math.max(4, Math.min(Math.ceil(FRAMES / wish.n), Math.floor(FRAME_BYTES / (4 * width * height * wish.n))));
    drawings = Array.from({ length: wish.n }, (_, index) => ({
      index, wish, model, width, height, columns: width / model.patch, steps: wish.num_inference_steps ?? model.abilities.steps, at: [], image: null,
    }));
    chosen = drawings[0];
    follows = true;
    at("neighbours").hidden = true;
    at("easel").scrollIntoView({ block: "nearest" });
    stop();
    busy(true);
    variations();
    show();
    studio.news("");
    const started = performance.now();
    abort = new AbortController();
    try {
      await streamJson("/studio/draw", { ...wish, stream: true, frames }, abort.signal, take);
      const seconds = (performance.now() - started) / 1000;
      studio.say(`${wish.n} ${wish.n === 1 ? "image" : "images"} drawn in ${seconds.toFixed(1)} seconds`);
    } catch (problem) {
      drawings = drawings.filter((each) => each.image);
      chosen = drawings[0] ?? null;
      variations();
      studio.news(problem.name === "AbortError" ? "Stopped." : problem.message, problem.name !== "AbortError");
    } finally {
      abort = null;
      busy(false);
      show();
    }
  }

  function busy(is) {
    at("draw").disabled = is;
    at("draw").textContent = is ? "Drawing…" : "Draw";
    at("cancel").hidden = at("draw-progress").hidden = !is;
    at("draw-progress").value = 0;
  }

  async function take(event) {
    const drawing = drawings[event.index];
    if (event.type === "studio.step") {
      drawing.steps = event.steps;
      drawing.at[event.step] = { ...drawing.at[event.step], codes: event.codes, entropies: event.entropies };
    } else {
      const image = await picture(event.b64_json);
      if (event.type === "image_generation.completed") {
        drawing.image = image;
        drawing.base64 = event.b64_json;
      } else {
        drawing.steps = event.steps;
        drawing.at[event.step] = { ...drawing.at[event.step], image };
      }
      thumb(drawing, image);
    }
    const done = drawings.reduce((sum, each) => sum + (each.image ? 1 : (each.at.length - 1 || 0) / each.steps), 0);
    at("draw-progress").value = done / drawings.length;
    if (drawing === chosen) {
      soon();
    }
  }

  let asked = false;
  /** Shows once for all that came together. */
  function soon() {
    if (!asked) {
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        show();
      });
    }
  }

  // Variations

  function variations() {
    at("variations-hint").hidden = drawings.length > 0;
    at("variations").replaceChildren(...drawings.map((drawing) => {
      const button = element("button", { type: "button", className: drawing.image ? "thumb" : "thumb waiting", role: "option", "aria-label": `Variation ${drawing.index + 1}`, "aria-selected": drawing === chosen });
      button.addEventListener("click", () => choose(drawing));
      drawing.button = button;
      if (drawing.image) {
        thumb(drawing, drawing.image);
      }
      return button;
    }));
  }

  function thumb(drawing, image) {
    drawing.button.classList.toggle("waiting", !drawing.image);
    drawing.button.replaceChildren(element("img", { src: image.src, alt: "", className: crisp() }));
  }

  function choose(drawing) {
    stop();
    chosen = drawing;
    follows = true;
    drawings.forEach((each) => each.button.setAttribute("aria-selected", each === drawing));
    at("neighbours").hidden = true;
    show();
  }

  arrows(at("variations"));

  // The large picture

  const crisp = () => (at("pixelated").checked ? "crisp" : "");

  /** What is known after a step: its codes, the picture nearest before it and which of its codes were missing, and the entropies that places last had. */
  function known(drawing, upTo) {
    const last = Math.min(upTo, drawing.at.length - 1);
    let [codes, image, missing] = [null, null, null];
    let entropies = [];
    for (let i = 1; i <= last; i++) {
      const now = drawing.at[i];
      codes = now?.codes ?? codes;
      if (now?.image) {
        [image, missing] = [now.image, codes];
      }
      now?.entropies?.forEach((bits, place) => {
        entropies[place] = bits ?? entropies[place] ?? null;
      });
    }
    if (upTo >= drawing.steps && drawing.image) {
      [image, missing] = [drawing.image, null];
    }
    return { codes, image, missing, entropies };
  }

  function show() {
    at("draw-empty").hidden = chosen !== null;
    at("actions").hidden = !chosen?.image;
    if (!chosen) {
      at("scrub").hidden = at("draw-command").hidden = at("legend").hidden = true;
      return;
    }
    const reached = chosen.image ? chosen.steps : Math.max(0, chosen.at.length - 1);
    step = follows ? reached : Math.min(step, reached);
    const watched = chosen.at.length > 1;
    at("scrub").hidden = !watched;
    Object.assign(at("step"), { max: chosen.steps, value: step });
    at("step").setAttribute("aria-valuetext", `step ${step} of ${chosen.steps}`);
    at("step-out").textContent = `step ${step} of ${chosen.steps}`;
    const now = known(chosen, step);
    paint(now);
    const revealed = now.codes ? now.codes.filter((code) => code >= 0).length : 0;
    at("facts").textContent = `${chosen.width} × ${chosen.height}` + (now.codes ? ` · ${revealed} of ${now.codes.length} tokens` : "");
    legend(now);
    if (chosen.image) {
      const note = chosen.wish.n > 1 ? [`This is number ${chosen.index} of the ${chosen.wish.n} that it draws, counted from 0.`] : [];
      command.show(at("draw-command"), command.generate(chosen.model.opened, chosen.wish), ...note);
    } else {
      at("draw-command").hidden = true;
    }
  }

  function paint(now) {
    const canvas = at("large");
    const scale = fit(canvas, chosen.width, chosen.height);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = !at("pixelated").checked;
    context.clearRect(0, 0, canvas.width, canvas.height);
    const side = chosen.model.patch * scale;
    if (view === "show-tokens" && now.codes) {
      tiles(context, now.codes, chosen.columns, side);
    } else if (now.image) {
      context.drawImage(now.image, 0, 0, canvas.width, canvas.height);
      if (now.missing) {
        gaps(context, now.missing, chosen.columns, side);
      }
    } else {
      const places = chosen.columns * (chosen.height / chosen.model.patch);
      tiles(context, new Array(places).fill(-1), chosen.columns, side);
    }
    if (at("heat").checked) {
      heat(context, now.entropies, chosen.columns, side, Math.log2(chosen.model.codes));
    }
  }

  function legend(now, text) {
    const any = now.entropies.some((bits) => bits !== null && bits !== undefined);
    at("legend").hidden = !(at("heat").checked || view === "show-tokens");
    at("legend").firstElementChild.hidden = !at("heat").checked;
    const most = Math.log2(chosen.model.codes).toFixed(0);
    at("legend-text").textContent = text
      ?? (!at("heat").checked ? "Each colour is a token: point at one to see which."
        : any ? `How unsure the model was of each token when it was last asked: 0 to ${most} bits.`
          : "There are no entropies of this step.");
  }

  at("large").addEventListener("pointermove", (event) => {
    if (!chosen) {
      return;
    }
    const now = known(chosen, step);
    const side = (at("large").clientWidth / chosen.width) * chosen.model.patch;
    const [column, row] = [Math.floor(event.offsetX / side), Math.floor(event.offsetY / side)];
    const place = row * chosen.columns + column;
    const code = now.codes?.[place];
    if (code === undefined) {
      return;
    }
    const bits = now.entropies[place];
    legend(now, `Row ${row}, column ${column}: ${code < 0 ? "not yet drawn" : `token ${code}`}${bits === null || bits === undefined ? "" : `, ${bits.toFixed(2)} bits`}`);
  });
  at("large").addEventListener("pointerleave", () => chosen && legend(known(chosen, step)));

  pressed(VIEWS, (id) => {
    view = id;
    show();
  });
  at("heat").addEventListener("change", show);
  at("pixelated").addEventListener("change", () => {
    document.querySelectorAll(".thumb img").forEach((each) => (each.className = crisp()));
    show();
  });
  at("step").addEventListener("input", () => {
    step = Number(at("step").value);
    follows = step >= (chosen.image ? chosen.steps : chosen.at.length - 1);
    stop();
    show();
  });
  at("play").addEventListener("click", () => {
    if (playing) {
      stop();
      return;
    }
    step = step >= chosen.steps ? 0 : step;
    follows = false;
    at("play").firstElementChild.textContent = "❚❚";
    playing = setInterval(() => {
      step++;
      if (step >= chosen.steps) {
        follows = true;
        stop();
      }
      show();
    }, Math.max(60, Math.min(250, 3000 / chosen.steps)));
  });

  function stop() {
    clearInterval(playing);
    playing = null;
    at("play").firstElementChild.textContent = "▶";
  }

  studio.onResize(() => !at("view-draw").hidden && show());

  // What can be done with a drawing

  const named = (drawing) => `${drawing.model.id}${drawing.wish.prompt ? `-${drawing.wish.prompt}` : ""}-seed-${drawing.wish.seed}-${drawing.index}.png`;
  at("download").addEventListener("click", async () => save(await png(chosen.image), named(chosen)));
  at("to-edit").addEventListener("click", () => studio.toEdit(chosen.image, chosen.wish.prompt));
  at("to-tokens").addEventListener("click", async () => studio.toTokens(await png(chosen.image)));
  at("keep").addEventListener("click", () => studio.keep(chosen.image, `${chosen.wish.prompt || "all classes"}, seed ${chosen.wish.seed}, number ${chosen.index}`, command.generate(chosen.model.opened, chosen.wish)));
  at("find").addEventListener("click", async () => {
    const place = at("neighbours");
    place.hidden = false;
    place.replaceChildren(element("p", { className: "hint", textContent: "Looking…" }));
    try {
      const found = await send("/studio/neighbours", { image: await png(chosen.image) });
      const all = found.all > found.size ? `, spread over ${found.all}` : "";
      place.replaceChildren(
        element("h2", { textContent: "Nearest in the data" }),
        element("p", { className: "hint", textContent: `By their pixels, among ${found.compared} of ${found.size} images${all}. A copy has distance 0.` }),
        element("div", { className: "row" }, ...found.neighbours.map((each) => element("figure", {},
          element("img", { src: `data:image/png;base64,${each.image}`, alt: each.name, className: crisp() }),
          element("figcaption", { textContent: `${each.distance.toFixed(3)} · ${each.name.split(" in ")[0]}` })))));
    } catch (problem) {
      place.replaceChildren(element("p", { className: "hint", textContent: problem.message }));
    }
  });

  // The shelf

  studio.keep = (image, text, made) => {
    shelf.push({ image, text, made, ticked: false });
    shelved();
    studio.say("Kept on the shelf");
  };

  function shelved() {
    at("shelf-hint").hidden = shelf.length > 1;
    at("shelf").replaceChildren(...shelf.map((item) => {
      const look = element("button", { type: "button", className: "thumb", title: item.text, "aria-label": `Look at ${item.text}` }, element("img", { src: item.image.src, alt: "", className: crisp() }));
      look.addEventListener("click", () => compare([item]));
      const tick = element("input", { type: "checkbox", checked: item.ticked, "aria-label": `Compare ${item.text}` });
      tick.addEventListener("change", () => {
        item.ticked = tick.checked;
        ready();
      });
      const drop = element("button", { type: "button", className: "drop", textContent: "×", "aria-label": `Take ${item.text} off the shelf` });
      drop.addEventListener("click", () => {
        shelf.splice(shelf.indexOf(item), 1);
        shelved();
      });
      return element("div", { className: "kept" }, look, tick, drop);
    }));
    ready();
  }

  const ticked = () => shelf.filter((each) => each.ticked);
  const ready = () => (at("compare").disabled = ticked().length !== 2);
  at("compare").addEventListener("click", () => compare(ticked()));
  at("dialog-close").addEventListener("click", () => at("large-dialog").close());

  function compare(items) {
    at("dialog-body").replaceChildren(...items.map((item) => element("figure", {},
      element("img", { src: item.image.src, alt: item.text, className: crisp() }),
      element("figcaption", {}, item.text, element("br"), item.made))));
    at("large-dialog").showModal();
  }
  press(VIEWS, view, () => {});
}
