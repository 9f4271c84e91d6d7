// The arithmetic of one step of backward: upstream × local = contribution beside the arrow that fires, and += at the box
// that receives.

const LINE = 17;  // pixels from one line to the next
const STEPS = 24;  // along an arrow

class Badge {
  constructor(picture) {
    this.picture = picture;
    this.trails = [];
    this.group = draw("g", { class: "badge", "aria-hidden": "true" }, picture.svg);
    [this.factors, this.product, this.plus] = [0, 1, 2].map(() => draw("text", {}, this.group));
  }

  hide() {
    this.group.setAttribute("visibility", "hidden");
  }

  show(arrow, state) {
    const { walk } = this.picture;
    const { tail, head, local } = walk.arrows[arrow];
    const sum = format(state.step.contribution);
    this.group.setAttribute("visibility", "visible");
    this.factors.textContent = `${factor(state.grad[head])} × ${factor(local)}`;
    this.product.textContent = `= ${sum}`;
    this.plus.textContent = `+= ${sum}`;
    const [left, , right, bottom] = this.picture.areas[tail];
    this.write(this.plus, (left + right) / 2, bottom + 13);
    const width = Math.max(...[this.factors, this.product].map((text) => text.getComputedTextLength())) + 8;
    const [x, y] = this.freePlace(width, 2 * LINE, arrow);
    this.write(this.factors, x, y - 4);
    this.write(this.product, x, y - 4 + LINE);
  }

  write(text, x, y) {
    text.setAttribute("x", x);
    text.setAttribute("y", y);
  }

  // Points along an arrow.
  trail(arrow) {
    if (!this.trails[arrow]) {
      const path = this.picture.arrows[arrow].querySelector("path");
      const length = path.getTotalLength();
      this.trails[arrow] = Array.from({ length: STEPS + 1 }, (_, i) => path.getPointAtLength((length * i) / STEPS));
    }
    return this.trails[arrow];
  }

  // The centre of the place nearest to the middle of an arrow where a text covers no box, nor the arrow, nor much else.
  freePlace(width, height, arrow) {
    const { areas, labelAreas, walk } = this.picture;
    const middle = this.trail(arrow)[STEPS / 2];
    const near = ([left, top, right, bottom]) => left < middle.x + 300 && right > middle.x - 300
      && top < middle.y + 200 && bottom > middle.y - 200;
    const around = ({ x, y }, room) => [x - room, y - room, x + room, y + room];
    const taken = [...areas, areaOf(this.plus)].filter(near).map((area) => [area, 100]);
    for (const area of labelAreas.filter(near)) taken.push([area, 3]);
    for (const point of this.trail(arrow)) taken.push([around(point, 7), 4]);
    walk.arrows.forEach(({ tail, head }, other) => {
      const [[a, b, c, d], [e, f, g, h]] = [areas[tail], areas[head]];
      if (other === arrow || walk.boxes[tail].k === "constant" || !near([Math.min(a, e), Math.min(b, f), Math.max(c, g), Math.max(d, h)])) return;
      for (const point of this.trail(other)) if (near(around(point, 0))) taken.push([around(point, 2), 0.7]);
    });
    let best = null;
    for (let dy = -150; dy <= 150; dy += 5) {
      for (let dx = -120; dx <= 120; dx += 10) {
        if (best && Math.hypot(dx, dy) >= best.cost) continue;
        const [x, y] = [middle.x + dx, middle.y + dy];
        const area = [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
        const cost = Math.hypot(dx, dy) + taken.reduce((sum, [other, weight]) => sum + weight * overlap(area, other), 0);
        if (!best || cost < best.cost) best = { x, y, cost };
      }
    }
    return [best.x, best.y];
  }
}

// Areas are [left, top, right, bottom].
function areaOf(element, [x, y] = [0, 0]) {
  const box = element.getBBox();
  return [x + box.x, y + box.y, x + box.x + box.width, y + box.y + box.height];
}

// How deep one area reaches into another, in pixels; 0 where they are apart.
function overlap([left, top, right, bottom], [l, t, r, b]) {
  return Math.max(0, Math.min(right - l, r - left, bottom - t, b - top));
}
