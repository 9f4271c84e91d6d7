// The picture: puts a state of the walk on the SVG, and moves the window over it.

const SVG = "http://www.w3.org/2000/svg";
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function draw(tag, attributes = {}, parent = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (parent) parent.append(element);
  return element;
}

class Picture {
  constructor(svg, walk) {
    this.svg = svg;
    this.walk = walk;
    this.boxes = [...svg.querySelectorAll(".b")];
    this.arrows = [...svg.querySelectorAll(".e")];
    this.labels = this.arrows.map((arrow) => arrow.querySelector("text"));
    this.lines = this.boxes.map((box) => [...box.querySelectorAll(".g")].map((line) => [line, line.textContent]));
    this.centres = this.boxes.map((box) => box.getAttribute("transform").match(/-?[\d.]+/g).map(Number));
    this.shown = [];
    this.badge = draw("g", { class: "badge", "aria-hidden": "true" }, svg);
    this.factors = draw("text", {}, this.badge);  // above the arrow that fires
    this.product = draw("text", {}, this.badge);  // below it
    this.plus = draw("text", {}, this.badge);  // at the box that receives
    this.pulse = draw("circle", { class: "pulse", r: 5, visibility: "hidden" }, svg);
    this.stage = svg.parentElement;
    this.full = svg.getAttribute("viewBox").split(" ").map(Number);
    svg.setAttribute("width", this.full[2]);
    svg.setAttribute("height", this.full[3]);
    this.boxes.forEach((box, i) => {
      box.setAttribute("role", "button");
      box.setAttribute("tabindex", i === walk.roots[0] ? "0" : "-1");
    });
  }

  // hides(i): whether the gradient of a box is kept secret.
  show(state, selected, hides) {
    const active = state.step ? state.step.arrow : -1;
    this.boxes.forEach((box, i) => {
      const classes = [
        state.computed[i] ? "" : "off", state.box === i ? "now" : "", selected === i ? "sel" : "",
        state.complete[i] ? "complete" : "",
      ].filter(Boolean).join(" ");
      const grad = hides(i) ? "?" : state.grad[i];
      const key = `${classes}|${grad}`;
      if (this.shown[i] === key) return;
      this.shown[i] = key;
      box.classList.remove("off", "now", "sel", "complete");
      if (classes) box.classList.add(...classes.split(" "));
      this.writeGradient(i, grad, state.complete[i]);
    });
    this.arrows.forEach((arrow, i) => {
      arrow.classList.toggle("now", i === active);
      arrow.classList.toggle("off", !state.computed[this.walk.arrows[i].head]);
    });
    this.walk.steps.forEach((step, i) => this.arrows[step.arrow].classList.toggle("back", i < state.done));
    this.showContribution(state, active, hides);
  }

  writeGradient(i, grad, complete) {
    for (const [line, final] of this.lines[i]) {
      if (grad === undefined) line.textContent = "";
      else if (grad === "?") line.textContent = "grad ?";
      else line.textContent = complete || !this.walk.scalar ? final : `grad ${format(grad)}`;
    }
    if (typeof grad === "number" && this.walk.scalar) this.boxes[i].dataset.grad = String(grad);
    else delete this.boxes[i].dataset.grad;
    this.boxes[i].setAttribute("aria-label", this.describe(i));
  }

  describe(i) {
    return [...this.boxes[i].querySelectorAll("text")].map((line) => line.textContent).filter(Boolean).join(", ");
  }

  // upstream × local = contribution on the arrow that fires, and += at the box that receives.
  showContribution(state, active, hides) {
    const show = active >= 0 && this.walk.scalar && !hides(this.walk.arrows[active].tail);
    this.badge.setAttribute("visibility", show ? "visible" : "hidden");
    if (!show) return;
    const { tail, head, local } = this.walk.arrows[active];
    const label = this.labels[active];
    const [labelX, labelY] = [Number(label.getAttribute("x")), Number(label.getAttribute("y"))];
    this.write(this.factors, `${factor(state.grad[head])} × ${factor(local)}`, labelX, labelY - 3);
    this.write(this.product, `= ${format(state.step.contribution)}`, labelX, labelY + 18);
    const box = this.boxes[tail].getBBox();
    const [x, y] = this.centres[tail];
    this.write(this.plus, `+= ${format(state.step.contribution)}`, x, y + box.y + box.height + 13);
  }

  write(element, text, x, y) {
    element.textContent = text;
    element.setAttribute("x", x);
    element.setAttribute("y", y);
  }

  // A dot that runs back along an arrow; nobody who asked for less motion sees it.
  run(arrow, milliseconds) {
    cancelAnimationFrame(this.frame);
    this.pulse.setAttribute("visibility", "hidden");
    if (calm.matches || milliseconds < 200) return;
    const path = this.arrows[arrow].querySelector("path");
    const length = path.getTotalLength();
    const began = performance.now();
    const move = (now) => {
      const share = Math.min(1, (now - began) / milliseconds);
      const point = path.getPointAtLength(length * (1 - share));
      this.pulse.setAttribute("cx", point.x);
      this.pulse.setAttribute("cy", point.y);
      this.pulse.setAttribute("visibility", share < 1 ? "visible" : "hidden");
      if (share < 1) this.frame = requestAnimationFrame(move);
    };
    this.frame = requestAnimationFrame(move);
  }

  highlight(found) {
    this.svg.classList.toggle("paths", Boolean(found));
    this.boxes.forEach((box, i) => box.classList.toggle("on", Boolean(found && found.boxes.has(i))));
    this.arrows.forEach((arrow, i) => arrow.classList.toggle("on", Boolean(found && found.arrows.has(i))));
  }

  // ---- the window: which part of the picture is seen, in the picture's own coordinates ----
  fit() {
    const [x, y, width, height] = this.full;
    const { clientWidth, clientHeight } = this.stage;
    const scale = Math.min(1.7, clientWidth / width, clientHeight / height) || 1;  // small graphs do not become huge
    const [w, h] = [clientWidth / scale, clientHeight / scale];
    this.look({ x: x - (w - width) / 2, y: y - (h - height) / 2, width: w, height: h });
    this.fitted = true;
    return scale;
  }

  look(window) {
    cancelAnimationFrame(this.gliding);
    this.window = window;
    const scale = this.stage.clientWidth / window.width;
    const [left, top] = [(this.full[0] - window.x) * scale, (this.full[1] - window.y) * scale];
    // A transform of the whole: another viewBox would have every text laid out again, 400 ms for 1,000 boxes.
    this.svg.style.transform = `translate(${left.toFixed(1)}px, ${top.toFixed(1)}px) scale(${scale.toFixed(4)})`;
    this.fitted = false;
  }

  // Move there smoothly, or at once for those who asked for less motion.
  glide(target) {
    if (calm.matches) return this.look(target);
    const from = this.window;
    const began = performance.now();
    const move = (now) => {
      const t = Math.min(1, (now - began) / 250);
      const share = t * t * (3 - 2 * t);
      this.look(Object.fromEntries(Object.keys(from).map((side) => [side, from[side] + (target[side] - from[side]) * share])));
      if (t < 1) this.gliding = requestAnimationFrame(move);
    };
    this.gliding = requestAnimationFrame(move);
    return undefined;
  }

  // Zoom so that the point at these shares of the window stays where it is.
  zoom(times, shareX = 0.5, shareY = 0.5) {
    const { x, y, width, height } = this.window;
    const w = Math.min(this.full[2] * 4, Math.max(120, width * times));
    const h = height * (w / width);
    this.look({ x: x + (width - w) * shareX, y: y + (height - h) * shareY, width: w, height: h });
  }

  pan(dx, dy) {
    const { x, y, width, height } = this.window;
    this.look({ x: x + dx, y: y + dy, width, height });
  }

  // Move the window if one of these boxes is not well inside of it; a picture too small to read is brought nearer.
  follow(boxes) {
    const near = Math.min(this.window.width, this.stage.clientWidth / 1.15);
    const aspect = this.window.height / this.window.width;
    const xs = boxes.map((i) => this.centres[i][0]), ys = boxes.map((i) => this.centres[i][1]);
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const width = Math.max(near, (right - left + 240) / 0.9, (bottom - top + 160) / 0.9 / aspect);
    const { x, y, width: w, height: h } = this.window;
    const inside = left > x + 90 && right < x + w - 90 && top > y + 50 && bottom < y + h - 50;
    if (inside && Math.abs(width - w) < 1) return;
    this.glide({ x: (left + right - width) / 2, y: (top + bottom - width * aspect) / 2, width, height: width * aspect });
  }

  // Move the window only if a box is not in it.
  reveal(box) {
    if (this.fitted) return;
    const { x, y, width, height } = this.window;
    const [cx, cy] = this.centres[box];
    const inside = cx > x + width * 0.08 && cx < x + width * 0.92 && cy > y + height * 0.08 && cy < y + height * 0.92;
    if (!inside) this.glide({ x: cx - width / 2, y: cy - height / 2, width, height });
  }
}
