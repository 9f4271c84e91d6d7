"""Finding a Graphviz, running it, and writing files."""

from __future__ import annotations

import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import graphviz
import pytest

from autograd import DrawingError, Value, draw_dot
from autograd.viz import load_renderer, save, set_renderer, write_html
from autograd.viz.pictures import render as rendering
from autograd.viz.pictures.render import dot_program, render

SOURCE = "digraph { a -> b }"
Program = Callable[[str], Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Put a `dot` that runs the given lines of Python alone on PATH."""

    def install(code: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        dot = folder / "dot"
        dot.write_text(f"#!{sys.executable}\nimport sys, time\n{code}\n")
        dot.chmod(dot.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))
        return dot

    if sys.platform == "win32":
        pytest.skip("a script is no program on Windows")
    return install


def test_a_dot_on_path_comes_first(program: Program) -> None:
    installed = program("pass")
    assert dot_program() == installed


def test_else_the_wheel_is_used_though_its_folder_is_not_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    if not rendering._in_wheel():
        pytest.skip("graphviz-pure is not installed")
    monkeypatch.setenv("PATH", "")
    assert dot_program().stem == "graphviz-pure"
    assert b"<svg" in render(SOURCE)


def test_with_neither_the_error_names_both_remedies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(rendering, "_WHEEL", "no-such-wheel")
    with pytest.raises(DrawingError, match=r"scalar-autograd\[draw\].*or install Graphviz"):
        save(Value(1.0), tmp_path / "x.svg")
    assert list(tmp_path.iterdir()) == []


def test_a_layout_that_takes_too_long_is_stopped(program: Program) -> None:
    program("time.sleep(60)")
    with pytest.raises(DrawingError, match=r"stopped after 0\.2 s"):
        render(SOURCE, timeout=0.2)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("sys.exit('syntax error in line 1')", "dot failed: syntax error in line 1"),
        ("sys.exit(3)", "dot failed: exit status 3"),
        ("pass", "dot failed: exit status 0"),
    ],
)
def test_what_the_program_complains_about_is_passed_on(program: Program, code: str, message: str) -> None:
    program(code)
    with pytest.raises(DrawingError, match=message):
        render(SOURCE)


def test_a_program_that_cannot_be_run_is_named(program: Program) -> None:
    program("").write_text("#!/no/such/interpreter\n")
    with pytest.raises(DrawingError, match=r"dot could not be run"):
        render(SOURCE)


@pytest.mark.parametrize(("name", "start"), [("c.svg", b"<?xml"), ("c.png", b"\x89PNG"), ("c.jpg", b"\xff\xd8"),
                                             ("c.dot", b"digraph"), ("c.GV", b"digraph")])  # fmt: skip
def test_the_ending_chooses_the_format(tmp_path: Path, name: str, start: bytes) -> None:
    path = save(Value(2.0, "a") * 3, tmp_path / name)
    assert path.read_bytes().startswith(start)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_pdf_is_written_or_refused_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "c.pdf"
    if shutil.which("dot"):
        assert save(Value(2.0), path).read_bytes().startswith(b"%PDF")
    else:
        with pytest.raises(DrawingError, match="cannot write pdf: save as svg or png, or install Graphviz"):
            save(Value(2.0), path)
        assert not path.exists()


def test_any_digraph_can_be_saved(tmp_path: Path) -> None:
    plain = graphviz.Digraph()
    plain.edge("a", "b")
    assert b"<svg" in save(plain, tmp_path / "plain.svg").read_bytes()


@pytest.mark.parametrize("name", ["c", "c.gif", "c.txt"])
def test_an_unknown_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"end it in \.svg, \.png"):
        save(Value(2.0), tmp_path / name)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        save(Value(2.0), tmp_path / "nowhere" / "c.svg")


def test_render_names_a_missing_folder_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        draw_dot(Value(2.0)).render(tmp_path / "nowhere" / "c")
    assert not (tmp_path / "nowhere").exists()


def test_render_writes_source_and_picture_under_names_that_say_which_is_which(tmp_path: Path) -> None:
    drawing = draw_dot(Value(2.0, "a") * 3)
    assert drawing.render("graph", tmp_path) == str(tmp_path / "graph.svg")
    assert {file.name for file in tmp_path.iterdir()} == {"graph.gv", "graph.svg"}
    assert (tmp_path / "graph.gv").read_text() == drawing.source
    drawing.render("other.png", tmp_path, cleanup=True, format="png")
    assert {file.name for file in tmp_path.iterdir()} == {"graph.gv", "graph.svg", "other.png"}
    assert drawing.render(tmp_path / "third.gv") == str(tmp_path / "third.gv.svg")  # as graphviz does
    assert (tmp_path / "third.gv").read_text() == drawing.source
    assert drawing.pipe("svg", encoding="utf-8").startswith("<?xml")


# ---- a renderer of one's own -----------------------------------------------------------------------------------------
@pytest.fixture(name="no_program")
def without_a_program(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No Graphviz is found, and whatever renderer is set is gone afterwards."""
    monkeypatch.setattr(rendering, "dot_program", lambda: pytest.fail("a program was looked for"))
    yield
    set_renderer(None)


@pytest.mark.usefixtures("no_program")
def test_a_renderer_of_ones_own_draws_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def elsewhere(source: str, format: str) -> bytes:
        asked.append((source.split()[0], format))
        with monkeypatch.context() as usual:
            usual.setattr(rendering, "_own", None)
            usual.setattr(rendering, "dot_program", dot_program)
            return render(source, format)

    set_renderer(elsewhere)
    c = Value(2.0, "a") * 3
    assert draw_dot(c).pipe("svg", encoding="utf-8").count('data-node="') == 3
    assert b"\x89PNG" in save(c, tmp_path / "c.png").read_bytes()
    assert "data-tail" in write_html(c, tmp_path / "c.html").read_text(encoding="utf-8")
    assert asked == [("digraph", "svg"), ("digraph", "png"), ("digraph", "json0")]


@pytest.mark.usefixtures("no_program")
@pytest.mark.parametrize("picture", ["<svg>ü</svg>", "<svg>ü</svg>".encode(), bytearray("<svg>ü</svg>".encode())])
def test_a_renderer_returns_text_or_bytes(picture: str | bytes) -> None:
    set_renderer(lambda source, format: picture)
    assert render(SOURCE) == "<svg>ü</svg>".encode()


@pytest.mark.usefixtures("no_program")
@pytest.mark.parametrize("svg", ["<svg></svg>", '<?xml version="1.0"?><svg width="1"><g/></svg>', "no SVG at all"])
def test_the_svg_of_a_renderer_may_look_as_it_likes(svg: str) -> None:
    set_renderer(lambda source, format: svg)
    shown = draw_dot(Value(2.0, "a")).pipe("svg", encoding="utf-8")
    assert re.sub(r' role="img"|<desc>.*</desc>', "", shown) == svg
    assert ("<desc>Computation graph of a = 2" in shown) == ("<svg" in svg)


@pytest.mark.usefixtures("no_program")
def test_what_no_renderer_may_be_or_return() -> None:
    with pytest.raises(TypeError, match="a renderer must be a function of DOT text and a format, not 'dot'"):
        set_renderer("dot")  # type: ignore[arg-type]
    set_renderer(lambda source, format: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(TypeError, match="must return bytes or text, not NoneType"):
        render(SOURCE)


@pytest.mark.usefixtures("no_program")
def test_the_error_of_a_renderer_arrives() -> None:
    def fail(source: str, format: str) -> str:
        raise ConnectionError("the server is away")

    set_renderer(fail)
    with pytest.raises(ConnectionError, match="the server is away"):
        render(SOURCE)


def test_none_goes_back_to_what_is_found(program: Program) -> None:
    program("print('found', end='')")
    set_renderer(lambda source, format: "own")
    assert render(SOURCE) == b"own"
    set_renderer(None)
    assert render(SOURCE) == b"found"


@pytest.mark.parametrize("platform", ["wasi", "ios"])
def test_where_no_program_can_be_started_the_error_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(
        DrawingError, match=rf"\({platform}\) Python cannot start programs: give autograd\.viz\.set_ren"
    ):
        render(SOURCE)


def test_there_is_nothing_to_load_where_programs_run() -> None:
    with pytest.raises(DrawingError, match="load_renderer is for Python in a browser"):
        load_renderer().send(None)  # runs up to its first wait, also where an event loop is running
