// Made from smalti/viewer.md by make tangle; edit that.
"use strict";
const byId = id => document.getElementById(id);
const about = JSON.parse(byId("about").textContent);
const canvas = byId("picture"), pen = canvas.getContext("2d");
const label = byId("label"), card = byId("card"), seek = byId("seek"), found = byId("found");
const slider = document.querySelector("#fade input");
const finest = Math.ceil(Math.log2(Math.max(about.width, about.height)));
const view = { x: about.width / 2, y: about.height / 2, scale: 1e-9, width: 1, height: 1 };

const place = (x, y, eye = view) => ({  // of a pixel of the canvas, in the mosaic
  x: eye.x + (x - eye.width / 2) / eye.scale,
  y: eye.y + (y - eye.height / 2) / eye.scale,
});
const across = (x, eye = view) => Math.round((x - eye.x) * eye.scale + eye.width / 2);
const down = (y, eye = view) => Math.round((y - eye.y) * eye.scale + eye.height / 2);

const tiles = new Map(), KEPT = 200;

function load(level, col, row) {
  const source = `${about.folder}/${level}/${col}_${row}.${about.ending}`;
  let tile = tiles.get(source);
  if (!tile) {
    const image = new Image();
    tile = { image, ready: false };
    image.src = source;
    image.decode().then(() => { tile.ready = true; redraw(); }, () => {});
  }
  tiles.delete(source);
  tiles.set(source, tile);
  if (tiles.size > KEPT) tiles.delete(tiles.keys().next().value);
  return tile;
}

function drawTile(brush, eye, level, col, row) {
  const side = about.tile * 2 ** (finest - level);
  for (let up = 0; up <= level; up++) {
    const tile = load(level - up, col >> up, row >> up), piece = about.tile / 2 ** up;
    if (!tile.ready) continue;
    const x = (col % 2 ** up) * piece, y = (row % 2 ** up) * piece;
    const left = across(col * side, eye), top = down(row * side, eye);
    const right = across(Math.min((col + 1) * side, about.width), eye);
    const bottom = down(Math.min((row + 1) * side, about.height), eye);
    brush.drawImage(tile.image, x, y, Math.min(piece, tile.image.naturalWidth - x),
      Math.min(piece, tile.image.naturalHeight - y), left, top, right - left, bottom - top);
    return up === 0;
  }
  return false;
}

function drawTiles(brush, eye) {
  const fitting = Math.ceil(finest + Math.log2(eye.scale) - 0.3);
  const level = Math.max(0, Math.min(finest, fitting));
  const side = about.tile * 2 ** (finest - level);
  const from = place(0, 0, eye), to = place(eye.width, eye.height, eye);
  const right = Math.min(to.x, about.width), bottom = Math.min(to.y, about.height);
  let sharp = true;
  for (let row = Math.max(0, Math.floor(from.y / side)); row * side < bottom; row++)
    for (let col = Math.max(0, Math.floor(from.x / side)); col * side < right; col++)
      sharp = drawTile(brush, eye, level, col, row) && sharp;
  return sharp;
}

const target = new Image();

function drawTarget() {
  const fade = slider.valueAsNumber / 100;
  if (!fade || !target.naturalWidth) return;
  const from = place(0, 0), to = place(view.width, view.height);
  const left = Math.max(0, from.x), right = Math.min(about.width, to.x);
  const top = Math.max(0, from.y), bottom = Math.min(about.height, to.y);
  const h = target.naturalWidth / about.width, v = target.naturalHeight / about.height;
  pen.globalAlpha = fade;
  pen.drawImage(target, left * h, top * v, (right - left) * h, (bottom - top) * v,
    across(left), down(top), across(right) - across(left), down(bottom) - down(top));
  pen.globalAlpha = 1;
}

let waiting = 0;

function draw() {
  waiting = 0;
  pen.clearRect(0, 0, view.width, view.height);
  drawTiles(pen, view);
  drawTarget();
  drawMarks();
  drawStone();
}

function redraw() {
  waiting ||= requestAnimationFrame(draw);
}

const chosen = { photo: -1, cells: [], at: 0 };
let cursor = -1;  // the cell under the pointer, or that the keys have come to
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name);

function boxOf(cell, least = 0) {  // on the canvas: left, top, width, height
  const { left, top, right, bottom } = edges(cell);
  const x = across(left), y = down(top), width = across(right) - x, height = down(bottom) - y;
  const h = Math.max(0, least - width) / 2, v = Math.max(0, least - height) / 2;
  return [x - h, y - v, width + 2 * h, height + 2 * v];
}

function drawMarks() {
  const ratio = devicePixelRatio;
  if (card.open) {
    if (chosen.misty) drawMist();
    ring(boxOf(chosen.cells[chosen.at], 16 * ratio), 3 * ratio);
  }
  if (cursor >= 0 && boxOf(cursor)[2] > 12 * ratio) ring(boxOf(cursor), 1.5 * ratio);
}

function ring([x, y, width, height], thick) {
  for (const [style, line] of [["#000a", 2.2 * thick], ["#fff", thick]]) {
    pen.strokeStyle = style;
    pen.lineWidth = line;
    pen.strokeRect(x - thick, y - thick, width + 2 * thick, height + 2 * thick);
  }
}

function drawMist() {
  const least = chosen.cells.length < 2000 ? 5 * devicePixelRatio : 2;
  const places = new Path2D();
  for (const cell of chosen.cells) {
    const [x, y, width, height] = boxOf(cell, least);
    const seen = x + width > 0 && y + height > 0 && x < view.width && y < view.height;
    if (seen) places.rect(x, y, width, height);
  }
  pen.save();
  pen.globalAlpha = 0.5;
  pen.fillStyle = colour("--wall");
  pen.fillRect(0, 0, view.width, view.height);
  pen.globalAlpha = 1;
  pen.clip(places);
  drawTiles(pen, view);
  drawTarget();
  pen.restore();
}

function free() {
  const narrow = innerWidth <= 700, ratio = devicePixelRatio;
  const room = { left: narrow ? 10 : 20, top: 72, right: innerWidth - (narrow ? 10 : 76) };
  room.bottom = innerHeight - 72;
  if (card.open && narrow) room.bottom = Math.max(150, card.getBoundingClientRect().top - 14);
  if (card.open && !narrow) room.right = card.getBoundingClientRect().left - 20;
  for (const side in room) room[side] *= ratio;
  room.width = Math.max(40, room.right - room.left);
  room.height = Math.max(40, room.bottom - room.top);
  return room;
}

function move(factor, x = view.width / 2, y = view.height / 2, right = 0, up = 0) {
  const fixed = place(x, y), room = free();
  const whole = Math.min(room.width / about.width, room.height / about.height);
  const nearest = Math.max(2 * devicePixelRatio, whole);
  view.scale = Math.max(whole, Math.min(view.scale * factor, nearest));
  view.x = fixed.x - (x + right - view.width / 2) / view.scale;
  view.y = fixed.y - (y + up - view.height / 2) / view.scale;
  view.whole = view.scale <= whole * 1.0001;
  keepInside("x", about.width, room.left, room.right, view.width);
  keepInside("y", about.height, room.top, room.bottom, view.height);
  redraw();
  remember();
}

function keepInside(axis, all, low, high, size) {
  const shift = (low + high - size) / 2 / view.scale;  // from its centre to that of the free part
  const margin = Math.min(all, (high - low) / view.scale) / 2;
  view[axis] = Math.max(margin, Math.min(view[axis] + shift, all - margin)) - shift;
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");
let flight = 0;

function fly(x, y, scale) {
  const from = { ...view }, start = performance.now(), time = calm.matches ? 0 : 700;
  const far = Math.hypot(x - from.x, y - from.y) * Math.min(scale, from.scale) / view.width;
  const hump = Math.max(0, Math.log(far));
  const step = now => {
    const part = time ? Math.min(1, (now - start) / time) : 1;
    const eased = part * part * (3 - 2 * part);
    const rise = Math.log(from.scale) * (1 - eased) + Math.log(scale) * eased;
    view.scale = Math.exp(rise - hump * 4 * eased * (1 - eased));
    const near = from.scale === scale ? eased : (1 - from.scale / Math.exp(rise)) / (1 - from.scale / scale);
    view.x = from.x + (x - from.x) * near;
    view.y = from.y + (y - from.y) * near;
    move(1);
    flight = part < 1 ? requestAnimationFrame(step) : 0;
  };
  land();
  step(start);
}

function land() {
  cancelAnimationFrame(flight);
  flight = 0;
}

function flyTo(x, y, scale) {
  const room = free();
  const right = (room.left + room.right - view.width) / 2;
  const lower = (room.top + room.bottom - view.height) / 2;
  fly(x - right / scale, y - lower / scale, scale);
}

function flyToCell(cell, nearer) {
  const { left, top, right, bottom } = edges(cell), room = free();
  const [x, y, width, height] = boxOf(cell);
  const wanted = Math.min(room.width, room.height) / 6 / (right - left);
  const inside = x >= room.left && x + width <= room.right && y >= room.top && y + height <= room.bottom;
  if (inside && !nearer) return;
  const scale = nearer ? Math.max(view.scale, Math.min(wanted, 2 * devicePixelRatio)) : view.scale;
  flyTo((left + right) / 2, (top + bottom) / 2, scale);
}

function edges(cell) {
  const col = cell % about.cols, row = Math.floor(cell / about.cols);
  const end = (i, all, parts) => Math.floor(i * all / parts);
  return {
    left: end(col, about.width, about.cols), right: end(col + 1, about.width, about.cols),
    top: end(row, about.height, about.rows), bottom: end(row + 1, about.height, about.rows),
  };
}

function cellAt(x, y) {  // of the mosaic; -1 outside, and where there is no photo
  if (!about.match || x < 0 || y < 0 || x >= about.width || y >= about.height) return -1;
  const col = Math.ceil((Math.floor(x) + 1) * about.cols / about.width) - 1;
  const row = Math.ceil((Math.floor(y) + 1) * about.rows / about.height) - 1;
  const cell = row * about.cols + col;
  return about.match[cell] >= 0 ? cell : -1;
}

const uses = new Uint32Array(about.names ? about.names.length : 0);
for (const photo of about.match || []) if (photo >= 0) uses[photo]++;
const times = count => count === 1 ? "used once" : `used ${count.toLocaleString("en")} times`;

const short = name => name.split("/").pop() || name;
const folders = name => name.slice(0, -short(name).length);

function describe(cell) {
  const row = Math.floor(cell / about.cols) + 1, col = cell % about.cols + 1;
  const where = `row ${row}, column ${col}`;
  if (!about.off) return where;
  const off = about.off[cell] ? `colour ${about.off[cell]} of 255 levels off` : "the very colour";
  return `${where}, ${off}${about.recoloured ? ", then recoloured" : ""}`;
}

function point(cell) {
  if (cell === cursor) return;
  cursor = cell;
  const photo = cell < 0 ? -1 : about.match[cell];
  label.textContent = cell < 0 ? "" : `${short(about.names[photo])}, ${times(uses[photo])}; ${describe(cell)}`;
  redraw();
}

const photo = byId("photo"), stone = byId("stone");
const here = address => address && (location.protocol === "file:" || !address.startsWith("../"));

function showPhoto(number) {
  const known = (about.photos || [])[number], address = here(known) ? known : "";
  photo.alt = about.names[number];
  byId("original").hidden = photo.hidden = !address;
  stone.hidden = Boolean(address);
  if (address) photo.src = byId("open").href = address;
  else photo.removeAttribute("src");
}
photo.addEventListener("error", () => {
  photo.hidden = byId("original").hidden = true;
  stone.hidden = false;
  redraw();
});

function drawStone() {
  if (!card.open || stone.hidden) return;
  const { left, top, right, bottom } = edges(chosen.cells[chosen.at]);
  stone.width = right - left;
  stone.height = bottom - top;
  const eye = { x: (left + right) / 2, y: (top + bottom) / 2, scale: 1 };
  drawTiles(stone.getContext("2d"), { ...eye, width: stone.width, height: stone.height });
}

function choose(cell, nearer = false) {
  const number = about.match[cell];
  if (touched) write();  // where we are, to come back to
  if (chosen.photo !== number) {
    chosen.photo = number;
    chosen.cells = [];
    about.match.forEach((photo, i) => { if (photo === number) chosen.cells.push(i); });
  }
  const opened = !card.open;
  chosen.at = chosen.cells.indexOf(cell);
  chosen.misty = nearer || chosen.cells.length > 1;
  tellChosen();
  if (opened) open();
  leave();
  flyToCell(cell, nearer);
  redraw();
}

function tellChosen() {
  const cell = chosen.cells[chosen.at], count = chosen.cells.length;
  const name = about.names[chosen.photo], facts = `${times(count)}; here ${describe(cell)}`;
  byId("name").textContent = short(name);
  byId("way").textContent = folders(name);
  byId("facts").textContent = facts[0].toUpperCase() + facts.slice(1);
  byId("places").hidden = count === 1;
  byId("which").textContent = `place ${chosen.at + 1} of ${count.toLocaleString("en")}`;
  label.textContent = `${name}, place ${chosen.at + 1} of ${count}; ${describe(cell)}`;
  if (card.dataset.of !== String(chosen.photo)) showPhoto(chosen.photo);
  card.dataset.of = String(chosen.photo);
}

function open() {
  card.show();
  card.focus();
}

const next = step => {
  const { cells, at } = chosen;
  if (card.open) choose(cells[(at + step + cells.length) % cells.length]);
};

function widen(large) {
  card.close();
  card.classList.toggle("large", large);
  byId("larger").setAttribute("aria-label", large ? "show it smaller" : "show it larger");
  if (large) card.showModal();
  else open();
  redraw();
}

function shut() {
  if (!card.open) return;
  if (card.classList.contains("large")) { widen(false); return; }
  card.close();
  leave();
  canvas.focus();
  move(1);
}
byId("larger").addEventListener("click", () => widen(!card.classList.contains("large")));
card.addEventListener("cancel", event => { event.preventDefault(); shut(); });

const fold = text => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
let folded = null;  // names, when they are first searched
const hits = { photos: [], at: -1 };

function search() {
  const word = fold(seek.value.trim());
  folded ||= about.names.map(fold);
  const every = word ? [...folded.keys()].filter(i => folded[i].includes(word)) : [];
  hits.photos = every.slice(0, 40);
  hits.at = -1;
  label.textContent = !word ? "" : every.length ? `${every.length} found`
    : `No photo in this picture is called “${seek.value.trim()}”.`;
  found.replaceChildren(...hits.photos.map(listItem));
  highlight(hits.photos.length ? 0 : -1);
}

function listItem(number, i) {
  const [item, name, way, often] = ["li", "b", "small", "span"].map(tag => document.createElement(tag));
  name.textContent = short(about.names[number]);
  way.textContent = folders(about.names[number]);
  often.textContent = `${uses[number].toLocaleString("en")} ×`;
  name.append(way);
  item.append(name, often);
  item.id = `found-${i}`;
  item.role = "option";
  item.addEventListener("click", () => take(i));
  return item;
}

function highlight(i) {
  hits.at = i;
  found.hidden = i < 0;
  seek.setAttribute("aria-expanded", String(i >= 0));
  for (const [j, item] of [...found.children].entries()) item.ariaSelected = String(i === j);
  if (i < 0) seek.removeAttribute("aria-activedescendant");
  else seek.setAttribute("aria-activedescendant", `found-${i}`);
  found.children[i]?.scrollIntoView({ block: "nearest" });
}

function take(i) {
  const number = hits.photos[i];
  if (number === undefined) return;
  highlight(-1);
  seek.value = "";
  choose(about.match.indexOf(number), true);
  card.focus();
}
seek.addEventListener("input", search);
seek.addEventListener("blur", () => setTimeout(() => highlight(-1), 200));
seek.addEventListener("keydown", event => {
  const count = hits.photos.length, { key } = event;
  if (key === "ArrowDown" && count) highlight((hits.at + 1) % count);
  else if (key === "ArrowUp" && count) highlight((hits.at + count - 1) % count);
  else if (key === "Enter") take(hits.at);
  else if (key === "Escape") { seek.value = ""; highlight(-1); label.textContent = ""; canvas.focus(); }
  else return;
  event.preventDefault();
});

const across1 = about.width / (about.cols || 100), down1 = about.height / (about.rows || 100);
let resting = 0, touched = false;

function link() {
  const room = free();
  const { x, y } = place((room.left + room.right) / 2, (room.top + room.bottom) / 2);
  const scale = view.scale * across1 / devicePixelRatio;
  const numbers = [(x / across1).toFixed(2), (y / down1).toFixed(2), scale.toPrecision(4)];
  if (card.open) numbers.push(chosen.cells[chosen.at]);
  return `#${numbers.join(",")}`;
}

const write = () => { if (link() !== location.hash) history.replaceState(null, "", link()); };

function remember() {
  clearTimeout(resting);
  if (touched) resting = setTimeout(write, 300);
}

function leave() {  // for another place, which gets a new entry
  clearTimeout(resting);
  touched = true;
  history.pushState(null, "", link());
}

function read() {
  const [x, y, scale, cell] = location.hash.slice(1).split(",").map(Number);
  const choice = about.match && about.match[cell] >= 0 ? cell : -1;
  if (card.open) card.close();
  card.classList.remove("large");
  land();
  if (choice >= 0) {
    chosen.photo = about.match[choice];
    chosen.cells = [...about.match.keys()].filter(i => about.match[i] === chosen.photo);
    chosen.at = chosen.cells.indexOf(choice);
    chosen.misty = true;
    tellChosen();
    open();
  }
  if (!(scale > 0 && Number.isFinite(x + y))) { move(0); return; }
  const room = free();
  view.scale = scale * devicePixelRatio / across1;
  move(1);
  view.x = x * across1 - (room.left + room.right - view.width) / 2 / view.scale;
  view.y = y * down1 - (room.top + room.bottom - view.height) / 2 / view.scale;
  move(1);
}
addEventListener("hashchange", read);

const fingers = new Map();
let moved = 0;
const at = event => {
  const ratio = view.width / canvas.clientWidth;
  return { x: event.clientX * ratio, y: event.clientY * ratio };
};
const cellUnder = ({ x, y }) => { const spot = place(x, y); return cellAt(spot.x, spot.y); };

canvas.addEventListener("pointerdown", event => {
  canvas.setPointerCapture(event.pointerId);
  moved = fingers.size ? Infinity : 0;
  fingers.set(event.pointerId, at(event));
  touched = true;
  land();
});
canvas.addEventListener("pointermove", event => {
  const now = at(event), before = fingers.get(event.pointerId);
  if (event.pointerType === "mouse") point(cellUnder(now));
  if (!before) return;
  moved += Math.hypot(now.x - before.x, now.y - before.y);
  const other = [...fingers.values()].find(finger => finger !== before);
  const gap = spot => Math.max(10, Math.hypot(spot.x - other.x, spot.y - other.y));
  if (other) move(gap(now) / gap(before), (before.x + other.x) / 2, (before.y + other.y) / 2,
    (now.x - before.x) / 2, (now.y - before.y) / 2);
  else move(1, before.x, before.y, now.x - before.x, now.y - before.y);
  fingers.set(event.pointerId, now);
});

const lift = event => {
  const clicked = fingers.delete(event.pointerId) && event.type === "pointerup" && event.button === 0;
  if (!clicked || moved > 6 * devicePixelRatio) return;
  const cell = cellUnder(at(event));
  if (cell >= 0) choose(cell);
  else shut();
};
canvas.addEventListener("pointerup", lift);
canvas.addEventListener("pointercancel", lift);
canvas.addEventListener("pointerleave", () => point(-1));

canvas.addEventListener("wheel", event => {
  event.preventDefault();
  land();
  touched = true;
  const step = event.deltaMode ? 0.06 : event.ctrlKey ? 0.01 : 0.002;
  move(Math.exp(-step * event.deltaY), at(event).x, at(event).y);
}, { passive: false });

function middle() {
  const room = free();
  return cellUnder({ x: (room.left + room.right) / 2, y: (room.top + room.bottom) / 2 });
}

function step(right, lower) {
  if (!about.match) return;
  const from = cursor >= 0 ? cursor : middle();
  const col = from % about.cols + right, row = Math.floor(from / about.cols) + lower;
  const inside = col >= 0 && row >= 0 && col < about.cols && row < about.rows;
  if (from < 0 || !inside || about.match[row * about.cols + col] < 0) return;
  point(row * about.cols + col);
  flyToCell(cursor, view.whole);
}

const pan = (x, y) => () => move(1, 0, 0, x * view.width / 8, y * view.height / 8);
const zoom = factor => () => move(factor, (free().left + free().right) / 2, (free().top + free().bottom) / 2);
const actions = {
  "+": zoom(1.5), "=": zoom(1.5), "-": zoom(1 / 1.5), "0": () => move(0), Home: () => move(0),
  ArrowLeft: pan(1, 0), ArrowRight: pan(-1, 0), ArrowUp: pan(0, 1), ArrowDown: pan(0, -1),
  Enter: () => { const cell = cursor >= 0 ? cursor : middle(); if (cell >= 0) choose(cell); },
  n: () => next(1), p: () => next(-1), Escape: shut, "/": () => seek.focus(),
  t: () => { slider.value = slider.valueAsNumber < 50 ? "100" : "0"; redraw(); },
  f: () => document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen(),
  "?": () => byId("keys").showModal(),
};
const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

document.addEventListener("keydown", event => {
  const { key } = event, focus = event.target;
  const theirs = focus === seek || byId("keys").open || (focus === slider && /Arrow|Home/.test(key))
    || (key === "Enter" && focus.matches("button, a"));
  if (event.ctrlKey || event.metaKey || event.altKey || theirs) return;
  const stepping = event.shiftKey && steps[key];
  if (!stepping && !actions[key]) return;
  event.preventDefault();
  land();
  touched = true;
  if (stepping) step(...stepping);
  else actions[key]();
});
for (const button of document.querySelectorAll("[data-key]"))
  button.addEventListener("click", () => { land(); touched = true; actions[button.dataset.key](); });
slider.addEventListener("input", redraw);

byId("search").hidden = !about.match;
byId("fade").hidden = !about.target;
slider.value = "0";
if (about.target) target.src = about.target;
target.addEventListener("load", redraw);
if (!document.fullscreenEnabled) document.querySelector("[data-key=f]").hidden = true;
const named = document.querySelector("h1 a");
if (!named.getAttribute("href")) named.removeAttribute("href");

let started = false;
new ResizeObserver(() => {
  view.width = canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
  view.height = canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
  if (!started) read();
  else move(view.whole ? 0 : 1);
  started = true;
}).observe(canvas);
