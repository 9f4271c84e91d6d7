// The arithmetic of one step of backward: upstream × local = contribution beside the arrow that fires, and += at the box
// that receives.

const LINE = 17;  // pixels from one line to the next
const FAR_AWAY = 150;  // from the box that receives

class Badge {
  constructor(picture) {
    this.picture = picture;
    this.group = draw("g", { class: "badge", "aria-hidden": "true" }, picture.svg);
    [this.factors, this.product, this.plus] = [0, 1, 2].map(() => draw("text", {}, this.group));
  }

  hide() {
    this.group.setAttribute("visibility", "hidden");
    this.picture.svg.classList.remove("badged");
  }

  // In two lines beside the arrow, or in one; where there is room for neither, the arrow keeps its own number, and the
  // caption has the rest.
  show(arrow, state) {
    const { areas, numbers, walk } = this.picture;
    const { tail, head, local } = walk.arrows[arrow];
    const sum = format(state.step.contribution);
    const factors = `${factor(state.grad[head])} × ${factor(local)}`;
    this.group.setAttribute("visibility", "visible");
    const [left, , right, bottom] = areas[tail];
    this.write(this.plus, `+= ${sum}`, (left + right) / 2, bottom + 15);
    const seen = numbers.filter((text, i) => text && i !== arrow && !text.closest(".stray"));
    const taken = [this.plus, ...seen].map((text) => areaOf(text));
    const isFree = [[factors, `= ${sum}`], [`${factors} = ${sum}`, ""]].some((lines) => this.place(lines, arrow, taken));
    this.picture.svg.classList.toggle("badged", isFree);
    if (!isFree) for (const text of [this.factors, this.product]) text.textContent = "";
  }

  // Write lines beside an arrow, if there is room.
  place(lines, arrow, taken) {
    const texts = [this.factors, this.product];
    texts.forEach((text, i) => { text.textContent = lines[i]; });
    const width = Math.max(...texts.map((text) => text.getComputedTextLength())) + 6;
    const height = LINE * lines.filter(Boolean).length;
    const found = this.picture.places.find(this.anchor(arrow), [width, height], arrow, taken);
    if (found) texts.forEach((text, i) => this.write(text, lines[i], found[0], found[1] - height / 2 + 13 + i * LINE));
    return Boolean(found);
  }

  write(text, content, x, y) {
    text.textContent = content;
    text.setAttribute("x", x);
    text.setAttribute("y", y);
  }

  // Where the numbers of an arrow should be: in its middle, or if it is long, not far from the box that receives.
  anchor(arrow) {
    const trail = this.picture.places.trails[arrow];
    const half = trail[Math.floor(trail.length / 2)];
    return trail.find((point) => point === half || Math.hypot(point.x - trail[0].x, point.y - trail[0].y) > FAR_AWAY);
  }
}
