"""The kernels that this process has, by what they do: compiled when first asked for, then shared by all programs.

They are kept on disk, so that the next process starts where this one was:

    <cache>/scalar-autograd/<digest of all that code depends on>/<digest of the kernels in it>.code
                                                                 <digest of a recording's structure>.program

A file of code is one line that says what is in it, and the object code of a module.  A program is what runs these
kernels: the memory and the descriptors, as a pickle behind a checksum.  The environment variable AUTOGRAD_CACHE
names another folder, or switches the cache off (0, off).  Since the cache holds code that is run, it is used only where
nobody but the user can write.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import secrets
import stat
import sys
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar

import numpy as np

from autograd.compiler.machine.native.code import Functions
from autograd.compiler.machine.native.jit import NativeModule, declared, host, join, llvm
from autograd.compiler.machine.native.translate import translated
from autograd.compiler.machine.native.vector_math import VectorMath, is_known, vector_library
from autograd.locks import renew_in_child

# ---- code on disk ----------------------------------------------------------------------------------------------------
LIMIT = 64 << 20  # bytes of all files; a small one counts as _SMALLEST, so that there are not too many to look through
_SMALLEST = 64 << 10
_LONGEST_LINE = 1 << 20
_BINARY = getattr(os, "O_BINARY", 0)
T = TypeVar("T")


class Batch(NamedTuple):
    """Kernels that were compiled together, as a file keeps them."""

    kernels: list[str]  # the names of the kernels; the code calls them kernel0, kernel1, ..
    symbols: list[str]  # the functions that the code calls and does not contain
    code: bytes  # an object file

    def written(self) -> bytes:
        """As a file has it."""
        line = json.dumps({"kernels": self.kernels, "symbols": self.symbols, "sha256": self._checksum()})
        return line.encode() + b"\n" + self.code

    def _checksum(self) -> str:
        return sha256(json.dumps([self.kernels, self.symbols]).encode() + self.code).hexdigest()

    @staticmethod
    def read(content: bytes) -> Batch | None:
        """The batch in a file; None if the file is not as it was written."""
        line, _, code = content.partition(b"\n")
        head = _head(line)
        if head is None:
            return None
        batch = Batch(head["kernels"], head["symbols"], code)
        return batch if batch._checksum() == head["sha256"] else None


def _head(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.keys() != {"kernels", "symbols", "sha256"}:
        return None
    lists = found["kernels"], found["symbols"]
    return found if all(isinstance(x, list) and all(isinstance(name, str) for name in x) for x in lists) else None


def name_of(kernel: object) -> str:
    """The name of a kernel: a digest of what it does."""
    return sha256(repr(kernel).encode()).hexdigest()[:32]


@cache
def store() -> Store | None:
    """The cache of this process; None if it is switched off, or if the folder is not the user's alone."""
    root = folder()
    try:
        return None if root is None else Store(root / _environment())
    except OSError:
        return None


def folder() -> Path | None:
    """Where the cache is; None if it is switched off."""
    given = os.environ.get("AUTOGRAD_CACHE", "")
    if given.lower() in ("0", "off", "no", "false"):
        return None
    try:
        if given:
            return Path(given).expanduser().absolute()
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME", ""))
            if not base.is_absolute():
                base = Path.home() / ".cache"
    except RuntimeError:  # the user has no home
        return None
    return base / "scalar-autograd"


def _environment() -> str:
    """A digest of all that code and programs depend on, besides what a kernel does."""
    versions = llvm().llvm_version_info, np.__version__, sys.version_info[:2]  # programs hold pickled arrays
    digest = sha256(repr([host(), *versions, vector_library(), sys.byteorder]).encode())
    package = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    places = [(package, os.listdir(package))]
    places += sorted([(place, names) for place, _, names in os.walk(os.path.join(package, "compiler"))])
    for place, names in places:
        for name in sorted(names):
            if name.endswith(".py"):
                with open(os.path.join(place, name), "rb") as file:
                    digest.update(file.read())
    return digest.hexdigest()[:32]


class Store:
    """Files in a folder that is made if it is not there.

    Args:
        place: The folder; its parent holds those of other versions and processors.

    Raises:
        OSError: The folder cannot be used, or others could write to it.
    """

    def __init__(self, place: Path) -> None:
        for folder in (*reversed(place.parents), place):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        self.place = place.resolve()
        if not is_private(self.place):
            raise PermissionError(f"others than the user can write to {self.place}")
        self._files: dict[Path, list[str]] = {}  # those that were looked at, and the kernels in them

    # ---- reading ---------------------------------------------------------------------------------------------------
    def batches(self, kernels: Iterable[str]) -> Iterator[Batch]:
        """Batches with some of these kernels, as few of them as they are found in."""
        wanted = set(kernels)
        with suppress(OSError):
            self._look()
        while wanted:
            path = max(self._files, key=lambda path: len(wanted.intersection(self._files[path])), default=None)
            if path is None or wanted.isdisjoint(self._files[path]):
                return
            self._files[path], claimed = [], self._files[path]
            batch = Batch.read(self._content(path) or b"")
            if batch is not None and batch.kernels == claimed:
                self._files[path] = claimed
                wanted.difference_update(batch.kernels)
                yield batch

    def _look(self) -> None:
        """Read the first lines of new files."""
        for name in os.listdir(self.place):
            path = self.place / name
            if name.endswith(".code") and path not in self._files:
                with suppress(OSError), _opened(path) as file:
                    head = _head(file.readline(_LONGEST_LINE))
                    self._files[path] = head["kernels"] if head else []

    @staticmethod
    def _content(path: Path) -> bytes | None:
        try:
            with _opened(path) as file:
                content = file.read()
            os.utime(path)  # what is used is kept
        except OSError:
            return None
        return content

    # ---- writing ---------------------------------------------------------------------------------------------------
    def keep(self, batch: Batch) -> None:
        """Write a file of code, or do nothing where that is not possible."""
        path = self.place / (sha256("".join(sorted(batch.kernels)).encode()).hexdigest()[:32] + ".code")
        if self._write(path, batch.written()):
            self._files[path] = batch.kernels

    def program(self, name: str) -> bytes | None:
        """The pickle of this name; None if there is none, or if it is not as it was written."""
        checksum, _, content = (self._content(self.place / f"{name}.program") or b"").partition(b"\n")
        return content if checksum == sha256(content).hexdigest().encode() else None

    def keep_program(self, name: str, content: bytes) -> None:
        """Write a pickle, or do nothing where that is not possible."""
        self._write(self.place / f"{name}.program", sha256(content).hexdigest().encode() + b"\n" + content)

    def _write(self, path: Path, content: bytes) -> bool:
        """Write a file if that is possible.  Other processes see all of it or nothing."""
        part = self.place / f"{secrets.token_hex(8)}.part"
        with suppress(OSError):
            try:
                with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600), "wb") as file:
                    file.write(content)
                os.replace(part, path)
            finally:
                part.unlink(missing_ok=True)
            self._trim()
            return True
        return False

    def _trim(self) -> None:
        """Remove the files that were not used for longest, those of other versions among them."""
        found = []
        with os.scandir(self.place.parent) as folders:
            for folder in folders:
                with suppress(OSError), os.scandir(folder) as files:  # 10x faster than Path.glob
                    for file in files:
                        status = file.stat()
                        found.append((status.st_mtime_ns, max(status.st_size, _SMALLEST), Path(file.path)))
        total = sum([size for _, size, _ in found])
        for _, size, path in sorted(found):
            if total <= LIMIT:
                break
            with suppress(OSError):
                path.unlink()
                total -= size
                path.parent.rmdir()  # if that was the last one


def _opened(path: Path) -> BinaryIO:
    """A file that only the user can write to.

    Raises:
        OSError: It is not such a file, or a link.
    """
    file = open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | _BINARY), "rb")  # noqa: SIM115 - handed on
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) or not _is_own(status):
        file.close()
        raise PermissionError(f"others than the user can write to {path}")
    return file


def is_private(place: Path) -> bool:
    """Whether nobody but the user (and the administrator) can change what is in a folder.

    Others must not be able to write to it, nor to replace one of the folders that it is in.  On Windows these questions
    are left to the folder's own list of rights: that of a user's data lets nobody else in.
    """
    if not hasattr(os, "geteuid"):
        return True
    if os.geteuid() != os.getuid() or not _is_own(os.lstat(place)):
        return False
    return all(
        status.st_uid in (os.geteuid(), 0) and (not status.st_mode & 0o022 or status.st_mode & stat.S_ISVTX)
        for status in map(os.lstat, place.parents)
    )


def _is_own(status: os.stat_result) -> bool:
    """Whether a file or folder is the user's, and nobody else's to write to."""
    return not hasattr(os, "geteuid") or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)


# ---- kernels of this process -----------------------------------------------------------------------------------------
class Kernel(Hashable, Protocol):
    """What a function does; kernels that do the same are equal, and their ``repr`` is the same in every process."""

    @property
    def lanes(self) -> int:
        """Of its vectors."""

    def text(self, name: str, functions: Functions) -> str:
        """The function, as LLVM IR."""


class Written(NamedTuple):
    """A kernel that is written out in a few words of Python, see ``native.translate``."""

    python: str  # the text of the function, and of others that it calls
    # Names in it that stand for numbers: the places of CPython's fields, say.
    words: tuple[tuple[str, int | float], ...] = ()
    lanes: int = 1  # always one number at a time

    def text(self, name: str, functions: Functions) -> str:
        """The functions, as LLVM IR."""
        return translated(self.python, name, dict(self.words), functions)


_known: dict[Kernel, int] = {}
_modules: list[NativeModule] = []
_lock = threading.Lock()
renew_in_child(sys.modules[__name__], "_lock", threading.Lock)


def addresses(kernels: Iterable[Kernel]) -> list[int]:
    """Where the machine code of some kernels is."""
    wanted = list(kernels)
    with _lock:
        missing = [kernel for kernel in dict.fromkeys(wanted) if kernel not in _known]
        if missing:
            _load(missing)
    return [_known[kernel] for kernel in wanted]


def _load(kernels: list[Kernel]) -> None:
    """Take kernels from the disk, compile the others, and keep these there."""
    disk = store()
    names = {name_of(kernel): kernel for kernel in kernels} if disk else {}
    if disk:
        for batch in disk.batches(names):
            if all(map(is_known, batch.symbols)):
                _take(NativeModule(code=batch.code), [names.get(name) for name in batch.kernels])
    missing = [kernel for kernel in kernels if kernel not in _known]
    if not missing:
        return
    functions = {lanes: VectorMath(lanes) for lanes in {kernel.lanes for kernel in missing}}
    texts = [kernel.text(f"kernel{k}", functions[kernel.lanes]) for k, kernel in enumerate(missing)]
    text = join(*[f.text() for f in functions.values()], *texts)
    made: list[bytes] = []
    _take(NativeModule(text, compiled=made.append), missing)
    if disk and made:
        disk.keep(Batch(list(map(name_of, missing)), declared(text), made[0]))


def _take(module: NativeModule, kernels: Sequence[Kernel | None]) -> None:
    """Note where the kernels of a module are, those that nobody has asked for (None) left out."""
    _modules.append(module)
    for k, kernel in enumerate(kernels):
        if kernel is not None:
            _known[kernel] = module.address(f"kernel{k}")


def kept(name: str, make: Callable[[], T]) -> T:
    """What the disk keeps by this name, or else what is made now, which the disk keeps from then on.

    Args:
        name: A digest of all that it depends on; empty if it is not to be kept.
        make: A function that makes it; it can be pickled.
    """
    disk = store() if name else None
    content = disk.program(name) if disk else None
    if content is not None:
        with suppress(Exception):  # whatever a pickle of another environment may raise: it is made anew
            found: T = pickle.loads(content)
            return found
    made = make()
    if disk:
        disk.keep_program(name, pickle.dumps(made))
    return made


@cache
def runner(*, locked: bool = False) -> Any:
    """``run(block)``, without the interpreter lock or with it; to pass one address is 10x faster than to pass eight."""
    (where,) = addresses([Written(_RUN)])
    kind = ctypes.PYFUNCTYPE if locked else ctypes.CFUNCTYPE
    return kind(None, ctypes.c_void_p)(where)


# The steps of a program, ``count`` times: each time with data that lie ``stride`` numbers further on, and number
# ``noted`` of the frame is noted after each.  A step is two words: the address of a kernel and that of its descriptor.
_RUN = """
def run(block) -> None:
    frame = word[block]
    data = word[block + 8]
    stride = word[block + 16]
    count = word[block + 24]
    noted = word[block + 32]
    notes = word[block + 40]
    steps = word[block + 48]
    size = word[block + 56]
    for time in range(count):
        for k in range(size):
            none.call(word[steps + 16 * k], frame, data, word[steps + 16 * k + 8])
        double[notes + 8 * time] = double[frame + 8 * noted]
        data = data + 8 * stride
"""
