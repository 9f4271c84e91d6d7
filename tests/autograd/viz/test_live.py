"""Live numbers on the page: the table in JavaScript is that of Python, and what is seen follows a moved leaf."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from autograd import Value, constant, fsum, grad, ops, primitive, sumprod
from autograd.graph import topological_order
from autograd.ops import TABLE, Op
from autograd.primitive import Primitive
from autograd.viz import explain, write_html
from autograd.viz.facts.steps import adjoints
from autograd.viz.pagedata import _scalar_level, levels_of, packed
from autograd.viz.pictures.figure import Graph, scalar_figure
from autograd.viz.text.formula import local_derivatives
from autograd.viz.text.notation import Names
from nn import MLP
from tests.support.browser import Open, cubic, focus_of, fresh_page, network, press
from tests.support.points import PRIMITIVES, arities, hard_points, random_points

NODES = {"leaf", "constant", "frozen"}  # rows of nodes that are not computed
OWN = [op for op in TABLE.values() if not isinstance(op, Primitive) and op.name not in NODES]
WITHOUT_POINTS = {"detached": (1,), "largest": (2, 4)}  # of programs that are recorded, with a derivative of 0


@pytest.fixture(scope="module", name="engine")
def page_to_compute_with(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    page = fresh_page(chromium)
    page.goto(write_html(cubic(), tmp_path_factory.mktemp("page") / "graph.html").as_uri())
    yield page
    page.close()


def close(found: float, expected: float, scale: float = 0.0) -> bool:
    """Whether two numbers agree to 12 digits, or to a few units of the smallest float."""
    if found == expected or (math.isnan(found) and math.isnan(expected)):
        return True
    return abs(found - expected) <= max(1e-12 * max(abs(expected), scale), 1e-321)


def points_of(op: Op) -> list[tuple[float, ...]]:
    rng = random.Random(op.name)
    if op.name in WITHOUT_POINTS:
        return [tuple(rng.uniform(-3.0, 3.0) for _ in range(n)) for n in WITHOUT_POINTS[op.name] for _ in range(20)]
    return [*hard_points(op, rng), *random_points(op, rng, 60)]


# ---- the table -------------------------------------------------------------------------------------------------------
def test_there_is_a_row_for_every_row_of_the_table(engine: Any) -> None:
    assert sorted(engine.evaluate("Object.keys(ROWS)")) == sorted(op.name for op in OWN)


@pytest.mark.parametrize("op", OWN, ids=lambda op: op.name)
def test_a_row_has_the_value_and_the_derivatives_of_python(engine: Any, op: Op) -> None:
    points = points_of(op)
    values = [op.value(*xs) for xs in points]
    found = engine.evaluate(
        """([name, points]) => points.map(([z, xs]) => [ROWS[name].value(...xs), ROWS[name].partials(z, ...xs)])""",
        [op.name, [[z, list(xs)] for z, xs in zip(values, points)]],
    )
    for xs, expected, (value, partials) in zip(points, values, found):
        # Python 3.12 adds up a sum of products with the rounding errors made good: terms may cancel
        terms = [x * y for x, y in zip(*ops.factors(xs)[:2])] if op is ops.sum_of_products else [0.0]
        assert close(value, expected, max(map(abs, terms))), xs
        expected_partials = op.partials(expected, *xs)
        assert len(partials) == len(expected_partials), xs
        assert all(map(close, partials, expected_partials)), (xs, partials, expected_partials)


# ---- whole graphs ----------------------------------------------------------------------------------------------------
def mixed_graph(seed: int, leaves: Sequence[float]) -> tuple[Value, list[Value]]:
    """An expression over all primitives, the same for every choice of leaves, with numbers of moderate size."""
    rng = random.Random(seed)
    named = [Value(x, f"x{i}") for i, x in enumerate(leaves)]
    nodes: list[Value] = [*named, Value(0.5), Value(1.5)]
    for _ in range(14):
        op = rng.choice(PRIMITIVES)
        operands = rng.choices(nodes, k=rng.choice(arities(op)))
        nodes.append((op(*operands).sin() + rng.choice(nodes)) * 0.5)
    return ops.sum_of(*nodes[-4:], *named), named


REPLAYED = """(asked) => JSON.parse(asked).map(([level, numbers]) => {
  const walk = new Walk(level);
  new Replay(walk).set(numbers);
  const text = (x) => (Object.is(x, -0) ? "-0" : String(x));
  return walk.boxes.map((_, i) => `${text(walk.data[i])} ${text(walk.gradient(i))}`).join(",");
})"""


def test_300_random_graphs_have_the_numbers_of_python_wherever_their_leaves_are(engine: Any) -> None:
    graphs, asked, moves = [], [], []
    for seed in range(300):
        rng = random.Random(-seed)
        recorded, moved = ([rng.uniform(-2.0, 2.0) for _ in range(3)] for _ in range(2))
        root, _ = mixed_graph(seed, recorded)
        graph = Graph([root], spec=".4g")
        graph.grad_of = adjoints([root], graph.order).__getitem__
        places = {node.label: i for i, node in enumerate(graph.order) if node.label}
        asked.append([_scalar_level(scalar_figure(graph)), [[places[f"x{i}"], x] for i, x in enumerate(moved)]])
        graphs.append(graph)
        moves.append(moved)
    answers = engine.evaluate(REPLAYED, json.dumps(asked))  # all at once, as text: each question takes its time
    compared = finite = 0
    for seed, (graph, moved, answer) in enumerate(zip(graphs, moves, answers, strict=True)):
        found = [[float(x) for x in pair.split()] for pair in answer.split(",")]
        other, _ = mixed_graph(seed, moved)
        order = Graph([other]).order
        assert [node.op.name for node in order] == [node.op.name for node in graph.order]
        for node, derivative, (value, gradient) in zip(order, grad(other, order), found, strict=True):
            assert close(value, node.data), (seed, node)
            if node.op is not ops.constant:  # whose gradient nobody asks for
                assert close(gradient, derivative), (seed, node)
                compared += 1
                finite += math.isfinite(derivative)
    assert compared > finite > 10_000  # numbers, beside the nan of logarithms and roots


def formulas_of(root: Value) -> list[str]:
    """Each local derivative of a graph as a formula with its numbers, as Python writes it, in the order of backward."""
    names = Names(Graph([root]).order, ".4g")
    found = [it for node in reversed(topological_order(root)) for it in local_derivatives(node, names)]
    return [it.steps if it.symbols else "" for it in found]


def packed_levels(seed: int) -> Iterator[dict[str, Any]]:
    """The levels of a random graph, or those of a network."""
    rng = random.Random(seed)
    if seed % 40:
        root, _ = mixed_graph(seed, [rng.choice([0.0, -0.0, 1.0, math.inf, rng.uniform(-2.0, 2.0)]) for _ in range(3)])
    else:
        model = MLP(2, [rng.randint(1, 5), 1], activation="tanh", seed=seed)
        root = fsum([(model([1.0, -2.0]) - Value(1.0, "y")) ** 2 for _ in range(2)]) * constant(0.5, "half")
    graph = Graph([root, root.parents[0]] if seed % 7 == 0 else [root])
    graph.grad_of = adjoints(graph.roots, graph.order).__getitem__
    yield _scalar_level(scalar_figure(graph))
    if seed % 40 == 0:
        yield from levels_of(graph, 1_500, 30.0)[0]


UNPACKED = """(asked) => JSON.stringify(JSON.parse(asked).map(unpacked), (key, x) => (
  typeof x !== "number" || Number.isFinite(x) ? x : format(x)))"""


def test_what_is_packed_comes_out_of_it_to_the_bit(engine: Any) -> None:
    levels = [level for seed in range(200) for level in packed_levels(seed)]
    small = [packed(level) for level in levels]
    for level, found in zip(levels, json.loads(engine.evaluate(UNPACKED, json.dumps(small))), strict=True):
        found.pop("x")
        assert found == json.loads(json.dumps(level))  # which makes texts of the keys
    assert sum("steps" not in level for level in small) > 180
    assert len(json.dumps(small)) < 0.65 * len(json.dumps(levels))


def test_what_follows_from_nothing_is_not_left_out() -> None:
    root, _ = mixed_graph(3, [0.5, 1.5, -0.5])
    graph = Graph([root])
    graph.grad_of = adjoints([root], graph.order).__getitem__
    level = _scalar_level(scalar_figure(graph))
    assert "steps" not in packed(level)
    level["steps"][4][1] = math.nextafter(level["steps"][4][1], 10.0)  # other than what the page would compute
    assert packed(level)["steps"] == level["steps"]


FORMULAS = """(asked) => JSON.parse(asked).map(([level, numbers]) => {
  const walk = new Walk(level);
  const texts = () => walk.arrows.map((_, i) => walk.formula(i) ?? "");
  const before = texts();
  new Replay(walk).set(numbers);
  return [before, texts(), walk.arrows.map(({ formula, template }) => Boolean(formula && !template))];
})"""
OF_ONE_OR_TWO = [op for op in PRIMITIVES if arities(op)[0] < 3]


def formula_graph(seed: int, leaves: Sequence[float]) -> Value:
    """A few operations on leaves, some of them with names."""
    rng = random.Random(seed)
    nodes = [Value(x, f"x{i}") for i, x in enumerate(leaves)]
    for k in range(6):
        op = rng.choice(OF_ONE_OR_TWO)
        made = op(*rng.choices(nodes[-4:], k=arities(op)[0]))
        if rng.random() < 0.5:
            made.label = f"n{k}"
        nodes.append(made)
    return ops.sum_of(*nodes)


def test_formulas_are_written_anew_as_python_writes_them_wherever_the_leaves_are(engine: Any) -> None:
    asked, expected = [], []
    for seed in range(300):
        rng = random.Random(-seed)
        size = rng.choice([1.0, 2.0, 1e-5, 3e5])
        recorded, moved = ([round(rng.uniform(-2.0, 2.0), rng.randint(0, 6)) for _ in range(3)] for _ in range(2))
        moved[0] *= size
        root = formula_graph(seed, recorded)
        graph = Graph([root], spec=".4g")
        graph.grad_of = adjoints([root], graph.order).__getitem__
        places = {node.label: i for i, node in enumerate(graph.order) if not node.parents and node.label}
        numbers = [[places[f"x{i}"], x] for i, x in enumerate(moved) if f"x{i}" in places]
        asked.append([_scalar_level(scalar_figure(graph)), numbers])
        expected.append((formulas_of(root), formulas_of(formula_graph(seed, moved))))
    compared = 0
    answers = engine.evaluate(FORMULAS, json.dumps(asked))
    for seed, ((before, after, recorded_only), (recorded, anew)) in enumerate(zip(answers, expected, strict=True)):
        assert before == recorded, seed
        for formula, text, is_recorded_only in zip(after, anew, recorded_only, strict=True):
            if formula and not is_recorded_only:
                assert formula == text, seed
                compared += formula not in before and formula.count(" = ") == 2
    assert compared > 400


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x, y: x.maximum(y), ""),  # another number is the larger one: the formula would be another one
        (lambda x, y: (x * y).elu(), ""),
        (lambda x, y: x.tanh() * y, "y = -3"),
        (lambda x, y: (x - 2) ** 2, "2·(x - 2) = 2·3 = 6"),
        (lambda x, y: (x + y) ** 2 * y, "y = -3"),
    ],
)
def test_a_formula_is_written_anew_unless_it_depends_on_the_numbers(
    engine: Any, build: Callable[[Value, Value], Value], expected: str
) -> None:
    x, y = Value(1.0, "x"), Value(2.0, "y")
    root = build(x, y)
    graph = Graph([root], spec=".4g")
    graph.grad_of = adjoints([root], graph.order).__getitem__
    places = {node: i for i, node in enumerate(graph.order)}
    numbers = [[places[node], new] for node, new in ((x, 5.0), (y, -3.0)) if node in places]
    ((_, after, _),) = engine.evaluate(FORMULAS, json.dumps([[_scalar_level(scalar_figure(graph)), numbers]]))
    assert after[0] == expected


COMPUTATIONS = """(asked) => JSON.parse(asked).map((level) => {
  const walk = new Walk(level);
  return walk.forward.map((i) => walk.computation(i));
})"""


def test_no_operator_is_followed_by_a_sign_whatever_the_numbers_are(engine: Any) -> None:
    roots = [op(*[Value(-0.5 - i, f"x{i}") for i in range(count)]) for op in PRIMITIVES for count in arities(op)]
    roots += [sumprod([-1.5, Value(-2.0, "w")], [Value(-1.0, "x"), -2.0], *rest) for rest in ([], [Value(-3.0, "b")])]
    asked = [_scalar_level(scalar_figure(Graph([root]))) for root in roots]
    found = [text for texts in engine.evaluate(COMPUTATIONS, json.dumps(asked)) for text in texts]
    found += [text for root in roots for text in formulas_of(root)]
    found += [repr(explain(node)) for root in roots for node in topological_order(root)]
    assert "-1.5*(-1) + (-2)*(-2) + (-3) = 2.5" in found[len(roots) - 1]
    assert [text for text in found if re.search(r"[-+*/·] ?-\d", text)] == []


def test_the_caption_follows_a_moved_leaf_with_its_formula(open_page: Open) -> None:
    page = open_page(cubic())
    page.locator(".b", has_text="b").first.click()
    press(page, "End")
    assert "3b² = 3·2² = 12" in page.locator("#caption").inner_text()
    page.fill("#moved", "-0.5")
    assert "3b² = 3·(-0.5)² = 0.75" in page.locator("#caption").inner_text()
    assert "3b² = 3·(-0.5)² = 0.75" in page.locator("#panel").inner_text()
    page.locator("#reset").click()
    assert "3b² = 3·2² = 12" in page.locator("#caption").inner_text()


def test_the_recorded_numbers_come_back_to_the_bit(engine: Any) -> None:
    root, _ = mixed_graph(7, [0.3, -0.7, 1.9])
    graph = Graph([root], spec=".4g")
    graph.grad_of = adjoints([root], graph.order).__getitem__
    assert engine.evaluate(
        """(level) => {
          const walk = new Walk(level);
          const numbers = () => JSON.stringify([walk.data, walk.arrows, walk.steps]);
          const before = numbers();
          const replay = new Replay(walk);
          replay.set([[walk.boxes.findIndex((box) => box.m), 0.25]]);
          const between = numbers();
          replay.reset();
          return [before !== between, before === numbers(), replay.differs];
        }""",
        _scalar_level(scalar_figure(graph)),
    ) == [True, True, False]


# ---- what is seen ----------------------------------------------------------------------------------------------------
def boxes_on(page: Any) -> list[list[str]]:
    found: list[list[str]] = page.locator("svg.graph:not([hidden]) .b").evaluate_all(
        "boxes => boxes.map((box) => [...box.querySelectorAll('text')].map((text) => text.textContent))"
    )
    return found


def arrows_on(page: Any) -> dict[tuple[str, str], str]:
    """The numbers on the arrows, by the boxes in which each arrow begins and ends."""
    found = page.locator("svg.graph:not([hidden]) .e:not(.k)").evaluate_all(
        """arrows => arrows.map((arrow) => [arrow.dataset.tail, arrow.dataset.head].map((name) =>
          arrow.closest("svg").querySelector(`[data-node=${name}] .t`).textContent)
          .concat([(arrow.querySelector("text") || {}).textContent]))"""
    )
    return {(tail, head): text for tail, head, text in found}


def select(page: Any, name: str) -> None:
    page.locator("svg.graph:not([hidden]) .b").filter(has=page.locator(f"text='{name}'")).first.click()


def moved_cubic(a: float, b: float) -> list[list[str]]:
    number = "{:.4g}".format
    return [
        ["a", f"data {number(a)}", f"grad {number(b)}"],
        ["b", f"data {number(b)}", f"grad {number(a + 3 * b * b)}"],
        ["a*b", f"data {number(a * b)}", "grad 1"],
        ["3"],
        ["b**3", f"data {number(b**3)}", "grad 1"],
        ["c = a*b + b**3", f"data {number(a * b + b**3)}", "grad 1"],
    ]


def test_all_that_is_seen_follows_the_slider_and_the_typed_number(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "End")
    select(page, "b")
    assert page.locator("#ledger small").count() > 0
    for control, text, b in (("#move", "2.5", 2.5), ("#moved", "-1/3", -1 / 3), ("#moved", "−1.25", -1.25)):
        page.locator(control).fill(text)
        assert boxes_on(page) == moved_cubic(-4.0, b)
        assert arrows_on(page)["b", "b**3"] == f"{3 * b * b:.4g}"
        assert arrows_on(page)["a", "a*b"] == f"{b:.4g}"
        assert page.locator("#data-of").inner_text().split()[0] == f"{b:.4g}"
        assert page.locator("#gradient").inner_text().split()[0] == f"{-4 + 3 * b * b:.4g}"
        assert page.locator("#ledger .sum").inner_text() == f"= {-4 + 3 * b * b:.4g}"
        assert page.locator("h1").inner_text() == page.title() == f"c = {-4 * b + b**3:.4g}"
        assert page.locator("#caption span").inner_text().endswith(f"1 × {3 * b * b:.4g} = {3 * b * b:.4g}")
        assert "3·2²" not in page.locator("body").inner_text()
    label = page.locator("svg.graph").get_attribute("aria-label")
    assert label == f"Computation graph of c = {-4 * -1.25 + (-1.25) ** 3:.4g}, 6 nodes"
    page.click("#unmove")
    assert boxes_on(page) == moved_cubic(-4.0, 2.0)
    assert "3·2²" in page.locator("#caption").inner_text()
    assert page.locator("h1").inner_text() == "c = 0"


def test_the_forward_pass_is_told_with_the_live_numbers(open_page: Open) -> None:
    page = open_page(cubic())
    select(page, "a")
    page.locator("#moved").fill("7")
    page.locator("#moved").blur()
    press(page, "ArrowRight")
    assert page.locator("#caption span").inner_text() == "a*b = 7*2 = 14"
    press(page, "ArrowRight", 2)
    assert page.locator("#caption span").inner_text() == "c = a*b + b**3 = 14 + 8 = 22"


def test_what_is_no_number_changes_nothing_and_is_marked(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "End")
    select(page, "a")
    page.locator("#moved").fill("seven")
    assert page.locator("#moved").get_attribute("aria-invalid") == "true"
    assert boxes_on(page) == moved_cubic(-4.0, 2.0)
    page.locator("#moved").blur()
    assert page.locator("#moved").input_value() == "-4"


def test_the_walk_never_moves_while_a_slider_or_a_text_has_the_focus(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "ArrowRight", 6)
    select(page, "b")
    press(page, "l")
    for control in ("move", "moved", "nudge", "rate"):
        for take in (page.focus, page.click):
            take(f"#{control}")
            press(page, "ArrowRight", 2)
            press(page, "ArrowLeft")
            assert (page.evaluate("app.position"), focus_of(page)) == (6, control)
    page.focus("#move")
    before = float(page.locator("#move").input_value())
    press(page, "ArrowRight", 3)
    after = float(page.locator("#move").input_value())
    assert 0.0 < after - before < 1.0
    assert ["b", f"data {after:.4g}"] in [lines[:2] for lines in boxes_on(page)]


def test_a_slider_can_be_dragged_without_a_break(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "End")
    select(page, "b")
    box = page.locator("#move").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    seen = []
    for share in (0.6, 0.7, 0.8, 0.9):
        page.mouse.move(box["x"] + share * box["width"], y)
        seen.append(float(page.locator("#move").input_value()))
        assert boxes_on(page) == moved_cubic(-4.0, seen[-1])
    page.mouse.up()
    assert seen == sorted(set(seen))


def test_steps_of_gradient_descent_are_those_of_python(open_page: Open) -> None:
    model = MLP(2, [3, 1], activation="tanh", seed=4)
    loss = (model([1.0, -2.0]) - 0.5) ** 2
    loss.label = "J"
    page = open_page(loss)
    page.click("#levels >> text=number")
    press(page, "End")
    press(page, "l")
    page.locator("#rate").fill("0.05")
    expected = [loss.data]
    for _ in range(10):
        page.click("#descend")
        model.zero_grad()
        new = (model([1.0, -2.0]) - 0.5) ** 2
        new.backward()
        for parameter in model.parameters():
            parameter.data -= 0.05 * parameter.grad
        expected.append(((model([1.0, -2.0]) - 0.5) ** 2).data)
    assert page.evaluate("app.live.losses") == pytest.approx(expected, rel=1e-12)
    assert expected == sorted(expected, reverse=True)
    weights = {lines[0]: lines[1] for lines in boxes_on(page) if lines[0][:1] in "wb"}
    assert weights == {p.label: f"data {p.data:.4g}" for p in model.parameters()}
    assert page.locator("#loss").inner_text() == f"J = {expected[-1]:.4g}, from {expected[0]:.4g} in 10 steps"
    assert page.locator("#losses polyline").get_attribute("points").count(",") == 11
    page.click("#reset")
    assert page.locator("h1").inner_text() == f"J = {expected[0]:.4g}"
    assert page.locator("#losses").is_hidden()
    assert page.locator("#reset").is_disabled()


@pytest.mark.parametrize("rate", ["", "fast", "inf"])
def test_no_step_is_taken_without_a_learning_rate(open_page: Open, rate: str) -> None:
    page = open_page(cubic())
    press(page, "l")
    page.locator("#rate").fill(rate)
    assert page.locator("#descend").is_disabled()
    page.locator("#rate").press("Enter")
    assert page.evaluate("app.live.losses.length") == 0


def test_groups_show_live_numbers_or_none(open_page: Open) -> None:
    root = network()
    page = open_page(root)
    press(page, "l")
    page.locator("#rate").fill("0.5")
    page.click("#descend", click_count=3)
    data = page.evaluate("app.numbers.data")
    names = page.evaluate("app.numbers.boxes.map((box) => box.n)")
    outputs = [data[names.index(label)] for label in ("a²₁", "a²₂", "a²₃")]
    for level in ("layer", "neuron", "model"):
        page.click(f"#levels >> text={level}")
        press(page, "End")
        assert page.locator("#caption small").inner_text() == ""  # ∂out/∂in is not known any more
        labels = page.locator("svg.graph:not([hidden]) .e:not(.k) text").all_text_contents()
        assert set(labels) <= {""}
        if level == "layer":
            shown = [lines[1] for lines in boxes_on(page) if lines[0] == "layer 2: 3 neurons"]
            assert shown == [f"data {min(outputs):.4g} … {max(outputs):.4g}"]
    page.click("#reset")
    assert page.locator("#caption small").inner_text().startswith("∂out/∂in: ")


def test_an_operation_of_ones_own_says_that_it_cannot_be_replayed(open_page: Open) -> None:
    @primitive(lambda y, x: 3 * x**2, name="cube_of_the_page")
    def cube(x: float) -> float:
        return x**3

    a, b = Value(2.0, "a"), Value(3.0, "b")
    page = open_page(cube(a) + b * 2)
    press(page, "End")
    select(page, "a")
    reason = "cube_of_the_page is an operation in Python only: it cannot be replayed live."
    assert reason in page.locator("#panel").inner_text()
    assert page.locator("#move").count() == 0
    assert page.locator("#real").inner_text() == f"{2.25**3 - 8:.4g}"  # by Python
    press(page, "l")
    assert page.locator("#loss").inner_text() == reason
    assert page.locator("#descend").is_disabled()
    select(page, "b")
    page.locator("#moved").fill("4")  # goes through nothing but the table
    assert boxes_on(page)[-1][1:] == ["data 16", "grad 1"]
    select(page, "a")
    assert page.locator("#nudge").count() == 0  # Python's numbers are not those of now


def test_a_leaf_without_a_name_stays_as_its_name_says(open_page: Open) -> None:
    page = open_page(Value(2.0) * Value(3.0, "x"))
    page.locator("#stage .b.leaf").first.click()
    assert "Give it a label, and it can be changed here." in page.locator("#panel").inner_text()


def test_the_quiz_asks_for_the_numbers_of_now(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "End")
    select(page, "b")
    page.locator("#moved").fill("3")
    page.locator("#moved").blur()
    page.click("#quiz")
    assert page.locator("#move").count() == 0
    page.click("#quiz-local")
    page.click("#ask")
    for _ in range(10):
        if page.locator("#answer").count() == 0 or "b**3 = 3**3 = 27" in page.locator("#panel").inner_text():
            break
        page.click("#reveal")
        page.click("#ask")
    page.locator("#answer").fill("27")
    page.click("#check")
    assert page.locator("#verdict").inner_text() == "Right: 3b² = 3·3² = 27."


def test_graphs_in_the_order_of_python(open_page: Open) -> None:
    root = network()
    page = open_page(root)
    names = page.evaluate("app.numbers.boxes.map((box) => box.p)")
    assert len(names) == len(topological_order(root))
    assert {name for name in names if name} <= set(TABLE)
