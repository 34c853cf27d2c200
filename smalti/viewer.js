// Made from smalti/page.md by make tangle; edit that.
const about = JSON.parse(document.getElementById("about").textContent);
const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d");
const label = document.querySelector("output");
const finest = Math.ceil(Math.log2(Math.max(about.width, about.height)));
const view = { x: about.width / 2, y: about.height / 2, scale: 1e-9 };

const place = (x, y) => ({  // of a pixel of the canvas, in the mosaic
  x: view.x + (x - canvas.width / 2) / view.scale,
  y: view.y + (y - canvas.height / 2) / view.scale,
});
const across = x => Math.round((x - view.x) * view.scale + canvas.width / 2);
const down = y => Math.round((y - view.y) * view.scale + canvas.height / 2);

const tiles = new Map();

function load(level, col, row) {
  const source = `${about.folder}/${level}/${col}_${row}.${about.ending}`;
  let image = tiles.get(source);
  if (!image) {
    image = new Image();
    image.onload = redraw;
    image.src = source;
  }
  tiles.delete(source);
  tiles.set(source, image);
  if (tiles.size > 500) tiles.delete(tiles.keys().next().value);
  return image;
}

function drawTile(level, col, row, side) {
  for (let up = 0; up <= level; up++) {
    const image = load(level - up, col >> up, row >> up), piece = about.tile / 2 ** up;
    if (!image.naturalWidth) continue;
    const x = (col % 2 ** up) * piece, y = (row % 2 ** up) * piece;
    const left = across(col * side), right = across(Math.min((col + 1) * side, about.width));
    const top = down(row * side), bottom = down(Math.min((row + 1) * side, about.height));
    pen.drawImage(image, x, y, Math.min(piece, image.naturalWidth - x),
      Math.min(piece, image.naturalHeight - y), left, top, right - left, bottom - top);
    return;
  }
}

function draw() {
  const fitting = Math.ceil(finest + Math.log2(view.scale) - 0.3);
  const level = Math.max(0, Math.min(finest, fitting));
  const side = about.tile * 2 ** (finest - level);
  const from = place(0, 0), to = place(canvas.width, canvas.height);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const right = Math.min(to.x, about.width), bottom = Math.min(to.y, about.height);
  for (let row = Math.max(0, Math.floor(from.y / side)); row * side < bottom; row++)
    for (let col = Math.max(0, Math.floor(from.x / side)); col * side < right; col++)
      drawTile(level, col, row, side);
}

let waiting = 0;
function redraw() {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(draw);
}

function move(factor, x = canvas.width / 2, y = canvas.height / 2, right = 0, up = 0) {
  const fixed = place(x, y);
  const whole = Math.min(canvas.width / about.width, canvas.height / about.height);
  view.scale = Math.max(whole, Math.min(view.scale * factor, Math.max(8, whole)));
  view.x = fixed.x - (x + right - canvas.width / 2) / view.scale;
  view.y = fixed.y - (y + up - canvas.height / 2) / view.scale;
  const sides = [["x", about.width, canvas.width], ["y", about.height, canvas.height]];
  for (const [axis, all, seen] of sides) {
    const margin = Math.min(all, seen / view.scale) / 2;
    view[axis] = Math.max(margin, Math.min(view[axis], all - margin));
  }
  redraw();
}

const fingers = new Map(), at = event => {
  const ratio = canvas.width / canvas.clientWidth;
  return { x: event.clientX * ratio, y: event.clientY * ratio };
};
canvas.onpointerdown = event => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, at(event));
  name(at(event));
};
canvas.onpointermove = event => {
  const now = at(event), before = fingers.get(event.pointerId);
  name(now);
  if (!before) return;
  const other = [...fingers.values()].find(finger => finger !== before);
  const gap = point => Math.max(10, Math.hypot(point.x - other.x, point.y - other.y));
  if (other) move(gap(now) / gap(before), (before.x + other.x) / 2, (before.y + other.y) / 2,
    (now.x - before.x) / 2, (now.y - before.y) / 2);
  else move(1, before.x, before.y, now.x - before.x, now.y - before.y);
  fingers.set(event.pointerId, now);
};
canvas.onpointerup = canvas.onpointercancel = event => fingers.delete(event.pointerId);
canvas.onpointerleave = () => { label.textContent = ""; };

canvas.onwheel = event => {
  event.preventDefault();
  const step = event.deltaMode ? 0.06 : event.ctrlKey ? 0.01 : 0.002;
  move(Math.exp(-step * event.deltaY), at(event).x, at(event).y);
};

const keys = {
  "+": () => move(1.5), "=": () => move(1.5), "-": () => move(1 / 1.5), "0": () => move(0),
  Home: () => move(0),
  ArrowLeft: () => move(1, 0, 0, canvas.width / 8),
  ArrowRight: () => move(1, 0, 0, -canvas.width / 8),
  ArrowUp: () => move(1, 0, 0, 0, canvas.height / 8),
  ArrowDown: () => move(1, 0, 0, 0, -canvas.height / 8),
};
document.onkeydown = event => {
  if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
};
for (const button of document.querySelectorAll("button"))
  button.onclick = () => keys[button.dataset.key]();
canvas.ondblclick = event => move(2.5, at(event).x, at(event).y);

function name(point) {
  const { x, y } = place(point.x, point.y);
  const inside = x >= 0 && y >= 0 && x < about.width && y < about.height;
  if (!about.match) return;
  const col = Math.ceil((Math.floor(x) + 1) * about.cols / about.width) - 1;
  const row = Math.ceil((Math.floor(y) + 1) * about.rows / about.height) - 1;
  label.textContent = inside ? about.names[about.match[row * about.cols + col]] : "";
}

new ResizeObserver(() => {
  canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
  canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
  move(1);
}).observe(canvas);
