// The picture is the page's only data. What is known of a box, a link or a wire is its <title>: it is only ever handled as text.
"use strict";

const svg = document.querySelector("svg");
const search = document.getElementById("search");
const found = document.getElementById("found");
const details = document.getElementById("details");
const things = [...svg.querySelectorAll(".node, .link, .wire, .bus")];
const texts = new Map();
for (const thing of things) {
  const title = thing.querySelector("title");
  texts.set(thing, title.textContent);
  thing.setAttribute("aria-label", title.textContent);
  thing.setAttribute("tabindex", "0");
  title.remove();
}

const nodeOf = (thing) => document.getElementById(thing.dataset.node);
const headings = [...svg.querySelectorAll(".heading")];

// What is marked: the others are dimmed.

function mark(marked) {
  svg.classList.toggle("dimmed", marked !== null);
  for (const thing of things) thing.classList.toggle("marked", marked !== null && marked.has(thing));
  for (const heading of headings) heading.classList.toggle("marked", marked !== null && marked.has(nodeOf(heading)));
}

const endsOf = (line) => line.dataset.ends.split(" ").map((id) => document.getElementById(id));

function linesAt(kind) {
  const lines = new Map();
  for (const line of svg.querySelectorAll(kind)) {
    for (const end of endsOf(line)) lines.set(end, [...(lines.get(end) ?? []), line]);
  }
  return lines;
}

const wiresAt = linesAt(".wire");
const busesAt = linesAt(".bus");

// What a bridge is wired to by its ports, which may have ports of their own, as bonds do. Its bus goes on in other columns.
function below(bridge) {
  const buses = (busesAt.get(bridge) ?? []).filter((bus) => endsOf(bus)[0] === bridge);
  const ports = buses.flatMap((bus) => endsOf(bus).slice(1));
  return [...buses, ...ports.flatMap((port) => [...(wiresAt.get(port) ?? []), ...below(port)])];
}

let followed = null;

function follow(line) {
  followed = line;
  const lines = line.matches(".wire") ? [line] : below(endsOf(line)[0]);
  const ends = lines.flatMap(endsOf);
  mark(new Set([...lines, ...ends, ...ends.map(nodeOf)]));
  tell(line.matches(".wire") ? [line, ...ends] : [line, ends[0]]);
}

function clear() {
  followed = null;
  search.value = "";
  look();
  tell([]);
}

// Details of what the pointer or the keyboard is at.

function tell(of) {
  details.replaceChildren(...of.map((thing) => {
    const part = document.createElement("p");
    part.textContent = texts.get(thing);
    return part;
  }));
}

function thingAt(event) {
  return event.target instanceof Element ? event.target.closest(".node, .link, .wire, .bus") : null;
}

for (const kind of ["pointerover", "focusin"]) {
  svg.addEventListener(kind, (event) => {
    const thing = thingAt(event);
    if (thing && !followed) tell([thing]);
  });
}

function choose(thing) {
  const line = thing && (thing.matches(".wire, .bus") ? thing : [...(wiresAt.get(thing) ?? []), ...(busesAt.get(thing) ?? [])][0]);
  if (line) follow(line);
  else if (thing) tell([thing]);
}

// Search.

let matches = [];
let match = -1;

function look() {
  const words = search.value.toLowerCase().split(/\s+/).filter((word) => word);
  followed = null;
  match = -1;
  matches = words.length === 0 ? [] : things.filter((thing) => {
    const text = texts.get(thing).toLowerCase();
    return !thing.matches(".wire, .bus") && words.every((word) => text.includes(word));
  });
  // The box of a link that is found is not dimmed.
  const nodes = matches.filter((thing) => thing.matches(".link")).map(nodeOf);
  mark(words.length === 0 ? null : new Set([...matches, ...nodes]));
  found.textContent = words.length === 0 ? "" : `${matches.length} found`;
}

function next(step) {
  if (matches.length === 0) return;
  match = (match + step + matches.length) % matches.length;
  const box = matches[match].getBBox();
  const width = Math.min(view.width, 1200);
  show({ x: box.x + box.width / 2 - width / 2, y: box.y + box.height / 2 - width * ratio() / 2, width });
  tell([matches[match]]);
  found.textContent = `${match + 1} of ${matches.length}`;
}

search.addEventListener("input", look);
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter") next(event.shiftKey ? -1 : 1);
});

// The part of the picture that is shown. Its height follows from the window's.

const whole = svg.viewBox.baseVal;
const all = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
let view = { ...all };
let isWhole = true;
svg.removeAttribute("width");
svg.removeAttribute("height");

function ratio() {
  const { width, height } = svg.getBoundingClientRect();
  return height / width;
}

function show({ x, y, width }) {
  const most = Math.max(all.width, all.height / ratio());
  width = Math.min(Math.max(width, 100), most);
  view = { x, y, width };
  isWhole = false;
  svg.setAttribute("viewBox", `${x} ${y} ${width} ${width * ratio()}`);
}

function fit() {
  const width = Math.max(all.width, all.height / ratio());
  show({ x: all.x - (width - all.width) / 2, y: all.y, width });
  isWhole = true;
}

// Zooms by a factor about a point of the window.
function zoom(factor, clientX, clientY) {
  const { left, top, width } = svg.getBoundingClientRect();
  const scale = view.width / width;
  const [x, y] = [view.x + (clientX - left) * scale, view.y + (clientY - top) * scale];
  const before = view.width;
  show({ ...view, width: before / factor });
  const real = before / view.width;
  show({ x: x - (x - view.x) / real, y: y - (y - view.y) / real, width: view.width });
}

function zoomAtCentre(factor) {
  const { left, top, width, height } = svg.getBoundingClientRect();
  zoom(factor, left + width / 2, top + height / 2);
}

function pan(x, y) {
  const scale = view.width / svg.getBoundingClientRect().width;
  show({ x: view.x - x * scale, y: view.y - y * scale, width: view.width });
}

svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.002)), event.clientX, event.clientY);
}, { passive: false });

// One pointer pans, two zoom. A pointer that has not moved clicks.

const pointers = new Map();
let moved = 0;

svg.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  if (pointers.size === 0) moved = 0;
  pointers.set(event.pointerId, event);
});

window.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
  moved += Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY);
  pointers.set(event.pointerId, event);
  if (other) {
    const distance = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
    zoom(distance(event) / Math.max(distance(before), 1), other.clientX, other.clientY);
  } else if (moved > 4) {
    pan(event.clientX - before.clientX, event.clientY - before.clientY);
  }
});

for (const kind of ["pointerup", "pointercancel"]) {
  window.addEventListener(kind, (event) => pointers.delete(event.pointerId));
}

svg.addEventListener("click", (event) => {
  if (moved > 4) return;
  const thing = thingAt(event);
  if (thing) choose(thing);
});

// Buttons and keys.

const actions = {
  "+": () => zoomAtCentre(1.4),
  "-": () => zoomAtCentre(1 / 1.4),
  0: fit,
  Escape: clear,
  "/": () => search.focus(),
  ArrowLeft: () => pan(80, 0),
  ArrowRight: () => pan(-80, 0),
  ArrowUp: () => pan(0, 80),
  ArrowDown: () => pan(0, -80),
};

for (const button of document.querySelectorAll("button")) {
  button.addEventListener("click", () => actions[button.value]());
}

window.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const isTyping = event.target === search && event.key !== "Escape";
  const isButton = event.target instanceof HTMLButtonElement;
  if ((event.key === "Enter" || event.key === " ") && !isTyping && !isButton) {
    const thing = thingAt(event);
    if (thing) {
      event.preventDefault();
      choose(thing);
    }
  } else if (!isTyping && Object.hasOwn(actions, event.key)) {
    event.preventDefault();
    actions[event.key]();
  }
});

window.addEventListener("resize", () => (isWhole ? fit() : show(view)));
fit();
