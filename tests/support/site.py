"""The site as a visitor meets it: built, served from this machine, and watched for requests to another host."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.browser import fresh_page
from tests.support.javascript import MODULES
from tests.support.jupyter import CHATTER

sys.path.insert(0, str(ROOT / "website"))

import make_site as website

Visit = Callable[..., Any]


class Quiet(SimpleHTTPRequestHandler):
    """A server that does not report each request."""

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder on this machine, as long as the block runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module", name="site")
def built_and_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site that the variable SITE names, or else one that is built here; lessons only where JupyterLite is."""
    folder = Path(os.environ.get("SITE") or tmp_path_factory.mktemp("site"))
    if "SITE" not in os.environ:
        has_lessons = importlib.util.find_spec("jupyterlite_core") is not None
        website.build(folder, ["playground", "gallery", *["lessons"] * has_lessons], MODULES)
    with served(folder) as address:
        yield address


@pytest.fixture(scope="module", name="visit")
def visited(chromium: Any, site: str) -> Iterator[Visit]:
    """Open a page of the site; afterwards nothing may have complained, or asked another host."""
    trouble: list[str] = []
    pages = []

    def go(path: str, size: tuple[int, int] = (1280, 800), scheme: str = "light") -> Any:
        page = fresh_page(
            chromium, color_scheme=scheme, reduced_motion="reduce", viewport=dict(zip(("width", "height"), size))
        )
        pages.append(page)
        page.on("console", lambda said: CHATTER.search(said.text) or trouble.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.context.on("request", lambda request: is_here(request.url) or trouble.append(request.url))
        page.context.on("response", lambda found: found.status < 400 or trouble.append(f"{found.status} {found.url}"))
        page.goto(site + path)
        return page

    def is_here(address: str) -> bool:
        return address.startswith((site, "data:", "about:", f"blob:{site}"))

    yield go
    for page in pages:
        page.close()
    assert trouble == [], trouble
