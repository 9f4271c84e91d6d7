"""A loop over many parameters, as an optimiser is written by hand, recorded once for all of them.

    for i, p in enumerate(params):                       last, members = loop(enumerate, params)
        m[i] = beta * m[i] + p.grad                      for i, p in members: ...
        p.data -= 0.1 * m[i]                             if last: i, p = last

                                                         def rule(m_i, p_data, p_grad, beta):
                                                             m_i = beta * m_i + p_grad
                                                             p_data -= 0.1 * m_i
                                                             return m_i, p_data

A loop qualifies by its text: what it computes for one member depends on nothing that it computed for another.  While a
function is recorded, ``loop`` calls the rule once for all members (``columns.py``), sets what the loop would have set,
and gives no member to go through, but what the variables of the loop are after it.  The objects of a call may not
allow that: one parameter may come twice, or an attribute may be a property.  Then ``loop`` gives all members, and the
loop runs as it is written.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Sequence
from copy import deepcopy
from types import FrameType, MemberDescriptorType, ModuleType
from typing import Any, NamedTuple

from autograd.compiler.recording.allowed import is_elementary
from autograd.compiler.recording.choosing import changing
from autograd.compiler.recording.columns import recorded_rows
from autograd.compiler.recording.traced import TracedFloat
from autograd.modes import current_modes
from autograd.ops import Traced
from autograd.value import Value

_LEAST = 32  # members: a loop over fewer runs as it is written
_OVER = {"enumerate", "zip", "range"}
_NUMBERS = (float, int, TracedFloat)
_PLAIN_READS: tuple[Any, ...] = (object.__getattribute__, ModuleType.__getattribute__, type.__getattribute__)
_NOTHING = object()
_NOT_LOCAL = {"eval", "exec", "locals", "vars", "dir"}  # functions that see variables without naming them
_RAISES = "raises an error in a loop over many members"


class _Place(NamedTuple):
    """Something that a loop reads or sets for each member: ``p``, ``p.grad``, ``m[i]`` or ``params[i].data``."""

    target: int  # the position of the loop's variable
    container: int | None  # the position of the list that it is an index into; None if it is the member itself
    attribute: str  # "data", "grad" or nothing


class Loop:
    """Stands where a loop names what it goes through, and may do the work of the loop.

    Args:
        rule: The compiled function that computes for one member what the loop sets.
        body: What the text of the loop says.
    """

    def __init__(self, rule: Any, body: Body) -> None:
        self.rule, self.body, self.read, self.stored = rule, body, body.read, body.written

    def __call__(self, over: Any, *given: Any) -> Any:
        """What the variables of the loop are after it, if its work is done, and the members to go through.

        Args:
            over: ``enumerate``, ``zip`` or ``range``; None if the loop goes through the one object that is given.
            given: The arguments of that.
        """
        recorder = current_modes().recorder
        columns = self._columns(over, given)
        if recorder is not None and columns is not None and not recorder.catches_arithmetic:
            frame = sys._getframe(1)
            try:
                found = [[_found(x, frame) for x in xs] for xs in (self.body.containers, self.body.shared)]
                done = self._is_apart(columns, given, *found)
            except LookupError:
                done = False
            if done:
                return self._run(recorder, columns, *found), ()
        return (), given[0] if over is None else over(*given)

    def _run(self, recorder: Any, columns: list[Sequence[Any]], containers: list[Any], shared: list[Any]) -> list[Any]:
        """Do what the loop does, and return what its variables are after it."""
        read = [(place.attribute, self._objects(place, columns, containers)) for place in self.read]
        rows = list(zip(*[[getattr(x, name) for x in objects] if name else objects for name, objects in read]))
        try:
            results = recorded_rows(recorder, self.rule, rows, shared)
        except Exception:  # the loop itself would have changed the members before the one that raises it
            recorder.refuse(_RAISES)
        for place, numbers in zip(self.stored, zip(*results)):
            if place.attribute:
                for x, number in zip(self._objects(place, columns, containers), numbers):
                    setattr(x, place.attribute, number)
            else:
                assert place.container is not None
                container = changing(containers[place.container])
                for key, number in zip(columns[place.target], numbers):
                    container[key] = number
        return [*[column[-1] for column in columns], *results[-1][len(self.stored) :]]

    def _columns(self, over: Any, given: tuple[Any, ...]) -> list[Sequence[Any]] | None:
        """What each variable of the loop stands for, member by member; None if there are few, or it is not known."""
        if over is range and len(given) == 1 and type(given[0]) is int:
            found: list[Any] = [range(given[0])]
        elif over in (None, zip, enumerate) and all(type(x) in (list, tuple, range) for x in given):
            found = [range(len(given[0])), *given] if over is enumerate else [*given]
        else:
            return None
        count = min(map(len, found), default=0)
        return [x[:count] for x in found] if count >= _LEAST and len(found) == len(self.body.targets) else None

    def _objects(self, place: _Place, columns: list[Sequence[Any]], containers: list[Any]) -> list[Any]:
        """What a place refers to, before its attribute."""
        keys = columns[place.target]
        return list(keys) if place.container is None else [containers[place.container][key] for key in keys]

    def _is_apart(
        self, columns: list[Sequence[Any]], given: tuple[Any, ...], containers: list[Any], shared: list[Any]
    ) -> bool:
        """Whether the members have nothing in common, and there are numbers where the text suggests it."""
        count, places = len(columns[0]), [*self.read, *self.stored]
        if len({*map(id, containers)}) < len(containers):
            return False
        if not all(type(x) in (float, int) or isinstance(x, Traced) or is_elementary(x) for x in shared):
            return False
        for place in places:
            if place.container is None:
                continue
            keys, container = columns[place.target], containers[place.container]
            if {*map(type, keys)} != {int} or len({*keys}) < count or min(keys) < 0:
                return False
            if type(container) is not list or max(keys) >= len(container):
                return False
            if any(x is container for x in given) and keys != range(count):  # another member is set than is read
                return False
        owners = {place[:2] for place in places if place.attribute}
        values = [x for owner in owners for x in self._objects(_Place(*owner, ""), columns, containers)]
        if not all(type(x) is Value and not x.parents for x in values) or len({*map(id, values)}) < len(values):
            return False
        plain = [self._objects(place, columns, containers) for place in self.read if not place.attribute]
        return all(type(x) in _NUMBERS for column in plain for x in column)


def _found(x: ast.expr, frame: FrameType) -> Any:
    """What a name, or an attribute of one, stands for in a running function.

    Raises:
        LookupError: There is nothing, or code of the program's would run to get it, as that of a property.
    """
    if isinstance(x, ast.Name):
        return frame.f_locals[x.id] if x.id in frame.f_locals else frame.f_globals[x.id]
    assert isinstance(x, ast.Attribute)
    owner = _found(x.value, frame)
    if type(owner).__getattribute__ not in _PLAIN_READS:
        raise LookupError(x.attr)
    found = inspect.getattr_static(owner, x.attr, _NOTHING)
    if type(found) is MemberDescriptorType:  # an attribute in a slot
        found = getattr(owner, x.attr, _NOTHING)
    if found is _NOTHING or hasattr(type(found), "__get__"):
        raise LookupError(x.attr)
    return found


# ---- by its text -----------------------------------------------------------------------------------------------------
class _UnfitError(Exception):
    """A loop that may do more than compute something for each member."""


def loop_of(node: ast.For, function: ast.AST) -> tuple[ast.Call, Body] | None:
    """A call of the ``Loop`` of a loop, whose function is to be put there, and its body.

    None if the loop does not qualify.
    """
    try:
        body = Body(node, _named_elsewhere(function, node))
    except _UnfitError:
        return None
    x = node.iter
    # Whether it is enumerate, zip or range, is looked at when the loop runs.
    called = isinstance(x, ast.Call) and isinstance(x.func, ast.Name) and x.func.id in _OVER and not x.keywords
    over = x.func.id if called else None  # type: ignore[attr-defined]
    if isinstance(node.target, ast.Tuple) is not (over in ("enumerate", "zip")):
        return None
    head: ast.expr = ast.Name(over, ast.Load()) if over else ast.Constant(None)
    call = ast.Call(ast.Constant(""), [head, *map(deepcopy, x.args if over else [x])], [])  # type: ignore[attr-defined]
    return ast.fix_missing_locations(ast.copy_location(call, x)), body


def _named_elsewhere(function: ast.AST, node: ast.For) -> set[str]:
    """The names that occur in a function outside of the body of a loop, also as those of globals."""
    found: set[str] = set()
    stack: list[ast.AST] = [function]
    while stack:
        x = stack.pop()
        if isinstance(x, ast.Name):
            found.add(x.id)
        if isinstance(x, (ast.Global, ast.Nonlocal)):
            found.update(x.names)
        stack += [x.iter] if x is node else ast.iter_child_nodes(x)
    return found


class Body(ast.NodeTransformer):
    """The body of a loop, with names in the places of what it reads and sets for each member.

    Attributes:
        loaded, stored: The places that the body reads before it sets them, and the places that it sets.
        targets: The variables of the loop.
        later: Those that the body sets and that somebody may read after the loop.
        containers: The lists that it has indices into.
        shared: What else it reads, which is the same for all members.

    Raises:
        _UnfitError: The body may do more than compute something for each member.
    """

    def __init__(self, node: ast.For, elsewhere: set[str]) -> None:
        names = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
        if not all(isinstance(x, ast.Name) for x in names) or node.orelse or node.type_comment:
            raise _UnfitError
        self.targets = [x.id for x in names if isinstance(x, ast.Name)]
        self.variables: set[str] = set()  # those that its body sets
        self.places: dict[_Place, str] = {}  # what it reads or sets for each member, with the name of each in the rule
        self.loaded: set[_Place] = set()
        self.stored: set[_Place] = set()
        self.containers: list[ast.expr] = []
        self.shared: list[ast.expr] = []
        self._names: dict[str, str] = {}  # of what is shared, by its text
        self._at = node
        self._body = [self._statement(x) for x in node.body]
        self.later = sorted(self.variables & elsewhere)
        outer = {root.id for root in map(_root, [*self.containers, *self.shared]) if root is not None}
        if not elsewhere.isdisjoint(_NOT_LOCAL):
            raise _UnfitError
        if not self.stored or not self.loaded or not outer.isdisjoint(self.variables):
            raise _UnfitError  # nothing is computed, or from what was computed for the member before

    @property
    def read(self) -> list[_Place]:
        """The places whose numbers are the first arguments of the rule."""
        return [place for place in self.places if place in self.loaded]

    @property
    def written(self) -> list[_Place]:
        """The places that get the results of the rule."""
        return [place for place in self.places if place in self.stored]

    def rule(self) -> ast.FunctionDef:
        """The function of one member."""
        results = [*[self.places[place] for place in self.written], *self.later]
        result = ast.Return(ast.Tuple([ast.Name(name, ast.Load()) for name in results], ast.Load()))
        found = ast.parse("def rule(): pass").body[0]
        assert isinstance(found, ast.FunctionDef)
        names = [*[self.places[place] for place in self.read], *self._names.values()]
        found.args.args = [ast.arg(name) for name in names]
        found.body = [*self._body, result]
        return ast.fix_missing_locations(ast.copy_location(found, self._at))

    def _statement(self, x: ast.stmt) -> ast.stmt:
        if isinstance(x, ast.Assign) and len(x.targets) == 1:
            target, value = x.targets[0], x.value
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
                found = ast.Tuple([self.visit(deepcopy(part)) for part in value.elts], ast.Load())  # a, b = 2.0, 3.0
                names: ast.expr = ast.Tuple([self._target(part) for part in target.elts], ast.Store())
            else:
                found, names = self.visit(deepcopy(value)), self._target(target)
            return ast.copy_location(ast.Assign([names], found), x)
        if isinstance(x, ast.AugAssign):
            value = self.visit(deepcopy(x.value))
            if isinstance(x.target, ast.Name) and x.target.id not in self.variables:
                raise _UnfitError  # a sum over all members
            return ast.copy_location(ast.AugAssign(self._target(x.target, read=True), x.op, value), x)
        raise _UnfitError

    def _target(self, x: ast.expr, read: bool = False) -> ast.Name:
        """The name in the rule of what a statement sets; an augmented assignment such as ``+=`` reads it, too."""
        if isinstance(x, ast.Name):
            if x.id in self.targets:
                raise _UnfitError
            self.variables.add(x.id)
            return ast.Name(x.id, ast.Store())
        place = self._place(x)
        if place is None or (place.container is None and not place.attribute):
            raise _UnfitError
        if read:
            self._load(place)
        self.stored.add(place)
        return ast.Name(self.places[place], ast.Store())

    def _load(self, place: _Place) -> None:
        if place not in self.stored:
            self.loaded.add(place)
        elif place.attribute == "data":
            raise _UnfitError  # a property, which makes a float of what it was set to

    def _place(self, x: ast.expr) -> _Place | None:
        """The place that an expression stands for, if it stands for one."""
        attribute, inner = "", x
        if isinstance(x, ast.Attribute) and x.attr in ("data", "grad"):
            attribute, inner = x.attr, x.value
        if isinstance(inner, ast.Name) and inner.id in self.targets:
            place = _Place(self.targets.index(inner.id), None, attribute)
        elif isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Name) and inner.slice.id in self.targets:
            texts = list(map(ast.dump, self.containers))
            if ast.dump(self._unrelated(inner.value)) not in texts:
                self.containers.append(inner.value)
                texts.append(ast.dump(inner.value))
            place = _Place(self.targets.index(inner.slice.id), texts.index(ast.dump(inner.value)), attribute)
        else:
            return None
        self.places.setdefault(place, f"place {len(self.places)}")
        return place

    def _unrelated(self, x: ast.expr) -> ast.expr:
        """The expression itself, if it is a name that the loop does not set, or an attribute of such a name."""
        root = _root(x)
        if root is None or root.id in self.targets or root.id in self.variables:
            raise _UnfitError
        return x

    # ---- expressions ------------------------------------------------------------------------------------------------
    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, (ast.operator, ast.unaryop)):
            return node
        if isinstance(node, ast.Constant):
            if type(node.value) not in (int, float):
                raise _UnfitError
            return node
        if isinstance(node, (ast.BinOp, ast.UnaryOp)):
            if isinstance(getattr(node, "op", None), (ast.Not, ast.Invert)):
                raise _UnfitError
            return self.generic_visit(node)
        if not isinstance(node, ast.expr):
            raise _UnfitError
        if isinstance(node, ast.Name) and node.id in self.variables:
            return node
        place = self._place(node)
        if place is not None:
            self._load(place)
            return ast.copy_location(ast.Name(self.places[place], ast.Load()), node)
        if isinstance(node, ast.Attribute) and node.attr in ("data", "grad"):
            raise _UnfitError  # of a Value that may be one of the members
        if isinstance(node, ast.Call):
            return self._call(node)
        return ast.copy_location(ast.Name(self._name_of(self._unrelated(node)), ast.Load()), node)

    def _call(self, node: ast.Call) -> ast.Call:
        """``math.sqrt(x)``, whose function is looked at when the loop runs."""
        if node.keywords:
            raise _UnfitError
        helper = ast.copy_location(ast.Constant("<autograd: checked>"), node)
        function = ast.copy_location(ast.Call(helper, [self.visit(node.func)], []), node)
        return ast.copy_location(ast.Call(function, list(map(self.visit, node.args)), []), node)

    def _name_of(self, x: ast.expr) -> str:
        """The name that the rule has for something that is the same for all members."""
        text = ast.dump(x)
        if text not in self._names:
            self._names[text] = f"shared {len(self.shared)}"
            self.shared.append(x)
        return self._names[text]


def _root(x: ast.expr) -> ast.Name | None:
    """The name at the beginning of ``a.b.c``; None if this is something else."""
    while isinstance(x, ast.Attribute):
        x = x.value
    return x if isinstance(x, ast.Name) else None
