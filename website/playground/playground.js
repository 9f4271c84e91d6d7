// The editor: a program goes to the worker, and what is to be seen of it comes back.

const SETTINGS = JSON.parse(document.getElementById("settings").textContent);
const [program, example, runButton, stopButton, status, problem, errorText, there, output, pages] = [
  "program", "example", "run", "stop", "status", "problem", "error", "there", "output", "pages",
].map((id) => document.getElementById(id));
const absolute = (address) => new URL(address, location.href).href;  // a worker has another address

let worker = null;
let isReady = false;
let isWaiting = false;  // whether the program is to run as soon as Python is ready
let line = null;  // where the program failed

function start() {
  isReady = false;
  worker = new Worker("worker.js", { type: "module" });
  worker.onmessage = ({ data }) => receive(data);
  worker.onerror = (event) => fail(`Python could not be started. ${event.message || "The site must come from a web server."}`);
  const settings = { pyodide: absolute(SETTINGS.pyodide), graphviz: absolute(SETTINGS.graphviz), wheels: SETTINGS.wheels.map(absolute) };
  worker.postMessage({ type: "start", settings });
  runButton.disabled = false;
  stopButton.disabled = true;
}

function receive(message) {
  if (message.type === "ready") {
    isReady = true;
    status.textContent = "Ready.";
    if (isWaiting) run();
  } else if (message.type === "print") {
    print(message.text);
  } else if (message.type === "done") {
    show(message.found);
  } else {
    fail(message.message);
  }
}

function run() {
  isWaiting = !isReady;
  if (isWaiting) return;
  history.replaceState(null, "", program.value === SETTINGS.examples[example.value] ? `#example=${example.value}` : `#program=${encodeURIComponent(program.value)}`);
  problem.hidden = true;
  output.hidden = true;
  output.textContent = "";
  runButton.disabled = true;
  stopButton.disabled = false;
  status.textContent = "Running …";
  worker.postMessage({ type: "run", source: program.value });
}

// Python cannot be interrupted from outside; another one takes its place.
function stop() {
  worker.terminate();
  status.textContent = "Stopped. Python is loading …";
  start();
}

function print(text) {
  output.hidden = false;
  output.textContent += `${text}\n`;
  output.scrollTop = output.scrollHeight;
}

function show(found) {
  runButton.disabled = false;
  stopButton.disabled = true;
  if (found.text) print(found.text);
  pages.replaceChildren(...found.pages.map(frameOf));
  status.textContent = found.error ? "Your program failed." : summary(found.pages.length);
  if (found.error) explain(found.error, found.line);
}

function summary(count) {
  if (count === 0) return "Done. Nothing to draw: end the program with a Value.";
  return count === 1 ? "Done. The page is there." : `Done. ${count} pages are there.`;
}

function frameOf(html) {
  return Object.assign(document.createElement("iframe"), { title: "Computation graph", allow: "fullscreen", srcdoc: html });
}

function explain(message, at) {
  problem.hidden = false;
  errorText.textContent = message;
  line = at;
  there.hidden = at === null;
  there.textContent = `Go to line ${at}`;
}

// Before Python is there, nothing can be done; afterwards another one takes the place of the one that crashed.
function fail(message) {
  explain(message, null);
  if (isReady) {
    stop();
    status.textContent = "Python crashed. Another one is loading …";
  } else {
    status.textContent = "Python could not be started.";
    runButton.disabled = true;
  }
}

function goToLine() {
  const lines = program.value.split("\n");
  const before = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  program.focus();
  program.setSelectionRange(before, before + (lines[line - 1] || "").length);
}

// Enter starts the next line under the first letter of this one, and further right after a colon.
function indent(event) {
  const { selectionStart, selectionEnd, value } = program;
  const current = value.slice(value.lastIndexOf("\n", selectionStart - 1) + 1, selectionStart);
  const spaces = current.match(/^ */)[0] + (current.trimEnd().endsWith(":") ? "    " : "");
  if (!spaces) return;
  event.preventDefault();
  // execCommand is what keeps Ctrl-Z working.
  if (!document.execCommand("insertText", false, `\n${spaces}`)) program.setRangeText(`\n${spaces}`, selectionStart, selectionEnd, "end");
}

function choose(name) {
  example.value = name;
  program.value = SETTINGS.examples[name];
  program.scrollTop = 0;
}

program.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    if (!runButton.disabled) run();
  } else if (!event.shiftKey && !event.altKey) {
    indent(event);
  }
});
example.addEventListener("change", () => {
  choose(example.value);
  if (!runButton.disabled) run();
});
runButton.addEventListener("click", run);
stopButton.addEventListener("click", stop);
there.addEventListener("click", goToLine);

// A program that came with the address is somebody else's: it is read before it is run.
const given = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));
choose(Object.hasOwn(SETTINGS.examples, given.get("example")) ? given.get("example") : Object.keys(SETTINGS.examples)[0]);
if (given.has("program")) program.value = given.get("program");
else isWaiting = true;
start();
