// The whole picture, small, below it: shown while a part is out of sight.  A frame is around what is seen, and where the
// walk is, is marked.  Pressed or dragged, it moves the window there; the keyboard has the arrows for that.

const MAP_WIDTHS = [100, 200];  // the least and the most, in pixels; it is as high as the buttons beside it
const BOX_HEIGHT = 60;  // about that of most boxes, in the picture

class Overview {
  constructor(app) {
    this.app = app;
    this.svg = draw("svg", { class: "map", preserveAspectRatio: "none", "aria-hidden": "true" });
    app.pictures[0].stage.querySelector(".zoom").prepend(this.svg);
    for (const picture of app.pictures) picture.moved = () => this.show();
    const go = (event) => {
      if (!event.buttons) return;
      const { left, top, width, height } = this.svg.getBoundingClientRect();
      const { full, goal } = app.picture;
      const [x, y] = [full[0] + ((event.clientX - left) / width) * full[2], full[1] + ((event.clientY - top) / height) * full[3]];
      app.setFollow(false);
      app.picture.look(app.picture.within({ x, y, scale: goal.scale }));
    };
    this.svg.addEventListener("pointerdown", (event) => { this.svg.setPointerCapture(event.pointerId); go(event); });
    this.svg.addEventListener("pointermove", go);
  }

  // Draw a picture: the boxes of each kind in one path.
  draw(picture) {
    const [x, y, width, height] = picture.full;
    const [least, most] = MAP_WIDTHS;
    this.svg.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
    this.svg.style.width = `${Math.min(most, Math.max(least, (32 * width) / height))}px`;
    const shapes = {};
    picture.walk.boxes.forEach(({ k }, i) => { shapes[k] = (shapes[k] || "") + this.shape(picture, i); });
    this.svg.replaceChildren(...Object.entries(shapes).map(([kind, d]) => draw("path", { class: kind, d })));
    this.now = draw("path", { class: "now" }, this.svg);
    this.frame = draw("rect", { class: "frame" }, this.svg);
  }

  shape(picture, i) {
    const [x, y] = picture.centres[i];
    return `M${x - 50} ${y - BOX_HEIGHT / 2}h100v${BOX_HEIGHT}h-100z`;
  }

  // Where the window and the walk are.
  show() {
    const { picture, state } = this.app;
    const isNeeded = !picture.isWhole;
    this.svg.toggleAttribute("hidden", !isNeeded);
    if (!isNeeded) return;
    if (this.drawn !== picture) this.draw(picture);
    this.drawn = picture;
    const { x, y, scale } = picture.window;
    const [w, h] = picture.size.map((side) => side / 2 / scale);
    const [left, top, width, height] = picture.full;
    const [a, b] = [Math.max(x - w, left), Math.max(y - h, top)];
    const [c, d] = [Math.min(x + w, left + width), Math.min(y + h, top + height)];
    const seen = { x: a, y: b, width: Math.max(0, c - a), height: Math.max(0, d - b) };
    for (const [name, value] of Object.entries(seen)) this.frame.setAttribute(name, value);
    this.now.setAttribute("d", state.box === null ? "" : this.shape(picture, state.box));
  }
}
