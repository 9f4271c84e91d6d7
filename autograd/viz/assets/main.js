// The page: levels of detail, the controls, the keyboard.

const byId = (id) => document.getElementById(id);

class App {
  constructor() {
    this.panel = new Panel(byId("panel"), this);
    this.quiz = new Quiz(this);
    this.pictures = [...document.querySelectorAll("svg.graph")].map((svg, i) => new Picture(svg, new Walk(DATA.levels[i])));
    this.buildLevels();
    this.listenToStage();
    this.listenToControls();
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("resize", () => { if (this.picture.fitted) this.picture.fit(); });
    this.choose(DATA.level);
  }

  // ---- levels of detail ----
  buildLevels() {
    if (this.pictures.length < 2) return;
    byId("levels").append(...DATA.levels.map((level, i) => make("button", {
      role: "radio", "aria-checked": "false", onclick: () => this.choose(i),
    }, level.name)));
  }

  choose(level) {
    this.pause();
    this.quiz.stop();
    this.level = level;
    this.picture = this.pictures[level];
    this.walk = this.picture.walk;
    this.selected = null;
    this.paths = false;
    this.pictures.forEach((picture, i) => picture.svg.toggleAttribute("hidden", i !== level));
    [...byId("levels").children].forEach((button, i) => button.setAttribute("aria-checked", String(i === level)));
    byId("quiz").disabled = !this.walk.scalar;
    byId("position").max = this.walk.length;
    this.picture.highlight(null);
    this.setFollow(this.picture.fit() < 0.8);
    this.go(0);
  }

  // Whether the window goes where the walk is: to begin with, if the whole is too small to read.
  setFollow(on) {
    this.following = on;
    byId("follow").setAttribute("aria-pressed", String(on));
  }

  // ---- positions ----
  go(position) {
    this.position = Math.max(0, Math.min(this.walk.length, position));
    this.refresh();
  }

  refresh() {
    const position = this.quiz.on ? this.walk.length : this.position;
    this.state = this.walk.at(position);
    if (this.quiz.on) Object.assign(this.state, { step: null, box: null });
    this.picture.show(this.state, this.selected, (i) => this.quiz.hides(i));
    this.panel.show(this.state);
    this.writeCaption();
    byId("position").value = this.position;
    const { start, length } = this.walk;
    byId("count").textContent = this.quiz.on ? "quiz" : this.position < start
      ? `forward ${this.position} of ${start - 1}` : `backward ${this.position - start} of ${length - start}`;
    for (const id of ["first", "back"]) byId(id).disabled = this.quiz.on || this.position === 0;
    for (const id of ["next", "last"]) byId(id).disabled = this.quiz.on || this.position === length;
    byId("play").disabled = byId("position").disabled = this.quiz.on;
    byId("quiz").setAttribute("aria-pressed", String(this.quiz.on));
  }

  step(by) {
    this.go(this.position + by);
    const arrow = this.state.step && this.walk.arrows[this.state.step.arrow];
    const active = arrow ? [arrow.tail, arrow.head] : this.state.box === null ? [] : [this.state.box];
    if (this.following && active.length) this.picture.follow(active);
    if (by > 0 && this.state.step) this.picture.run(this.state.step.arrow, Math.min(600, this.pace() * 0.6));
  }

  writeCaption() {
    const [line, small] = this.quiz.on
      ? ["Work out the gradients, from the output back.", "The number on an arrow is the local derivative ∂head/∂tail."]
      : this.caption();
    byId("caption").replaceChildren(make("span", {}, line), make("small", {}, small));
  }

  caption() {
    const { walk, state } = this;
    if (state.position === 0) return ["The leaves hold the numbers to start from.", "Step forward with →, or press Space."];
    if (state.phase === "forward") return [walk.boxes[state.box].f, "forward: compute"];
    if (!state.step) {
      const names = walk.roots.map((root) => `grad ${walk.boxes[root].n} = 1`);
      return [names.join(", "), "Backward starts: the derivative of the output by itself is 1."];
    }
    const { tail, head, local } = walk.arrows[state.step.arrow];
    const [to, from] = [walk.boxes[tail].n, walk.boxes[head].n];
    if (!walk.scalar) return [`${from} hands its gradient back to ${to}`, `∂out/∂in: ${local}`];
    const { contribution, after } = state.step;
    const rest = walk.missing(tail, state.done) ? "more is to come" : "complete";
    return [
      `grad ${to} += ${factor(state.grad[head])} × ${factor(local)} = ${format(contribution)}`,
      `the gradient of ${from} times ∂${atom(from)}/∂${atom(to)}; grad ${to} is now ${format(after)}, ${rest}`,
    ];
  }

  // ---- playing ----
  pace() {
    return Number(byId("speed").value);
  }

  play() {
    if (this.quiz.on) return;
    if (this.position === this.walk.length) this.go(0);
    this.playing = true;
    byId("play").setAttribute("aria-label", "Pause");
    const tick = () => {
      this.step(1);
      if (this.position === this.walk.length) this.pause();
      else if (this.playing) this.timer = setTimeout(tick, this.pace());
    };
    tick();
  }

  pause() {
    this.playing = false;
    clearTimeout(this.timer);
    byId("play").setAttribute("aria-label", "Play");
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  // ---- selecting ----
  select(i) {
    this.selected = i;
    if (i === null) this.paths = false;
    this.picture.highlight(this.paths ? this.walk.pathsFrom(i) : null);
    if (this.quiz.on) this.quiz.message = null;
    this.refresh();
    if (i !== null) this.picture.reveal(i);
  }

  togglePaths() {
    if (this.selected === null) return;
    this.paths = !this.paths;
    this.select(this.selected);
  }

  toggleQuiz() {
    if (!this.walk.scalar) return;
    this.pause();
    if (this.quiz.on) this.quiz.stop();
    else this.quiz.start();
    this.select(null);
  }

  toggleTheme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }

  showHelp() {
    this.select(null);
    byId("keys").focus();
    byId("keys").scrollIntoView({ block: "start" });
  }

  // ---- input ----
  listenToStage() {
    const stage = byId("stage");
    let from = null;
    let moved = false;
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      const area = stage.getBoundingClientRect();
      const times = Math.exp(event.deltaY * 0.0015);
      this.picture.zoom(times, (event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height);
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => {
      from = [event.clientX, event.clientY];
      moved = false;
      this.byMouse = true;
    });
    stage.addEventListener("pointermove", (event) => {
      if (!from || !event.buttons) return;
      const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
      if (!moved && Math.hypot(dx, dy) < 4) return;
      if (!moved) stage.setPointerCapture(event.pointerId);
      moved = true;
      const scale = this.picture.window.width / stage.clientWidth;
      this.picture.pan(-dx * scale, -dy * scale);
      from = [event.clientX, event.clientY];
    });
    stage.addEventListener("pointerup", () => { from = null; });
    stage.addEventListener("click", (event) => {
      if (moved || event.target.closest("button")) return;
      const box = event.target.closest(".b");
      this.select(box ? this.picture.boxes.indexOf(box) : null);
    });
    stage.addEventListener("focusin", (event) => {
      const box = event.target.closest(".b");
      if (box && !this.byMouse) this.picture.reveal(this.picture.boxes.indexOf(box));
    });
  }

  listenToControls() {
    const actions = {
      first: () => this.go(0), back: () => this.step(-1), play: () => this.toggle(), next: () => this.step(1),
      last: () => this.go(this.walk.length), quiz: () => this.toggleQuiz(), theme: () => this.toggleTheme(),
      help: () => this.showHelp(), closer: () => this.picture.zoom(0.8), farther: () => this.picture.zoom(1.25),
      fit: () => { this.picture.fit(); this.setFollow(false); }, follow: () => this.setFollow(!this.following),
    };
    for (const [id, action] of Object.entries(actions)) {
      byId(id).addEventListener("click", () => {
        if (!["play", "theme", "follow", "fit", "closer", "farther"].includes(id)) this.pause();
        action();
      });
    }
    byId("position").addEventListener("input", (event) => { this.pause(); this.go(Number(event.target.value)); });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    if (event.key === "Tab" || event.key === "g") this.byMouse = false;
    const box = this.byMouse ? null : target.closest(".b");  // after a click the arrow keys still step
    if (target.matches("input, select") && event.key !== "Escape") return;
    if (target.matches("button") && (event.key === " " || event.key === "Enter")) return;
    const action = (box && this.graphKey(event.key, this.picture.boxes.indexOf(box))) || this.pageKey(event.key);
    if (!action) return;
    event.preventDefault();
    action();
  }

  pageKey(key) {
    const still = (action) => () => { this.pause(); if (!this.quiz.on) action(); };
    return {
      ArrowRight: still(() => this.step(1)), ArrowLeft: still(() => this.step(-1)),
      Home: still(() => this.go(0)), End: still(() => this.go(this.walk.length)), " ": () => this.toggle(),
      g: () => this.picture.boxes[this.selected ?? this.walk.roots[0]].focus(),
      p: () => this.togglePaths(), q: () => this.toggleQuiz(), t: () => this.toggleTheme(), "?": () => this.showHelp(),
      "+": () => this.picture.zoom(0.8), "-": () => this.picture.zoom(1.25), 0: () => byId("fit").click(), f: () => byId("follow").click(),
      Escape: () => { this.select(null); document.activeElement.blur(); },
    }[key.length === 1 ? key.toLowerCase() : key];
  }

  // In the graph the arrow keys follow the arrows; up and down go to the boxes above and below.
  graphKey(key, i) {
    const centres = this.picture.centres;
    const nearest = (list) => list.sort((a, b) => distance(centres[a], centres[i]) - distance(centres[b], centres[i]))[0];
    const beside = (sign) => nearest(this.walk.boxes.map((_, j) => j).filter((j) => {
      const [dx, dy] = [centres[j][0] - centres[i][0], centres[j][1] - centres[i][1]];
      return j !== i && dy * sign > 1 && Math.abs(dx) < Math.abs(dy) + 60;
    }));
    const targets = {
      ArrowRight: () => nearest(this.walk.uses[i].map((a) => this.walk.arrows[a].head)),
      ArrowLeft: () => nearest(this.walk.operands[i].map((a) => this.walk.arrows[a].tail)),
      ArrowUp: () => beside(-1), ArrowDown: () => beside(1),
    };
    if (key === "Enter" || key === " ") return () => this.select(i);
    if (!targets[key]) return null;
    return () => {
      const j = targets[key]();
      if (j !== undefined) this.picture.boxes[j].focus();
    };
  }
}

const atom = (name) => (/[ +*/(-]/.test(name) ? `(${name})` : name);
const distance = ([x, y], [u, v]) => Math.hypot(x - u, y - v);

window.app = new App();
