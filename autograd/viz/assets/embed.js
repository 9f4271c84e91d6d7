// A page inside another one, as below a cell of a notebook: it takes the height that it needs, and is as light or dark as
// what is around it.

const FRAME_HEIGHTS = [220, 560];  // of the picture: the least and the most, in pixels
const NARROW = 560;  // as in the style
const isEmbedded = window.self !== window.top;

function embed(app) {
  if (!isEmbedded) return;
  document.documentElement.classList.add("embedded");
  const frame = surroundings();
  if (!frame) return;  // around it is another site, which keeps to itself
  let width = 0;
  const fitHeight = () => {
    if (innerWidth === width) return;
    width = innerWidth;
    setAside(app);
    frame.style.height = `${heightOf(app.picture)}px`;
    const missing = document.documentElement.scrollHeight - innerHeight;  // what has a least height may need more
    if (missing > 0) frame.style.height = `${innerHeight + missing}px`;
  };
  fitHeight();
  window.addEventListener("resize", fitHeight);
  const follow = () => { if (!app.look.chosen) document.documentElement.dataset.theme = isDark(frame) ? "dark" : "light"; };
  follow();
  const watch = new MutationObserver(() => { follow(); setTimeout(follow, 500); });  // a notebook loads its style later
  const { documentElement, body } = frame.ownerDocument;
  for (const element of [documentElement, body]) watch.observe(element, { attributes: true });
}

function surroundings() {
  try {
    return window.frameElement;
  } catch {
    return null;
  }
}

// Beside a picture that is too wide to be read as a whole, the panel comes when there is something to look at in it.
function setAside({ look, picture }) {
  if (look.hides("panel") || innerWidth <= NARROW) return;
  if (picture.size[0] / picture.full[2] < FAR) look.root.classList.add("aside");
  look.show();
}

// What the picture takes in the width that there is, and all else below and above it.  A picture that would be too small
// to read is not shown as a whole, but near enough.
function heightOf(picture) {
  const [, , width, height] = picture.full;
  const [w, h] = picture.size;
  const [least, most] = FRAME_HEIGHTS;
  const scale = w / width < FAR ? NEAR : Math.min(1.7, w / width);
  const wanted = Math.min(most, Math.max(least, height * scale));
  const highest = innerWidth > NARROW ? innerWidth - 1 : Infinity;  // higher than wide, it has the panel below the picture
  return Math.min(highest, Math.ceil(innerHeight - h + wanted));
}

// Whether the colour behind the frame is dark: that of the first element around it that has one.
function isDark(frame) {
  const view = frame.ownerDocument.defaultView;
  for (let element = frame.parentElement; element; element = element.parentElement) {
    const [red, green, blue, opacity] = pixel(view.getComputedStyle(element).backgroundColor);
    if (opacity > 127) return 0.3 * red + 0.59 * green + 0.11 * blue < 128;
  }
  return view.getComputedStyle(frame.ownerDocument.documentElement).colorScheme === "dark";
}

// A colour in whatever notation, as red, green, blue and opacity from 0 to 255.
function pixel(colour) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const context = canvas.getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data;
}
