// The window over a picture: which part of it is seen, and how large.

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const NEAR = 1.15;  // how large a picture is that can be read well: pixels on the screen per pixel of the layout
const FAR = 0.7;  // below this it cannot be read

class Pane {
  constructor(svg) {
    this.svg = svg;
    this.stage = svg.parentElement;
    this.gliding = 0;  // the frame to come, while the window moves
    this.full = svg.getAttribute("viewBox").split(" ").map(Number);
    svg.setAttribute("width", this.full[2]);
    svg.setAttribute("height", this.full[3]);
  }

  // ---- the window: the point of the picture that is in the middle of the stage, and the scale ----
  // The size of the stage, without the buttons that lie over its bottom.
  get size() {
    return [this.stage.clientWidth, this.stage.clientHeight - this.stage.querySelector(".zoom").offsetHeight];
  }

  // The scales at which the picture can be read well, and just so: larger on a large screen, which is far away, and for
  // those who asked for larger type.
  get near() {
    return NEAR * Math.max(1, this.stage.clientHeight / 600) * (parseFloat(document.documentElement.style.getPropertyValue("--type")) || 1);
  }

  get far() {
    return (FAR / NEAR) * this.near;
  }

  // Whether all boxes are in sight.
  get isWhole() {
    const [x, y, width, height] = this.full;
    const { x: u, y: v, scale } = this.window;
    const [w, h] = this.size.map((side) => side / 2 / scale + MARGIN);
    return x >= u - w && y >= v - h && x + width <= u + w && y + height <= v + h;
  }

  fit() {
    const [x, y, width, height] = this.full;
    const [w, h] = this.size;
    const largest = Math.max(1.7, h / 330);  // small graphs do not become huge, but are read from the last row
    const scale = Math.min(largest, w / width, h / height) || 1;
    this.look({ x: x + width / 2, y: y + height / 2, scale });
    this.fitted = true;
    return scale;
  }

  look(goal) {
    cancelAnimationFrame(this.gliding);
    this.gliding = 0;
    this.goal = goal;
    this.fitted = false;
    this.put(goal);
  }

  put(window) {
    this.window = window;
    const [w, h] = this.size;
    const left = w / 2 + (this.full[0] - window.x) * window.scale;
    const top = h / 2 + (this.full[1] - window.y) * window.scale;
    // A transform of the whole: another viewBox would have every text laid out again, 400 ms for 1,000 boxes.
    this.svg.style.transform = `translate(${left.toFixed(1)}px, ${top.toFixed(1)}px) scale(${window.scale.toFixed(4)})`;
    if (this.moved) this.moved();
  }

  // A goal, moved so that no room is wasted beyond the edges of the picture.
  within({ x, y, scale }) {
    const [w, h] = this.size.map((side) => side / 2 / scale);
    const inside = (at, start, length, reach) => (
      length < 2 * reach ? start + length / 2 : Math.min(start + length - reach, Math.max(start + reach, at)));
    return { x: inside(x, this.full[0], this.full[2], w), y: inside(y, this.full[1], this.full[3], h), scale };
  }

  // The stage has another size: what was all in it still is, or else what was in the middle stays there.
  resized() {
    if (this.fitted) this.fit();
    else this.look(this.within(this.goal));
  }

  // Move there smoothly, or at once for those who asked for less motion.  Fast at first, and faster where one
  // glide cuts another short, as when a key is held down: the window still gets most of the way.
  glide(goal) {
    if (calm.matches) return this.look(goal);
    cancelAnimationFrame(this.gliding);
    this.goal = goal;
    this.fitted = false;
    const from = this.window;
    const began = performance.now();
    const time = this.gliding ? 100 : 250;
    const move = (now) => {
      const t = Math.min(1, Math.max(0, (now - began) / time));
      const share = 1 - (1 - t) ** 3;
      this.put(Object.fromEntries(Object.keys(from).map((key) => [key, from[key] + (goal[key] - from[key]) * share])));
      this.gliding = t < 1 ? requestAnimationFrame(move) : 0;
    };
    this.gliding = requestAnimationFrame(move);
    return undefined;
  }

  // Zoom so that what is at a point of the stage stays there; the point is in pixels from the middle.
  zoom(times, [dx, dy] = [0, 0]) {
    const [w] = this.size;
    const { x, y, scale: before } = this.goal;
    const scale = Math.min(w / 120, Math.max(w / this.full[2] / 4, before / times));
    const change = 1 / before - 1 / scale;
    this.look({ x: x + dx * change, y: y + dy * change, scale });
  }

  // Move by pixels of the screen.
  pan(dx, dy) {
    const { x, y, scale } = this.goal;
    this.look({ x: x - dx / scale, y: y - dy / scale, scale });
  }

  // How far the window reaches from its middle.
  get reach() {
    return this.size.map((side) => side / 2 / this.goal.scale);
  }

  // Move the window if one of these boxes is not well inside of it; a picture too small to read is brought nearer, and
  // of boxes too far apart to be read at once, the first is seen.
  follow(boxes) {
    const xs = boxes.map((i) => this.centres[i][0]), ys = boxes.map((i) => this.centres[i][1]);
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const fitting = 0.9 * Math.min(this.size[0] / (right - left + 240), this.size[1] / (bottom - top + 130));
    if (fitting < this.far && boxes.length > 1) return this.follow(boxes.slice(0, 1));
    const scale = Math.min(fitting, Math.max(this.near, this.goal.scale));
    const { x, y, scale: before } = this.goal;
    const [w, h] = this.reach;
    const inside = left > x - w + 90 && right < x + w - 90 && top > y - h + 50 && bottom < y + h - 50;
    const goal = { x: (left + right) / 2, y: (top + bottom) / 2, scale };
    if (!inside || Math.abs(scale / before - 1) > 0.01) this.glide(this.within(goal));
    return undefined;
  }

  // Move the window only if a box is not in it.
  reveal(box) {
    if (this.fitted) return;
    const [w, h] = this.reach;
    const [x, y] = this.centres[box];
    const inside = Math.abs(x - this.goal.x) < w * 0.84 && Math.abs(y - this.goal.y) < h * 0.84;
    if (!inside) this.glide(this.within({ x, y, scale: this.goal.scale }));
  }
}
