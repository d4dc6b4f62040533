// Editing: a mask of pixels under brush, box and eraser; sides that grow; results that can be gone on from.
import { arrows, at, chance, choices, element, fit, picture, png, pressed, save, shown, taken } from "./elements.js";
import { streamForm } from "./calls.js";
import * as command from "./command.js";

const SIDES = ["left", "right", "top", "bottom"];
const TOOLS = ["tool-brush", "tool-rectangle", "tool-eraser"];
const TINT = new Uint32Array(new Uint8Array([42, 200, 190, 150]).buffer)[0]; // over what is drawn anew
const OPAQUE = new Uint32Array(new Uint8Array([0, 0, 0, 255]).buffer)[0];
const KEYS = {
  "tool-brush": "Arrow keys move the brush, with Shift by one pixel; Space paints, with Shift it erases.",
  "tool-rectangle": "Arrow keys move by a token, with Shift by one pixel; Space sets one corner of the box, and then the other; Escape leaves it.",
  "tool-eraser": "Arrow keys move the eraser, with Shift by one pixel; Space erases, with Shift it paints.",
};

export function startEdit(studio) {
  let image = null;
  let before = []; // images that this one was made from
  let mask = new Uint8Array(0); // 1 where drawn anew
  let count = 0; // of its pixels that are
  let layers = null; // what lies below the marks, as large as the canvas, and where the image is in it; null to make them anew
  let dirty = null; // the box of the mask that the layers don't show yet
  let asked = false; // for a frame
  let tool = "tool-brush";
  let stroke = null; // where the pointer went down, and is, or where keys began a box
  let cursor = null; // of the keyboard and the pointer, in pixels
  let results = [];
  let looked = null; // at that result
  let abort = null;

  shown(at("brush"), (v) => `${v} px`);
  shown(at("feather"), (v) => (v === 0 ? "sharp" : `${v} px`));
  const held = (id) => {
    [tool, stroke] = [id, null];
    at("edit-keys").textContent = KEYS[id];
    soon();
  };
  pressed(TOOLS, held);
  held(tool);
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
    count = 0;
    stroke = null;
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
    at("edit-keys").hidden = image === null || looked !== null;
    layers = null;
    soon();
  }

  /** Paints at the next frame, once for all that came before it. */
  function soon() {
    if (!asked) {
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        paint();
      });
    }
  }

  function paint() {
    if (!image || at("view-edit").hidden) {
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
    layers ??= layered(canvas);
    if (dirty) {
      veil(dirty);
      dirty = null;
    }
    context.drawImage(layers.ground, 0, 0);
    context.drawImage(layers.veil, 0, 0);
    marks(context, layers.scale, layers.left, layers.top);
    const { left, right, top, bottom } = layers;
    const more = left + right + top + bottom > 0 ? `, becomes ${width() + left + right} × ${height() + top + bottom}` : "";
    at("edit-facts").textContent = `${width()} × ${height()}${more} · ${Math.round((100 * count) / mask.length)}% drawn anew`;
  }

  /** The image in its place, and over it a veil, of which all is to be painted. */
  function layered(canvas) {
    const [left, right, top, bottom] = SIDES.map(extension);
    const scale = fit(canvas, width() + left + right, height() + top + bottom);
    const ground = element("canvas", { width: canvas.width, height: canvas.height });
    const context = ground.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.fillStyle = getComputedStyle(canvas).backgroundColor;
    context.fillRect(0, 0, ground.width, ground.height);
    context.fillStyle = hatching(context);
    context.fillRect(0, 0, ground.width, ground.height);
    context.drawImage(image, left * scale, top * scale, width() * scale, height() * scale);
    dirty = { x: 0, y: 0, width: width(), height: height() };
    const own = element("canvas", { width: canvas.width, height: canvas.height });
    return { ground, veil: own, shades: own.getContext("2d").createImageData(own.width, own.height), scale, left, right, top, bottom };
  }

  function hatching(context) {
    const tile = element("canvas", { width: 12, height: 12 });
    const inside = tile.getContext("2d");
    inside.fillStyle = "#2a9d8f33";
    inside.fillRect(1, 1, 10, 10);
    return context.createPattern(tile, "repeat");
  }

  /** Shows a box of the mask as a colour over the image, by the pixels of the canvas: of a large image there are fewer. */
  function veil(box) {
    const { scale, left, top, shades } = layers;
    const tints = new Uint32Array(shades.data.buffer);
    const [x0, x1] = [box.x, box.x + box.width].map((x, i) => (i ? Math.ceil : Math.floor)((left + x) * scale)).map((x) => Math.min(x, shades.width));
    const [y0, y1] = [box.y, box.y + box.height].map((y, i) => (i ? Math.ceil : Math.floor)((top + y) * scale)).map((y) => Math.min(y, shades.height));
    const inside = (at, before, most) => Math.min(Math.max(Math.floor((at + 0.5) / scale) - before, 0), most - 1);
    const columns = Array.from({ length: x1 - x0 }, (_, i) => inside(x0 + i, left, width()));
    for (let y = y0; y < y1; y++) {
      const row = inside(y, top, height()) * width();
      for (let x = x0; x < x1; x++) {
        tints[y * shades.width + x] = mask[row + columns[x - x0]] ? TINT : 0;
      }
    }
    layers.veil.getContext("2d").putImageData(shades, 0, 0, x0, y0, x1 - x0, y1 - y0);
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
    } else if (cursor && tool === "tool-rectangle") {
      const [x, y, arm] = [(left + cursor.x + 0.5) * scale, (top + cursor.y + 0.5) * scale, 8 * (window.devicePixelRatio || 1)];
      outline(() => [[x - arm, y, x + arm, y], [x, y - arm, x, y + arm]].forEach(([a, b, c, d]) => {
        context.moveTo(a, b);
        context.lineTo(c, d);
      }));
    } else if (cursor) {
      outline(() => context.arc((left + cursor.x + 0.5) * scale, (top + cursor.y + 0.5) * scale, (Number(at("brush").value) / 2) * scale, 0, 7));
    }
  }

  // The mask

  /** Opens or closes all that the brush passes from one place to another, row by row: two discs and what lies between them. */
  function brush(from, to, open) {
    const radius = Number(at("brush").value) / 2;
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const length = Math.hypot(dx, dy) || 1;
    const [nx, ny] = [(-dy / length) * radius, (dx / length) * radius];
    for (let y = Math.ceil(Math.min(from.y, to.y) - radius); y <= Math.max(from.y, to.y) + radius; y++) {
      const reached = [];
      for (const end of [from, to]) {
        const far = radius * radius - (y - end.y) ** 2;
        far >= 0 && reached.push(end.x - Math.sqrt(far), end.x + Math.sqrt(far));
      }
      for (const side of dy === 0 ? [] : [1, -1]) { // of the straight edges
        const share = (y - from.y - side * ny) / dy;
        share >= 0 && share <= 1 && reached.push(from.x + side * nx + share * dx);
      }
      if (reached.length > 0) {
        const x = Math.ceil(Math.min(...reached));
        fill({ x, y, width: Math.floor(Math.max(...reached)) - x + 1, height: 1 }, open);
      }
    }
  }

  function boxed(from, to) {
    const inside = (value, most) => Math.min(Math.max(value, 0), most);
    const [x, right] = [from.x, to.x].sort((a, b) => a - b).map((each, i) => inside(each + i, width()));
    const [y, bottom] = [from.y, to.y].sort((a, b) => a - b).map((each, i) => inside(each + i, height()));
    return { x, y, width: Math.max(0, right - x), height: Math.max(0, bottom - y) };
  }

  /** Opens or closes what of a box is in the image. */
  function fill(box, open) {
    const [x0, x1] = [Math.max(0, box.x), Math.min(width(), box.x + box.width)];
    const [y0, y1] = [Math.max(0, box.y), Math.min(height(), box.y + box.height)];
    if (x0 >= x1 || y0 >= y1) {
      return;
    }
    for (let y = y0; y < y1; y++) {
      for (let i = y * width() + x0; i < y * width() + x1; i++) {
        count += open - mask[i];
        mask[i] = open;
      }
    }
    const [right, bottom] = dirty ? [Math.max(x1, dirty.x + dirty.width), Math.max(y1, dirty.y + dirty.height)] : [x1, y1];
    const [left, top] = dirty ? [Math.min(x0, dirty.x), Math.min(y0, dirty.y)] : [x0, y0];
    dirty = { x: left, y: top, width: right - left, height: bottom - top };
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
      brush(from, from, tool === "tool-brush" ? 1 : 0);
    }
    soon();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!image || looked || stroke?.byKeys) {
      return;
    }
    const to = point(event);
    if (stroke && tool !== "tool-rectangle") {
      brush(stroke.to, to, tool === "tool-brush" ? 1 : 0);
    }
    if (stroke) {
      stroke.to = to;
    }
    cursor = to;
    soon();
  });
  canvas.addEventListener("pointerup", () => {
    if (stroke && !stroke.byKeys && tool === "tool-rectangle") {
      fill(boxed(stroke.from, stroke.to), 1);
    }
    ended();
  });
  canvas.addEventListener("pointercancel", ended);
  canvas.addEventListener("pointerleave", () => {
    if (!stroke) {
      cursor = null;
      soon();
    }
  });

  /** A stroke of the pointer; a box that keys began waits for them. */
  function ended() {
    if (!stroke?.byKeys) {
      stroke = null;
      soon();
    }
  }

  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!image || !(event.key in moves || event.key === " " || (event.key === "Escape" && (stroke || looked)))) {
      return;
    }
    event.preventDefault();
    if (looked) {
      look(null); // back to the image, as a click does it
      return;
    }
    cursor ??= { x: width() >> 1, y: height() >> 1 };
    if (event.key === "Escape") {
      stroke = null;
      studio.say("Left");
    } else if (event.key === " ") {
      act(event.shiftKey);
    } else {
      move(moves[event.key], event.shiftKey);
    }
    soon();
  });

  function move([right, down], single) {
    const far = single ? 1 : tool === "tool-rectangle" ? (studio.model.patch ?? 1) : Math.max(1, Math.round(Number(at("brush").value) / 3));
    const inside = (value, most) => Math.min(Math.max(value, 0), most - 1);
    cursor = { x: inside(cursor.x + right * far, width()), y: inside(cursor.y + down * far, height()) };
    if (stroke) {
      stroke.to = cursor;
    }
    studio.say(`Column ${cursor.x}, row ${cursor.y}`);
  }

  /** By the tool that is held. @param other whether it is to do the other of painting and erasing */
  function act(other) {
    const open = (tool === "tool-eraser") === other ? 1 : 0;
    if (tool !== "tool-rectangle") {
      brush(cursor, cursor, open);
      studio.say(open ? "Painted" : "Erased");
    } else if (!stroke) {
      stroke = { from: cursor, to: cursor, byKeys: true };
      studio.say(`A box begins at column ${cursor.x}, row ${cursor.y}`);
    } else {
      const box = boxed(stroke.from, cursor);
      fill(box, open);
      stroke = null;
      studio.say(`A box of ${box.width} × ${box.height} pixels`);
    }
  }

  const whole = (change) => () => {
    if (image) {
      looked = null;
      change();
      listed();
      show();
    }
  };
  const all = (open) => {
    mask.fill(open);
    count = open * mask.length;
  };
  at("mask-clear").addEventListener("click", whole(() => all(0)));
  at("mask-all").addEventListener("click", whole(() => all(1)));
  at("mask-invert").addEventListener("click", whole(() => {
    for (let i = 0; i < mask.length; i++) {
      mask[i] ^= 1;
    }
    count = mask.length - count;
  }));
  for (const side of SIDES) {
    at(`extend-${side}`).addEventListener("input", whole(() => {}));
  }
  studio.onResize(() => !at("view-edit").hidden && show());

  /** Opaque where it stays, transparent where it is drawn anew. */
  function maskPng() {
    const made = element("canvas", { width: width(), height: height() });
    const context = made.getContext("2d");
    const data = context.createImageData(width(), height());
    const pixels = new Uint32Array(data.data.buffer);
    for (let i = 0; i < mask.length; i++) {
      pixels[i] = mask[i] ? 0 : OPAQUE;
    }
    context.putImageData(data, 0, 0);
    return new Promise((done) => made.toBlob(done, "image/png"));
  }

  /** x,y,width,height if the mask is just that; null for any other. */
  function rectangle() {
    const [first, last] = [mask.indexOf(1), mask.lastIndexOf(1)];
    const [x, y] = [first % width(), Math.floor(first / width())];
    const [across, down] = [(last % width()) - x + 1, Math.floor(last / width()) - y + 1];
    if (count === 0 || across < 1 || count !== across * down) {
      return null;
    }
    for (let row = y; row < y + down; row++) {
      if (mask.subarray(row * width() + x, row * width() + x + across).includes(0)) {
        return null;
      }
    }
    return [x, y, across, down].join(",");
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
    const prompt = at("edit-class").value;
    return {
      model: studio.model.id,
      ...(prompt ? { prompt } : {}),
      n: Number(at("edit-count").value),
      seed: Number(at("edit-seed").value),
      feather: Number(at("feather").value),
      ...(extend ? { extend } : {}),
      ...(box ? { rectangle: box } : count > 0 ? { mask: await maskPng() } : {}),
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
