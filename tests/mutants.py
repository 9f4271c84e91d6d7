"""Changes each operator, constant and comparison of a module in turn, and says which change no test notices.

Run by hand, because it takes hours: a process of its own runs the tests of the module for each change.

    .venv/bin/python -m pip install cosmic-ray
    .venv/bin/python tests/mutants.py autograd/ops.py nn/losses.py --share 0.2

Cosmic Ray changes files in place. It gets a clone of the last commit in a temporary folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent

# The tests of a module besides the examples in its docstrings, the quickest first: the first failure ends a run.
TESTS = {
    "autograd/ops.py": "test_ops test_conventions test_properties",
    "autograd/rows.py": "test_ops test_primitive test_new_row",
    "autograd/ieee.py": "test_ops test_conventions test_accuracy",
    "autograd/graph.py": "test_backward test_value test_collector test_threads compiler/test_calls",
    "autograd/value.py": "test_value test_backward test_modes test_micrograd test_other_engines test_subclasses"
    " compiler/test_calls",
    "autograd/names.py": "test_absent test_installation",
    "autograd/functional.py": "test_functional test_systems compiler/test_calls",
    "autograd/compiler/program/classes.py": "compiler/test_classes compiler/test_function",
    "autograd/compiler/program/group.py": "compiler/test_classes compiler/test_group compiler/test_function",
    "autograd/compiler/program/indices.py": "compiler/test_indices compiler/test_function",
    "nn/data.py": "test_data test_tables",
    "nn/layers.py": "test_layers test_module test_torch",
    "nn/losses.py": "test_losses test_torch",
    "nn/optim.py": "test_optim test_torch test_parts",
    "nn/optimizer.py": "test_optim test_torch test_freezing training/test_steps",
    "nn/schedules.py": "test_optim",
    "nn/training/history.py": "training/test_progress training/test_validation",
    "nn/training/validation.py": "test_data training/test_validation training/test_training_changes",
}

# Each kind of mistake once. Cosmic Ray has more, most of which raise at once, such as ``x << y`` for ``x * y``.
MISTAKES = """
    AddNot Delete_Not ReplaceAndWithOr ReplaceOrWithAnd IsNot_Is Is_IsNot Eq_NotEq NotEq_Eq Lt_LtE LtE_Lt Gt_GtE GtE_Gt
    Lt_Gt Gt_Lt Add_Sub Sub_Add Mul_Div Div_Mul Pow_Mul Mod_FloorDiv FloorDiv_Mul USub_UAdd Delete_USub NumberReplacer
    ReplaceTrueWithFalse ReplaceFalseWithTrue ReplaceBreakWithContinue ReplaceContinueWithBreak ExceptionReplacer
    RemoveDecorator ZeroIterationForLoop
"""


def selected(session: Path, lines: list[str], share: float, seed: int) -> int:
    """Keep this share of the changes that are among ``MISTAKES``, and return how many there are."""
    query = """
        SELECT job_id, operator_name, start_pos_row FROM mutation_specs
        ORDER BY operator_name, occurrence, operator_args
    """
    with contextlib.closing(sqlite3.connect(session)) as database, database:
        jobs = [
            job
            for job, name, row in database.execute(query)
            if name.split("/")[-1].split("Operator_")[-1] in MISTAKES.split() and "@overload" not in lines[row - 1]
        ]
        kept = set(random.Random(seed).sample(jobs, round(share * len(jobs))))
        for (job,) in database.execute("SELECT job_id FROM work_items").fetchall():
            if job not in kept:
                database.execute("DELETE FROM mutation_specs WHERE job_id = ?", (job,))
                database.execute("DELETE FROM work_items WHERE job_id = ?", (job,))
    return len(kept)


def survivors(session: Path) -> list[str]:
    """Return the changes, as a difference each, with which all tests passed."""
    with contextlib.closing(sqlite3.connect(session)) as database:
        rows = database.execute("SELECT diff FROM work_results WHERE test_outcome = 'SURVIVED'")
        return [diff for (diff,) in rows]


def mutate(module: str, share: float, seed: int, clone: Path, session: Path) -> tuple[int, list[str]]:
    """Try the changes of one module, and return how many there were, and those which survived."""
    folder = "tests/" + module.split("/")[0]
    tests = [module, *(f"{folder}/{name}.py" for name in TESTS[module].split())]
    command = [sys.executable, "-m", "pytest", "--exitfirst", "--quiet", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*words: str | Path) -> None:
        subprocess.run(words, cwd=clone, env=environment, check=True)

    configuration = session.with_suffix(".toml")
    configuration.write_text(
        f'[cosmic-ray]\nmodule-path = "{module}"\ntimeout = 120.0\nexcluded-modules = []\n'
        f'test-command = {json.dumps(" ".join(command))}\n[cosmic-ray.distributor]\nname = "local"\n'
    )
    run(*command)  # without a change, all must pass
    run(sys.executable, "-m", "cosmic_ray.cli", "init", configuration, session)
    count = selected(session, (clone / module).read_text().splitlines(), share, seed)
    run(sys.executable, "-m", "cosmic_ray.cli", "exec", configuration, session)
    return count, survivors(session)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="module", help="paths such as autograd/ops.py; all without one")
    parser.add_argument("--share", type=float, default=1.0, help="share of the changes that are tried (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="which of them, where it is a part")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        clone = Path(folder, "clone")
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        for module in arguments.modules or TESTS:
            session = Path(folder, module.replace("/", "-")).with_suffix(".sqlite")
            count, survived = mutate(module, arguments.share, arguments.seed, clone, session)
            for difference in survived:
                print(difference, end="\n\n")
            print(f"{module}: {count - len(survived)} of {count} changes found", flush=True)


if __name__ == "__main__":
    main()
