"""Matrix products of fixed size, as tiled vector loops in LLVM IR.

``emit_matmul`` writes a function ``C = A B + S`` (or ``C += A B``) for doubles. A transposed operand is one with its
strides exchanged. Two schemes, by where the memory is contiguous:

* outer products: C and B contiguous along n (forward ``Z = W X``, backward ``D = Wᵀ δ``). A tile of C stays in
  registers; at each k one row piece of B times one broadcast element of A for every row of the tile.
* dot products: A and B contiguous along k (weight gradient ``δ Xᵀ``). A tile of sums, each a vector over k, added
  up across the lanes at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from autograd.compiler.machine.native.jit import host
from autograd.compiler.machine.native.tiles import Tile, define_function, double_loop, k_loop, offset, rows_loop

_SPREAD = 1 << 20  # bytes over which a column of B may be spread before its panels are copied together
_WORTH = 48  # rows of C that make a copy pay
_DEPTH = 256  # rows of such a panel: 64 kB with AVX-512, in the second-level cache


@dataclass(frozen=True)
class Matrix:
    """Element (i, j) is at ``i * rows + j * columns`` doubles from the start."""

    rows: int
    columns: int

    @property
    def transposed(self) -> Matrix:
        return Matrix(self.columns, self.rows)


def emit_matmul(
    name: str,
    m: int,
    n: int,
    k: int,
    c: Matrix,
    a: Matrix,
    b: Matrix,
    *,
    start: Matrix | None = None,
    accumulate: bool = False,
    lanes: int | None = None,
) -> str:
    """IR of ``void @name(ptr c, ptr a, ptr b, ptr s)``: C[m, n] = A[m, k] B[k, n] + S[m, n]; C overlaps no other.

    Args:
        name: The name of the function.
        m, n, k: Sizes, at least 1.
        c, a, b: Strides in doubles.
        start: Strides of S; stride 0 repeats a column (a bias, say); None: there is no S.
        accumulate: Whether to add to C instead of overwriting it.
        lanes: The number of doubles in a vector register; the host's by default.

    Raises:
        ValueError: If neither scheme fits the strides.
    """
    lanes = lanes or host().lanes
    if min(m, n, k) < 1:
        raise ValueError(f"matrix product {m}x{k} times {k}x{n}: sizes must be at least 1")
    given = (name, m, n, k, c, a, b, start, accumulate, lanes)
    s = c if accumulate else start
    if c.columns == b.columns == 1 and (s is None or s.columns in (0, 1)):
        if 8 * b.rows * k > _SPREAD and m >= _WORTH:
            return _packed(*given)
        return _Outer(*given).text()
    if c.columns == b.rows == 1 and m >= _WORTH and n >= lanes:
        return _packed(*given)
    if a.columns == b.rows == 1:
        return _Dot(*given).text()
    if c.rows == a.rows == 1:  # Cᵀ = Bᵀ Aᵀ, with the arguments exchanged
        exchanged = (c.transposed, b.transposed, a.transposed)
        turned = start and start.transposed
        inner = emit_matmul(f"{name}.t", n, m, k, *exchanged, start=turned, accumulate=accumulate, lanes=lanes)
        return inner + define_function(name, [f"call void @{name}.t(ptr %c, ptr %b, ptr %a, ptr %s)"])
    raise ValueError(f"no contiguous direction in common: C {c}, A {a}, B {b}; copy one operand transposed")


def _packed(
    name: str,
    m: int,
    n: int,
    k: int,
    c: Matrix,
    a: Matrix,
    b: Matrix,
    start: Matrix | None,
    accumulate: bool,
    lanes: int,
) -> str:
    """Outer products with panels of B copied together (and transposed if need be) first.

    Without the copy a column of B spread over many pages costs 2x at 512 x 512, and a transposed B needs dot products.
    """
    width = 4 * lanes
    pieces = []
    lines = [f"%panel = alloca double, i64 {_DEPTH * width}, align 64"]
    if not accumulate and (start or k > _DEPTH):
        accumulate = True
        pieces.append(_fill(f"{name}.fill", m, n, c, start, lanes))
        lines.append(f"call void @{name}.fill(ptr %c, ptr %s)")
    label = 0
    for n0, n_count, columns in _split(n, width):
        for k0, k_count, depth in _split(k, _DEPTH):
            part, packed = f"{name}.{depth}x{columns}", Matrix(columns, 1)
            pieces += [
                _Outer(part, m, columns, depth, c, a, packed, None, accumulate, lanes).text(),
                _copy(f"{part}.copy", depth, columns, b),
            ]
            label += 1
            lines += double_loop(
                label,
                (n_count, columns),
                (k_count, depth),
                [
                    offset("%pc", "%c", [(f"%n{label}", 1)], n0, label),
                    offset("%pa", "%a", [(f"%m{label}", a.columns)], k0 * a.columns, label),
                    _corner("b", b, f"%m{label}", f"%n{label}", k0, n0, label),
                    [
                        f"call void @{part}.copy(ptr %panel, ptr %pb{label})",
                        f"call void @{part}(ptr %pc{label}, ptr %pa{label}, ptr %panel, ptr poison)",
                    ],
                ],
            )
    return "".join(pieces) + define_function(name, lines)


def _fill(name: str, m: int, n: int, c: Matrix, start: Matrix | None, lanes: int) -> str:
    """C = S, or 0."""
    t = Tile(lanes)
    t.lines = [f"%o = mul i64 %i, {c.rows}", "%p = getelementptr double, ptr %c, i64 %o"]
    if start is None:
        t.lines.append(f"call void @llvm.memset.p0.i64(ptr %p, i8 0, i64 {8 * n}, i1 false)")
    else:
        t.lines += [f"%os = mul i64 %i, {start.rows}", "%ps = getelementptr double, ptr %s, i64 %os"]
        if start.columns == 0:
            repeated = t.repeated("%ps", 0)
            for j in range(0, n, lanes):
                t.store(repeated, "%p", j, min(lanes, n - j))
        else:
            t.lines.append(f"call void @llvm.memcpy.p0.p0.i64(ptr align 8 %p, ptr align 8 %ps, i64 {8 * n}, i1 false)")
    return rows_loop(name, "ptr %c, ptr %s", m, t.lines)


def _copy(name: str, depth: int, columns: int, b: Matrix) -> str:
    body = [
        f"%o = mul i64 %i, {b.rows}",
        "%p = getelementptr double, ptr %from, i64 %o",
        f"%d = mul i64 %i, {columns}",
        "%q = getelementptr double, ptr %to, i64 %d",
    ]
    if b.columns == 1:
        body.append(f"call void @llvm.memcpy.p0.p0.i64(ptr align 8 %q, ptr align 8 %p, i64 {8 * columns}, i1 false)")
    else:
        for j in range(columns):
            body += [
                f"%p{j} = getelementptr double, ptr %p, i64 {j * b.columns}",
                f"%x{j} = load double, ptr %p{j}",
                f"%q{j} = getelementptr double, ptr %q, i64 {j}",
                f"store double %x{j}, ptr %q{j}",
            ]
    return rows_loop(name, "ptr noalias %to, ptr noalias %from", depth, body)


@dataclass
class _Product:
    name: str
    m: int
    n: int
    k: int
    c: Matrix
    a: Matrix
    b: Matrix
    start: Matrix | None
    accumulate: bool
    lanes: int

    @property
    def registers(self) -> int:
        """Accumulators that leave room for the operands: of 32 registers with AVX-512 (and NEON), else 16."""
        return 24 if self.lanes == 8 or "aarch64" in host().triple or "arm64" in host().triple else 12

    def loops(self, rows: int, columns: int) -> str:
        """The driver: full tiles in two loops, then the tiles of the remainders."""
        pieces, lines = [], []
        label = 0
        for n0, n_count, width in _split(self.n, columns):
            for m0, m_count, height in _split(self.m, rows):
                tile = f"{self.name}.{height}x{width}"
                pieces.append(self.tile(tile, height, width))
                label += 1
                ps = f"ptr %ps{label}" if self.start else "ptr poison"
                lines += double_loop(
                    label,
                    (n_count, width),
                    (m_count, height),
                    [
                        _corner("c", self.c, f"%m{label}", f"%n{label}", m0, n0, label),
                        offset("%pa", "%a", [(f"%m{label}", self.a.rows)], m0 * self.a.rows, label),
                        offset("%pb", "%b", [(f"%n{label}", self.b.columns)], n0 * self.b.columns, label),
                        _corner("s", self.start, f"%m{label}", f"%n{label}", m0, n0, label) if self.start else [],
                        [f"call void @{tile}(ptr %pc{label}, ptr %pa{label}, ptr %pb{label}, {ps})"],
                    ],
                )
        return "".join(pieces) + define_function(self.name, lines)

    def tile(self, name: str, height: int, width: int) -> str:
        raise NotImplementedError

    def choose(self, unit: int) -> tuple[int, int]:
        """Rows and columns of a tile with the least estimated cycles; columns come in steps of ``unit``."""
        best = min(
            (
                (self._cycles(rows, columns, unit), -columns, rows)
                for columns in range(1, min(4, self.lanes) + 1)
                for rows in range(1, self.registers // columns + 1)
            ),
        )
        return best[2], -best[1] * unit

    def _cycles(self, rows: int, columns: int, unit: int) -> float:
        """2 multiply-adds or 2 loads a cycle; a multiply-add takes 4 cycles; starting a tile about 20 steps."""
        total = 0.0
        for _, n_count, width in _split(self.n, columns * unit):
            vectors = -(-width // unit)
            for _, m_count, height in _split(self.m, rows):
                step = max(height * vectors, height + vectors, 8) / 2
                total += n_count * m_count * (step * self.steps + height * vectors + 20)
        return total

    @property
    def steps(self) -> int:
        return self.k


class _Outer(_Product):
    """C and B contiguous along n."""

    def text(self) -> str:
        return self.loops(*self.choose(self.lanes))

    def tile(self, name: str, height: int, width: int) -> str:
        t = Tile(self.lanes)
        active = [min(self.lanes, width - j) for j in range(0, width, self.lanes)]
        cells = [(i, j) for i in range(height) for j in range(len(active))]
        where = {(i, j): i * self.c.rows + j * self.lanes for i, j in cells}
        start = {x: self._start(t, *x, where[x], active[x[1]]) for x in cells}

        def step() -> list[str]:
            row = [t.load("%b.now", j * self.lanes, active[j]) for j in range(len(active))]
            total = []
            for i in range(height):
                x = t.repeated("%a.now", i * self.a.rows)
                total += [t.fma(x, row[j], f"%s{i}.{j}") for j in range(len(active))]
            return total

        sums = k_loop(t, self.k, cells, start, (self.a.columns, self.b.rows), step)
        for (i, j), value in zip(cells, sums, strict=True):
            t.store(value, "%c", where[i, j], active[j])
        return t.define(name)

    def _start(self, t: Tile, i: int, j: int, at: int, active: int) -> str:
        if self.accumulate:
            return t.load("%c", at, active)
        if self.start is None:
            return "zeroinitializer"
        if self.start.columns == 0:
            return t.repeated("%s", i * self.start.rows)
        return t.load("%s", i * self.start.rows + j * self.lanes, active)


class _Dot(_Product):
    """A and B contiguous along k."""

    @property
    def steps(self) -> int:
        return -(-self.k // self.lanes)

    def text(self) -> str:
        return self.loops(*self.choose(1))

    def tile(self, name: str, height: int, width: int) -> str:
        t = Tile(self.lanes)
        cells = [(i, j) for i in range(height) for j in range(width)]
        full, rest = divmod(self.k, self.lanes)

        def step(now: bool, active: int) -> list[str]:
            suffix, k = (".now", 0) if now else ("", full * self.lanes)
            left = [t.load(f"%a{suffix}", i * self.a.rows + k, active) for i in range(height)]
            right = [t.load(f"%b{suffix}", j * self.b.columns + k, active) for j in range(width)]
            return [t.fma(left[i], right[j], before[i, j]) for i, j in cells]

        before = {(i, j): f"%s{i}.{j}" for i, j in cells}
        sums = ["zeroinitializer"] * len(cells)
        if full:
            start = dict.fromkeys(cells, "zeroinitializer")
            sums = k_loop(t, full, cells, start, (self.lanes, self.lanes), lambda: step(True, self.lanes))
        if rest:
            before = dict(zip(cells, sums, strict=True))
            sums = step(False, rest)
        self._store(t, sums, height, width)
        return t.define(name)

    def _store(self, t: Tile, sums: list[str], height: int, width: int) -> None:
        """Add up across the lanes, several rows of the tile at once, and write the rows."""
        rows = self.lanes // width
        for i0 in range(0, height, rows):
            group = range(i0, min(i0 + rows, height))
            totals = t.sums_of_lanes(sums[i0 * width : (i0 + len(group)) * width])
            for i in group:
                start = None
                if self.accumulate or self.start:
                    s, base = (self.c, "%c") if self.accumulate else (self.start or self.c, "%s")
                    start = base, i * s.rows, s.columns
                t.store_piece(totals, (i - i0) * width, width, "%c", i * self.c.rows, self.c.columns, start)


def _corner(matrix: str, strides: Matrix, row: str, column: str, row0: int, column0: int, label: int) -> list[str]:
    """%p<matrix><label>: where element (row0 + row, column0 + column) of a matrix is."""
    indices = [(row, strides.rows), (column, strides.columns)]
    return offset(f"%p{matrix}", f"%{matrix}", indices, row0 * strides.rows + column0 * strides.columns, label)


def _split(size: int, tile: int) -> list[tuple[int, int, int]]:
    """(start, count, size) of the full tiles and of the one that remains."""
    full, rest = divmod(size, tile)
    return ([(0, full, tile)] if full else []) + ([(full * tile, 1, rest)] if rest else [])


def declarations(lanes: int | None = None) -> str:
    """Declarations of what the products call, once per module, in a form that every LLVM so far reads."""
    width = lanes or host().lanes
    kind, bits = f"<{width} x double>", f"<{width} x i1>"
    return (
        f"declare {kind} @llvm.fmuladd.v{width}f64({kind}, {kind}, {kind})\n"
        f"declare {kind} @llvm.masked.load.v{width}f64.p0(ptr, i32, {bits}, {kind})\n"
        "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)\n"
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\n"
        f"declare void @llvm.masked.store.v{width}f64.p0({kind}, ptr, i32, {bits})\n"
    )
