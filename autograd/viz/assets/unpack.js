// A level of detail as Python packed it, in full again: what was left out follows from the rest (pagedata.py).

const KIND_NAMES = ["leaf", "parameter", "constant", "operation", "output", "group"];

function unpacked(level) {
  const boxes = level.boxes.map((box) => unpackedBox(box, level.x));
  const arrows = level.scalar ? unpackedArrows(level, boxes) : level.arrows;
  return { ...level, boxes, arrows, steps: level.steps || stepsOf(level, boxes, arrows) };
}

function unpackedBox(box, texts) {
  const found = { ...box, k: KIND_NAMES[box.k], t: box.t ?? box.n };
  for (const key of ["o", "f", "p", "s"]) if (key in box) found[key] = texts[box[key]];
  if (box.h) found.h = box.h.map(([title, is, grid, ...place]) => [title, is, Array.isArray(grid) ? grid : box.h[grid][2], ...place]);
  return found;
}

// In place of a derivative, "1" is the number of the operand 1, and "1!" says so in the formula, too.
function unpackedArrows(level, boxes) {
  const operands = boxes.map(() => []);
  for (const [tail, head] of level.arrows) operands[head].push(tail);
  return level.arrows.map(([tail, head, local, formula, template]) => {
    const [, i, isNamed] = (typeof local === "string" && /^(\d+)(!?)$/.exec(local)) || [];
    const number = i === undefined ? local : boxes[operands[head][i]].v;
    if (isNamed) return [tail, head, number, atom(boxes[operands[head][i]].n), `⟨${i} 0l⟩`];
    const texts = [formula, level.x[template]].filter((text) => text !== undefined);
    return [tail, head, number, ...texts];
  });
}

// The steps of backward: along every arrow but those from constants.  Those between groups have no numbers.
function stepsOf(level, boxes, arrows) {
  if (!level.scalar) return arrows.map(([, , label], i) => [i, label]).filter(([, label]) => label).map(([i]) => [i]);
  const grads = boxes.map(() => 0);
  for (const root of level.roots) grads[root] = 1;
  return arrows.map(([tail, head, local], i) => {
    if (boxes[tail].k === "constant") return null;
    const contribution = grads[head] * num(local);
    grads[tail] += contribution;
    return [i, contribution, grads[tail]];
  }).filter(Boolean);
}
