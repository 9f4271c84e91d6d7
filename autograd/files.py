"""The one way a file is written: whoever reads it meanwhile sees the old content or the new, never half of it.

The content goes into a new file beside the old one, under a random name, and that file then takes the old one's place:

    folder/model.json                              the old content
    folder/model.json, folder/.5f0c….part          the old content, and a growing part of the new
    folder/model.json                              the new content
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["check_writable", "write_file"]

FilePath = str | os.PathLike[str]
_LINKS = 40  # followed from one to the next, as Linux does


def write_file(path: FilePath, content: bytes) -> Path:
    """Write a file in one piece; returns its path.

    The permissions of an old file stay, and so does a symbolic link: what it points to is replaced.  Devices, pipes
    and open files such as ``/dev/stdout`` receive the content and stay what they are.

    Raises:
        OSError: The file cannot be written; an old file of that name is as it was.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(f"{folder}/a.txt", b"new").read_bytes()
    b'new'
    """
    with _errors_that_name(path):
        descriptor = _open_file(path)
        if descriptor is None:
            _write(path, content)
        else:
            if sys.stdout is not None:
                sys.stdout.flush()  # what was printed before comes before
            _write_all(os.dup(descriptor), content)
    return Path(path)


def check_writable(path: FilePath) -> None:
    """Find out whether ``write_file`` would succeed, before the work whose result it is to write.

    Raises:
        OSError: ``write_file`` would raise it.

    >>> check_writable("no such folder/a.txt")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] No such file or directory: there is no folder no such folder: 'no such folder/a.txt'
    """
    with _errors_that_name(path):
        if _open_file(path) is not None:
            return
        old = _status(path)
        if old is None or stat.S_ISREG(old.st_mode):
            part, descriptor = _new_part(Path(path).resolve(), old)
            os.close(descriptor)
            part.unlink()
        elif stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        elif not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _write(path: FilePath, content: bytes) -> None:
    old = _status(path)
    if old is not None and not stat.S_ISREG(old.st_mode):  # a device or a pipe; a folder refuses to be opened
        _write_all(os.open(path, os.O_WRONLY | _BINARY), content)
        return
    target = Path(path).resolve()
    part, descriptor = _new_part(target, old)
    try:
        _write_all(descriptor, content, flush=True)
        part.replace(target)
    except BaseException:  # Ctrl-C, too
        part.unlink(missing_ok=True)
        raise


def _new_part(target: Path, old: os.stat_result | None) -> tuple[Path, int]:
    """A new file in the target's folder, with the permissions that the target has."""
    if old is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))  # to replace it would get round its protection
    part = target.with_name(f".{os.urandom(16).hex()}.part")
    # O_EXCL: the file must be new, so that no link which somebody put there leads the content elsewhere.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666 if old is None else 0o600)
    if old is not None and hasattr(os, "fchown"):
        with suppress(PermissionError):  # only the administrator can give a file away
            os.fchown(descriptor, old.st_uid, old.st_gid)
        with suppress(PermissionError):  # some file systems know no permissions
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
    return part, descriptor


def _write_all(descriptor: int, content: bytes, *, flush: bool = False) -> None:
    """Write and close."""
    with open(descriptor, "wb") as file:
        file.write(content)
        if flush:  # down to the disk, so that no crash leaves an empty file where the old one was
            file.flush()
            os.fsync(file.fileno())


_BINARY = getattr(os, "O_BINARY", 0)  # Windows would write line ends of its own


def _status(path: FilePath) -> os.stat_result | None:
    """The status of the file at the end of all links; None if there is none yet."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _open_file(path: FilePath) -> int | None:
    """The number of the open file that ``/dev/stdout``, ``/dev/fd/3`` or a link to them means; else None.

    Where stdout goes to a regular file, its name must not be resolved: the shell's ``>>`` wants to add to that file.
    """
    name = os.fspath(path)
    for _ in range(_LINKS):
        if found := re.fullmatch(rf"/(?:dev|proc/(?:self|{os.getpid()}))/fd/(\d+)", name):
            return int(found[1])
        if not os.path.islink(name):
            return None
        name = os.path.normpath(os.path.join(os.path.dirname(name), os.readlink(name)))
    return None


@contextmanager
def _errors_that_name(path: FilePath) -> Iterator[None]:
    """An error of the system, with the path that the user knows instead of that of the part."""
    try:
        yield
    except OSError as error:
        reason, folder = error.strerror or str(error), Path(path).parent
        if error.errno == errno.ENOENT and not folder.is_dir():
            reason += f": there is no folder {folder}"
        raise OSError(error.errno, reason, os.fspath(path)) from error
