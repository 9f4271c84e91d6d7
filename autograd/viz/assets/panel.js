// The panel at the side: a node's ledger, where it was written, and the quiz.

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
    this.nudge = new Nudge(app);
  }

  show(state) {
    const { selected, quiz } = this.app;
    const focused = document.activeElement && document.activeElement.id;
    const parts = selected === null ? this.overview() : this.node(selected, state);
    this.fill([...(quiz.on ? quiz.panel(selected) : []), ...parts]);
    if (focused && this.element.contains(document.getElementById(focused))) document.getElementById(focused).focus();
  }

  // Put other parts into the panel.  One that is there already never leaves it: a slider would lose the hand that drags it.
  fill(parts) {
    const kept = parts.findIndex((part) => part.parentElement === this.element);
    if (kept < 0) {
      this.element.replaceChildren(...parts);
      return;
    }
    for (const child of [...this.element.children]) if (child !== parts[kept]) child.remove();
    parts[kept].before(...parts.slice(0, kept));
    parts[kept].after(...parts.slice(kept + 1));
  }

  // Without a selection: what the picture shows, and how to use it.
  overview() {
    const kinds = [...new Set(this.app.walk.boxes.map((box) => box.k))];
    return [
      make("h2", {}, "How to read this"),
      make("p", {}, this.app.walk.scalar
        ? "Each box is one number. Forward computes the data from left to right. Backward goes against the arrows: what "
          + "a box hands back is its own gradient times the number on the arrow, and whatever arrives is added up."
        : "Each box stands for many numbers: its lines show the smallest and the largest. The text on an arrow shows the "
          + "derivatives of what the box it points to computes, with respect to what comes in along the arrow."),
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
        make("dt", {}, "data"), make("dd", { id: "data-of" }, ...written(state.computed[i] ? walk.data[i] : undefined)),
        ...(box.k === "constant" ? [] : [
          make("dt", {}, "gradient"),
          make("dd", { id: "gradient" }, ...(hidden ? ["?"] : written(state.grad[i])))])));
      if (box.k !== "constant" && !hidden) parts.push(...this.ledger(i, state));
    } else {
      parts.push(make("ul", {}, ...box.l.map((line) => make("li", {}, walk.line(i, line, "whole")))));
      const { heat } = this.app.picture;
      if (heat && state.computed[i]) parts.push(...heat.tables(i, Boolean(state.complete[i])));
    }
    if (!quiz.on) parts.push(...this.app.live.parts(i));
    if (box.s) parts.push(make("h3", {}, "Written in"), make("p", {}, make("code", {}, box.s)));
    if (walk.uses[i].length && box.k !== "constant") parts.push(this.pathsButton(i));
    if (!quiz.on) parts.push(...this.nudge.parts(i));
    parts.push(make("p", {}, make("button", { class: "link", onclick: () => this.app.letGo() }, "Close")));
    return parts;
  }

  // The sum that the gradient is: one line per use, those to come left open.
  ledger(i, state) {
    const { walk } = this.app;
    const lines = walk.received[i].map((index) => {
      const step = walk.steps[index];
      const { head, local } = walk.arrows[step.arrow];
      const formula = walk.formula(step.arrow);
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

function keyboard() {
  const keys = [
    ["→ ←", "one step on, back"], ["Space", "play, pause"], ["Home End", "start, end"], ["G", "go to the graph"],
    ["arrows", "in the graph: walk along it"], ["Enter", "select the box"], ["Esc", "let it go, leave the graph"],
    ["P", "paths to the output"], ["Q", "quiz"],
    ["L", "learn: gradient descent"], ["S", "take a step of it"], ["+ − 0", "zoom, show all"], ["F", "follow the walk"], ["T", "light or dark"],
    ["Y", "larger type"], ["D C", "hide the details, the controls"], ["E", "full screen"],
  ];
  return [
    make("h3", { id: "keys", tabindex: "-1" }, "Keyboard"),
    make("dl", {}, ...keys.flatMap(([key, what]) => [
      make("dt", {}, ...key.split(" ").flatMap((k) => [make("kbd", {}, k), " "])), make("dd", {}, what)])),
  ];
}
