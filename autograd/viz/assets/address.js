// The state of the page in its address, so that a link opens at "step 7": graph.html#level=number&step=7&theme=dark

const PAUSE = 300;  // milliseconds: browsers refuse addresses that change too often

class Address {
  constructor(app) {
    this.app = app;
    this.start = app.level;
    window.addEventListener("hashchange", () => { if (location.hash.slice(1) !== this.text()) this.read(); });
  }

  // What differs from a page that has just been opened.
  text() {
    const { app } = this;
    const { look, live } = app;
    const moved = live.differs ? [...live.replay.moved].map(([i, x]) => `${i}:${exact(x)}`).join(" ") : "";
    const state = {
      level: app.level === this.start ? "" : DATA.levels[app.level].name,
      step: app.position || "",
      select: app.selected ?? "",
      data: moved,
      theme: look.theme === look.given ? "" : look.theme,
      type: look.type || "",
      hide: look.hidden,
    };
    const given = Object.entries(state).filter(([, value]) => value !== "");
    return new URLSearchParams(given).toString().replaceAll("%3A", ":");
  }

  write() {
    if (isEmbedded) return;  // the address is that of a notebook
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const text = this.text();
      if (location.hash.slice(1) !== text) history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
    }, PAUSE);
  }

  // Whatever is missing, or makes no sense, is as on a page that has just been opened.
  read() {
    const { app } = this;
    const state = new URLSearchParams(location.hash.slice(1));
    const count = (name, below) => {
      const found = Number(state.get(name) || NaN);
      return Number.isInteger(found) && found >= 0 && found < below ? found : null;
    };
    const level = DATA.levels.findIndex(({ name }) => name === state.get("level"));
    this.readNumbers(state.get("data") || "");
    app.look.theme = state.get("theme");
    app.look.setType(count("type", TYPE_SIZES.length) ?? 0);
    app.look.hidden = state.get("hide") || "";
    app.choose(level < 0 ? this.start : level);
    const selected = count("select", app.walk.boxes.length);
    if (selected !== app.selected) app.select(selected);
    const step = count("step", app.walk.length + 1);
    if (step !== null || app.position) app.go(step ?? 0);
  }

  readNumbers(text) {
    const { replay } = this.app.live;
    if (!replay) return;
    replay.reset();
    const numbers = text.split(" ").map((part) => part.split(":"))
      .map(([i, x = ""]) => [Number(i), parse(x)])
      .filter(([i, x]) => x !== undefined && replay.isLeaf(i) && !replay.blocks[i]);
    replay.set(numbers);
    this.app.live.changed();
  }
}
