// What one picture shows at each position of the walk.  The numbers are those that Python recorded, until a leaf is moved
// (replay.js); nothing is differentiated here.

const SPECIAL = { nan: NaN, inf: Infinity, "-inf": -Infinity };  // JSON has no words for these
const num = (x) => (typeof x === "string" ? SPECIAL[x] : x);

// A number with as many significant digits as in the drawings, written as Python writes it.
function format(x, digits = DATA.digits) {
  if (Number.isNaN(x)) return "nan";
  if (x === 0) return "0";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  const [mantissa, power] = (isTie(x, digits) ? toEven(x, digits) : x.toExponential(digits - 1)).split("e");
  const e = Number(power);
  const trim = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (e >= -4 && e < digits) return trim(Number(`${mantissa}e${e}`).toFixed(digits - 1 - e));
  return `${trim(mantissa)}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
}

// Exactly half way between two texts Python takes the even one, JavaScript the larger.
const isTie = (x, digits) => new RegExp(`^-?\\d\\.?\\d{${digits - 1}}50*e`).test(x.toExponential(60));

function toEven(x, digits) {
  const [mantissa, power] = x.toExponential(digits).split("e");
  const lower = mantissa.slice(0, -1);
  return Number(lower.at(-1)) % 2 ? x.toExponential(digits - 1) : `${lower}e${power}`;
}

// A number with all its digits, written as Python writes it: as few as tell it from its neighbours.
function exact(x) {
  if (x === 0 || !Number.isFinite(x)) return format(x);
  const [mantissa, power] = x.toExponential().split("e");
  const e = Number(power);
  return e >= -4 && e < 16 ? String(x) : `${mantissa}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
}

// Many numbers in one line: the only one, or the smallest and the largest.
function spread(list) {
  if (list.some(Number.isNaN)) return "nan among them";
  const [low, high] = [Math.min(...list), Math.max(...list)].map((x) => format(x));
  return low === high ? low : `${low} … ${high}`;
}

// A formula whose numbers are put in where Python left a place for them, as Python would have written them: see ``Place``.
function filledIn(template, numbers) {
  return template.replace(/⟨(\d+) (\d?)([lre]?)⟩/g, (_, i, needed, letter, at) => {
    const text = format(numbers[i]);
    if (letter === "e") {
      if (/^-?\d+$/.test(text)) return text.replace(/./g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit] ?? "⁻");
      return /^[a-z0-9.]+$/.test(text) ? `^${text}` : `^(${text})`;
    }
    const binds = text[0] === "-" ? 1 : /^[\d.]+e/.test(text) ? 2 : 5;  // a sum, a product, an atom
    if (letter === "r") return binds === 5 ? text : `(${text})`;
    const follows = template.slice(at + _.length)[0] ?? "";
    const isFirst = letter === "l" && /^-[\d.]+$/.test(text) && !"⁰¹²³⁴⁵⁶⁷⁸⁹⁻^".includes(follows || " ");
    return binds >= Number(needed) || isFirst ? text : `(${text})`;
  });
}

const factor = (x) => (x < 0 ? `(${format(x)})` : format(x));

// The walk over one picture: forward through the operations, then the output's own gradient, then backward along the
// arrows.  Position 0 shows the leaves alone.
class Walk {
  constructor(level) {
    this.scalar = level.scalar;
    this.dense = Boolean(level.dense);  // so many arrows that they are a bundle
    this.boxes = level.boxes;
    this.data = level.boxes.map((box) => num(box.v));  // of single numbers
    this.touched = level.boxes.map(() => false);  // whether a box has other numbers than the recorded ones
    this.roots = level.roots;
    this.numbers = null;  // of groups: the walk over single numbers, if there is a picture of it
    this.boxOfNode = level.of;  // of groups: the box that each number is in, if there is a picture of the numbers
    this.arrows = level.arrows.map(([tail, head, local, formula, template]) => (
      { tail, head, local: this.scalar ? num(local) : local, formula, template }));
    this.steps = level.steps.map(([arrow, contribution, after]) => (
      { arrow, contribution: num(contribution), after: num(after) }));
    this.operands = this.boxes.map(() => []);
    this.uses = this.boxes.map(() => []);
    this.arrows.forEach((arrow, i) => {
      this.operands[arrow.head].push(i);
      this.uses[arrow.tail].push(i);
    });
    this.forward = [...this.boxes.keys()].filter((i) => this.operands[i].length);
    this.start = this.forward.length + 1;  // the position at which the output has its gradient
    this.length = this.start + this.steps.length;
    this.received = this.boxes.map(() => []);  // of each box, the steps that add to its gradient
    this.steps.forEach((step, i) => this.received[this.arrows[step.arrow].tail].push(i));
  }

  // The whole state at a position; cheap enough to be made from scratch at every step.
  at(position) {
    const done = position - this.start;  // steps of backward taken
    const state = {
      position, done, phase: position < this.start ? "forward" : "backward",
      computed: this.boxes.map((_, i) => !this.operands[i].length), grad: [], complete: [], step: null, box: null,
    };
    for (const i of this.forward.slice(0, position)) state.computed[i] = true;
    if (state.phase === "forward") {
      state.box = position ? this.forward[position - 1] : null;
      return state;
    }
    for (const root of this.roots) state.grad[root] = 1;
    for (const step of this.steps.slice(0, done)) {
      state.grad[this.arrows[step.arrow].tail] = this.scalar ? step.after : "whole";  // a group shows it when complete
    }
    this.boxes.forEach((_, i) => { state.complete[i] = state.grad[i] !== undefined && !this.missing(i, done); });
    state.step = done > 0 ? this.steps[done - 1] : null;
    state.box = state.step ? this.arrows[state.step.arrow].tail : this.roots[0];
    return state;
  }

  // How far a position is, whatever the number of steps: from 0 to 1 through forward, from 2 to 3 through backward.
  shareOf(position) {
    return position < this.start ? position / (this.start - 1 || 1) : 2 + (position - this.start) / (this.steps.length || 1);
  }

  positionAt(share) {
    return Math.round(share <= 1 ? share * (this.start - 1) : this.start + (share - 2) * this.steps.length);
  }

  // The number that a box stands for: of a group, the last one; and the box that a number is in.
  nodeOf(box) {
    if (this.scalar) return box;
    return this.boxOfNode ? this.boxOfNode.lastIndexOf(box) : null;
  }

  boxOf(node) {
    return this.scalar ? node : this.boxOfNode[node];
  }

  // Whether a box still waits for a part of its gradient.
  missing(box, done) {
    const steps = this.received[box];
    return steps.length > 0 && steps[steps.length - 1] >= done;
  }

  // The gradient of a box at the end.
  gradient(box) {
    const steps = this.received[box];
    if (steps.length) return this.steps[steps[steps.length - 1]].after;
    return this.roots.includes(box) ? 1 : 0;
  }

  // ---- what is written ----
  // A line of a box, in place of the one that was recorded; grad is the box's gradient so far, or "?" if it is a secret.
  line(box, recorded, grad) {
    const isGradient = recorded.includes("grad ");
    if (isGradient && grad === undefined) return "";
    if (isGradient && grad === "?") return "grad ?";
    if (this.scalar) return isGradient ? `grad ${format(grad)}` : `data ${format(this.data[box])}`;
    const { w: shown, q: parameters } = this.boxes[box];
    if (!this.numbers || recorded.endsWith("parameters")) return recorded;
    const [, what] = recorded.match(/^(data|grad|their grad) /);
    const read = what === "data" ? (i) => this.numbers.data[i] : (i) => this.numbers.gradient(i);
    return `${what} ${spread((what === "their grad" ? parameters : shown).map(read))}`;
  }

  // The number on an arrow; between groups those of Python, for which nothing is shown once they do not hold any more.
  label(arrow) {
    const { local, head } = this.arrows[arrow];
    if (this.scalar) return format(local);
    return this.numbers && this.numbers.touched.some((is, node) => is && this.boxOfNode[node] === head) ? "" : local;
  }

  // An operation with the numbers of its operands put in: a*b = -4*2 = -8.  In the template, -@1 is the operand 1 as if
  // it were negative: where (-@1) is written, a negative number has parentheses.
  computation(box) {
    const { f: template, t: title, l: lines } = this.boxes[box];
    if (!this.scalar) return `${title}: ${this.line(box, lines[0], "whole")}`;
    const operand = (index) => this.data[this.arrows[this.operands[box][index]].tail];
    const text = template.replace(/\(-@(\d+)\)|-@(\d+)/g, (_, guarded, bare) => (
      guarded === undefined ? format(operand(bare)) : factor(operand(guarded))));
    return `${title} = ${text} = ${format(this.data[box])}`;
  }

  // The derivative on an arrow as a formula, with its numbers, and the result: 3b² = 3·2² = 12; nothing if there is none.
  formula(arrow) {
    const { head, local, formula, template } = this.arrows[arrow];
    if (!template) return this.touched[head] ? "" : formula;  // its numbers are the recorded ones
    const numbers = [...this.operands[head].map((a) => this.data[this.arrows[a].tail]), this.data[head]];
    const isAtAKink = formula.includes("/") && !numbers.slice(0, -1).some(Boolean);  // as of hypot at (0, 0): 0/0
    if (this.touched[head] && (isAtAKink || ![local, ...numbers].every(Number.isFinite))) return "";
    return [...new Set([formula, filledIn(template, numbers), format(local)])].join(" = ");
  }

  // All boxes and arrows on some way from a box to the output.
  pathsFrom(box) {
    const boxes = new Set([box]);
    const arrows = new Set();
    this.boxes.forEach((_, i) => {  // boxes are in topological order
      if (boxes.has(i)) for (const a of this.uses[i]) { arrows.add(a); boxes.add(this.arrows[a].head); }
    });
    return { boxes, arrows };
  }
}
