"""The same programs as code for smaller processors: in a process that takes this one for such a processor."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import ROOT

pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from autograd.compiler.machine.native.jit import host

# name, features, doubles in a vector
PROCESSORS = {"x86-64": ((), 2), "haswell": (("sse4.2", "avx", "avx2", "fma", "bmi", "bmi2"), 4)}
PROGRAM = """
import sys
import llvmlite.binding as llvm
import pytest
name, lanes, *features = sys.argv[1].split()
class Features(dict):
    def flatten(self):
        return ",".join("+" + feature for feature in self)
llvm.get_host_cpu_name = lambda: name
llvm.get_host_cpu_features = lambda: Features(dict.fromkeys(features, True))
from autograd.compiler.machine.native.jit import host
assert host().lanes == int(lanes)
sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-k", "not one_by_one", *sys.argv[2:]]))
"""
# But for code that has no vectors: one number at a time.
TESTS = [
    "tests/autograd/compiler/test_machine.py",
    "tests/autograd/compiler/test_machine_rows.py",
    "tests/autograd/compiler/test_native_parts.py",
]


@pytest.mark.skipif(not host().triple.startswith("x86_64"), reason="the smaller processors are those of x86-64")
@pytest.mark.parametrize("name", PROCESSORS)
def test_a_smaller_processor_computes_the_same(name: str) -> None:
    features, lanes = PROCESSORS[name]
    if lanes >= host().lanes:
        pytest.skip(f"the tests themselves run with vectors of {host().lanes} doubles, and more are not to be had here")
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, " ".join([name, str(lanes), *features]), *TESTS],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
