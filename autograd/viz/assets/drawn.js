// The SVG of a level: one group per arrow and per box, in their order, with classes instead of colours.

const LINE_HEIGHT = 15;  // pixels, as in the layout (layout.py)
const OUTLINE = 3;  // between the two outlines of an output
const MARGIN = 24;

const SVG = "http://www.w3.org/2000/svg";

function draw(tag, attributes = {}, parent = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (parent) parent.append(element);
  return element;
}

function drawn(level) {
  const { size: [width, height], about } = level.g;
  const viewBox = `${-MARGIN} ${-MARGIN} ${width + 2 * MARGIN} ${height + 2 * MARGIN}`;
  const svg = draw("svg", { class: "graph", viewBox, role: "group", "aria-label": about });
  const arrows = draw("g", {}, svg);
  const boxes = draw("g", {}, svg);
  const walked = new Set(level.steps.map(([arrow]) => arrow));
  const computed = new Set(level.arrows.map(([, head]) => head));
  level.arrows.forEach((arrow, i) => arrows.append(drawnArrow(level, arrow, i, walked.has(i))));
  level.boxes.forEach((box, i) => boxes.append(drawnBox(level, box, i, computed.has(i))));
  return svg;
}

function drawnArrow({ scalar, g: { curves, labels } }, [tail, head, local], i, isWalked) {
  const group = draw("g", { class: isWalked ? "e" : "e k", "data-tail": `n${tail}`, "data-head": `n${head}` });
  draw("path", { d: `M${curves[i]}` }, group);
  const [x, y] = [labels[2 * i], labels[2 * i + 1]];
  if (x !== null) draw("text", { x, y }, group).textContent = scalar ? format(num(local)) : local;
  return group;
}

function drawnBox(level, box, i, isComputed) {
  const [x, y, width] = level.g.at.slice(3 * i, 3 * i + 3);
  const room = level.g.rooms?.[i] ?? 0;
  const lines = level.scalar ? linesOf(box, isComputed) : box.l.map((line) => line.replace("not computed", ""));
  const isNamed = !level.scalar || isComputed || box.m || !lines.length || box.c;
  const count = lines.length + (isNamed ? 1 : 0);
  const height = LINE_HEIGHT * count + room + 14 + (box.k === "output" ? 2 * OUTLINE : 0);
  const group = draw("g", { class: `b ${box.k}`, "data-node": `n${i}`, transform: `translate(${x} ${y})` });
  drawOutline(box.k, width, height, group);
  let line = LINE_HEIGHT * (0.78 - count / 2) - room / 2;
  const write = (name, text) => {
    draw("text", { class: name, y: line.toFixed(1) }, group).textContent = text;
    line += LINE_HEIGHT;
  };
  if (isNamed) write("t", box.t);
  for (const text of lines) write(text.includes("grad ") ? "g" : "d", text);
  return group;
}

// The lines of a single number; what they say is written at each step of the walk.
function linesOf(box, isComputed) {
  const data = box.k === "constant" && !box.c && !isComputed ? [] : [`data ${format(num(box.v))}`];
  return box.k === "constant" ? data : [...data, "grad "];
}

function drawOutline(kind, width, height, group) {
  const [x, y] = [width / 2, height / 2];
  const rectangle = (room, more = {}) => draw("rect", {
    x: room - x, y: room - y, width: width - 2 * room, height: height - 2 * room, ...more,
  }, group);
  if (kind === "parameter") {  // cut corners
    const [u, v] = [x - 7, y - 7];
    draw("polygon", { points: `${-u},${-y} ${u},${-y} ${x},${-v} ${x},${v} ${u},${y} ${-u},${y} ${-x},${v} ${-x},${-v}` }, group);
    return;
  }
  // A second sheet behind the first.
  if (kind === "group") draw("path", { class: "sheet", d: `M${4 - x} ${y}v4h${width}v${-height}h-4` }, group);
  const radius = { leaf: 14, group: 4 }[kind];
  rectangle(0, radius ? { rx: radius } : {});
  if (kind === "output") rectangle(OUTLINE);
}
