// An image as its tokens, with what they decode to.
import { at, element, picture, press, taken } from "./elements.js";
import { send } from "./calls.js";
import { tiles } from "./tiles.js";

const SIDE = 768; // pixels of the grid's canvas, about

export function startTokens(studio) {
  let shown = null;
  let layer = 0;
  let place = null; // the token that is pointed at

  async function look(file) {
    try {
      const facts = await send("/studio/tokens", { model: studio.model.id, image: file });
      shown = { ...facts, image: await picture(facts.image), reconstruction: await picture(facts.reconstruction) };
      layer = 0;
      place = null;
      layers();
      show();
      studio.news("");
      at("tokens-facts").textContent = `${shown.grid[1]} × ${shown.grid[0]} tokens · ${new Set(shown.codes).size} different, of ${shown.codebook} · reconstruction ${shown.psnr.toFixed(1)} dB`;
    } catch (problem) {
      studio.news(problem.message, true);
    }
  }

  studio.toTokens = (blob) => {
    studio.go("tokens");
    look(blob);
  };
  taken(at("tokens-drop"), at("tokens-file"), look);
  studio.onModel(() => {
    shown = null;
    at("tokens-empty").hidden = false;
    at("tokens-facts").textContent = "";
  });

  /** A tokenizer with several codes a place has a grid of each. */
  function layers() {
    const ids = Array.from({ length: shown.codes_a_place }, (_, i) => `layer-${i}`);
    at("tokens-layers").hidden = ids.length < 2;
    at("tokens-layers").replaceChildren(...ids.map((id, i) => {
      const button = element("button", { id, type: "button", textContent: i + 1, "aria-pressed": i === 0 });
      button.addEventListener("click", () => press(ids, id, () => {
        layer = i;
        show();
      }));
      return button;
    }));
  }

  function show() {
    at("tokens-empty").hidden = true;
    const [rows, columns] = shown.grid;
    const codes = shown.codes.slice(layer * rows * columns, (layer + 1) * rows * columns);
    const code = place === null ? null : codes[place];
    const cell = Math.max(6, Math.round(SIDE / Math.max(rows, columns)));
    const grid = at("tokens-grid");
    Object.assign(grid, { width: columns * cell, height: rows * cell });
    const context = grid.getContext("2d");
    tiles(context, codes, columns, cell);
    mark(context, codes, code, columns, cell);
    for (const [id, image] of [["tokens-image", shown.image], ["tokens-again", shown.reconstruction]]) {
      const canvas = at(id);
      Object.assign(canvas, { width: columns * cell, height: rows * cell });
      const own = canvas.getContext("2d");
      own.imageSmoothingEnabled = false;
      own.drawImage(image, 0, 0, canvas.width, canvas.height);
      mark(own, codes, code, columns, cell);
    }
    const equal = codes.filter((each) => each === code).length;
    at("tokens-caption").textContent = code === null ? "Tokens: point at one" : `Token ${code}, row ${Math.floor(place / columns)}, column ${place % columns}: ${equal === 1 ? "the only one" : `one of ${equal}`}`;
  }

  /** Others step back behind those that are equal. */
  function mark(context, codes, code, columns, side) {
    if (code === null) {
      return;
    }
    codes.forEach((each, i) => {
      const [x, y] = [(i % columns) * side, Math.floor(i / columns) * side];
      if (each !== code) {
        context.fillStyle = "rgb(0 0 0 / 45%)";
        context.fillRect(x, y, side, side);
      } else {
        context.lineWidth = i === place ? 4 : 2;
        context.strokeStyle = i === place ? "#ffd166" : "#fff";
        context.strokeRect(x + 2, y + 2, side - 4, side - 4);
      }
    });
  }

  function point(event) {
    if (!shown) {
      return;
    }
    const [rows, columns] = shown.grid;
    const side = event.target.clientWidth / columns;
    const [column, row] = [Math.floor(event.offsetX / side), Math.floor(event.offsetY / side)];
    const next = row >= 0 && row < rows && column >= 0 && column < columns ? row * columns + column : null;
    if (next !== place) {
      place = next;
      show();
    }
  }

  for (const id of ["tokens-image", "tokens-grid", "tokens-again"]) {
    at(id).addEventListener("pointermove", point);
    at(id).addEventListener("pointerdown", point);
    at(id).addEventListener("pointerleave", () => {
      if (shown && place !== null) {
        place = null;
        show();
      }
    });
  }
  at("tokens-grid").addEventListener("keydown", (event) => {
    const [rows, columns] = shown?.grid ?? [0, 0];
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    if (shown && event.key in moves) {
      event.preventDefault();
      const next = (place ?? 0) + (place === null ? 0 : moves[event.key]);
      if (next >= 0 && next < rows * columns) {
        place = next;
        show();
      }
    }
  });
}
