// The panel at the side: a node's ledger, where it was written, what happens if it is nudged, and the quiz.

// An element with text or children; text never becomes markup.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const KINDS = {
  leaf: "leaf", parameter: "parameter", constant: "constant", operation: "operation", output: "output",
  group: "group of nodes",
};

class Panel {
  constructor(element, app) {
    this.element = element;
    this.app = app;
    this.nudged = null;
  }

  show(state) {
    const { selected, quiz } = this.app;
    const focused = document.activeElement && document.activeElement.id;
    const parts = selected === null ? this.overview() : this.node(selected, state);
    this.element.replaceChildren(...(quiz.on ? quiz.panel(selected) : []), ...parts);
    if (focused && this.element.contains(document.getElementById(focused))) document.getElementById(focused).focus();
  }

  // Without a selection: what the picture shows, and how to use it.
  overview() {
    const kinds = [...new Set(this.app.walk.boxes.map((box) => box.k))];
    return [
      make("h2", {}, "How to read this"),
      make("p", {}, this.app.walk.scalar
        ? "Each box is one number. Forward computes the data from left to right. Backward goes against the arrows: what "
          + "a box hands back is its own gradient times the number on the arrow, and whatever arrives is added up."
        : "Each box stands for many numbers, from the smallest to the largest. An arrow carries the derivatives of what "
          + "leaves a box by what enters it."),
      make("ul", {}, ...kinds.map((kind) => make("li", {}, sample(kind), KINDS[kind]))),
      make("h3", {}, "Look closer"),
      make("p", {}, "Select a box to see where its gradient comes from."),
      DATA.notice ? make("p", { class: "kind" }, DATA.notice) : null,
      ...keyboard(),
    ].filter(Boolean);
  }

  node(i, state) {
    const { walk, quiz } = this.app;
    const box = walk.boxes[i];
    const hidden = quiz.hides(i);
    const parts = [
      make("h2", { id: "selected", tabindex: "-1" }, box.t),
      make("div", { class: "kind" }, box.o ? `${KINDS[box.k]}: ${box.o}` : KINDS[box.k]),
    ];
    if (walk.scalar) {
      parts.push(make("dl", {},
        make("dt", {}, "data"), make("dd", { id: "data-of" }, ...written(state.computed[i] ? num(box.v) : undefined)),
        ...(box.k === "constant" ? [] : [
          make("dt", {}, "gradient"),
          make("dd", { id: "gradient" }, ...(hidden ? ["?"] : written(state.grad[i])))])));
      if (box.k !== "constant" && !hidden) parts.push(...this.ledger(i, state));
    } else {
      parts.push(make("ul", {}, ...box.l.map((line) => make("li", {}, line))));
    }
    if (box.s) parts.push(make("h3", {}, "Written in"), make("p", {}, make("code", {}, box.s)));
    if (walk.uses[i].length && box.k !== "constant") parts.push(this.pathsButton(i));
    if (box.u && !quiz.on) parts.push(...this.nudge(i));
    parts.push(make("p", {}, make("button", { class: "link", onclick: () => this.app.letGo() }, "Close")));
    return parts;
  }

  // The sum that the gradient is: one line per use, those to come left open.
  ledger(i, state) {
    const { walk } = this.app;
    const lines = walk.received[i].map((index) => {
      const step = walk.steps[index];
      const { head, local, formula } = walk.arrows[step.arrow];
      const taken = index < state.done;
      const text = taken ? `${factor(state.grad[head])} × ${factor(local)} = ${format(step.contribution)}` : "…";
      return make("li", { class: index === state.done - 1 ? "now" : "" }, text, " via ", this.link(head),
        formula && taken ? make("small", {}, `∂${atom(walk.boxes[head].n)}/∂${atom(walk.boxes[i].n)} = ${formula}`) : null);
    });
    if (walk.roots.includes(i)) {
      lines.unshift(make("li", {}, state.grad[i] === undefined ? "1, when backward starts here" : "1, since backward starts here"));
    }
    if (!lines.length) return [];
    const sum = state.grad[i];
    const total = make("li", { class: "sum" }, sum === undefined ? "…" : `${state.complete[i] ? "=" : "so far"} ${format(sum)}`);
    return [make("h3", {}, "Where the gradient comes from"), make("ul", { id: "ledger" }, ...lines, total)];
  }

  link(i) {
    const follow = () => {
      this.app.select(i);
      document.getElementById("selected").focus();
    };
    return make("button", { onclick: follow }, this.app.walk.boxes[i].n);
  }

  pathsButton(i) {
    const on = this.app.paths;
    return make("div", { class: "row" }, make("button", {
      id: "paths", "aria-pressed": String(on), onclick: () => this.app.togglePaths(), title: "Paths to the output (P)",
    }, "Show all paths to the output"));
  }

  // ---- nudge: the output recomputed by Python with this leaf moved a little ----
  nudge(i) {
    const values = this.app.walk.boxes[i].u.map(num);
    const middle = DATA.deltas.length / 2;
    if (!this.nudged || this.nudged.box !== i) this.nudged = { box: i, at: middle + 2 };
    const slider = make("input", {
      id: "nudge", type: "range", min: 0, max: DATA.deltas.length - 1, value: this.nudged.at,
      "aria-label": "Change of the number", oninput: () => update(Number(slider.value)),
    });
    const answer = make("div", { id: "nudge-answer" });
    const update = (at) => {
      this.nudged.at = at;
      slider.setAttribute("aria-valuetext", signed(DATA.deltas[at]));
      answer.replaceChildren(...this.nudgeAnswer(i, values, at));
    };
    update(this.nudged.at);
    return [make("h3", {}, "Nudge it"), slider, answer];
  }

  nudgeAnswer(i, values, at) {
    const { walk } = this.app;
    const delta = DATA.deltas[at];
    const before = num(DATA.output);
    const gradient = walk.gradient(i);
    const [real, predicted] = [values[at] - before, gradient * delta];
    return [
      make("dl", {},
        make("dt", {}, "change"), make("dd", {}, signed(delta)),
        make("dt", {}, "gradient × change"), make("dd", { id: "predicted" }, format(predicted)),
        make("dt", {}, "output really changes by"), make("dd", { id: "real" }, format(real)),
        make("dt", {}, "difference"), make("dd", {}, format(real - predicted))),
      Number.isFinite(before) ? plot(values, gradient, before, at) : null,
      make("p", { class: "kind" }, nudgeCaption(before, gradient)),
    ].filter(Boolean);
  }
}

function nudgeCaption(before, gradient) {
  if (!Number.isFinite(before)) return `The output is ${format(before)}: no change of it can be measured or drawn.`;
  const line = "The line is the output, computed again for each change";
  if (!Number.isFinite(gradient)) return `${line}; the gradient is ${format(gradient)}, and has no line.`;
  return `${line}; the dashes are the gradient's word for it.`;
}

// A number as in the drawings, with all of its digits below if there are more; undefined is one not computed yet.
function written(x) {
  if (x === undefined) return ["not computed yet"];
  const digits = exact(x);
  return digits === format(x) ? [digits] : [format(x), make("small", {}, digits)];
}

const signed = (x) => `${x > 0 ? "+" : ""}${format(x)}`;

// A box of a kind, for the legend.
function sample(kind) {
  const shapes = {
    leaf: ["rect", { x: 2, y: 2, width: 30, height: 14, rx: 7 }],
    parameter: ["polygon", { points: "6,2 28,2 32,6 32,12 28,16 6,16 2,12 2,6" }],
  };
  const [tag, attributes] = shapes[kind] || ["rect", { x: 2, y: 2, width: 30, height: 14 }];
  const svg = draw("svg", { class: "key", viewBox: "0 0 34 18", "aria-hidden": "true" });
  const box = draw("g", { class: `b ${kind}` }, svg);
  draw(tag, attributes, box);
  if (kind === "output") draw("rect", { x: 4.5, y: 4.5, width: 25, height: 9 }, box);
  return svg;
}

// The output over the changes of one leaf, with the tangent that the gradient stands for.
function plot(values, gradient, before, at) {
  const points = DATA.deltas.map((delta, i) => [delta, values[i]]).concat([[0, before]]).sort((p, q) => p[0] - q[0]);
  const finite = points.filter(([, y]) => Number.isFinite(y));
  const reach = Math.max(...points.map(([x]) => x));
  const tangent = Number.isFinite(gradient) ? [-reach, reach].map((x) => [x, before + gradient * x]) : [];
  const heights = [...finite, ...tangent].map(([, y]) => y);
  const [low, high] = [Math.min(...heights), Math.max(...heights)];
  const flat = high === low;
  const X = (x) => 150 + (x / reach) * 140;
  const Y = (y) => (flat ? 72 : 120 - ((y - low) / (high - low)) * 96);
  const line = (list) => list.map(([x, y]) => `${X(x).toFixed(1)},${Y(y).toFixed(1)}`).join(" ");
  const svg = draw("svg", { class: "plot", viewBox: "0 0 300 150", role: "img" });
  svg.setAttribute("aria-label", "The output over the change, and its tangent");
  draw("line", { class: "axis", x1: X(0), x2: X(0), y1: 4, y2: 134 }, svg);
  const write = (text, x, y, name = "") => { draw("text", { x, y, class: name }, svg).textContent = text; };
  write(format(high), 4, 14);
  if (!flat) write(format(low), 4, 134);
  write(signed(-reach), X(-reach), 148);
  write("0", X(0), 148);
  write(signed(reach), X(reach), 148, "end");
  draw("polyline", { class: "tangent", points: line(tangent) }, svg);
  draw("polyline", { class: "value", points: line(finite) }, svg);
  if (Number.isFinite(values[at])) draw("circle", { r: 4.5, cx: X(DATA.deltas[at]), cy: Y(values[at]) }, svg);
  return svg;
}

function keyboard() {
  const keys = [
    ["→ ←", "one step on, back"], ["Space", "play, pause"], ["Home End", "start, end"], ["G", "go to the graph"],
    ["arrows", "in the graph: walk along it"], ["Enter", "select the box"], ["Esc", "let it go, leave the graph"],
    ["P", "paths to the output"], ["Q", "quiz"], ["+ − 0", "zoom, show all"], ["F", "follow the walk"], ["T", "light or dark"],
  ];
  return [
    make("h3", { id: "keys", tabindex: "-1" }, "Keyboard"),
    make("dl", {}, ...keys.flatMap(([key, what]) => [
      make("dt", {}, ...key.split(" ").flatMap((k) => [make("kbd", {}, k), " "])), make("dd", {}, what)])),
  ];
}
