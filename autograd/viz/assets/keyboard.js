// The keyboard: steps from anywhere, and the graph along its arrows.

class Keyboard {
  constructor(app) {
    this.app = app;
    this.afterClick = false;  // who clicks on a box, a level or a slider still steps with the arrow keys
    document.addEventListener("keydown", (event) => this.press(event));
    document.addEventListener("pointerdown", () => { this.afterClick = true; }, { capture: true });
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key, target } = event;
    if (key === "Tab") this.afterClick = false;
    if (this.belongsTo(target, key)) return;
    const action = this.partKey(key, target) || this.pageKey(key);
    if (!action) return;
    event.preventDefault();
    action();
  }

  // Whether a control has a use for a key.  The other keys do what they do everywhere.
  belongsTo(target, key) {
    if (target.matches("input[type=text]")) return key !== "Escape";
    if (target.matches("button, summary")) return key === " " || key === "Enter";
    return target.matches("[type=range]:not(#position)") && /^(Arrow|Home|End|Page)/.test(key);
  }

  // What a key does in the graph or among the levels.
  partKey(key, target) {
    if (this.afterClick) return null;
    const { boxes } = this.app.picture;
    const box = target.closest(".b");
    if (box) return this.graphKey(key, boxes.indexOf(box));
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[key];
    if (!by || !target.matches("[role=radio]")) return null;
    const levels = [...target.parentElement.children];
    const next = (levels.indexOf(target) + by + levels.length) % levels.length;
    return () => {
      this.app.choose(next);
      levels[next].focus();
    };
  }

  pageKey(key) {
    const { app } = this;
    const still = (action) => () => { app.pause(); if (!app.quiz.on) action(); };
    const click = (id) => () => byId(id).click();
    return {
      ArrowRight: still(() => app.step(1)), ArrowLeft: still(() => app.step(-1)),
      Home: still(() => app.go(0)), End: still(() => app.go(app.walk.length)), " ": () => app.toggle(),
      g: () => this.enterGraph(), p: () => app.togglePaths(), q: () => app.toggleQuiz(), l: click("learn"), s: click("descend"),
      t: click("theme"),
      y: click("larger"), d: click("details"), c: click("controls"), e: click("full"),
      "?": () => app.showHelp(), "+": click("closer"), "-": click("farther"), 0: click("fit"), f: click("follow"),
      Escape: () => app.letGo(),
    }[key.length === 1 ? key.toLowerCase() : key];
  }

  enterGraph() {
    const { picture, selected, walk } = this.app;
    this.afterClick = false;
    picture.boxes[selected ?? walk.roots[0]].focus();
  }

  // In the graph the arrow keys follow the arrows; up and down go to the boxes above and below.
  graphKey(key, i) {
    const { picture, walk } = this.app;
    const { centres } = picture;
    const nearest = (list) => list.sort((a, b) => distance(centres[a], centres[i]) - distance(centres[b], centres[i]))[0];
    const beside = (sign) => nearest(walk.boxes.map((_, j) => j).filter((j) => {
      const [dx, dy] = [centres[j][0] - centres[i][0], centres[j][1] - centres[i][1]];
      return j !== i && dy * sign > 1 && Math.abs(dx) < Math.abs(dy) + 60;
    }));
    const targets = {
      ArrowRight: () => nearest(walk.uses[i].map((a) => walk.arrows[a].head)),
      ArrowLeft: () => nearest(walk.operands[i].map((a) => walk.arrows[a].tail)),
      ArrowUp: () => beside(-1), ArrowDown: () => beside(1),
    };
    if (key === "Enter" || key === " ") return () => this.app.select(i);
    if (!targets[key]) return null;
    return () => {
      const j = targets[key]();
      if (j !== undefined) picture.boxes[j].focus();
    };
  }
}
