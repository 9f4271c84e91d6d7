"""The one writer of files: in one piece, whoever else writes, whatever the target is, whatever goes wrong."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograd import Value
from autograd.files import check_writable, write_file
from autograd.viz import save, write_html
from nn import MLP
from nn.files import csv_of, write_document, write_text
from tests.support import PATIENCE, ROOT

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
NOT_ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may write")


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_threads_that_write_one_path_never_mix_their_contents(tmp_path: Path) -> None:
    """Every content that a reader sees is a whole one, and nothing else is left in the folder."""
    path = tmp_path / "a.bin"
    contents = [bytes([65 + i]) * 200_000 for i in range(4)]
    write_file(path, contents[0])

    def write(content: bytes) -> None:
        for _ in range(30):
            write_file(path, content)

    seen = []
    with ThreadPoolExecutor(len(contents)) as pool:
        writers = [pool.submit(write, content) for content in contents]
        while not all(writer.done() for writer in writers):
            seen.append(path.read_bytes())
    for writer in writers:
        writer.result()
    assert len(seen) > 10
    assert set(seen) <= set(contents)
    assert names(tmp_path) == ["a.bin"]


def test_the_part_has_another_name_each_time_and_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[Path, int]] = []
    original = os.open

    def recorded(path: Path, flags: int, *mode: int) -> int:
        opened.append((Path(path), flags))
        return original(path, flags, *mode)

    monkeypatch.setattr(os, "open", recorded)
    for _ in range(3):
        write_file(tmp_path / "a.txt", b"x")
    assert len({path.name for path, _ in opened}) == 3
    assert all(path.parent == tmp_path.resolve() for path, _ in opened)
    assert all(flags & os.O_EXCL for _, flags in opened)


@POSIX
def test_a_link_in_the_place_of_the_part_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if somebody guesses the name of the part."""
    (tmp_path / "secret").write_text("untouched")
    monkeypatch.setattr(os, "urandom", bytes)
    (tmp_path / f".{bytes(16).hex()}.part").symlink_to("secret")
    with pytest.raises(FileExistsError, match=r"a\.txt"):
        write_file(tmp_path / "a.txt", b"new")
    assert (tmp_path / "secret").read_text() == "untouched"
    assert not (tmp_path / "a.txt").exists()


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o755])
def test_permissions_are_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(mode)
    write_file(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", mode)


@POSIX
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_file(tmp_path / "a.txt", b"new")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode


@POSIX
@NOT_ROOT
def test_a_protected_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o444)
    for attempt in (lambda: write_file(path, b"new"), lambda: check_writable(path)):
        with pytest.raises(PermissionError, match=r"a\.txt"):
            attempt()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_protected_file_is_refused_whatever_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, for the administrator too, who runs this test in a container."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for attempt in (lambda: write_file(path, b"new"), lambda: check_writable(path)):
        with pytest.raises(PermissionError, match=r"a\.txt"):
            attempt()
    assert path.read_text() == "old"


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_whatever_stops_it_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(descriptor: int) -> None:
        raise stop

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(stop)):
        write_file(path, b"new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@POSIX
def test_links_stay_and_what_they_point_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "target").write_text("old")
    (tmp_path / "middle").symlink_to("folder/target")
    (tmp_path / "link").symlink_to("middle")
    (tmp_path / "dangling").symlink_to("folder/fresh")
    write_file(tmp_path / "link", b"new")
    write_file(tmp_path / "dangling", b"fresh")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "dangling").is_symlink()
    assert (tmp_path / "folder" / "target").read_bytes() == b"new"
    assert (tmp_path / "folder" / "fresh").read_bytes() == b"fresh"
    assert names(tmp_path / "folder") == ["fresh", "target"]


@POSIX
def test_a_link_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="a'"):
        write_file(tmp_path / "a", b"new")


# --- devices, pipes, open files -------------------------------------------------------------------------------------


@POSIX
def test_a_device_stays_a_device(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to(os.devnull)
    for path in (os.devnull, tmp_path / "null"):
        check_writable(path)
        write_file(path, b"gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    assert (tmp_path / "null").is_symlink()


@POSIX
def test_a_pipe_receives_the_content_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    check_writable(pipe)
    write_file(pipe, b"through the pipe")
    reader.join(PATIENCE)
    assert received == [b"through the pipe"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


def in_a_shell(line: str, folder: Path) -> str:
    """What a shell prints for a line that runs ``$program``, which writes a file between two lines that it prints."""
    program = (
        "import sys; from autograd.files import check_writable, write_file; print('before'); "
        "check_writable(sys.argv[1]); write_file(sys.argv[1], b'new\\n'); print('after')"
    )
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, check=True, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "python": sys.executable, "program": program},
    ).stdout  # fmt: skip


@POSIX
@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="there is no /dev/stdout here")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "link"])
def test_standard_output_is_a_file_to_write_to(tmp_path: Path, name: str) -> None:
    """Into a pipe, a file that exists already, and at the end of one."""
    (tmp_path / "link").symlink_to("/dev/stdout")
    (tmp_path / "log").write_text("first\n")
    write = f'"$python" -c "$program" {name}'
    assert in_a_shell(f"{write} | cat", tmp_path) == "before\nnew\nafter\n"
    assert in_a_shell(f"{write} > fresh; cat fresh", tmp_path) == "before\nnew\nafter\n"
    assert in_a_shell(f"{write} >> log; cat log", tmp_path) == "first\nbefore\nnew\nafter\n"
    assert names(tmp_path) == ["fresh", "link", "log"]


# --- what is refused, and the check before --------------------------------------------------------------------------


def test_the_check_says_what_the_write_would(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    for bad in (tmp_path, tmp_path / "nowhere" / "a.txt", tmp_path / "file" / "a.txt", tmp_path / ("a" * 300)):
        with pytest.raises(OSError) as write:  # noqa: PT011 - compared below
            write_file(bad, b"new")
        with pytest.raises(OSError) as check:  # noqa: PT011
            check_writable(bad)
        assert type(write.value) is type(check.value)
        assert write.value.filename == check.value.filename == str(bad)
    assert names(tmp_path) == ["file"]


def test_the_check_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("old")
    before = (tmp_path / "old.txt").stat()
    check_writable(tmp_path / "old.txt")
    check_writable(tmp_path / "new.txt")
    assert names(tmp_path) == ["old.txt"]
    assert (tmp_path / "old.txt").stat() == before


@POSIX
def test_everything_that_writes_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    """That is: everything goes through the one writer."""
    writers = {
        "graph.svg": lambda path: save(Value(2.0) * 3, path),
        "graph.dot": lambda path: save(Value(2.0) * 3, path),
        "graph.html": lambda path: write_html(Value(2.0) * 3, path),
        "a.txt": lambda path: write_text(path, "new"),
        "a.csv": lambda path: write_text(path, csv_of({"x": [1.0]})),
        "a.json": lambda path: write_document(path, "kind", 1, {}),
        "model.json": lambda path: MLP(1, [1]).save(path),
    }
    for name, writer in writers.items():
        path = tmp_path / name
        path.write_text("old")
        path.chmod(0o600)
        writer(path)
        assert path.read_bytes() not in (b"", b"old"), name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, name
    assert names(tmp_path) == sorted(writers)
