"""Notebooks in JupyterLab, or in JupyterLite, as somebody sees them in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from tests.support.browser import colours_of, gradients_on

# What JupyterLab itself says in every session.
CHATTER = re.compile(
    r"Starting application in workspace|did not appear within|Element with index|Disabling terminals plugin"
    r"|No exact match found for python|Starting WebSocket|ServiceWorker|Pyodide contents will be synced"
    r"|is taking too long to activate|ms to activate|^(log: )?(Loading|Loaded) "
    r"|already loaded from default channel|No new packages to load"
)
Output = tuple[str, str]  # the type of an output, and its text if it is one


def start_all(page: Any) -> None:
    """Let all cells of the notebook in front run."""
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()  # before that it would ask for a kernel
    page.locator(".lm-MenuBar-itemLabel", has_text="Run").click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def wait_for_all(page: Any) -> None:
    """Wait until each code cell has its number, or one has failed."""
    page.wait_for_function("""() => {
      const prompts = [...document.querySelectorAll(".jp-Notebook .jp-CodeCell .jp-InputPrompt")];
      return prompts.every((prompt) => /^\\[\\d+\\]:$/.test(prompt.textContent))
        || document.querySelector(".jp-Notebook [data-mime-type='application/vnd.jupyter.error']");
    }""")


def outputs(page: Any) -> list[list[Output]]:
    """The outputs of each code cell that are seen when one scrolls to them; the texts of those that are text."""
    return [
        [_output(found) for found in cell.locator(".jp-OutputArea-output").all()]
        for cell in page.locator(".jp-Notebook .jp-CodeCell").all()
    ]


def _output(found: Any) -> Output:
    found.scroll_into_view_if_needed()
    assert found.is_visible()
    assert found.bounding_box()["height"] > 8
    kind = found.get_attribute("data-mime-type")
    return kind, found.inner_text().strip() if kind.endswith(("stdout", "stderr", "error", "plain")) else ""


def committed_outputs(path: Path) -> list[list[Output]]:
    """The same of a notebook file; what was printed in pieces is seen as one."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [_merged(map(_committed, cell["outputs"])) for cell in cells if cell["cell_type"] == "code"]


def _merged(found: Iterable[Output]) -> list[Output]:
    groups = [(kind, list(same)) for kind, same in groupby(found, key=itemgetter(0))]
    return [output for kind, same in groups for output in (_joined(same) if kind in STREAMS else same)]


def _joined(same: list[Output]) -> list[Output]:
    return [(same[0][0], "".join([text for _, text in same]).strip())]


def _committed(output: dict[str, Any]) -> Output:
    if output["output_type"] == "stream":
        return f"application/vnd.jupyter.{output['name']}", "".join(output["text"])
    richest = next(kind for kind in (*RICH, "text/plain") if kind in output["data"])
    return richest, "".join(output["data"][richest]).strip() if richest == "text/plain" else ""


STREAMS = ("application/vnd.jupyter.stdout", "application/vnd.jupyter.stderr")
RICH = ("text/html", "text/markdown", "text/latex", "image/svg+xml", "image/png")  # as JupyterLab prefers them


def last_gradients(page: Any, at: int = 0) -> list[float | None]:
    """The gradients at the last step of a page to step through, in a cell."""
    frame = page.locator(".jp-Notebook iframe").nth(at)
    frame.scroll_into_view_if_needed()
    inside = frame.element_handle().content_frame()
    inside.wait_for_selector("svg.graph:not([hidden]) .b")
    inside.locator("#last").click()
    return gradients_on(inside)


# The contrast of each text inside an element with what is behind it, as WCAG defines it.
CONTRASTS = """(root) => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const isSolid = (colour) => colour && colour.startsWith("rgb") && (numbers(colour)[3] ?? 1) > 0.99;
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const shape = at instanceof SVGGElement && [...at.children].find((it) => isSolid(getComputedStyle(it).fill)
        && !(it instanceof SVGTextElement) && !(it instanceof SVGGElement));
      if (shape) return getComputedStyle(shape).fill;
      const colour = getComputedStyle(at).backgroundColor;
      if (isSolid(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const written = [...root.querySelectorAll("*")].filter((it) =>
    [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) && it.getClientRects().length
    && !["STYLE", "TITLE", "DESC", "MJX-ASSISTIVE-MML"].includes(it.tagName.toUpperCase()));
  return written.map((it) => {
    const style = getComputedStyle(it);
    const ink = it instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [ink, behind(it)].map((colour) => light(numbers(colour)) + 0.05);
    return [it.textContent.trim().slice(0, 40), Math.max(a, b) / Math.min(a, b)];
  });
}"""


class Lab:
    """A notebook in JupyterLab whose cells have names."""

    def __init__(self, page: Any, names: list[str]) -> None:
        self.page, self.names = page, names

    @property
    def is_dark(self) -> bool:
        """Whether its theme is dark."""
        return bool(self.page.evaluate("document.body.dataset.jpThemeLight === 'false'"))

    def outputs(self, name: str) -> Any:
        """All outputs of a cell."""
        cell = self.page.locator(".jp-Notebook .jp-CodeCell").nth(self.names.index(name))
        return cell.locator(".jp-OutputArea-output")

    def output(self, name: str) -> Any:
        """The last output of a cell, which one has scrolled to."""
        found = self.outputs(name).last
        found.scroll_into_view_if_needed()
        assert found.is_visible()
        return found

    def texts(self, name: str, selector: str) -> list[str]:
        """The texts of some elements of an output."""
        return [text.strip() for text in self.output(name).locator(selector).all_inner_texts()]

    def frame(self, name: str) -> Any:
        """The page to step through that is in a cell, when it is drawn."""
        found = self.output(name).locator("iframe").element_handle().content_frame()
        found.wait_for_selector("svg.graph:not([hidden]) .b")
        return found

    def heights(self, name: str) -> tuple[float, float]:
        """The height of the frame of a page, and the one that the page needs."""
        height = self.output(name).locator("iframe").bounding_box()["height"]
        return height, self.frame(name).evaluate("document.documentElement.scrollHeight")

    def colour(self, element: Any, name: str) -> list[int]:
        """Red, green and blue of a property of an element."""
        text = element.evaluate("(it, name) => getComputedStyle(it)[name]", name)
        return [int(part) for part in re.findall(r"\d+", text)[:3]]

    def corner_of_image(self, name: str) -> list[int]:
        """Red, green and blue near the corner of an image, as they are on the screen."""
        image = self.output(name).locator("img")
        image.scroll_into_view_if_needed()
        (colour,) = colours_of(self.page, image, 3, 3, 1, 1)
        return [*bytes.fromhex(colour[1:])]

    def contrasts(self, name: str) -> list[tuple[str, float]]:
        """The contrast of each text of an output, those of a page in a frame, too."""
        output = self.output(name)
        found = output.evaluate(CONTRASTS)
        if output.locator("iframe").count():
            found += self.frame(name).locator("body").evaluate(CONTRASTS)
        assert found or output.locator("img").count()
        return [(text, ratio) for text, ratio in found]
