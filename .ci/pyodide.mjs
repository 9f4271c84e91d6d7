// Run tests on Python 3.14 in JavaScript (Pyodide): node .ci/pyodide.mjs PACKAGES TESTS…
//
// PACKAGES is a folder with pytest, hypothesis, mpmath, micrograd and graphviz, in wheels for every platform; NODE_PATH
// names the folder of the npm package pyodide.  Tests of numpy, and modules whose imports Pyodide lacks, are skipped.

import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [packages, ...tests] = process.argv.slice(2);
const found = createRequire(import.meta.url).resolve("pyodide/pyodide.mjs");
const { loadPyodide } = await import(pathToFileURL(found));
const python = await loadPyodide({ env: { HOME: "/tmp", HYPOTHESIS_STORAGE_DIRECTORY: "/tmp/hypothesis" } });
python.mountNodeFS("/project", path.resolve(import.meta.dirname, ".."));
python.mountNodeFS("/packages", path.resolve(packages));
python.globals.set("tests", python.toPy(tests));
process.exitCode = python.runPython(`
import builtins, os, sys
from types import ModuleType
sys.dont_write_bytecode = True
sys.path[:0] = ["/project", "/packages"]
os.chdir("/project")

import hypothesis
import pytest

from autograd.compiler.backends import native_available

native_available()  # warns, the first time only, that no machine code can be made: tests take a warning for an error

LACKING = {"numpy", "matplotlib", "llvmlite", "sklearn", "dask", "distributed", "ipykernel", "nbclient"}

DEEP = "to free a chain of thousands of nodes overflows the stack of JavaScript"
ELSEWHERE = {
    "test_tasks_have_switches_of_their_own": "node cannot wait for a coroutine",
    "test_a_long_chain_is_shortened": DEEP,
    "test_a_formula_that_nobody_could_read_is_refused": DEEP,
    "test_a_long_chain_is_walked_without_recursion": DEEP,
}


class Absent(ModuleType):
    """A module that is not there, for the modules of tests: what uses it is skipped, and all else runs."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise pytest.skip.Exception(f"Pyodide comes without {self.__name__}", allow_module_level=True)


def import_for_tests(name, globals=None, *rest, **named):
    try:
        return imported(name, globals, *rest, **named)
    except ModuleNotFoundError as error:
        if error.name == "numpy" and str((globals or {}).get("__name__")).startswith("tests."):
            return Absent("numpy")
        raise


imported, builtins.__import__ = builtins.__import__, import_for_tests


class Lacking:
    """Skips what needs something that is not there: modules of tests by their imports, tests by their names."""

    def pytest_collection_modifyitems(self, items):
        for item in items:
            if item.name in ELSEWHERE:
                item.add_marker(pytest.mark.skip(reason=ELSEWHERE[item.name]))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector):
        report = yield
        text = str(report.longrepr)
        missing = [name for name in sorted(LACKING) if report.failed and f"No module named '{name}" in text]
        if missing:
            report.outcome = "skipped"
            report.longrepr = (str(collector.path), None, f"Skipped: Pyodide comes without {missing[0]}")
        return report


# Interpreted Python in JavaScript is five times slower: fewer examples.
hypothesis.settings.register_profile("few", max_examples=10, deadline=None)
options = ["-q", "-p", "no:cacheprovider", "--hypothesis-profile=few"]
int(pytest.main([*options, *tests], plugins=[Lacking()]))
`);
