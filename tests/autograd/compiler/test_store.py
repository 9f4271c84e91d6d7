"""The cache of machine code on disk: another process takes it from there, and nothing that is wrong there does harm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import PATIENCE, ROOT

pytest.importorskip("llvmlite")
pytest.importorskip("numpy")

from autograd.compiler.machine import library as module
from autograd.compiler.machine.library import Batch, Store, folder, is_private, name_of
from autograd.compiler.machine.native.jit import Host
from autograd.compiler.machine.tape import Case

on_posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners and rights of a file are POSIX")

# Runs a tape and a program over classes, and says what came out and how many module texts were compiled for that.
SCRIPT = """
import json, sys
from autograd import Value
from autograd.compiler.program.classes import Kind
from autograd.compiler.machine import library
from autograd.compiler.machine.machine import Machine
from autograd.compiler.machine.tape import Tape
from autograd.compiler.pipeline import assemble
from autograd.compiler.recording.record import record

texts = []
class Counted(library.NativeModule):
    def __init__(self, text="", **options):
        texts.append(text)
        super().__init__(text, **options)
library.NativeModule = Counted

w = [Value(0.1), Value(0.2), Value(0.3)]
def f(xs):
    z = sum([(a * x).tanh() for x in xs for a in w])
    return z.exp() / (1.0 + z * z) if "more" not in sys.argv else (z.sin() * z.cosh()).gelu()

recording = record(f, [[0.5, 1.5, 2.5]])
numbers = [0.5, 1.5, 2.5], [0.1, 0.2, 0.3]
found = Tape(recording)(*numbers)
results = [found.outputs[0], *found.by_arguments, *found.by_parameters]
machine = Machine(assemble(recording, [Kind.PARAMETER]).program)
results += [float(x) for block in machine(*numbers) for x in block]
print(json.dumps([results, len([text for text in texts if text])]))
"""


def start(cache: object, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"AUTOGRAD_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(cache: object, *arguments: str) -> tuple[list[float], int]:
    """The results, and how many modules were compiled."""
    process = start(cache, *arguments)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    results, compiled = json.loads(output)
    return results, compiled


def files(cache: Path) -> list[Path]:
    return sorted([path for path in cache.glob("**/*") if path.is_file()])


@pytest.fixture(scope="module")
def results() -> list[float]:
    found, compiled = run("off")
    assert compiled > 0
    return found


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that one process has filled, for all tests that need such a folder."""
    folder = tmp_path_factory.mktemp("filled")
    run(folder)
    return folder


@pytest.fixture
def filled(first_run: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to do something to."""
    return shutil.copytree(first_run, tmp_path / "filled")


# ---- processes -------------------------------------------------------------------------------------------------------
def test_the_next_process_compiles_nothing(tmp_path: Path, results: list[float]) -> None:
    cache = tmp_path / "new" / "cache"
    first, second = run(cache), run(cache)
    assert first[0] == second[0] == results
    assert first[1] > 0
    assert second[1] == 0


def test_another_program_compiles_what_is_new(filled: Path) -> None:
    before = files(filled)
    _, compiled = run(filled, "more")
    assert compiled > 0
    fresh = [Batch.read(path.read_bytes()) for path in files(filled) if path not in before]
    old = [Batch.read(path.read_bytes()) for path in before]
    assert fresh
    assert not {name for b in fresh if b for name in b.kernels} & {name for b in old if b for name in b.kernels}
    assert run(filled, "more")[1] == 0


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    at = len(content) * 3 // 4
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def renamed(content: bytes) -> bytes:
    head = json.loads(content.partition(b"\n")[0])
    return content.replace(head["kernels"][0].encode(), head["kernels"][-1].encode())


DAMAGES = [cut, flipped, renamed, lambda c: b"", lambda c: b"\n" + c, lambda c: b"[" * 100_000, lambda c: b"{}\n" + c,
           lambda c: c.partition(b"\n")[0], lambda c: b'{"kernels": 3, "symbols": [], "sha256": ""}\n',
           lambda c: b"\xff" + c, lambda c: b'{"kernels": [[]], "symbols": [], "sha256": ""}\n']  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_no_batch(damage: Callable[[bytes], bytes]) -> None:
    batch = Batch(["a" * 32, "b" * 32], ["exp"], bytes(range(256)) * 9)
    assert Batch.read(batch.written()) == batch
    assert Batch.read(damage(batch.written())) is None


def test_damaged_files_are_compiled_and_written_again(filled: Path, results: list[float]) -> None:
    for path, damage in zip(files(filled), (cut, flipped, renamed)):
        path.write_bytes(damage(path.read_bytes()))
    found, compiled = run(filled)
    assert found == results
    assert compiled > 0
    assert run(filled) == (results, 0)


def test_code_that_calls_what_is_not_there_is_not_loaded(filled: Path, results: list[float]) -> None:
    for path in files(filled):
        batch = Batch.read(path.read_bytes())
        assert batch
        path.write_bytes(batch._replace(symbols=["no_such_function"]).written())
    found, compiled = run(filled)
    assert found == results
    assert compiled > 0


def test_many_processes_at_once(tmp_path: Path, results: list[float]) -> None:
    processes = [start(tmp_path) for _ in range(4)]
    for process in processes:
        output, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors
        assert json.loads(output)[0] == results
    assert files(tmp_path)
    assert all(path.suffix == ".code" and Batch.read(path.read_bytes()) for path in files(tmp_path))
    assert run(tmp_path) == (results, 0)


@pytest.mark.parametrize("switch", ["0", "off", "OFF", "no", "false"])
def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    monkeypatch.setenv("AUTOGRAD_CACHE", switch)
    assert folder() is None


def test_where_it_cannot_be_written_it_is_off(tmp_path: Path, results: list[float]) -> None:
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "file")[0] == results
    assert files(tmp_path) == [tmp_path / "file"]


# ---- the user's alone ------------------------------------------------------------------------------------------------
@on_posix
@pytest.mark.parametrize("rights", [0o777, 0o770, 0o702, 0o1777])
def test_a_folder_that_others_can_write_to_is_not_used(filled: Path, results: list[float], rights: int) -> None:
    (place,) = filled.iterdir()
    code = files(filled)
    place.chmod(rights)
    assert not is_private(place)
    with pytest.raises(PermissionError, match="others than the user"):
        Store(place)
    if rights == 0o777:  # a process does the same as a Store
        found, compiled = run(filled)
        assert found == results
        assert compiled > 0
        assert files(filled) == code


@on_posix
def test_nor_one_in_a_folder_that_others_can_write_to(tmp_path: Path) -> None:
    place = tmp_path / "open" / "mine"
    place.mkdir(parents=True, mode=0o700)
    assert is_private(place)
    place.parent.chmod(0o777)
    assert not is_private(place)
    place.parent.chmod(0o1777)  # as /tmp: there nobody can rename what is another's
    assert is_private(place)


@on_posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="only the administrator can give files away")
@pytest.mark.parametrize("what", ["place", "parent", "file"])
def test_nor_what_belongs_to_another_user(tmp_path: Path, what: str) -> None:
    place = tmp_path / "parent" / "place"
    store = Store(place)
    store.keep(Batch(["a"], [], b"code"))
    (file,) = files(place)
    os.chown({"place": place, "parent": place.parent, "file": file}[what], 12345, 12345)
    assert is_private(place) is (what == "file")
    if what == "file":
        assert list(Store(place).batches(["a"])) == []


@on_posix
@pytest.mark.parametrize("way", ["rights", "link"])
def test_nor_a_file_that_others_can_write_to(tmp_path: Path, way: str) -> None:
    store = Store(tmp_path / "place")
    store.keep(Batch(["a"], [], b"code"))
    (file,) = files(tmp_path)
    assert list(Store(tmp_path / "place").batches(["a"])) == [Batch(["a"], [], b"code")]
    if way == "rights":
        file.chmod(0o666)
    else:
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    assert list(Store(tmp_path / "place").batches(["a"])) == []


@on_posix
def test_new_folders_are_the_users_alone_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store(tmp_path / "a" / "b" / "c")
        store.keep(Batch(["a"], [], b"code"))
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("**/*") if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in files(tmp_path)} == {0o600}


# ---- which files -----------------------------------------------------------------------------------------------------
def test_as_few_batches_as_the_kernels_are_in(tmp_path: Path) -> None:
    store = Store(tmp_path / "place")
    for kernels in ("ab", "bcd", "e"):
        store.keep(Batch(list(kernels), [], kernels.encode()))
    other = Store(tmp_path / "place")
    assert [batch.code for batch in other.batches("bcd")] == [b"bcd"]
    assert sorted([batch.code for batch in other.batches("abcdx")]) == [b"ab", b"bcd"]
    assert list(other.batches("x")) == []
    store.keep(Batch(["x"], [], b"x"))  # while the other process runs
    assert [batch.code for batch in other.batches("x")] == [b"x"]


def test_the_files_that_were_not_used_for_longest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 3 * module._SMALLEST)
    old, new = Store(tmp_path / "old"), Store(tmp_path / "new")
    for k, (store, name) in enumerate([(old, "a"), (new, "b"), (new, "c"), (new, "d")]):
        store.keep(Batch([name], [], b"code"))
        for path in store.place.glob("*.code"):
            if (batch := Batch.read(path.read_bytes())) and batch.kernels == [name]:
                os.utime(path, (1000 + k, 1000 + k))
    assert not (tmp_path / "old").exists()
    assert len(list(Store(tmp_path / "new").batches("b"))) == 1  # which makes it the one that was used last
    new.keep(Batch(["e"], [], b"code"))
    assert {name for name in "bcde" if list(Store(tmp_path / "new").batches(name))} == {"b", "d", "e"}


def test_a_file_that_is_gone_is_no_error(tmp_path: Path) -> None:
    Store(tmp_path / "place").keep(Batch(["a"], [], b"code"))
    store = Store(tmp_path / "place")
    assert len(list(store.batches("a"))) == 1
    for path in files(tmp_path):
        path.unlink()
    assert list(store.batches("a")) == []
    (tmp_path / "place").rmdir()
    assert list(store.batches("a")) == []
    store.keep(Batch(["a"], [], b"code"))
    assert files(tmp_path) == []


def test_code_for_another_processor_is_in_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    here = module._environment()
    assert module._environment() == here
    hosts = [Host("x86_64", "one", "+avx", 4), Host("x86_64", "other", "+avx", 4), Host("x86_64", "one", "+avx", 2)]
    digests = {here}
    for host in hosts:
        monkeypatch.setattr(module, "host", lambda host=host: host)
        digests.add(module._environment())
    assert len(digests) == 4


def test_so_is_code_of_other_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("native", "machine"):
        (tmp_path / "compiler" / name).mkdir(parents=True)
    sources = [tmp_path / "ops.py", tmp_path / "compiler" / "group.py", tmp_path / "compiler" / "native" / "code.py"]
    for source in sources:
        source.write_text("x = 1")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "compiler" / "machine" / "library.py"))
    digests = {module._environment()}
    for source in sources:
        source.write_text("x = 2")
        digests.add(module._environment())
    assert len(digests) == 4


def test_a_kernel_has_the_same_name_in_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from autograd.compiler.machine.tape import Case; from autograd.compiler.machine.library import name_of\n"
        "print(name_of(Case('constant_power', True, 0.5)))"
    )
    environment: dict[str, Any] = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == name_of(Case("constant_power", True, 0.5))
    assert name_of(Case("constant_power", True, 0.5)) != name_of(Case("constant_power", True, 2.0))


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these have folders of their own")
def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AUTOGRAD_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert folder() == tmp_path / ".cache" / "scalar-autograd"
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert folder() == Path("/elsewhere/scalar-autograd")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert folder() == tmp_path / ".cache" / "scalar-autograd"
    monkeypatch.setenv("AUTOGRAD_CACHE", "~/mine")
    assert folder() == tmp_path / "mine"
