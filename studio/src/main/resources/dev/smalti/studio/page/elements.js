// Elements of the page, and what is common to all of its canvases.

/** The element of that id. */
export const at = (id) => document.getElementById(id);

/** A new element. Properties are set as they are; those with a dash, and roles, as attributes. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") {
      made.setAttribute(key, value);
    } else {
      made[key] = value;
    }
  }
  made.append(...children);
  return made;
}

/**
 * Makes an element's children be like these, and leaves alone what is so already: what is focused, selected or dragged stays so. Children are
 * told apart by `data-key` where they have one, and else by their place; listeners of those that are there stay theirs.
 */
export function renew(parent, children) {
  const focused = document.activeElement;
  const keyed = new Map([...parent.children].filter((each) => each.dataset.key).map((each) => [each.dataset.key, each]));
  children.forEach((next, i) => {
    const key = next.dataset?.key;
    const there = key ? keyed.get(key) : parent.childNodes[i];
    const now = there && there.nodeName === next.nodeName && there.dataset?.key === key ? like(there, next) : next;
    if (parent.childNodes[i] !== now) {
      parent.insertBefore(now, parent.childNodes[i] ?? null);
    }
  });
  while (parent.childNodes.length > children.length) {
    parent.lastChild.remove();
  }
  if (focused !== document.activeElement && parent.contains(focused)) {
    focused.focus(); // which it lost where it moved
  }
}

/** What is there, made like `next`. */
function like(there, next) {
  if (there === next || there.isEqualNode(next)) {
    return there;
  }
  if (there.nodeType === Node.TEXT_NODE) {
    there.data = next.data;
    return there;
  }
  for (const { name } of [...there.attributes]) {
    next.hasAttribute(name) || there.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    there.getAttribute(name) === value || there.setAttribute(name, value);
  }
  renew(there, [...next.childNodes]);
  return there;
}

/** Fills a choice with [value, text] pairs, keeping what was chosen where it is still there. */
export function choices(select, pairs) {
  const before = select.value;
  select.replaceChildren(...pairs.map(([value, text]) => element("option", { value, textContent: text })));
  if (pairs.some(([value]) => value === before)) {
    select.value = before;
  }
}

/** Shows a slider's value beside it, now and whenever it changes. */
export function shown(slider, text) {
  const tell = () => {
    at(`${slider.id}-out`).textContent = text(Number(slider.value));
  };
  slider.addEventListener("input", tell);
  tell();
  return tell;
}

/** One of some buttons is pressed. Calls `then` with its id. */
export function pressed(ids, then) {
  for (const id of ids) {
    at(id).addEventListener("click", () => press(ids, id, then));
  }
}

export function press(ids, id, then) {
  for (const each of ids) {
    at(each).setAttribute("aria-pressed", each === id);
  }
  then(id);
}

/** Gives a canvas as many pixels as it can have within its parent, by whole factors where the picture is small. Returns the factor. */
export function fit(canvas, width, height) {
  const room = canvas.parentElement;
  const most = Math.min((room.clientWidth - 20) / width, (room.clientHeight - 20) / height);
  const scale = most >= 2 ? Math.min(Math.floor(most), 16) : Math.max(most, 0.05);
  const dense = window.devicePixelRatio || 1;
  const [w, h] = [Math.max(1, Math.round(width * scale * dense)), Math.max(1, Math.round(height * scale * dense))];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  canvas.style.width = `${width * scale}px`;
  canvas.style.height = `${height * scale}px`;
  return scale * dense;
}

/** An image from base64 PNG, or from a blob, when it can be drawn. */
export async function picture(source) {
  const image = new Image();
  image.src = typeof source === "string" ? `data:image/png;base64,${source}` : URL.createObjectURL(source);
  await image.decode();
  return image;
}

/** A picture as a PNG blob, as large as it is. */
export function png(image) {
  const canvas = element("canvas", { width: image.naturalWidth ?? image.width, height: image.naturalHeight ?? image.height });
  canvas.getContext("2d").drawImage(image, 0, 0);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

export function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Files that are dropped there, or chosen in that field. */
export function taken(place, input, then) {
  const take = (files) => files?.[0] && then(files[0]);
  input.addEventListener("change", () => take(input.files));
  place.addEventListener("dragover", (event) => {
    event.preventDefault();
    place.classList.add("dropping");
  });
  place.addEventListener("dragleave", () => place.classList.remove("dropping"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("dropping");
    take(event.dataTransfer.files);
  });
}

/** Thumbnails are gone through with the arrow keys. */
export function arrows(list) {
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const all = [...list.querySelectorAll("[role=option]")];
    const next = all[all.indexOf(document.activeElement) + step];
    if (step && next) {
      event.preventDefault();
      next.focus();
      next.click();
    }
  });
}

export const chance = () => crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;
