// The picture: puts a state of the walk on the SVG.

class Picture extends Pane {
  constructor(svg, walk) {
    super(svg);
    this.walk = walk;
    this.boxes = [...svg.querySelectorAll(".b")];
    this.arrows = [...svg.querySelectorAll(".e")];
    this.numbers = this.arrows.map((arrow) => arrow.querySelector("text"));
    this.lines = this.boxes.map((box) => [...box.querySelectorAll(".d, .g")].map((line) => [line, line.textContent]));
    this.centres = this.boxes.map((box) => box.getAttribute("transform").match(/-?[\d.]+/g).map(Number));
    this.shown = [];
    this.badge = new Badge(this);
    this.pulse = draw("circle", { class: "pulse", r: 5, visibility: "hidden" }, svg);
    svg.classList.toggle("dense", walk.dense);
    this.boxes.forEach((box, i) => {
      box.setAttribute("role", "button");
      box.setAttribute("tabindex", i === walk.roots[0] ? "0" : "-1");
    });
  }

  // A frame of another origin runs the page before it is laid out: until then, all that is measured is 0.
  get isLaidOut() {
    return this.stage.clientWidth > 0 && this.boxes[0].getBBox().width > 0;
  }

  // Where the boxes are, and where numbers may be; only a picture that is shown can be measured.
  get areas() {
    if (!this.isLaidOut) return [];
    this.measured ??= this.boxes.map((box, i) => areaOf(box.querySelector("rect, polygon"), this.centres[i]));
    return this.measured;
  }

  get places() {
    this.found ??= new Places(this);
    return this.found;
  }

  // Once, when it is seen: only then are the texts as large as on the screen.
  settle() {
    if (this.found || this.walk.dense || !this.isLaidOut) return;
    this.places.settle();
    this.hidesSome = this.arrows.some((arrow) => arrow.classList.contains("stray"));
  }

  // The quiz knows which gradients and which numbers on arrows are kept secret.
  show(state, selected, quiz) {
    const hides = (i) => quiz.hides(i);
    const active = state.step ? state.step.arrow : -1;
    const changed = [];
    this.boxes.forEach((box, i) => {
      const classes = [
        state.computed[i] ? "" : "off", state.box === i ? "now" : "", selected === i ? "sel" : "",
        state.complete[i] ? "complete" : "",
      ].filter(Boolean).join(" ");
      const grad = hides(i) ? "?" : state.grad[i];
      const lines = this.lines[i].map(([, recorded]) => this.walk.line(i, recorded, grad));
      const key = `${classes}|${grad}|${lines.join("|")}`;
      if (this.shown[i] === key) return;
      this.shown[i] = key;
      box.classList.remove("off", "now", "sel", "complete");
      if (classes) box.classList.add(...classes.split(" "));
      this.write(i, lines, grad);
      box.setAttribute("aria-label", this.describe(i, state.computed[i]));
      changed.push(box);
    });
    this.squeeze(changed);
    if (this.heat) this.heat.show();
    this.arrows.forEach((arrow, i) => {
      if (this.numbers[i]) say(this.numbers[i], quiz.hidesArrow(i) ? "?" : this.walk.label(i));
      arrow.classList.toggle("now", i === active || (quiz.hidesArrow(i) && i === quiz.asking));
      arrow.classList.toggle("off", !state.computed[this.walk.arrows[i].head]);
    });
    this.walk.steps.forEach((step, i) => this.arrows[step.arrow].classList.toggle("back", i < state.done));
    if (active >= 0 && this.walk.scalar && this.isLaidOut && !hides(this.walk.arrows[active].tail)) this.badge.show(active, state);
    else this.badge.hide();
  }

  write(i, lines, grad) {
    this.lines[i].forEach(([line], k) => { line.textContent = lines[k]; });
    if (typeof grad === "number" && this.walk.scalar) this.boxes[i].dataset.grad = String(grad);
    else delete this.boxes[i].dataset.grad;
  }

  describe(i, computed) {
    const lines = computed ? this.boxes[i].querySelectorAll(":scope > text") : [this.boxes[i].querySelector(".t")];
    return [...lines].map((line) => line.textContent).concat(computed ? [] : ["not computed yet"]).filter(Boolean).join(", ");
  }

  // Make texts that are wider than their boxes narrower: the layout knew nothing of the font on this screen.  All are
  // measured before any is changed, since each change has the whole picture laid out again.
  squeeze(boxes) {
    if (!this.isLaidOut) return;
    const lines = boxes.flatMap((box) => {
      const room = [...box.querySelectorAll(":scope > rect, :scope > polygon")].at(-1).getBBox().width - 10;
      return [...box.querySelectorAll(":scope > text")].map((line) => [line, room]);
    });
    for (const [line] of lines) line.removeAttribute("textLength");
    const tight = lines.filter(([line, room]) => room > 0 && line.getComputedTextLength() > room);
    for (const [line, room] of tight) {
      line.setAttribute("textLength", room);
      line.setAttribute("lengthAdjust", "spacingAndGlyphs");
    }
  }

  // A dot that runs back along an arrow; nobody who asked for less motion sees it.
  run(arrow, milliseconds) {
    cancelAnimationFrame(this.frame);
    this.pulse.setAttribute("visibility", "hidden");
    if (calm.matches || milliseconds < 200) return;
    const path = this.arrows[arrow].querySelector("path");
    const length = path.getTotalLength();
    let began;
    const move = (now) => {
      began ??= now;  // the first frame may come late: the dot is seen all the same
      const share = Math.min(1, (now - began) / milliseconds);
      const point = path.getPointAtLength(length * (1 - share));
      this.pulse.setAttribute("cx", point.x);
      this.pulse.setAttribute("cy", point.y);
      this.pulse.setAttribute("visibility", share < 1 ? "visible" : "hidden");
      if (share < 1) this.frame = requestAnimationFrame(move);
    };
    this.frame = requestAnimationFrame(move);
  }

  // The arrows of the box that is pointed at, or has the focus, come out of the bundle and show their numbers.
  pointAt(box) {
    if (!this.walk.dense && !this.hidesSome) return;
    this.arrows.forEach((arrow, i) => {
      const { tail, head } = this.walk.arrows[i];
      const isNear = arrow.classList.toggle("near", tail === box || head === box);
      if (isNear) arrow.parentElement.append(arrow);  // so that nothing is drawn over its number
    });
  }

  highlight(found) {
    this.svg.classList.toggle("paths", Boolean(found));
    this.boxes.forEach((box, i) => box.classList.toggle("on", Boolean(found && found.boxes.has(i))));
    this.arrows.forEach((arrow, i) => arrow.classList.toggle("on", Boolean(found && found.arrows.has(i))));
  }
}

// Write a text, if it is another one: a text that is written has the whole picture laid out again.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
