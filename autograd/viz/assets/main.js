// The page: levels of detail, the controls, the keyboard.

const byId = (id) => document.getElementById(id);

class App {
  constructor() {
    this.panel = new Panel(byId("panel"), this);
    this.quiz = new Quiz(this);
    [this.selected, this.node, this.share] = [null, null, 0];  // node, share: the same at every level
    DATA.levels = DATA.levels.map(unpacked);
    byId("stage").prepend(...DATA.levels.map(drawn));
    this.pictures = [...document.querySelectorAll("svg.graph")].map((svg, i) => new Picture(svg, new Walk(DATA.levels[i])));
    this.numbers = this.pictures.map((picture) => picture.walk).find((walk) => walk.scalar) || null;  // of single numbers
    for (const { walk } of this.pictures) if (!walk.scalar && walk.boxOfNode) walk.numbers = this.numbers;
    this.pictures.forEach((picture, i) => {
      if (DATA.levels[i].boxes.some((box) => box.h)) picture.heat = new HeatMaps(picture, DATA.levels[i]);
    });
    this.live = new Live(this);
    this.overview = new Overview(this);
    this.buildLevels();
    listenToStage(byId("stage"), this);
    this.listenToControls();
    this.keyboard = new Keyboard(this);
    this.look = new Look(this);
    this.choose(DATA.level);
    this.address = new Address(this);
    if (location.hash) this.address.read();
    let isLate = !this.picture.isLaidOut;  // the texts could not be measured yet
    new ResizeObserver(() => {
      if (isLate) {
        this.picture.shown = [];
        this.choose(this.level);
        isLate = false;
      }
      this.picture.resized();
    }).observe(byId("stage"));
    embed(this);
  }

  // ---- levels of detail ----
  buildLevels() {
    if (this.pictures.length < 2) return;
    byId("levels").append(...DATA.levels.map((level, i) => make("button", {
      role: "radio", "aria-checked": "false", onclick: () => this.choose(i),
    }, level.name)));
  }

  // Another level shows the same stage of the walk, and the box that holds the number that was selected.
  choose(level) {
    this.pause();
    this.quiz.stop();
    this.level = level;
    this.picture = this.pictures[level];
    this.walk = this.picture.walk;
    this.selected = this.node === null ? null : this.walk.boxOf(this.node);
    this.paths = false;
    this.pictures.forEach((picture, i) => picture.svg.toggleAttribute("hidden", i !== level));
    [...byId("levels").children].forEach((button, i) => {
      button.setAttribute("aria-checked", String(i === level));
      button.setAttribute("tabindex", i === level ? "0" : "-1");
    });
    byId("position").max = this.walk.length;
    this.picture.settle();
    this.picture.highlight(null);
    this.position = this.walk.positionAt(this.share);
    this.refresh();
    const scale = this.picture.fit();
    this.setFollow(scale < this.picture.far);  // to begin with, if the whole is too small to read
    if (this.following) this.picture.look(this.picture.goal);  // at once: it is another picture
  }

  // ---- the window goes where the walk is ----
  setFollow(on) {
    this.following = on;
    byId("follow").setAttribute("aria-pressed", String(on));
    this.follow();
  }

  follow() {
    if (this.following) this.picture.follow(this.active());
  }

  // The boxes to look at: those of the step, the one that is computed, or to begin with a leaf and what uses it.
  active() {
    const { walk, state } = this;
    if (this.quiz.on && this.quiz.kind === "local" && this.quiz.asking !== null) {
      const { tail, head } = walk.arrows[this.quiz.asking];
      return [tail, head];
    }
    if (this.quiz.on) return [this.selected ?? walk.roots[0]];
    const arrow = state.step ? walk.arrows[state.step.arrow] : walk.arrows[(walk.operands[walk.forward[0]] || [])[0]];
    if (state.box !== null && !state.step) return [state.box];
    return arrow ? [arrow.tail, arrow.head] : [walk.roots[0]];
  }

  // ---- positions ----
  go(position) {
    this.position = Math.max(0, Math.min(this.walk.length, position));
    this.share = this.walk.shareOf(this.position);
    this.refresh();
    this.follow();
  }

  refresh() {
    document.body.classList.toggle("looking", this.selected !== null || this.quiz.on);
    const position = this.quiz.on ? this.walk.length : this.position;
    this.state = this.walk.at(position);
    if (this.quiz.on) Object.assign(this.state, { step: null, box: null });
    this.picture.show(this.state, this.selected, this.quiz);
    this.panel.show(this.state);
    this.writeCaption();
    byId("position").value = this.position;
    const { start, length } = this.walk;
    byId("count").title = `Step ${this.position} of ${length}`;
    byId("count").textContent = this.quiz.on ? "quiz" : this.position < start
      ? `forward ${this.position} of ${start - 1}` : `backward ${this.position - start} of ${length - start}`;
    byId("position").setAttribute("aria-valuetext", byId("count").textContent);
    for (const id of ["first", "back"]) byId(id).disabled = this.quiz.on || this.position === 0;
    for (const id of ["next", "last"]) byId(id).disabled = this.quiz.on || this.position === length;
    byId("play").disabled = byId("position").disabled = this.quiz.on;
    byId("quiz").setAttribute("aria-pressed", String(this.quiz.on));
    this.live.show();
    if (this.picture.window) this.overview.show();
    if (this.address) this.address.write();
  }

  step(by) {
    this.go(this.position + by);
    if (by > 0 && this.state.step) this.picture.run(this.state.step.arrow, Math.min(600, this.pace() * 0.6));
  }

  writeCaption() {
    const [line, small] = this.quiz.on ? this.quiz.caption() : this.caption();
    byId("caption").replaceChildren(make("span", {}, line), make("small", {}, small));
  }

  caption() {
    const { walk, state } = this;
    if (state.position === 0) return ["The leaves hold the numbers to start from.", "Step forward with →, or press Space."];
    if (state.phase === "forward") return [walk.computation(state.box), "forward: compute"];
    if (!state.step) {
      const names = walk.roots.map((root) => `grad ${walk.boxes[root].n} = 1`);
      return [names.join(", "), "Backward starts: the derivative of the output with respect to itself is 1."];
    }
    const { tail, head, local } = walk.arrows[state.step.arrow];
    const formula = walk.formula(state.step.arrow);
    const [to, from] = [walk.boxes[tail].n, walk.boxes[head].n];
    if (!walk.scalar) return [`${from} hands its gradient back to ${to}`, between(walk.label(state.step.arrow))];
    const { contribution, after } = state.step;
    const rest = walk.missing(tail, state.done) ? "more is to come" : "complete";
    return [
      `grad ${to} += ${factor(state.grad[head])} × ${factor(local)} = ${format(contribution)}`,
      `the gradient of ${from} times ∂${atom(from)}/∂${atom(to)}${formula ? ` = ${formula}` : ""}; `
        + `grad ${to} is now ${format(after)}, ${rest}`,
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
    if (i !== this.selected) this.panel.element.scrollTop = 0;
    this.selected = i;
    this.node = i === null ? null : this.walk.nodeOf(i);
    if (i === null) this.paths = false;
    this.picture.highlight(this.paths ? this.walk.pathsFrom(i) : null);
    if (this.quiz.on) this.quiz.message = null;
    this.refresh();
    if (i !== null) this.picture.reveal(i);
  }

  // Give up the selection, and then the graph; the focus is never lost with what had it.
  letGo() {
    const { selected } = this;
    const focused = document.activeElement;
    this.select(null);
    if (selected !== null) {
      if (!focused.isConnected) this.picture.boxes[selected].focus({ preventScroll: true });
    } else if (focused.closest(".b")) byId("play").focus();
    else focused.blur();
  }

  togglePaths() {
    if (this.selected === null) return;
    this.paths = !this.paths;
    this.select(this.selected);
  }

  // The quiz asks for single numbers, and goes to the picture that has them.
  toggleQuiz() {
    const numbers = this.pictures.findIndex((picture) => picture.walk.scalar);
    if (numbers < 0) return;
    if (!this.walk.scalar) this.choose(numbers);
    this.pause();
    if (this.quiz.on) this.quiz.stop();
    else this.quiz.start();
    this.select(null);
    this.follow();
    this.panel.element.scrollTop = 0;
  }

  showHelp() {
    if (this.look.hides("panel")) this.look.hide("panel");
    this.select(null);
    byId("keys").focus();
    byId("keys").scrollIntoView({ block: "start" });
  }

  // ---- input ----
  listenToControls() {
    const actions = {
      first: () => this.go(0), back: () => this.step(-1), play: () => this.toggle(), next: () => this.step(1),
      last: () => this.go(this.walk.length), learn: () => this.live.toggle(), quiz: () => this.toggleQuiz(),
      help: () => this.showHelp(), closer: () => this.picture.zoom(0.8), farther: () => this.picture.zoom(1.25),
      fit: () => { this.setFollow(false); this.picture.fit(); }, follow: () => this.setFollow(!this.following),
    };
    for (const [id, action] of Object.entries(actions)) {
      byId(id).addEventListener("click", () => {
        if (!["play", "learn", "follow", "fit", "closer", "farther"].includes(id)) this.pause();
        action();
      });
    }
    if (!this.pictures.some((picture) => picture.walk.scalar)) {
      byId("quiz").disabled = true;
      byId("quiz").title = `The quiz needs a box for each number. ${DATA.notice}`;
    }
    byId("position").addEventListener("input", (event) => { this.pause(); this.go(Number(event.target.value)); });
  }
}

const between = (derivatives) => (derivatives ? `∂out/∂in: ${derivatives}` : "");

const atom = (name) => (/[ +*/(-]/.test(name) ? `(${name})` : name);

window.app = new App();
