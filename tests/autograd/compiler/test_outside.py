"""What a function reads from outside and another one changes: used as it is now, never as it was."""

from __future__ import annotations

import dataclasses
import enum
import functools
import importlib
import inspect
import itertools
import math
import operator
import random
import sys
import threading
import types
import warnings
from array import array
from collections import OrderedDict, UserDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ClassVar

import pytest

import autograd
from autograd import Value, strict
from autograd.compiler.recording.outside import Outside
from nn import MLP, Module, mse_loss

np = pytest.importorskip("numpy")
Change = tuple[Callable[..., Any], Callable[[], Any]]  # a function of one number, and what changes something it reads

RATE: Any = 2.0
TABLE: Any = [2.0]


class Config:
    rate = 2.0
    table: ClassVar[list[float]] = [2.0]

    @classmethod
    def doubled(cls) -> float:
        return 2.0 * cls.rate

    @property
    def inner(self) -> Any:
        return self._rate  # type: ignore[attr-defined]


class Special(Config):
    pass


class Slotted:
    __slots__ = ("rate", "table")

    def __init__(self) -> None:
        self.rate, self.table = 2.0, [2.0]


@dataclasses.dataclass
class Data:
    rate: Any = 2.0


class Called:
    def __init__(self) -> None:
        self.rate = 2.0

    def __call__(self, x: Any) -> Any:
        return x * self.rate

    def method(self, x: Any) -> Any:
        return x * self.rate


def helper(x: Any, rate: Any = None) -> Any:
    return x * (TABLE[0] if rate is None else rate)


def _list() -> Change:
    m = [2.0]
    return lambda x: x * m[0], lambda: m.__setitem__(0, 5.0)


def _appended() -> Change:
    m = [2.0]
    return lambda x: x * sum(m), lambda: m.append(5.0)


def _reordered() -> Change:
    m = [2.0, 3.0]
    return lambda x: x * m[0], lambda: m.reverse()


def _nested() -> Change:
    m = {"a": [(1.0, [2.0])]}
    return lambda x: x * m["a"][0][1][0], lambda: m["a"][0][1].__setitem__(0, 5.0)


def _equal_list_in_its_place() -> Change:
    m = [[2.0]]

    def change() -> None:
        m[0] = [2.0]
        m[0][0] = 5.0

    return lambda x: x * m[0][0], change


def _dict() -> Change:
    m = {"a": 2.0}
    return lambda x: x * m["a"], lambda: m.update(a=5.0)


def _keys() -> Change:
    m = OrderedDict(a=2.0, b=3.0)
    return lambda x: x * next(iter(m.values())), lambda: m.move_to_end("a")


def _default_dict() -> Change:
    m = defaultdict(lambda: 2.0, a=1.0)
    return lambda x: x * m["a"] + len(m), lambda: m["b"]


def _deque() -> Change:
    m = deque([2.0])
    return lambda x: x * m[0], lambda: m.appendleft(5.0)


def _set() -> Change:
    m = {2.0}
    return lambda x: x * sum(m), lambda: m.add(5.0)


def _array() -> Change:
    m = array("d", [2.0])
    return lambda x: x * m[0], lambda: m.__setitem__(0, 5.0)


def _numpy() -> Change:
    m = np.array([2.0, 3.0])
    return lambda x: x * m[0], lambda: m.__setitem__(0, 5.0)


def _numpy_objects() -> Change:
    m = np.array([2.0, None], dtype=object)
    return lambda x: x * m[0], lambda: m.__setitem__(0, 5.0)


def _sign_of_zero() -> Change:
    m = [0.0]
    return lambda x: x * math.copysign(1.0, m[0]), lambda: m.__setitem__(0, -0.0)


def _kind_of_number() -> Change:
    m = [1]
    return lambda x: x * (2.0 if isinstance(m[0], int) else 3.0), lambda: m.__setitem__(0, 1.0)  # type: ignore[call-overload]


def _cell() -> Change:
    rate = 2.0

    def change() -> None:
        nonlocal rate
        rate = 5.0

    return lambda x: x * rate, change


def _cell_of_what_is_called() -> Change:
    rate = 2.0

    def inner(x: Any) -> Any:
        return x * rate

    def change() -> None:
        nonlocal rate
        rate = 5.0

    return lambda x: inner(x) + 1.0, change


def _attribute() -> Change:
    c = Called()
    return lambda x: x * c.rate, lambda: setattr(c, "rate", 5.0)


def _attribute_of_a_method() -> Change:
    c = Called()
    return c.method, lambda: setattr(c, "rate", 5.0)


def _attribute_of_a_callable() -> Change:
    c = Called()
    return c, lambda: setattr(c, "rate", 5.0)


def _attribute_by_name() -> Change:
    c, name = Called(), "ra" + "te"
    return lambda x: x * getattr(c, name), lambda: setattr(c, "rate", 5.0)


def _attribute_behind_a_property() -> Change:
    c = Config()
    c._rate = 2.0  # type: ignore[attr-defined]
    return lambda x: x * c.inner, lambda: setattr(c, "_rate", 5.0)


def _attribute_in_a_list_in_an_attribute() -> Change:
    c = types.SimpleNamespace(parts=[Called()])
    return lambda x: c.parts[0](x), lambda: setattr(c.parts[0], "rate", 5.0)


def _attribute_over_that_of_the_class() -> Change:
    c = Special()
    return lambda x: x * c.rate, lambda: setattr(c, "rate", 5.0)


def _slot() -> Change:
    c = Slotted()
    return lambda x: x * c.rate, lambda: setattr(c, "rate", 5.0)


def _list_in_a_slot() -> Change:
    c = Slotted()
    return lambda x: x * c.table[0], lambda: c.table.__setitem__(0, 5.0)


def _dataclass() -> Change:
    c = Data()
    return lambda x: x * c.rate, lambda: setattr(c, "rate", 5.0)


def _another_class() -> Change:
    class Faster(Called):
        def method(self, x: Any) -> Any:
            return x * 5.0

    c = Called()
    return lambda x: c.method(x), lambda: setattr(c, "__class__", Faster)


def _partial() -> Change:
    m = [2.0]
    return functools.partial(lambda r, x: x * r[0], m), lambda: m.__setitem__(0, 5.0)


def _local_to_a_thread() -> Change:
    local = threading.local()
    local.rate = 2.0
    return lambda x: x * local.rate, lambda: setattr(local, "rate", 5.0)


def _context_variable() -> Change:
    variable: ContextVar[float] = ContextVar("rate", default=2.0)
    return lambda x: x * variable.get(), lambda: variable.set(5.0)


def _user_dict() -> Change:
    m = UserDict(a=2.0)
    return lambda x: x * m["a"], lambda: m.update(a=5.0)


def _keywords_of_a_partial() -> Change:
    f = functools.partial(helper, rate=2.0)
    return lambda x: f(x), lambda: f.keywords.update(rate=5.0)


def _attribute_behind_a_partial() -> Change:
    c = Called()
    return functools.partial(c.method), lambda: setattr(c, "rate", 5.0)


def _default() -> Change:
    def f(x: Any, r: Any = [2.0]) -> Any:  # noqa: B006 - it is changed
        return x * r[0]

    return lambda x: f(x), lambda: f.__defaults__[0].__setitem__(0, 5.0)  # type: ignore[index]


def _code() -> Change:
    def inner(x: Any) -> Any:
        return x * 2.0

    def other(x: Any) -> Any:
        return x * 5.0

    return lambda x: inner(x), lambda: setattr(inner, "__code__", other.__code__)


def _attribute_of_a_function() -> Change:
    def f(x: Any) -> Any:
        return x * f.rate  # type: ignore[attr-defined]

    f.rate = 2.0  # type: ignore[attr-defined]
    return f, lambda: setattr(f, "rate", 5.0)


def _behind_a_decorator() -> Change:
    rate = [2.0]

    @functools.wraps(helper)
    def wrapper(x: Any) -> Any:
        return inner(x)

    def inner(x: Any) -> Any:
        return x * rate[0]

    return wrapper, lambda: rate.__setitem__(0, 5.0)


def _behind_another_compiled_function() -> Change:
    rate = [2.0]
    inner = autograd.compile(lambda x: x * rate[0])
    return lambda x: inner(x) + 1.0, lambda: rate.__setitem__(0, 5.0)


def _all_attributes_at_once() -> Change:
    called = Called()
    return lambda x: called(x), lambda: setattr(called, "__dict__", {"rate": 5.0})


def _all_attributes_of_any_name_at_once() -> Change:
    called = Called()
    return lambda x: x * getattr(called, "rate"), lambda: setattr(called, "__dict__", {"rate": 5.0})  # noqa: B009


def _config(rate: float) -> Any:
    return type("Config", (), {"rate": rate})


def _class_attribute_by_a_text() -> Change:
    kind = _config(2.0)
    one = kind()
    return lambda x: x * getattr(one, "rate"), lambda: setattr(kind, "rate", 5.0)  # noqa: B009


def _class_attribute_by_a_text_outside() -> Change:
    kind, name = _config(2.0), "rate"
    return lambda x: x * getattr(kind, name), lambda: setattr(kind, "rate", 5.0)


def _class_attribute_that_was_not_there() -> Change:
    kind = _config(2.0)
    one = kind()
    return lambda x: x * getattr(one, "factor", 2.0), lambda: setattr(kind, "factor", 5.0)


def _several_names_as_texts() -> Change:
    kind = _config(2.0)
    return lambda x: sum(x * getattr(kind, name) for name in ("rate", "rate")), lambda: setattr(kind, "rate", 5.0)


def _class_attribute_whose_name_is_made() -> Change:
    kind = _config(2.0)
    return lambda x: x * getattr(kind, "ra" + "te"[:2]), lambda: setattr(kind, "rate", 5.0)


def _attribute_of_a_base_whose_name_is_made() -> Change:
    kind = _config(2.0)
    one = type("Special", (kind,), {})()
    return lambda x: x * getattr(one, "_".join(["rate"])), lambda: setattr(kind, "rate", 5.0)


def _module_by_a_text() -> Change:
    module = types.ModuleType("settings")
    module.rate = 2.0  # type: ignore[attr-defined]
    return lambda x: x * vars(module)["rate"], lambda: setattr(module, "rate", 5.0)


def _defaults_by_name() -> Change:
    def inner(x: Any, *, rate: float = 2.0) -> Any:
        return x * rate

    return lambda x: inner(x), lambda: setattr(inner, "__kwdefaults__", {"rate": 5.0})


def _module() -> Change:
    module = types.ModuleType("settings")
    module.rate = 2.0  # type: ignore[attr-defined]
    return lambda x: x * module.rate, lambda: setattr(module, "rate", 5.0)


def _named_tuple() -> Change:
    Pair = namedtuple("Pair", "a b")
    p = Pair([2.0], 1.0)
    return lambda x: x * p.a[0], lambda: p.a.__setitem__(0, 5.0)


def _mode_of_a_model() -> Change:
    model = Dropped()
    return lambda x: model(x), lambda: model.eval()


def _parameter_replaced() -> Change:
    ws = [Value(2.0) for _ in range(20)]
    return lambda x: x * ws[3], lambda: ws.__setitem__(3, Value(5.0))


class Dropped(Module):
    def __call__(self, x: Any) -> Any:
        return x * (2.0 if self.training else 5.0)


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def _enum() -> Change:
    c = types.SimpleNamespace(colour=Colour.RED)
    return lambda x: x * (2.0 if c.colour is Colour.RED else 5.0), lambda: setattr(c, "colour", Colour.BLUE)


CHANGES = [make for name, make in list(globals().items()) if isinstance(make, types.FunctionType) and name[0] == "_"]
CHANGES.remove(_config)


@pytest.mark.parametrize("pays", [1, 1000], ids=["machine code looks", "Python looks"])
@pytest.mark.parametrize("way", ["call", "value_and_grad", "map"])
@pytest.mark.parametrize("make", CHANGES, ids=lambda make: make.__name__)
def test_a_change_outside_is_seen(
    make: Callable[[], Change], way: str, pays: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograd.compiler.recording.outside._PAYS", pays)
    f, change = make()
    compiled = autograd.compile(f)

    def value() -> float:
        if way == "map":
            return float(compiled.map([3.0])[0][0])
        found = compiled(3.0) if way == "call" else compiled.value_and_grad(3.0)[0]
        return float(found.data if isinstance(found, Value) else found)

    def eager() -> float:
        y = f(3.0)
        return y.data if isinstance(y, Value) else y

    before = eager()
    assert [value(), value()] == [before, before]
    assert compiled.recordings == 1
    change()
    after = eager()
    assert before != after
    assert [value(), value()] == [after, after]
    assert compiled.recordings == 2


def test_class_attributes_globals_and_what_helpers_read_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    functions: list[Callable[[Any], Any]] = [
        lambda x: x * Config.rate,
        lambda x: x * Special.rate,
        lambda x: x * Special().rate,
        lambda x: x * Config.doubled(),
        lambda x: helper(x) * RATE,
        lambda x: sum(map(helper, [x, x])) * Special.table[0],
    ]
    for f in functions:
        compiled = autograd.compile(f)
        assert compiled(3.0) == f(3.0)
        with monkeypatch.context() as patch:
            patch.setattr(Config, "rate", 5.0)
            patch.setitem(globals(), "RATE", 7.0)
            patch.setitem(globals(), "TABLE", [11.0])
            patch.setattr(Config, "table", [13.0])
            changed = f(3.0)
            assert compiled(3.0) == changed
        assert compiled(3.0) == f(3.0) != changed
        assert compiled.recordings == 2  # the first recording holds again


def test_what_a_function_changes_itself_is_never_stale() -> None:
    class Counter:
        count = 0

        def loss(self, x: Any) -> Any:
            self.count += 1
            return x * self.count

    counter = Counter()
    compiled = autograd.compile(counter.loss)
    assert [compiled(2.0) for _ in range(10)] == [2.0 * k for k in range(1, 11)]
    assert counter.count == 10


def _imported(x: Any) -> Any:
    import settings_of_a_test as settings  # type: ignore[import-not-found]

    settings.calls += 1
    return x * settings.rate * settings.calls


def _imported_by_name(x: Any) -> Any:
    from settings_of_a_test import rate, table

    def inner(x: Any) -> Any:
        import settings_of_a_test

        return settings_of_a_test.scale(x)

    return inner(x) * rate * table["k"]


def _found_in_a_table(x: Any) -> Any:
    return x * sys.modules["settings_of_a_test"].rate


@pytest.mark.parametrize("f", [_imported, _imported_by_name, _found_in_a_table])
def test_what_is_imported_inside_is_outside_too(f: Any, tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "settings_of_a_test.py").write_text("calls = 0\nrate = 2.0\ntable = {'k': 1.0}\nscale = abs\n")
    monkeypatch.syspath_prepend(tmp_path)

    def run(compiled: bool) -> list[float]:
        sys.modules.pop("settings_of_a_test", None)
        if f is _found_in_a_table:
            importlib.import_module("settings_of_a_test")
        g, found = autograd.compile(f) if compiled else f, []
        for k in range(6):
            found.append(g(Value(1.0 + k)).data)
            settings = sys.modules["settings_of_a_test"]
            settings.rate *= 0.5  # type: ignore[attr-defined]
            settings.table["k"] += k  # type: ignore[attr-defined]
            settings.scale = lambda x, k=k: x * k  # type: ignore[attr-defined]
        return found

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run(True) == run(False)
    sys.modules.pop("settings_of_a_test", None)


@pytest.mark.parametrize("code", ["import random", "import numpy.random as random", "from random import random"])
def test_what_is_imported_inside_and_drawn_is_drawn_at_each_call(code: str) -> None:
    space: dict[str, Any] = {"__name__": "program"}
    exec(f"def f(x):\n    {code}\n    return x * getattr(random, 'random', random)()\n", space)
    compiled = autograd.compile(space["f"])
    with pytest.warns(RuntimeWarning, match="draws random numbers"):
        assert len({compiled(1.0) for _ in range(5)}) == 5


def test_libraries_draw_from_the_generator_of_numpy() -> None:
    shuffle = pytest.importorskip("sklearn.utils").shuffle
    compiled = autograd.compile(lambda x: x * shuffle(range(10_000))[0])
    with pytest.warns(RuntimeWarning, match="draws random numbers"):
        assert len({compiled(1.0) for _ in range(5)}) > 1


@pytest.mark.parametrize(
    ("source", "draw"),
    [
        (random, lambda source: source.gauss(0.0, 1.0)),
        (random.Random(0), lambda source: source.random()),
        (np.random.default_rng(0), lambda source: source.normal()),
        (itertools.count(1), next),
    ],
    ids=["module", "Random", "numpy", "iterator"],
)
def test_what_is_drawn_inside_is_drawn_at_each_call(source: Any, draw: Callable[[Any], float]) -> None:
    compiled = autograd.compile(lambda x: x * draw(source))
    with warnings.catch_warnings(record=True) as all_:
        warnings.simplefilter("always")
        found = [compiled(1.0) for _ in range(20)]
    assert len(set(found)) == 20
    assert [("draws random numbers" in str(w.message)) or ("an iterator" in str(w.message)) for w in all_] == [True]
    assert compiled.recordings == (draw is not next)


def test_an_iterator_is_read_once_in_each_call() -> None:
    """Also where the function changes something, so that it would be recorded twice."""
    items, seen = iter(range(10)), []

    @autograd.compile
    def f(x: Any) -> Any:
        n = next(items)
        seen.append(n)
        return x * n

    with pytest.warns(RuntimeWarning, match="an iterator"):
        assert [f(Value(1.0)).data for _ in range(4)] == [0.0, 1.0, 2.0, 3.0]
    assert seen == [0, 1, 2, 3]


def test_random_numbers_of_others_do_no_harm() -> None:
    compiled = autograd.compile(lambda x: x * 2.0 if x is not None else random.random())
    for _ in range(5):
        assert compiled(random.random()) > 0.0
    assert compiled.recordings == 1


def test_numbers_of_parameters_are_read_where_they_are() -> None:
    model = MLP(2, [3, 1], seed=0)
    compiled = autograd.compile(lambda x, y: mse_loss(model(x), y))
    for k in range(5):
        for parameter in model.parameters():
            parameter.data += 0.1 * k
        assert compiled([1.0, 2.0], 3.0).data == pytest.approx(mse_loss(model([1.0, 2.0]), 3.0).data, rel=1e-14)
    assert compiled.recordings == 1


def test_looking_costs_no_python_per_parameter() -> None:
    """Lists of Values are compared by one call each, whatever their length."""
    model = MLP(50, [40, 10])
    outside = Outside(lambda x: model(x))
    assert len(outside.values) == 50 * 40 + 40 + 40 * 10 + 10
    assert outside.count < 1500
    assert len(outside.watches) < 250


def test_attributes_that_the_function_does_not_name_cost_one_closer_look_each(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    monkeypatch.setattr("autograd.compiler.recording.outside._PAYS", 1)
    config: Any = Config()
    config.rate = 3.0
    compiled = autograd.compile(lambda x: x * config.rate)
    for k in range(30):
        if k == 10:
            config.seen = True
        assert compiled(1.0) == 3.0
    assert compiled.recordings == 1
    (variant,) = compiled.kept.all()
    assert variant.outside._vain <= 1
    config.rate = 5.0
    assert compiled(1.0) == 5.0


def test_the_warning_names_what_changes_at_each_call() -> None:
    settings = {"temperature": 1.0}
    compiled = autograd.compile(lambda x: x / settings["temperature"])

    def call(k: int) -> float:
        settings["temperature"] = k / 8
        return float(compiled(1.0))

    with pytest.warns(RuntimeWarning, match=r"pass it as an argument, or make a number a Value.*settings"):
        assert [call(k) for k in range(1, 20)] == [8 / k for k in range(1, 20)]
    assert compiled.recordings < 10


def test_too_much_from_outside_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.compiler.recording.outside._MOST", 100)
    table = [float(i) for i in range(200)]
    compiled = autograd.compile(lambda x: x * table[3])
    with pytest.warns(RuntimeWarning, match="more than 100 numbers and objects from outside"):
        assert [compiled(1.0), compiled(1.0)] == [3.0, 3.0]
    table[3] = 7.0
    assert compiled(1.0) == 7.0


@pytest.mark.parametrize(
    "factor",
    [
        lambda: globals()["FACTOR"],
        lambda: globals()[NAME_OF_FACTOR],
        lambda: globals().get("FACTOR"),
        lambda: eval("1.0 * FACTOR"),
        lambda: eval(NAME_OF_FACTOR),
        lambda: executed("FACTOR"),
        lambda: sys._getframe().f_globals["FACTOR"],
        lambda: inspect.currentframe().f_globals["FACTOR"],
    ],
)
def test_a_global_that_is_reached_by_its_name_as_text_is_never_stale(factor: Any, monkeypatch: Any) -> None:
    f = autograd.compile(lambda x: x * factor())
    for number in (2.0, 3.0, 3.0, 5.0):
        monkeypatch.setitem(globals(), "FACTOR", number)
        assert f(1.0) == number


NAME_OF_FACTOR = "FACTOR"


def executed(text: str) -> Any:
    space = dict(globals())
    exec(f"result = {text}", space)
    return space["result"]


PROGRAM = """
class Line:
    def __init__(self):
        self.b = Value(1.0)

    def __call__(self, x):
        return self.b * x

line = Line()
f = autograd.compile(lambda x: line(x))
results = []
for b in [[1.0], [2.0, 3.0], [4.0], [5.0, 6.0]]:
    results += [f(x).data for x in b]
"""


def test_a_global_is_not_an_attribute_of_the_same_name() -> None:
    space: dict[str, Any] = {"__name__": "program", "autograd": autograd, "Value": Value}
    exec(PROGRAM, space)
    assert space["f"].recordings == 1
    assert space["results"] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


@dataclasses.dataclass
class WithState:
    value: Value
    mean: float = 0.0


@dataclasses.dataclass
class Near(WithState):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Near) and abs(self.mean - other.mean) < 1.0


def _matched(x: Any) -> float:
    match x:
        case WithState(_, mean):
            return mean
    return -1.0


@pytest.mark.filterwarnings("ignore:.* was recorded")
@pytest.mark.parametrize(
    "f",
    [
        lambda p, q: 2.0 if p == q else 3.0,
        lambda p, q: 2.0 if p in [q] else 3.0,
        lambda p, q: float([q, p].index(p)),
        lambda p, q: float(len(f"{p}")),
        lambda p, q: float(len(repr(p))),
        lambda p, q: float(sum(map(len, map(str, [p, q])))),
        lambda p, q: float(len("%r" % p)),  # noqa: UP031 - Python has it
        lambda p, q: float(len(list(itertools.groupby([p, q])))),
        lambda p, q: float(operator.ne(p, q)),
        lambda p, q: float(operator.countOf([p], q)),
        lambda p, q: _matched(p),
    ],
)
@pytest.mark.parametrize("kind", [WithState, Near])
def test_fields_of_a_dataclass_matter_where_it_is_compared_or_written(kind: Any, f: Callable[..., float]) -> None:
    p, q = kind(Value(3.0)), kind(Value(3.0))
    q.value = p.value
    compiled = autograd.compile(lambda x: p.value * x * f(p, q))
    for mean in (0.0, 0.0, 12.5, 0.0, 100.25, 12.5):
        p.mean = mean
        assert compiled(2.0).data == (p.value * 2.0 * f(p, q)).data


@pytest.mark.filterwarnings("ignore:.* was recorded")
def test_what_a_function_reads_is_not_looked_for_at_each_call_without_the_compiler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []

    class Counted(Outside):
        def __init__(self, *args: Any) -> None:
            made.append(args)
            super().__init__(*args)

    monkeypatch.setattr("autograd.compiler.calls.recordings.Outside", Counted)
    rates, seen = [1.0], [0]
    compiled = autograd.compile(lambda x: x * rates[0] if seen else x)
    for k in range(100):
        rates[0] = float(k)
        seen.append(k)
        assert compiled(2.0) == 2.0 * k
    assert len(made) <= compiled.recordings + 10


@pytest.mark.filterwarnings("ignore:.* was recorded")
@pytest.mark.parametrize("place", ["cell", "list", "attribute"])
def test_what_code_may_do_is_known_anew_where_no_recording_has_fitted_for_long(place: str) -> None:
    held: Any = [abs] if place == "list" else types.SimpleNamespace(hook=abs)
    hook: Any = abs

    def f(x: float) -> Any:
        now = hook if place == "cell" else held[0] if place == "list" else held.hook
        return Value(2.0) * now(x) if round(x, 3) > 0.0 else x

    compiled = autograd.compile(f)
    for change in (lambda x: x * 1.0, lambda x: x * 10.0 if type(x) is float else -x, lambda x: x * 2.0):
        hook = change
        if place == "list":
            held[:] = [change]
        elif place == "attribute":
            held.hook = change
        for k in range(100):
            assert compiled(1.0 + 0.001 * k).data == f(1.0 + 0.001 * k).data


@pytest.mark.filterwarnings("ignore:.* was recorded")
def test_a_function_that_fails_only_while_it_is_recorded_is_not_recorded_at_each_call() -> None:
    w = Value(2.0)

    def f(x: Any) -> Any:
        if autograd.modes.current_modes().recorder is not None:
            raise LookupError
        return w * x

    compiled = autograd.compile(f)
    assert [compiled(float(k)).data for k in range(30)] == [2.0 * k for k in range(30)]
    assert compiled.recordings == compiled.refused <= 8
    assert "raises LookupError" in compiled.changes


def test_an_error_of_the_function_is_told_once_and_is_not_that_of_a_later_call() -> None:
    table = [Value(1.0), Value(2.0)]
    compiled = autograd.compile(lambda x, n=0: table[n] * x)
    with pytest.raises(IndexError):
        compiled.value_and_grad(1.0, 7)
    with strict():
        assert compiled(3.0).data == 3.0
    assert [compiled(float(k)).data for k in range(3)] == [0.0, 1.0, 2.0]
    assert compiled.refused == 0
    assert not compiled.has_effects


# ---- work ------------------------------------------------------------------------------------------------------------
def test_each_neuron_is_visited_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visits: dict[int, int] = {}
    follow = Outside._attributes

    def counted(self: Outside, x: Any, where: str) -> None:
        visits[id(x)] = visits.get(id(x), 0) + 1
        follow(self, x, where)

    monkeypatch.setattr(Outside, "_attributes", counted)
    model = MLP(3, [4, 2])
    Outside(lambda x, y: mse_loss(model(x), y))
    assert [visits[id(neuron)] for layer in model.layers for neuron in layer.neurons] == [1] * 6
