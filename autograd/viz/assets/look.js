// What is seen of the page, and how large: light or dark, the size of the letters, the panel and the controls, full screen.

const TYPE_SIZES = ["1", "1.25", "1.5"];  // times the usual size

class Look {
  constructor(app) {
    this.app = app;
    this.root = document.documentElement;
    this.type = 0;
    this.given = this.theme;  // what was chosen in Python, and is no part of the address
    this.chosen = Boolean(this.given);  // so that a notebook around the page does not change it
    const actions = {
      theme: () => this.toggleTheme(), larger: () => this.setType((this.type + 1) % TYPE_SIZES.length),
      details: () => this.hide("panel"), controls: () => this.hide("controls"), uncover: () => this.hide("controls"),
      full: () => this.toggleFullScreen(), print: () => printSteps(app),
    };
    for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
    document.addEventListener("fullscreenchange", () => this.show());
    if (!document.fullscreenEnabled) byId("full").disabled = true;
    const view = byId("view");
    document.addEventListener("pointerdown", (event) => { if (!view.contains(event.target)) view.open = false; });
    view.addEventListener("focusout", (event) => { if (event.relatedTarget && !view.contains(event.relatedTarget)) view.open = false; });
    this.show();
  }

  get theme() {
    return this.root.dataset.theme || "";
  }

  set theme(name) {
    if (name === "light" || name === "dark") this.root.dataset.theme = name;
    else this.root.dataset.theme = this.given;
  }

  toggleTheme() {
    const dark = this.theme ? this.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    this.theme = dark ? "light" : "dark";
    this.chosen = true;
    this.app.address.write();
  }

  setType(size) {
    this.type = TYPE_SIZES[size] ? size : 0;
    this.root.style.setProperty("--type", TYPE_SIZES[this.type]);
    this.show();
  }

  // Hide the panel or the controls, or show what is hidden: as in an address, "panel controls".
  hide(part) {
    const isHidden = this.hides(part);
    if (part === "panel") this.root.classList.remove("aside");
    this.root.classList.toggle(`without-${part}`, !isHidden);
    this.show();
    const focused = document.activeElement;
    if (!focused || focused === document.body || !focused.checkVisibility()) byId(this.hides("controls") ? "uncover" : "play").focus();
  }

  // A panel that is set aside, in the cell of a notebook, is seen while there is something to look at in it.
  hides(part) {
    const { classList } = this.root;
    const isAside = part === "panel" && classList.contains("aside") && !document.body.classList.contains("looking");
    return isAside || classList.contains(`without-${part}`);
  }

  get hidden() {
    return ["panel", "controls"].filter((part) => this.hides(part)).join(" ");
  }

  set hidden(parts) {
    for (const part of ["panel", "controls"]) this.root.classList.toggle(`without-${part}`, parts.split(" ").includes(part));
    this.show();
  }

  toggleFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen().catch(() => { byId("full").disabled = true; });  // a frame may forbid it
  }

  show() {
    const verb = (part) => (this.hides(part) ? "Show" : "Hide");
    byId("details").firstChild.textContent = `${verb("panel")} the details`;
    byId("controls").firstChild.textContent = `${verb("controls")} the controls`;
    byId("full").setAttribute("aria-pressed", String(Boolean(document.fullscreenElement)));
    byId("larger").setAttribute("aria-pressed", String(this.type > 0));
    if (this.app.address) this.app.address.write();
  }
}
