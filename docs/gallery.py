"""Draw what the examples find: python docs/gallery.py [NAME ...] writes examples/NAME.svg (needs `[notebooks]`)."""

from __future__ import annotations

import importlib
import math
import random
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "examples"
sys.path[:0] = [str(ROOT), str(FOLDER)]

import matplotlib  # noqa: E402 - after the path

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

from autograd import no_grad  # noqa: E402
from nn import plot_boundary  # noqa: E402

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8a8a8a"


def moons(example: Any, axes: Any) -> None:
    example.train()
    plot_boundary(example.model, example.X, [int(y > 0) for y in example.y], axes, resolution=40)


def gpt(example: Any, axes: Any) -> None:
    """How likely each letter is after the beginnings of a name."""
    example.train()
    beginning, rows = ".kayl", []
    keys: list[Any] = []
    values: list[Any] = []
    with no_grad():
        for i, letter in enumerate(beginning):
            rows.append([p.data for p in example.next_letter(example.LETTERS.index(letter), i, keys, values)])
    axes.imshow(rows, cmap="Blues", aspect="auto", vmin=0.0)
    axes.set_yticks(range(len(beginning)), [beginning[: i + 1].strip(".") + "…" for i in range(len(beginning))])
    axes.set_xticks(range(27), example.LETTERS)
    axes.set_title("the next letter, as the network sees it", fontsize="medium")


def lstm(example: Any, axes: Any) -> None:
    """The memory of the first cells while the rhyme is read."""
    example.train()
    text, states, state = "peter piper picked a peck of pickled peppers", [], None
    with no_grad():
        for letter in text:
            _, state = example.model(example.LETTERS.index(letter), state)
            states.append([c.data for c in state[1]])
    axes.imshow([list(cell) for cell in zip(*states)], cmap="RdBu_r", aspect="auto", vmin=-2, vmax=2)
    axes.set_xticks(range(len(text)), text.replace(" ", "␣"), fontsize="x-small")
    axes.set_ylabel("cell")
    axes.set_title("what each cell remembers after each letter", fontsize="medium")


def convolution(example: Any, axes: Any) -> None:
    """The four filters, and where they fit into one digit."""
    example.train()
    axes.axis("off")
    image = example.images[1503]
    with no_grad():
        pictures = [image]
        for f in example.filters:
            pictures.append([[w.data for w in row] for row in f])
            pictures.append([[example.match(f, image, y, x).data for x in range(6)] for y in range(6)])
    places = [(0.0, 0.25, 0.2, 0.5)]
    for k in range(4):
        places += [(0.26 + 0.19 * k, 0.58, 0.14, 0.3), (0.26 + 0.19 * k, 0.1, 0.16, 0.36)]
    for k, (place, picture) in enumerate(zip(places, pictures)):
        inset = axes.inset_axes(place)
        signed = k % 2 == 1
        inset.imshow(picture, cmap="RdBu_r" if signed else "Greys", **({"vmin": -1.2, "vmax": 1.2} if signed else {}))
        inset.set_xticks([])
        inset.set_yticks([])
        if k < 3:
            inset.set_title(["digit", "filter", "where it fits"][k], fontsize="small")


def policy_gradient(example: Any, axes: Any) -> None:
    lengths = example.train()
    axes.plot(range(1, len(lengths) + 1), lengths, ".-", color=BLUE, linewidth=0.8)
    axes.set(xlabel="episode", ylabel="steps until the pole falls", ylim=(0, 210))


def kalman(example: Any, axes: Any) -> None:
    example.train()
    q, r = (math.exp(p.data) for p in example.parameters)
    surprises = list(example.surprises(q, r, example.NILE))
    years = range(1872, 1971)
    levels = [flow - e for flow, (e, _) in zip(example.NILE[1:], surprises)]
    widths = [2 * math.sqrt(variance) for _, variance in surprises]
    bands = [level - w for level, w in zip(levels, widths)], [level + w for level, w in zip(levels, widths)]
    axes.fill_between(years, *bands, color=BLUE, alpha=0.15, linewidth=0, label="expected, ±2σ")
    axes.plot(years, levels, color=BLUE)
    axes.plot(range(1871, 1971), example.NILE, ".", color=ORANGE, markersize=4, label="measured")
    axes.set(xlabel="year", ylabel="flow of the Nile, 10⁸ m³", ylim=(300, 1600))
    axes.legend(fontsize="small", frameon=False, ncols=2)


def ode(example: Any, axes: Any) -> None:
    example.train()
    constants = [math.exp(p.data) for p in example.parameters]
    state, path = constants[4:], []
    for _ in range(20 * 10 + 1):
        path.append(state)
        state = example.runge_kutta(state, 0.1, *constants[:4])
    times = [1900 + 0.1 * i for i in range(len(path))]
    for k, (name, colour) in enumerate([("hares", BLUE), ("lynx", ORANGE)]):
        axes.plot(times, [state[k] for state in path], color=colour, label=name)
        axes.plot(range(1900, 1921), [year[k] for year in example.pelts], "o^"[k], color=colour, markersize=4)
    axes.set(xlabel="year", ylabel="thousands of pelts", xticks=range(1900, 1921, 5))
    axes.legend(fontsize="small", frameon=False)


def physics_informed(example: Any, axes: Any) -> None:
    times = [0.05 * i for i in range(65)]
    done = 0
    axes.plot(times, [math.sin(t) for t in times], color="black", linewidth=2, label="sin t")
    for steps, style in [(0, ":"), (50, "--"), (1000, "-")]:
        example.train(steps - done)
        done = steps
        with no_grad():
            axes.plot(times, [example.u(t).data for t in times], style, color=ORANGE, label=f"after {steps} steps")
    axes.set(xlabel="t", ylabel="u", ylim=(-0.2, 2.2))
    axes.legend(fontsize="small", frameon=False)


def portfolio(example: Any, axes: Any) -> None:
    """Risk and return: single assets, random portfolios, and the way uphill."""
    rng = random.Random(0)

    def point(shares: Any) -> tuple[float, float]:
        return 100 * example.risk(shares), 100 * sum(s * r for s, r in zip(shares, example.RETURNS))

    mixed = []
    for _ in range(400):
        numbers = [rng.expovariate(1) for _ in example.ASSETS]
        mixed.append(point([x / sum(numbers) for x in numbers]))
    axes.plot(*zip(*mixed), ".", color=GREY, markersize=2, label="shares at random")
    path = []
    for _ in range(60):
        exps = [math.exp(p.data) for p in example.parameters]
        path.append(point([e / sum(exps) for e in exps]))
        example.train(5)
    axes.plot(*zip(*path), "-", color=ORANGE, linewidth=2, label="steps uphill")
    axes.plot(*path[-1], "*", color=ORANGE, markersize=10)
    axes.axline((0, 0), path[-1], color=ORANGE, linewidth=0.7, linestyle=":")
    for name, risk, gain in zip(example.ASSETS, example.RISKS, example.RETURNS):
        axes.plot(100 * risk, 100 * gain, "s", color=BLUE, markersize=4)
        axes.annotate(name, (100 * risk, 100 * gain), (0, 5), textcoords="offset points", ha="center", fontsize="small")
    axes.set(xlabel="risk, % a year", ylabel="return, % a year", xlim=(0, 25), ylim=(0, 10))
    axes.legend(fontsize="small", frameon=False, loc="lower right")


def soft_dtw(example: Any, axes: Any) -> None:
    example.train()
    for k, curve in enumerate(example.curves):
        axes.plot(curve, color=GREY, linewidth=0.8, label=None if k else "curves")
    axes.plot(example.mean, "--", color=BLUE, label="usual mean")
    axes.plot([p.data for p in example.parameters], color=ORANGE, linewidth=2, label="mean by soft-DTW")
    axes.set(xlabel="time", ylabel="height", xticks=range(0, 20, 5))
    axes.legend(fontsize="small", frameon=False)


PICTURES = {draw.__name__: draw for draw in (
    moons, gpt, lstm, convolution, policy_gradient, kalman, ode, physics_informed, portfolio, soft_dtw
)}  # fmt: skip

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        axes = plt.subplots(figsize=(5, 3), layout="constrained")[1]
        PICTURES[name](importlib.import_module(name), axes)
        matplotlib.rcParams["svg.hashsalt"] = name
        axes.figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
