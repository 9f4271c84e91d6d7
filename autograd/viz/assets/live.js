// Live numbers: a leaf is dragged or typed, or all parameters take a step downhill, and everything on the page follows.

const MOST_LOSSES = 500;  // that the little curve remembers

class Live {
  constructor(app) {
    this.app = app;
    this.replay = app.numbers && new Replay(app.numbers);
    this.losses = [];  // the output before the first step of descent, and after each
    this.element = null;  // the slider and the number of the selected leaf
    this.title = byId("title").textContent;
    this.labels = app.pictures.map((picture) => picture.svg.getAttribute("aria-label"));
    byId("descend").addEventListener("click", () => this.descend());
    byId("reset").addEventListener("click", () => this.reset());
    byId("rate").addEventListener("input", () => this.show());
    byId("rate").addEventListener("keydown", (event) => { if (event.key === "Enter") this.descend(); });
    byId("learn").disabled = !this.replay;
    if (!this.replay) byId("learn").title = `Live numbers need a box for each number. ${DATA.notice}`;
  }

  get differs() {
    return Boolean(this.replay && this.replay.differs);
  }

  // ---- changes ----
  set(numbers) {
    this.replay.set(numbers);
    this.losses = [];
    this.changed();
  }

  descend() {
    const rate = this.rate();
    if (this.app.quiz.on || this.whyNot() || rate === undefined) return;
    this.app.pause();
    if (!this.losses.length) this.losses.push(this.replay.output);
    this.replay.descend(rate);
    this.losses.push(this.replay.output);
    this.losses = this.losses.slice(-MOST_LOSSES);
    this.open = true;
    this.changed();
  }

  reset() {
    this.replay.reset();
    this.losses = [];
    this.changed();
    if (byId("reset").disabled) byId("descend").focus();
  }

  changed() {
    this.app.refresh();
    this.writeTitles();
  }

  toggle() {
    this.open = !this.open;
    this.show();
  }

  // ---- the bar: steps of gradient descent ----
  rate() {
    const rate = parse(byId("rate").value);
    return Number.isFinite(rate) ? rate : undefined;
  }

  // Why no step can be taken, if none can.
  whyNot() {
    const { replay } = this;
    const block = replay.trained.map((i) => replay.blocks[i]).find(Boolean);
    if (block) return `${block} is an operation in Python only: it cannot be replayed live.`;
    return replay.trained.length ? "" : "No leaf has a name, so none can be moved.";
  }

  // Shown on request, and always while the numbers are not those that Python recorded.
  show() {
    if (!this.replay) return;
    const isShown = Boolean(this.open) || this.differs;
    byId("live").hidden = !isShown;
    byId("learn").setAttribute("aria-pressed", String(isShown));
    if (this.element && this.app.selected !== null) this.update();
    if (!isShown) return;
    const reason = this.whyNot();
    byId("descend").disabled = Boolean(reason) || this.app.quiz.on || this.rate() === undefined;
    byId("reset").disabled = !this.differs || this.app.quiz.on;
    byId("rate").setAttribute("aria-invalid", String(this.rate() === undefined));
    byId("loss").textContent = reason || this.progress();
    this.drawLosses();
  }

  progress() {
    const [first, last] = [this.losses[0], this.replay.output];
    const steps = this.losses.length - 1;
    if (steps < 1) return this.outputs();
    const text = `${this.outputs()}, from ${format(first)} in ${steps} step${steps > 1 ? "s" : ""}`;
    return Number.isFinite(last) ? text : `${text}: a smaller α may help`;
  }

  outputs() {
    const { walk } = this.replay;
    return walk.roots.map((root) => `${walk.boxes[root].n} = ${format(walk.data[root])}`).join(", ");
  }

  // The curve of the output over the steps, with a dot at its end.
  drawLosses() {
    const svg = byId("losses");
    const finite = this.losses.filter(Number.isFinite);
    svg.toggleAttribute("hidden", finite.length < 2);
    if (finite.length < 2) return;
    const [low, high] = [Math.min(...finite), Math.max(...finite)];
    const x = (k) => 3 + (k / (finite.length - 1)) * 113;
    const y = (loss) => (high > low ? 25 - ((loss - low) / (high - low)) * 22 : 14);
    svg.setAttribute("aria-label", `The output over the steps, from ${format(finite[0])} to ${format(finite.at(-1))}`);
    svg.replaceChildren(
      draw("polyline", { points: finite.map((loss, k) => `${x(k).toFixed(1)},${y(loss).toFixed(1)}`).join(" ") }),
      draw("circle", { r: 2.5, cx: x(finite.length - 1), cy: y(finite.at(-1)) }),
    );
  }

  // What names the outputs with their numbers: the title, unless the user chose it, and what is read out of a picture.
  writeTitles() {
    const text = DATA.title || !this.differs ? this.title : this.outputs();
    byId("title").textContent = byId("title").title = document.title = text;
    this.app.pictures.forEach((picture, k) => {
      const recorded = this.labels[k];
      const rest = recorded.slice(recorded.lastIndexOf(", "));
      picture.svg.setAttribute("aria-label", this.differs ? `Computation graph of ${this.outputs()}${rest}` : recorded);
    });
  }

  // ---- the panel: the number of one leaf ----
  parts(i) {
    const { walk } = this.app;
    if (!walk.scalar || walk.operands[i].length || walk.boxes[i].k === "constant") return [];
    const heading = make("h3", {}, "Change it");
    if (this.replay.blocks[i]) {
      return [heading, make("p", { class: "kind" }, `${this.replay.blocks[i]} is an operation in Python only: it cannot be replayed live.`)];
    }
    if (!this.replay.isLeaf(i)) return [heading, make("p", { class: "kind" }, "Give it a label, and it can be changed here.")];
    if (!this.element || this.element.box !== i) this.element = this.build(i);
    this.update();
    return [this.element.root];
  }

  build(box) {
    const { data } = this.replay.walk;
    const move = (text) => {
      const x = parse(text);
      number.setAttribute("aria-invalid", String(x === undefined));
      if (x !== undefined) this.set([[box, x]]);
    };
    const slider = make("input", {
      id: "move", type: "range", "aria-label": `Number of ${this.replay.walk.boxes[box].n}`, oninput: () => move(slider.value),
    });
    const number = make("input", {
      id: "moved", type: "text", inputmode: "decimal", autocomplete: "off",
      "aria-label": "The number, typed", oninput: () => move(number.value), onblur: () => this.update(),
    });
    Object.assign(slider, reach(data[box]), { value: data[box] });
    const recorded = make("button", { id: "unmove", onclick: () => { this.set([[box, this.replay.recorded.data[box]]]); number.focus(); } });
    const root = make("div", { id: "live-leaf" }, make("h3", {}, "Change it"), slider, make("div", { class: "row" }, number, recorded));
    return { box, root, slider, number, recorded };
  }

  // What has the focus is the user's, and keeps what the user wrote.
  update() {
    const { box, slider, number, recorded } = this.element;
    const x = this.replay.walk.data[box];
    const isOutside = !(x >= Number(slider.min) && x <= Number(slider.max));
    if (document.activeElement !== slider) Object.assign(slider, isOutside ? reach(x) : {}, { value: x });
    slider.disabled = !Number.isFinite(x);
    slider.setAttribute("aria-valuetext", format(x));
    if (document.activeElement !== number) {
      number.value = exact(x);
      number.setAttribute("aria-invalid", "false");
    }
    recorded.textContent = `Back to ${format(this.replay.recorded.data[box])}`;
    recorded.disabled = !this.replay.moved.has(box);
  }
}

// How far a slider goes around a number, in round steps.
function reach(x) {
  const far = Math.max(1, 2 * Math.abs(x));
  const step = Number.isFinite(far) ? 10 ** Math.floor(Math.log10(far / 40)) : 1;
  const [min, max] = [Math.floor((x - far) / step) * step, Math.ceil((x + far) / step) * step];
  return Number.isFinite(max) && Number.isFinite(min) ? { min: round15(min), max: round15(max), step: round15(step) } : {};
}

const round15 = (x) => Number(x.toPrecision(15));
