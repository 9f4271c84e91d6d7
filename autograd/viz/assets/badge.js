// The arithmetic of one step of backward: upstream × local = contribution beside the arrow that fires, and += at the box
// that receives.

const LINE = 17;  // pixels from one line to the next
const REACH = [120, 150];  // how far from where it should be a text may be
const FAR_AWAY = 150;  // from the box that receives
const OFFSETS = [];  // the places to try, the nearest first
for (let dx = -REACH[0]; dx <= REACH[0]; dx += 10) {
  for (let dy = -REACH[1]; dy <= REACH[1]; dy += 5) OFFSETS.push([dx, dy, Math.hypot(dx, dy)]);
}
OFFSETS.sort((p, q) => p[2] - q[2]);

class Badge {
  constructor(picture) {
    this.picture = picture;
    this.trails = [];
    this.group = draw("g", { class: "badge", "aria-hidden": "true" }, picture.svg);
    [this.factors, this.product, this.plus] = [0, 1, 2].map(() => draw("text", {}, this.group));
  }

  hide() {
    this.group.setAttribute("visibility", "hidden");
    this.picture.svg.classList.remove("badged");
  }

  show(arrow, state) {
    const { walk } = this.picture;
    const { tail, head, local } = walk.arrows[arrow];
    const sum = format(state.step.contribution);
    this.group.setAttribute("visibility", "visible");
    this.picture.svg.classList.add("badged");
    this.factors.textContent = `${factor(state.grad[head])} × ${factor(local)}`;
    this.product.textContent = `= ${sum}`;
    this.plus.textContent = `+= ${sum}`;
    const [left, , right, bottom] = this.picture.areas[tail];
    this.write(this.plus, (left + right) / 2, bottom + 15);
    const width = Math.max(...[this.factors, this.product].map((text) => text.getComputedTextLength())) + 14;
    const [x, y] = this.freePlace(width, 2 * LINE, arrow);
    this.write(this.factors, x, y - 4);
    this.write(this.product, x, y - 4 + LINE);
  }

  write(text, x, y) {
    text.setAttribute("x", x);
    text.setAttribute("y", y);
  }

  // Points along an arrow.  The browser's own getPointAtLength takes 100 ms for the neighbours of one arrow of a network.
  trail(arrow) {
    this.trails[arrow] ??= pointsAlong(this.picture.arrows[arrow].querySelector("path").getAttribute("d"));
    return this.trails[arrow];
  }

  // Where the numbers of an arrow should be: in its middle, or if it is long, not far from the box that receives.
  anchor(arrow) {
    const trail = this.trail(arrow);
    const half = trail[Math.floor(trail.length / 2)];
    return trail.find((point) => point === half || Math.hypot(point.x - trail[0].x, point.y - trail[0].y) > FAR_AWAY);
  }

  // The centre of the place nearest to it where a text covers no box, nor the arrow, nor much else.
  freePlace(width, height, arrow) {
    const { areas, labelAreas, walk } = this.picture;
    const middle = this.anchor(arrow);
    const [w, h] = [REACH[0] + width / 2, REACH[1] + height / 2];
    const near = ([left, top, right, bottom]) => left < middle.x + w && right > middle.x - w
      && top < middle.y + h && bottom > middle.y - h;
    const around = ({ x, y }, room) => [x - room, y - room, x + room, y + room];
    const taken = [...areas, areaOf(this.plus)].filter(near).map((area) => [area, 100]);
    for (const point of this.trail(arrow)) taken.push([around(point, 8), 4]);
    for (const area of labelAreas.filter(near)) taken.push([area, 3]);
    walk.arrows.forEach(({ tail, head }, other) => {
      const [[a, b, c, d], [e, f, g, h]] = [areas[tail], areas[head]];
      if (other === arrow || walk.boxes[tail].k === "constant" || !near([Math.min(a, e), Math.min(b, f), Math.max(c, g), Math.max(d, h)])) return;
      for (const point of this.trail(other)) if (near(around(point, 0))) taken.push([around(point, 2), 0.7]);
    });
    let best = { cost: Infinity };
    for (const [dx, dy, far] of OFFSETS) {
      if (far >= best.cost) break;
      const [x, y] = [middle.x + dx, middle.y + dy];
      const area = [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
      let cost = far;
      for (const [other, weight] of taken) {
        cost += weight * overlap(area, other);
        if (cost >= best.cost) break;
      }
      if (cost < best.cost) best = { x, y, cost };
    }
    return [best.x, best.y];
  }
}

// Points on a path "M0 0c1 1 2 1 3 0 …", which is a row of cubic Bézier curves, each written from where the last one ended:
// on each at least eight, and at most 200.
function pointsAlong(path) {
  const [left, top, ...numbers] = path.match(/-?[\d.]+/g).map(Number);
  const found = [];
  let [x, y] = [left, top];
  for (let i = 0; i + 5 < numbers.length; i += 6) {
    const at = (t, k) => 3 * t * (1 - t) ** 2 * numbers[i + k] + 3 * t ** 2 * (1 - t) * numbers[i + k + 2] + t ** 3 * numbers[i + k + 4];
    const step = 1 / Math.min(200, Math.max(8, Math.hypot(numbers[i + 4], numbers[i + 5]) / 40));
    for (let t = step / 2; t < 1; t += step) found.push({ x: x + at(t, 0), y: y + at(t, 1) });
    [x, y] = [x + numbers[i + 4], y + numbers[i + 5]];
  }
  return found;
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
