// Python, away from the page, so that a long program does not freeze it.  Messages in: "start" with the settings, then
// "run" with a program.  Messages out: "ready", "print", "done", "failed".

const MOST = 200_000;  // characters that a program may print: the page would choke on more
let python = null;
let printed = 0;

self.onmessage = async ({ data }) => {
  try {
    if (data.type === "start") await start(data.settings);
    else run(data.source);
  } catch (error) {
    self.postMessage({ type: "failed", message: String(error.message || error) });
  }
};

async function start({ pyodide, graphviz, wheels }) {
  const { loadPyodide } = await import(new URL("pyodide.mjs", pyodide));
  python = await loadPyodide({ indexURL: pyodide, stdout: print, stderr: print });
  for (const address of wheels) python.unpackArchive(await bytes(address), "wheel");
  python.FS.writeFile("runner.py", new Uint8Array(await bytes(new URL("runner.py", self.location))));
  python.globals.set("address", graphviz);
  await python.runPythonAsync(`
import warnings, webbrowser
import runner
from autograd.viz import load_renderer
warnings.filterwarnings("ignore", "no machine code can be made in a browser")  # nobody would expect it here
webbrowser.open = runner.keep  # a worker has no window to open another one from
await load_renderer(address)
`);
  self.postMessage({ type: "ready" });
}

async function bytes(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} could not be loaded: ${response.status}`);
  return response.arrayBuffer();
}

function run(source) {
  printed = 0;
  const answer = python.globals.get("runner").run_as_json(source);
  self.postMessage({ type: "done", found: JSON.parse(answer) });
}

function print(text) {
  if (printed > MOST) return;
  printed += text.length + 1;
  self.postMessage({ type: "print", text: printed > MOST ? "… more was printed than is shown" : text });
}
