// Tokens as tesserae, and how unsure the model was of them.

/** A colour of its own for each code: hues by the golden angle, in the muted lightness of glass. */
export function colour(code) {
  if (code < 0) {
    return null;
  }
  const hue = (code * 137.508) % 360;
  const light = 38 + ((code * 29) % 34);
  const rich = 35 + ((code * 17) % 30);
  return `hsl(${hue.toFixed(1)} ${rich}% ${light}%)`;
}

/** @param codes row by row, -1 where there is none yet, null where none is shown */
export function tiles(context, codes, columns, side, gap = Math.max(1, side * 0.06)) {
  codes.forEach((code, i) => {
    if (code === null) {
      return;
    }
    const [x, y] = [(i % columns) * side, Math.floor(i / columns) * side];
    const fill = colour(code);
    context.fillStyle = fill ?? "rgb(128 128 128 / 22%)";
    context.beginPath();
    context.roundRect(x + gap / 2, y + gap / 2, side - gap, side - gap, side * 0.1);
    context.fill();
  });
}

/** Leaves the ground bare where there is no code yet. */
export function gaps(context, codes, columns, side) {
  codes.forEach((code, i) => code < 0 && context.clearRect((i % columns) * side, Math.floor(i / columns) * side, side, side));
  tiles(context, codes.map((code) => (code < 0 ? -1 : null)), columns, side);
}

const RAMP = [[44, 17, 96], [114, 31, 129], [183, 55, 121], [241, 96, 93], [254, 176, 120], [252, 253, 191]];

function heatColour(share, alpha) {
  const place = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const i = Math.min(Math.floor(place), RAMP.length - 2);
  const mixed = RAMP[i].map((each, c) => Math.round(each + (RAMP[i + 1][c] - each) * (place - i)));
  return `rgb(${mixed.join(" ")} / ${alpha})`;
}

/** @param entropies in bits, null where the model wasn't asked @param most that is shown brightest */
export function heat(context, entropies, columns, side, most) {
  entropies.forEach((bits, i) => {
    if (bits !== null && bits !== undefined) {
      context.fillStyle = heatColour(bits / most, 0.72);
      context.fillRect((i % columns) * side, Math.floor(i / columns) * side, side, side);
    }
  });
}
