// The mouse and the fingers on the graph: one moves it, two zoom, the wheel zooms, a click selects.

function listenToStage(stage, app) {
  const pointers = new Map();  // those that are down, each with where it was
  let moved = false;

  // From the middle of the window, in pixels.
  const place = (event) => {
    const { left, top } = stage.getBoundingClientRect();
    const [width, height] = app.picture.size;
    return [event.clientX - left - width / 2, event.clientY - top - height / 2];
  };

  stage.addEventListener("wheel", (event) => {
    if (isEmbedded && !event.ctrlKey && !event.metaKey) return;  // the wheel scrolls the notebook around it
    event.preventDefault();
    app.picture.zoom(Math.exp(event.deltaY * 0.0015), place(event));
  }, { passive: false });

  stage.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".zoom")) return;
    if (!pointers.size) moved = false;
    pointers.set(event.pointerId, place(event));
  });

  stage.addEventListener("pointermove", (event) => {
    const from = pointers.get(event.pointerId);
    if (!from || !event.buttons) return;
    const to = place(event);
    if (!moved && distance(from, to) < 4) return;
    stage.setPointerCapture(event.pointerId);
    moved = true;
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) pinch(app.picture, from, to, other);
    else app.picture.pan(to[0] - from[0], to[1] - from[1]);
    pointers.set(event.pointerId, to);
  });

  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }

  stage.addEventListener("click", (event) => {
    if (moved || event.target.closest(".zoom")) return;
    const box = event.target.closest(".b");
    app.select(box ? app.picture.boxes.indexOf(box) : null);
  });

  // Of a bundle of arrows, those of one box: pointed at, in focus, or else selected.
  const pointAt = (element) => {
    const box = element && element.closest(".b");
    app.picture.pointAt(box ? app.picture.boxes.indexOf(box) : app.selected);
  };
  stage.addEventListener("pointerover", (event) => pointAt(event.target));
  stage.addEventListener("pointerleave", () => pointAt(document.activeElement));
  stage.addEventListener("focusout", () => pointAt(null));

  stage.addEventListener("focusin", (event) => {
    const box = event.target.closest(".b");
    pointAt(box);
    if (box && !app.keyboard.afterClick) app.picture.reveal(app.picture.boxes.indexOf(box));
  });
}

// One of two fingers moves: what was in the middle between them goes with it, and the scale with their distance.
function pinch(picture, from, to, other) {
  const middle = (point) => [(point[0] + other[0]) / 2, (point[1] + other[1]) / 2];
  const [before, after] = [middle(from), middle(to)];
  picture.pan(after[0] - before[0], after[1] - before[1]);
  picture.zoom(Math.max(1, distance(from, other)) / Math.max(1, distance(to, other)), after);
}

const distance = ([x, y], [u, v]) => Math.hypot(x - u, y - v);
