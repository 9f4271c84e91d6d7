// Where the numbers of an arrow are seen to be its own: beside it, nearer to it than to any other arrow, and over nothing.

const REACH = [120, 150];  // how far from where it should be a text may be
const BESIDE = 26;  // from its arrow, at most
const OFFSETS = [];  // the places to try, the nearest first
for (let dx = -REACH[0]; dx <= REACH[0]; dx += 10) {
  for (let dy = -REACH[1]; dy <= REACH[1]; dy += 5) OFFSETS.push([dx, dy]);
}
OFFSETS.sort(([a, b], [c, d]) => Math.hypot(a, b) - Math.hypot(c, d));

const NEXT = 200;  // of these, for a number that is always there

class Places {
  constructor(picture) {
    this.picture = picture;
    // The browser's own getPointAtLength takes 100 ms for the neighbours of one arrow of a network.
    this.trails = picture.arrows.map((arrow) => pointsAlong(arrow.querySelector("path").getAttribute("d")));
    this.bounds = this.trails.map((trail) => {
      const [xs, ys] = [trail.map(({ x }) => x), trail.map(({ y }) => y)];
      return [Math.min(...xs) - 1, Math.min(...ys) - 1, Math.max(...xs) + 1, Math.max(...ys) + 1];
    });
  }

  // Points of one arrow, and of all others, in an area.
  points(arrow, area) {
    const isIn = ({ x, y }) => x > area[0] && y > area[1] && x < area[2] && y < area[3];
    const others = this.trails.filter((_, i) => i !== arrow && overlap(this.bounds[i], area));
    return [this.trails[arrow].filter(isIn), others.flat().filter(isIn)];
  }

  // The centre of the place nearest to a point where a text so large is seen to belong to an arrow; undefined if there is
  // none.  No box and none of the other areas is covered; ``most`` is the number of places that are tried.
  find({ x, y }, [width, height], arrow, areas, most = OFFSETS.length) {
    const around = grown([x, y, x, y], REACH[0] + width / 2 + BESIDE, REACH[1] + height / 2 + BESIDE);
    const taken = [...this.picture.areas, ...areas].filter((area) => overlap(area, around));
    const [own, others] = this.points(arrow, around);
    for (const [dx, dy] of OFFSETS.slice(0, most)) {
      const area = grown([x + dx, y + dy, x + dx, y + dy], width / 2, height / 2);
      if (taken.some((other) => overlap(area, other))) continue;
      const gap = gapTo(area, own);
      if (gap > 2 && gap < BESIDE && others.every((point) => distanceTo(area, point) > gap + 1)) return [x + dx, y + dy];
    }
    return undefined;
  }

  // Move the numbers that would be taken for those of another arrow; where there is no room, they are seen when their
  // box is pointed at.
  settle() {
    const { numbers, arrows } = this.picture;
    const areas = numbers.map((text) => (text && text.textContent ? areaOf(text) : null));
    areas.forEach((area, i) => {
      if (!area) return;
      const [own, foreign] = this.points(i, grown(area, 2 * BESIDE, 2 * BESIDE));
      const away = gapTo(area, foreign);
      if (away > 0 && away > gapTo(area, own)) return;
      const [left, top, right, bottom] = area;
      const middle = { x: (left + right) / 2, y: (top + bottom) / 2 };
      const others = areas.filter((other, k) => other && k !== i);
      const place = this.find(middle, [right - left + 4, bottom - top], i, others, NEXT);
      arrows[i].classList.toggle("stray", !place);
      if (!place) return;
      numbers[i].setAttribute("x", place[0]);
      numbers[i].setAttribute("y", place[1]);
      areas[i] = areaOf(numbers[i]);
    });
  }
}

// Points on a path "M0 0c1 1 2 1 3 0 …", which is a row of cubic Bézier curves, each written from where the last one ended.
function pointsAlong(path) {
  const [left, top, ...numbers] = path.match(/-?[\d.]+/g).map(Number);
  const found = [];
  let [x, y] = [left, top];
  for (let i = 0; i + 5 < numbers.length; i += 6) {
    const at = (t, k) => 3 * t * (1 - t) ** 2 * numbers[i + k] + 3 * t ** 2 * (1 - t) * numbers[i + k + 2] + t ** 3 * numbers[i + k + 4];
    const step = 1 / Math.min(400, Math.max(8, Math.hypot(numbers[i + 4], numbers[i + 5]) / 8));
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

const grown = ([left, top, right, bottom], x, y) => [left - x, top - y, right + x, bottom + y];

// How deep one area reaches into another, in pixels; 0 where they are apart.
function overlap([left, top, right, bottom], [l, t, r, b]) {
  return Math.max(0, Math.min(right - l, r - left, bottom - t, b - top));
}

// How far a point is from an area, and the nearest of some; 0 in it.
const distanceTo = ([left, top, right, bottom], { x, y }) => (
  Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom)));
const gapTo = (area, points) => points.reduce((nearest, point) => Math.min(nearest, distanceTo(area, point)), Infinity);
