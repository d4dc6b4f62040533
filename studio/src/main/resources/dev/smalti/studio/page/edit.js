// Editing: a mask of pixels under brush, box and eraser; sides that grow; results that can be gone on from.
import { arrows, at, chance, choices, element, fit, picture, png, pressed, save, shown, taken } from "./elements.js";
import { streamForm } from "./calls.js";
import * as command from "./command.js";

const SIDES = ["left", "right", "top", "bottom"];
const TOOLS = ["tool-brush", "tool-rectangle", "tool-eraser"];

export function startEdit(studio) {
  let image = null;
  let before = []; // images that this one was made from
  let mask = new Uint8Array(0); // 1 where drawn anew
  let tool = "tool-brush";
  let stroke = null; // where the pointer went down, and is
  let cursor = null; // of the keyboard and the pointer, in pixels
  let results = [];
  let looked = null; // at that result
  let abort = null;

  shown(at("brush"), (v) => `${v} px`);
  shown(at("feather"), (v) => (v === 0 ? "sharp" : `${v} px`));
  pressed(TOOLS, (id) => (tool = id));
  at("edit-die").addEventListener("click", () => (at("edit-seed").value = chance()));
  arrows(at("edit-results"));

  studio.onModel((model) => {
    choices(at("edit-class"), [["", "No class"], ...model.classes.map((name) => [name, name])]);
    at("edit-class").disabled = model.classes.length === 0;
    for (const side of SIDES) {
      Object.assign(at(`extend-${side}`), { step: model.patch ?? 1, value: 0 });
    }
  });

  const width = () => image.naturalWidth;
  const height = () => image.naturalHeight;
  const extension = (side) => {
    const patch = studio.model.patch ?? 1;
    return Math.max(0, Math.round(Number(at(`extend-${side}`).value) / patch) * patch);
  };

  function open(next, keepHistory) {
    if (!keepHistory) {
      before = [];
    }
    abort?.abort(); // what is being drawn is of another image
    image = next;
    mask = new Uint8Array(width() * height());
    results = [];
    looked = null;
    cursor = null;
    for (const side of SIDES) {
      at(`extend-${side}`).value = 0;
    }
    at("brush").max = Math.max(8, Math.round(Math.max(width(), height()) / 2));
    at("edit-command").hidden = true;
    listed();
    show();
  }

  studio.toEdit = (next, prompt) => {
    at("edit-class").value = prompt ?? "";
    studio.go("edit");
    open(next, false);
  };

  taken(at("edit-easel"), at("edit-file"), async (file) => {
    try {
      const bitmap = await createImageBitmap(file);
      open(await picture(await png(bitmap)), false);
      studio.news("");
    } catch {
      studio.news(`${file.name} is no image that this browser can read.`, true);
    }
  });

  // The picture with its mask

  function show() {
    at("edit-empty").hidden = image !== null;
    at("edit").disabled = image === null || abort !== null;
    at("edit-undo").disabled = before.length === 0;
    at("edit-actions").hidden = looked === null;
    if (!image) {
      return;
    }
    const canvas = at("edit-canvas");
    const context = canvas.getContext("2d");
    if (looked) {
      fit(canvas, looked.image.naturalWidth, looked.image.naturalHeight);
      context.imageSmoothingEnabled = false;
      context.drawImage(looked.image, 0, 0, canvas.width, canvas.height);
      at("edit-facts").textContent = `Result ${looked.index + 1}: ${looked.image.naturalWidth} × ${looked.image.naturalHeight}`;
      return;
    }
    const [left, right, top, bottom] = SIDES.map(extension);
    const scale = fit(canvas, width() + left + right, height() + top + bottom);
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = getComputedStyle(canvas).backgroundColor;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = hatching(context);
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, left * scale, top * scale, width() * scale, height() * scale);
    context.drawImage(veil(), left * scale, top * scale, width() * scale, height() * scale);
    marks(context, scale, left, top);
    const count = mask.reduce((sum, each) => sum + each, 0);
    const more = left + right + top + bottom > 0 ? `, becomes ${width() + left + right} × ${height() + top + bottom}` : "";
    at("edit-facts").textContent = `${width()} × ${height()}${more} · ${Math.round((100 * count) / mask.length)}% drawn anew`;
  }

  function hatching(context) {
    const tile = element("canvas", { width: 12, height: 12 });
    const inside = tile.getContext("2d");
    inside.fillStyle = "#2a9d8f33";
    inside.fillRect(1, 1, 10, 10);
    return context.createPattern(tile, "repeat");
  }

  /** The mask as a colour over the image. */
  function veil() {
    const canvas = element("canvas", { width: width(), height: height() });
    const context = canvas.getContext("2d");
    const data = context.createImageData(width(), height());
    mask.forEach((open, i) => open && data.data.set([42, 200, 190, 150], 4 * i));
    context.putImageData(data, 0, 0);
    return canvas;
  }

  function marks(context, scale, left, top) {
    context.lineWidth = Math.max(1, window.devicePixelRatio || 1);
    context.strokeStyle = "#fff";
    const outline = (path) => {
      context.beginPath();
      path();
      context.strokeStyle = "#000";
      context.stroke();
      context.setLineDash([4, 4]);
      context.strokeStyle = "#fff";
      context.stroke();
      context.setLineDash([]);
    };
    if (stroke && tool === "tool-rectangle") {
      const box = boxed(stroke.from, stroke.to);
      outline(() => context.rect((left + box.x) * scale, (top + box.y) * scale, box.width * scale, box.height * scale));
    } else if (cursor && tool !== "tool-rectangle") {
      outline(() => context.arc((left + cursor.x + 0.5) * scale, (top + cursor.y + 0.5) * scale, (Number(at("brush").value) / 2) * scale, 0, 7));
    }
  }

  // The mask

  function dab(point, open) {
    const radius = Number(at("brush").value) / 2;
    for (let y = Math.max(0, Math.floor(point.y - radius)); y <= Math.min(height() - 1, point.y + radius); y++) {
      for (let x = Math.max(0, Math.floor(point.x - radius)); x <= Math.min(width() - 1, point.x + radius); x++) {
        if ((x - point.x) ** 2 + (y - point.y) ** 2 <= radius * radius) {
          mask[y * width() + x] = open;
        }
      }
    }
  }

  /** Dabs along a line, so that a fast stroke has no gaps. */
  function line(from, to, open) {
    const steps = Math.max(1, Math.hypot(to.x - from.x, to.y - from.y));
    for (let i = 0; i <= steps; i++) {
      dab({ x: Math.round(from.x + ((to.x - from.x) * i) / steps), y: Math.round(from.y + ((to.y - from.y) * i) / steps) }, open);
    }
  }

  function boxed(from, to) {
    const inside = (value, most) => Math.min(Math.max(value, 0), most);
    const [x, right] = [from.x, to.x].sort((a, b) => a - b).map((each, i) => inside(each + i, width()));
    const [y, bottom] = [from.y, to.y].sort((a, b) => a - b).map((each, i) => inside(each + i, height()));
    return { x, y, width: Math.max(0, right - x), height: Math.max(0, bottom - y) };
  }

  function fill(box) {
    for (let y = box.y; y < box.y + box.height; y++) {
      mask.fill(1, y * width() + box.x, y * width() + box.x + box.width);
    }
  }

  function point(event) {
    const canvas = at("edit-canvas");
    const scale = canvas.clientWidth / (width() + extension("left") + extension("right"));
    return { x: Math.floor(event.offsetX / scale) - extension("left"), y: Math.floor(event.offsetY / scale) - extension("top") };
  }

  const canvas = at("edit-canvas");
  canvas.addEventListener("pointerdown", (event) => {
    if (!image || event.button !== 0) {
      return;
    }
    if (looked) {
      look(null); // back to the image; the next stroke paints
      return;
    }
    canvas.setPointerCapture(event.pointerId);
    const from = point(event);
    stroke = { from, to: from };
    cursor = from;
    if (tool !== "tool-rectangle") {
      dab(from, tool === "tool-brush" ? 1 : 0);
    }
    show();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!image || looked) {
      return;
    }
    const to = point(event);
    if (stroke && tool !== "tool-rectangle") {
      line(stroke.to, to, tool === "tool-brush" ? 1 : 0);
    }
    if (stroke) {
      stroke.to = to;
    }
    cursor = to;
    show();
  });
  canvas.addEventListener("pointerup", () => {
    if (stroke && tool === "tool-rectangle") {
      fill(boxed(stroke.from, stroke.to));
    }
    stroke = null;
    if (image) {
      show();
    }
  });
  canvas.addEventListener("pointercancel", () => {
    stroke = null;
    if (image) {
      show();
    }
  });
  canvas.addEventListener("pointerleave", () => {
    if (!stroke && image) {
      cursor = null;
      show();
    }
  });
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!image || looked || !(event.key in moves || event.key === " ")) {
      return;
    }
    event.preventDefault();
    cursor ??= { x: width() >> 1, y: height() >> 1 };
    if (event.key === " ") {
      dab(cursor, event.shiftKey ? 0 : 1);
    } else {
      const far = Math.max(1, Math.round(Number(at("brush").value) / 3));
      const inside = (value, most) => Math.min(Math.max(value, 0), most - 1);
      cursor = { x: inside(cursor.x + moves[event.key][0] * far, width()), y: inside(cursor.y + moves[event.key][1] * far, height()) };
    }
    show();
  });

  const whole = (change) => () => {
    if (image) {
      looked = null;
      change();
      listed();
      show();
    }
  };
  at("mask-clear").addEventListener("click", whole(() => mask.fill(0)));
  at("mask-all").addEventListener("click", whole(() => mask.fill(1)));
  at("mask-invert").addEventListener("click", whole(() => (mask = mask.map((each) => 1 - each))));
  for (const side of SIDES) {
    at(`extend-${side}`).addEventListener("input", whole(() => {}));
  }
  studio.onResize(() => !at("view-edit").hidden && show());

  /** Opaque where it stays, transparent where it is drawn anew. */
  function maskPng() {
    const made = element("canvas", { width: width(), height: height() });
    const context = made.getContext("2d");
    const data = context.createImageData(width(), height());
    mask.forEach((open, i) => (data.data[4 * i + 3] = open ? 0 : 255));
    context.putImageData(data, 0, 0);
    return new Promise((done) => made.toBlob(done, "image/png"));
  }

  /** x,y,width,height if the mask is just that; null for any other. */
  function rectangle() {
    let [left, top, right, bottom, count] = [width(), height(), -1, -1, 0];
    mask.forEach((open, i) => {
      if (open) {
        const [x, y] = [i % width(), Math.floor(i / width())];
        [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
        count++;
      }
    });
    const box = [left, top, right - left + 1, bottom - top + 1];
    return count > 0 && count === box[2] * box[3] ? box.join(",") : null;
  }

  // Results

  at("edit-form").addEventListener("submit", (event) => {
    event.preventDefault();
    draw();
  });
  at("edit-cancel").addEventListener("click", () => abort?.abort());

  async function wished() {
    const extend = SIDES.filter((side) => extension(side) > 0).map((side) => `${side}=${extension(side)}`).join(",");
    const box = rectangle();
    const any = mask.some((each) => each);
    const prompt = at("edit-class").value;
    return {
      model: studio.model.id,
      ...(prompt ? { prompt } : {}),
      n: Number(at("edit-count").value),
      seed: Number(at("edit-seed").value),
      feather: Number(at("feather").value),
      ...(extend ? { extend } : {}),
      ...(box ? { rectangle: box } : any ? { mask: await maskPng() } : {}),
      ...studio.sampling(),
      ...(prompt || !studio.model.abilities.guidance ? {} : { guidance_scale: 1 }), // it leads to a class
    };
  }

  async function draw() {
    if (!image || abort) {
      return;
    }
    const own = new AbortController();
    const model = studio.model;
    abort = own;
    busy(true);
    try {
      const wish = await wished();
      if (!wish.rectangle && !wish.mask && !wish.extend) {
        studio.news("There is nothing to draw: paint over a part of the image, or extend a side.", true);
        return;
      }
      studio.news("");
      results = [];
      looked = null;
      listed(wish.n);
      const source = await png(image);
      await streamForm("/v1/images/edits", { ...wish, image: source, stream: true }, own.signal, async (event) => {
        if (abort !== own) {
          return;
        }
        results[event.index] = { index: event.index, image: await picture(event.b64_json) };
        listed(wish.n);
      });
      look(results[0]);
      studio.say(`${wish.n} ${wish.n === 1 ? "result" : "results"} drawn`);
      noted(model, wish, source);
    } catch (problem) {
      results = results.filter((each) => each);
      listed();
      studio.news(problem.name === "AbortError" ? "Stopped." : problem.message, problem.name !== "AbortError");
    } finally {
      abort = null;
      busy(false);
      show();
    }
  }

  function noted(model, wish, source) {
    const link = (blob, name) => {
      const made = element("a", { href: "#", textContent: name });
      made.addEventListener("click", (event) => {
        event.preventDefault();
        save(blob, name);
      });
      return made;
    };
    command.show(at("edit-command"), command.edit(model.opened, wish), "With ", link(source, "image.png"), ...(wish.mask ? [" and ", link(wish.mask, "mask.png")] : []), ".");
  }

  function busy(is) {
    at("edit").textContent = is ? "Drawing…" : "Draw anew";
    at("edit-cancel").hidden = at("edit-progress").hidden = !is;
    show();
  }

  /** @param expected results that are still to come count as well */
  function listed(expected = results.length) {
    at("edit-hint").hidden = expected > 0;
    const option = (shownImage, text, selected, then) => {
      const button = element("button", { type: "button", className: shownImage ? "thumb" : "thumb waiting", role: "option", "aria-label": text, title: text, "aria-selected": Boolean(selected), disabled: !shownImage });
      if (shownImage) {
        button.append(element("img", { src: shownImage.src, alt: "", className: "crisp" }));
        button.addEventListener("click", then);
      }
      return button;
    };
    const first = image && expected > 0 ? [option(image, "The image before", looked === null, () => look(null))] : [];
    const rest = Array.from({ length: expected }, (_, i) => option(results[i]?.image, `Result ${i + 1}`, results[i] && looked === results[i], () => look(results[i])));
    at("edit-results").replaceChildren(...first, ...rest);
  }

  function look(result) {
    looked = result;
    const all = [...at("edit-results").children];
    all.forEach((each, i) => each.setAttribute("aria-selected", looked ? i === looked.index + 1 : i === 0));
    show();
  }

  at("edit-take").addEventListener("click", () => {
    before.push(image);
    open(looked.image, true);
  });
  at("edit-undo").addEventListener("click", () => open(before.pop(), true));
  at("edit-keep").addEventListener("click", () => studio.keep(looked.image, `edited, number ${looked.index}`, at("edit-command").querySelector("code")?.textContent ?? ""));
  at("edit-download").addEventListener("click", async () => save(await png(looked.image), `edited-${looked.index}.png`));
}
