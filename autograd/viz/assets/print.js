// On request, a page of paper for each step of the walk: the picture as it is then, and what the step says.

const MOST_PRINTED = 150_000;  // boxes and arrows on all pages together

function printSteps(app) {
  const { walk, picture, position, selected } = app;
  app.pause();
  byId("view").open = false;
  const size = (walk.boxes.length + walk.arrows.length) * (walk.length + 1);
  if (size > MOST_PRINTED || app.quiz.on) {
    byId("caption").replaceChildren(make("span", {}, "Every step is too much to print here."),
      make("small", {}, app.quiz.on ? "Leave the quiz first." : "Choose a level with fewer boxes."));
    return;
  }
  app.select(null);
  const pages = [];
  for (let step = 0; step <= walk.length; step += 1) {
    app.position = step;
    app.refresh();
    pages.push(make("section", {}, make("h2", {}, `${byId("title").textContent}: step ${step} of ${walk.length}`),
      copyOf(picture), ...[...byId("caption").children].slice(0, step ? 2 : 1).map((line) => make("p", {}, line.textContent))));
  }
  app.position = position;
  app.select(selected);
  byId("paper").replaceChildren(...pages);
  window.addEventListener("afterprint", () => byId("paper").replaceChildren(), { once: true });
  window.print();
}

// The picture as a whole, wherever the window over it is.
function copyOf({ svg }) {
  const copy = svg.cloneNode(true);
  copy.removeAttribute("style");
  copy.classList.add("printed");
  for (const box of copy.querySelectorAll(".b")) box.removeAttribute("tabindex");
  return copy;
}
