// The quiz: gradients are hidden until they are worked out.

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
  }

  start() {
    const { walk } = this.app;
    this.on = true;
    this.open = new Set(walk.boxes.keys());
    for (const root of walk.roots) this.open.delete(root);
    walk.boxes.forEach((box, i) => { if (box.k === "constant") this.open.delete(i); });
    this.asked = this.open.size;
    this.right = 0;
    this.message = null;
    this.typed = "";
  }

  stop() {
    this.on = false;
  }

  hides(i) {
    return this.on && this.open.has(i);
  }

  // The next question: the box nearest to the output, whose gradient needs only what is known.
  nextBox() {
    return Math.max(...this.open);
  }

  check(i, text) {
    const { walk } = this.app;
    const answer = parse(text);
    this.typed = text;
    if (answer === undefined) {
      this.message = ["wrong", "Please enter a number, such as 0.5, −2, 1/3, inf or nan."];
    } else if (agrees(answer, walk.gradient(i))) {
      this.right += 1;
      this.open.delete(i);
      this.typed = "";
      this.message = ["right", `Right: ${format(walk.gradient(i))}.`];
    } else {
      this.message = ["wrong", "Not yet. Multiply along each arrow that leaves the box, then add."];
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
    this.message = ["", `It is ${format(this.app.walk.gradient(i))}.`];
    this.app.refresh();
    this.focusNext();
  }

  ask() {
    this.message = null;
    this.typed = "";
    this.app.select(this.nextBox());
    document.getElementById("answer").focus();
  }

  panel(selected) {
    const { walk } = this.app;
    const found = [make("h2", {}, "Quiz"), make("p", { id: "score" }, `${this.right} right, ${this.open.size} of ${this.asked} to go`)];
    if (this.message) found.push(make("p", { id: "verdict", role: "status", class: this.message[0] }, this.message[1]));
    if (selected !== null && this.open.has(selected)) {
      const input = make("input", { id: "answer", type: "text", autocomplete: "off", "aria-label": "Your answer" });
      input.value = this.typed;
      const submit = (event) => { event.preventDefault(); this.check(selected, input.value); };
      found.push(
        make("p", {}, `What is the gradient of ${walk.boxes[selected].n}?`),
        make("form", { class: "row", onsubmit: submit }, input, make("button", { id: "check", type: "submit" }, "Check")),
        make("div", { class: "row" }, make("button", { id: "reveal", onclick: () => this.reveal(selected) }, "Show it")),
        make("h3", {}, "What you need"),
        make("ul", {}, ...walk.uses[selected].map((a) => {
          const { head, local } = walk.arrows[a];
          const known = this.open.has(head) ? "" : ` (${format(walk.gradient(head))})`;
          return make("li", {}, `${factor(local)} × gradient of `, this.app.panel.link(head), known);
        })));
    } else if (this.open.size) {
      found.push(make("div", { class: "row" }, make("button", { id: "ask", onclick: () => this.ask() }, "Next question")));
    } else {
      found.push(make("p", { class: "right" }, "All gradients found."));
    }
    return found;
  }
}
