// Heat maps in the boxes of layers: W, ∂W, a, δ, one cell per number; pointing at a cell, or the table in the panel, has
// the number.

const [POSITIVE, NEGATIVE, UNKNOWN] = [[213, 94, 0], [0, 114, 178], [128, 128, 128]];  // hues of Okabe and Ito

// What is in the maps of a level: the live numbers, or for a large graph those that came with it.
class HeatMaps {
  constructor(picture, level) {
    this.picture = picture;
    this.own = level.m;
    this.maps = [];
    this.opened = new Set();  // the tables that the user has opened
    level.boxes.forEach((box, i) => {
      for (const [title, isGradient, grid, x, y, cell] of box.h || []) {
        this.maps.push(this.build({ box: i, title, isGradient: Boolean(isGradient), grid, x, y, cell }));
      }
    });
    this.tip = make("div", { class: "tip-text", "aria-hidden": "true", hidden: true });
    picture.stage.append(this.tip);
  }

  build(map) {
    const { box, title, isGradient, grid, x, y, cell } = map;
    const [width, height] = [grid[0].length * cell, grid.length * cell];
    const outline = this.picture.boxes[box].querySelector("rect");
    const bottom = Number(outline.getAttribute("y")) + Number(outline.getAttribute("height")) - 7;
    const place = { x, y: bottom + y, width, height };
    const group = draw("g", { class: `heat ${isGradient ? "gradient" : ""}` }, this.picture.boxes[box]);
    draw("rect", { ...place, class: "ground" }, group);  // so that a colour is the same in every box
    map.image = draw("image", { ...place, preserveAspectRatio: "none" }, group);
    draw("rect", { ...place, class: "frame" }, group);
    draw("text", { x: x + width / 2, y: bottom - 2 }, group).textContent = title;
    map.image.addEventListener("pointermove", (event) => this.point(map, event));
    map.image.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    return map;
  }

  number(map, index) {
    if (this.own) return num(this.own[index][map.isGradient ? 2 : 1]);
    const { numbers } = this.picture.walk;
    return map.isGradient ? numbers.gradient(index) : numbers.data[index];
  }

  name(map, index) {
    const name = this.own ? this.own[index][0] : this.picture.walk.numbers.boxes[index].n;
    return map.isGradient ? `∂/∂${name}` : name;
  }

  // Draw the maps again if their numbers are others.
  show() {
    const { numbers } = this.picture.walk;
    const now = this.own || numbers.steps;
    if (this.drawn === now) return;
    this.drawn = now;
    for (const map of this.maps) map.image.setAttribute("href", imageOf(map.grid.map((row) => row.map((i) => this.number(map, i)))));
  }

  // The number below the pointer, beside it.
  point(map, event) {
    const { left, top, width, height } = map.image.getBoundingClientRect();
    const row = Math.floor(((event.clientY - top) / height) * map.grid.length);
    const column = Math.floor(((event.clientX - left) / width) * map.grid[0].length);
    const index = map.grid[row]?.[column];
    this.tip.hidden = index === undefined;
    if (index === undefined) return;
    this.tip.textContent = `${this.name(map, index)} = ${format(this.number(map, index))}`;
    const stage = this.picture.stage.getBoundingClientRect();
    const x = Math.min(event.clientX - stage.left + 14, stage.width - this.tip.offsetWidth - 4);
    this.tip.style.transform = `translate(${x}px, ${event.clientY - stage.top + 16}px)`;
  }

  // ---- the panel: all numbers of a layer, as tables ----
  tables(box, isComplete) {
    return this.maps.filter((map) => map.box === box && (isComplete || !map.isGradient)).map((map) => {
      const values = map.grid.map((row) => row.map((i) => this.number(map, i)));
      const most = largest(values);
      const rows = values.map((row, r) => make("tr", {}, ...row.map((x, c) => {
        const cell = make("td", { title: this.name(map, map.grid[r][c]) }, format(x));
        cell.style.background = `rgb(${colourOf(x, most).slice(0, 3).join(" ")} / ${colourOf(x, most)[3] / 2})`;
        return cell;
      })));
      const title = `${map.title}, ${values.length} × ${values[0].length}`;
      const table = make("div", { class: "scroll" }, make("table", { class: "numbers", "aria-label": title }, ...rows));
      const id = `${box} ${map.title}`;
      const details = make("details", { open: this.opened.has(id) }, make("summary", {}, title), table);
      details.addEventListener("toggle", () => this.opened[details.open ? "add" : "delete"](id));
      return details;
    });
  }
}

const largest = (values) => Math.max(...values.flat().filter(Number.isFinite).map(Math.abs), 0) || 1;

// Blue below zero, orange above, the deeper the farther; grey for what is no number.
function colourOf(x, most) {
  if (Number.isNaN(x)) return [...UNKNOWN, 1];
  return [...(x < 0 ? NEGATIVE : POSITIVE), Math.min(1, Math.abs(x) / most)];
}

// One pixel per number, as the address of an image.
function imageOf(values) {
  const canvas = Object.assign(document.createElement("canvas"), { width: values[0].length, height: values.length });
  const context = canvas.getContext("2d");
  const most = largest(values);
  values.forEach((row, r) => row.forEach((x, c) => {
    const [red, green, blue, opacity] = colourOf(x, most);
    context.fillStyle = `rgb(${red} ${green} ${blue} / ${opacity})`;
    context.fillRect(c, r, 1, 1);
  }));
  return canvas.toDataURL();
}
