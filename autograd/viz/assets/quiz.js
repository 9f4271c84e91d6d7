// The quiz: gradients, or the numbers on the arrows, are hidden until they are worked out.

// A number as people type it: 0.5, -1/3, 1e-3, inf, nan, and with a real minus sign; undefined if it is none.
function parse(text) {
  const parts = text.trim().toLowerCase().replaceAll("−", "-").split("/").map((part) => part.trim());
  const numbers = parts.map((part) => {
    if (part === "nan") return NaN;
    if (/^[+-]?(inf|infinity|∞)$/.test(part)) return part.startsWith("-") ? -Infinity : Infinity;
    return part === "" || Number.isNaN(Number(part)) ? undefined : Number(part);
  });
  if (numbers.length > 2 || numbers.includes(undefined)) return undefined;
  const [top, bottom = 1] = numbers;
  return top / bottom;
}

// Right is what agrees to the digits on the screen, or to half a percent; of inf and nan only themselves.
function agrees(answer, gradient) {
  if (format(answer) === format(gradient)) return true;
  return Number.isFinite(gradient) && Math.abs(answer - gradient) <= 0.005 * Math.abs(gradient);
}

class Quiz {
  constructor(app) {
    this.app = app;
    this.on = false;
    this.kind = "gradients";
  }

  // kind: "gradients", which are hidden in the boxes, or "local": the local derivatives, hidden on the arrows.
  start(kind = "gradients") {
    const { walk } = this.app;
    this.on = true;
    this.kind = kind;
    this.open = new Set(kind === "local" ? walk.steps.map((step) => step.arrow) : walk.boxes.keys());
    if (kind !== "local") {
      for (const root of walk.roots) this.open.delete(root);
      walk.boxes.forEach((box, i) => { if (box.k === "constant") this.open.delete(i); });
    }
    this.asked = this.open.size;
    this.asking = null;  // the arrow that is asked for
    this.right = 0;
    this.message = null;
    this.typed = "";
  }

  stop() {
    this.on = false;
  }

  // Whether the gradient of a box is hidden.  While local derivatives are asked for, all are: they would tell.
  hides(i) {
    if (!this.on) return false;
    return this.kind === "local" ? this.open.size > 0 && !this.app.walk.roots.includes(i) : this.open.has(i);
  }

  hidesArrow(arrow) {
    return this.on && this.kind === "local" && this.open.has(arrow);
  }

  // The next question, from the output back: the box whose gradient needs only what is known, or the arrow.
  nextBox() {
    return Math.max(...this.open);
  }

  // The number that is asked for, and what to say of it.
  answer(i) {
    const { walk } = this.app;
    return this.kind === "local" ? walk.arrows[i].local : walk.gradient(i);
  }

  solution(i) {
    return (this.kind === "local" && this.app.walk.formula(i)) || format(this.answer(i));
  }

  check(i, text) {
    const answer = parse(text);
    this.typed = text;
    if (answer === undefined) {
      this.message = ["wrong", "Please enter a number, such as 0.5, −2, 1/3, inf or nan."];
    } else if (agrees(answer, this.answer(i))) {
      this.right += 1;
      this.open.delete(i);
      this.typed = "";
      this.message = ["right", `Right: ${this.solution(i)}.`];
    } else {
      this.message = ["wrong", this.kind === "local"
        ? "Not yet. How much does the result change, if only this operand changes a little?"
        : "Not yet. Multiply along each arrow that leaves the box, then add."];
    }
    this.app.refresh();
    this.focusNext();
  }

  // So that Enter goes on; after a wrong answer the focus stays where it is.
  focusNext() {
    const next = this.open.size ? document.getElementById("ask") : document.getElementById("quiz");
    if (next) next.focus();
  }

  reveal(i) {
    this.open.delete(i);
    this.typed = "";
    this.message = ["", `It is ${this.solution(i)}.`];
    this.app.refresh();
    this.focusNext();
  }

  ask() {
    this.message = null;
    this.typed = "";
    if (this.kind === "local") this.asking = Math.min(...this.open);
    this.app.select(this.kind === "local" ? this.app.walk.arrows[this.asking].tail : this.nextBox());
    if (this.kind === "local") this.app.follow();
    document.getElementById("answer").focus();
  }

  caption() {
    const what = this.kind === "local" ? "the numbers on the arrows" : "the gradients, from the output back";
    if (!this.open.size) return ["That was all of it.", "Press Q to leave the quiz."];
    return [`Work out ${what}.`, "The number on an arrow is the local derivative ∂head/∂tail."];
  }

  // ---- the panel ----
  panel(selected) {
    const asked = this.kind === "local" ? this.asking : selected;
    const found = [
      make("h2", {}, "Quiz"),
      make("div", { class: "row", role: "group", "aria-label": "What is asked for" },
        this.choice("gradients", "Gradients"), this.choice("local", "Local derivatives")),
      make("p", { id: "score" }, `${this.right} right, ${this.open.size} of ${this.asked} to go`),
    ];
    if (this.message) found.push(make("p", { id: "verdict", role: "status", class: this.message[0] }, this.message[1]));
    if (asked !== null && this.open.has(asked)) found.push(...this.question(asked));
    else if (this.open.size) {
      found.push(make("div", { class: "row" }, make("button", { id: "ask", onclick: () => this.ask() }, "Next question")));
      if (this.kind === "gradients") found.push(make("p", {}, "Or select a box with a question mark."));
    } else {
      found.push(make("p", { class: "right" }, `All ${this.kind === "local" ? "local derivatives" : "gradients"} found.`));
    }
    return found;
  }

  choice(kind, text) {
    return make("button", { id: `quiz-${kind}`, "aria-pressed": String(this.kind === kind), onclick: () => this.change(kind) }, text);
  }

  change(kind) {
    this.start(kind);
    this.app.select(null);
    document.getElementById(`quiz-${kind}`).focus();
  }

  question(i) {
    const { walk } = this.app;
    const input = make("input", { id: "answer", type: "text", autocomplete: "off", "aria-label": "Your answer" });
    input.value = this.typed;
    const submit = (event) => { event.preventDefault(); this.check(i, input.value); };
    const form = [
      make("form", { class: "row", onsubmit: submit }, input, make("button", { id: "check", type: "submit" }, "Check")),
      make("div", { class: "row" }, make("button", { id: "reveal", onclick: () => this.reveal(i) }, "Show it")),
      make("h3", {}, "What you need"),
    ];
    if (this.kind === "local") {
      const { tail, head } = walk.arrows[i];
      const operands = walk.operands[head].map((a) => walk.arrows[a].tail).filter((box) => walk.boxes[box].k !== "constant");
      const data = new Map(operands.map((box) => [walk.boxes[box].n, format(walk.data[box])]));
      return [
        make("p", {}, `What is ∂${atom(walk.boxes[head].n)}/∂${atom(walk.boxes[tail].n)}, the number on the arrow?`), ...form,
        make("ul", {}, make("li", {}, walk.computation(head)), ...[...data].map(([name, value]) => make("li", {}, `${name} = ${value}`))),
      ];
    }
    return [
      make("p", {}, `What is the gradient of ${walk.boxes[i].n}?`), ...form,
      make("ul", {}, ...walk.uses[i].map((a) => {
        const { head, local } = walk.arrows[a];
        const known = this.open.has(head) ? "" : ` (${format(walk.gradient(head))})`;
        return make("li", {}, `${factor(local)} × gradient of `, this.app.panel.link(head), known);
      })),
    ];
  }
}
