// Nudge: what the output really does if one leaf changes a little, beside what its gradient foretells.

class Nudge {
  constructor(app) {
    this.app = app;
    this.chosen = null;  // the box, and which of the changes
  }

  // The output for each change of a leaf: computed here, or by Python where the leaf goes through an operation of the
  // user's own, as long as no other leaf has been moved.
  outputs(i) {
    const { walk, live } = this.app;
    if (!walk.scalar || walk.operands[i].length || walk.boxes[i].k === "constant") return null;
    if (!live.replay.blocks[i]) return DATA.deltas.map((delta) => live.replay.outputWith(i, walk.data[i] + delta));
    return walk.boxes[i].u && !live.replay.differs ? walk.boxes[i].u.map(num) : null;
  }

  parts(i) {
    const values = this.outputs(i);
    if (!values) return [];
    const middle = DATA.deltas.length / 2;
    if (!this.chosen || this.chosen.box !== i) this.chosen = { box: i, at: middle + 2 };
    const slider = make("input", {
      id: "nudge", type: "range", min: 0, max: DATA.deltas.length - 1, value: this.chosen.at,
      "aria-label": "Change of the number", oninput: () => update(Number(slider.value)),
    });
    const answer = make("div", { id: "nudge-answer" });
    const update = (at) => {
      this.chosen.at = at;
      slider.setAttribute("aria-valuetext", signed(DATA.deltas[at]));
      answer.replaceChildren(...this.answer(i, values, at));
    };
    update(this.chosen.at);
    return [make("h3", {}, "Nudge it"), slider, answer];
  }

  answer(i, values, at) {
    const { walk, live } = this.app;
    const delta = DATA.deltas[at];
    const before = live.replay.output;
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
