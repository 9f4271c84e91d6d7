// The derivative table: one row per primitive, with its value and its local derivatives on floats, as in autograd/ops.py.
// A test compares every row with Python's.  x, y are operands, and z is the result.

const unary = (value, derivative) => ({ value, partials: (z, x) => [derivative(x, z)] });
const binary = (value, partials) => ({ value, partials });
const nary = binary;
const flat = () => 0;
const isLess = (holds) => binary((x, y) => Number(holds(x, y)), () => [0, 0]);

const ROWS = {
  // ---- arithmetic ----
  add: binary((x, y) => x + y, () => [1, 1]),
  sub: binary((x, y) => x - y, () => [1, -1]),
  mul: binary((x, y) => x * y, (z, x, y) => [y, x]),
  div: binary((x, y) => x / y, (z, x, y) => [1 / y, -(z / y)]),
  neg: unary((x) => -x, () => -1),
  identity: unary((x) => x, () => 1),
  detached: unary((x) => x, flat),
  constant_power: binary(power, (z, x, n) => [powerByBase(z, x, n), 0]),
  power: binary(power, (z, x, y) => [powerByBase(z, x, y), powerByExponent(z, x, y)]),

  // ---- several operands in one node ----
  sumprod: nary(sumOfProducts, (z, ...v) => {
    const n = Math.floor(v.length / 2);
    return [...v.slice(n, 2 * n), ...v.slice(0, n), ...v.slice(2 * n).fill(1)];
  }),
  fsum: nary(fsum, (z, ...xs) => xs.map(() => 1)),
  prod: nary((...xs) => xs.reduce((product, x) => product * x, 1), (z, ...xs) => others(xs)),
  logsumexp: nary(logsumexp, softmax),

  // ---- exponentials and logarithms: outside of the domain, the derivative is nan too; x + 0 is 0 for -0 ----
  exp: unary(Math.exp, (x, z) => z),
  expm1: unary(Math.expm1, (x) => Math.exp(x)),
  log: unary(Math.log, (x) => (x < 0 ? NaN : 1 / (x + 0))),
  log2: unary(Math.log2, (x) => (x < 0 ? NaN : Math.LOG2E / (x + 0))),
  log10: unary(Math.log10, (x) => (x < 0 ? NaN : Math.LOG10E / (x + 0))),
  log1p: unary(Math.log1p, (x) => (x < -1 ? NaN : 1 / (1 + x))),
  logaddexp: binary(logaddexp, softmax),

  // ---- roots and powers ----
  sqrt: unary(Math.sqrt, (x, z) => 0.5 / (z + 0)),
  cbrt: unary(Math.cbrt, (x, z) => 1 / (z * z) / 3),
  square: unary((x) => x * x, (x) => 2 * x),
  hypot: binary(Math.hypot, (z, x, y) => [cosine(x, y), cosine(y, x)]),

  // ---- trigonometric and hyperbolic ----
  sin: unary(Math.sin, Math.cos),
  cos: unary(Math.cos, (x) => -Math.sin(x)),
  tan: unary(Math.tan, (x, z) => 1 + z * z),
  asin: unary(Math.asin, (x) => 1 / Math.sqrt(oneMinusSquare(x))),
  acos: unary(Math.acos, (x) => -1 / Math.sqrt(oneMinusSquare(x))),
  atan: unary(Math.atan, (x) => (1 / Math.hypot(1, x)) ** 2),
  atan2: binary(Math.atan2, (z, y, x) => [overDistance(x, y), -overDistance(y, x)]),
  sinh: unary(Math.sinh, Math.cosh),
  cosh: unary(Math.cosh, Math.sinh),
  tanh: unary(Math.tanh, (x, z) => 1 - z * z),
  asinh: unary(Math.asinh, (x) => 1 / Math.hypot(1, x)),
  acosh: unary(Math.acosh, (x) => 1 / Math.sqrt(x + 1) / Math.sqrt(x - 1)),
  atanh: unary(Math.atanh, (x) => (Math.abs(x) > 1 ? NaN : 1) / oneMinusSquare(x)),

  // ---- the normal distribution ----
  gauss: unary((x) => gauss(x), (x, z) => -2 * times(x, z)),
  erf: unary(erf, (x) => TWO_OVER_SQRT_PI * gauss(x)),
  normal_pdf: unary(normalPdf, (x, z) => -times(x, z)),
  normal_cdf: unary(normalCdf, normalPdf),

  // ---- activations ----
  sigmoid: unary(sigmoid, (x, z) => z * (1 - z)),
  softplus: unary(softplus, sigmoid),
  silu: unary(silu, (x, z) => sigmoid(x) + minimum(z, 1e3) * sigmoid(-x)),  // not inf · 0
  gelu: unary(gelu, (x) => normalCdf(x) + times(x, normalPdf(x))),
  relu: unary((x) => (x > 0 || nanOf(x) ? x : 0), step),
  leaky_relu: binary((x, s) => (x > 0 ? x : s * x), (z, x, s) => [bend(x, s), x > 0 ? 0 : x]),
  elu: binary((x, a) => (x > 0 ? x : a * Math.expm1(x)), (z, x, a) => [
    bend(x, a * Math.exp(0.5 * x) * Math.exp(0.5 * x)), x > 0 ? 0 : Math.expm1(x)]),

  // ---- corners: the derivative at a kink is the sub-gradient of least norm ----
  abs: unary(Math.abs, sign),
  sign: unary(sign, flat),
  step: unary(step, flat),
  floor: unary(floor, flat),
  round: unary(round, flat),
  maximum: binary(maximum, (z, x, y) => [larger(x, y), larger(y, x)]),
  minimum: binary(minimum, (z, x, y) => [larger(y, x), larger(x, y)]),
  clip: nary(clip, clipPartials),

  // ---- comparisons as numbers, and choices ----
  less: isLess((x, y) => x < y),
  less_equal: isLess((x, y) => x <= y),
  equal: isLess((x, y) => x === y),
  select: nary((c, x, y) => (c ? x : nanOf(c) ? x : y), (z, c) => (c || nanOf(c) ? [0, 1, 0] : [0, 0, 1])),
  largest: nary((...xs) => xs.reduce((x, y) => (y > x ? y : x)), (z, ...xs) => xs.map(flat)),
  take: nary((i, ...xs) => (i >= 0 && i < xs.length ? xs[Math.floor(i)] : NaN),
    (z, i, ...xs) => [0, ...xs.map((_, k) => Number(i >= 0 && Math.floor(i) === k))]),
};

// ---- what needs more than a line ----
function sumOfProducts(...v) {
  const n = Math.floor(v.length / 2);
  let sum = v.length % 2 ? v.at(-1) : 0;
  for (let i = 0; i < n; i += 1) sum += v[i] * v[n + i];
  return sum;
}

// y x^(y-1), in other words where y - 1 is rounded or x^(y-1) underflows alone.
function powerByBase(z, x, y) {
  const size = Math.abs(x);
  const plain = y * power(x, y - 1);
  if (y >= 0.5 && y <= 64) return plain;
  if (!(Math.abs(y) <= 2 ** 54)) {  // an even number, as is every float beyond, where y - 1 is y
    const half = power(size, 0.5 * y);
    return half <= 0 ? 0 : size === Infinity ? y * x : (y * half * half) / x;
  }
  const first = Math.floor(0.5 * y);
  const split = y * power(x, first) * power(x, y - first - 1);
  if (y > 64) return split;
  if (!(size > 0)) return y === 0 ? 0 : plain;  // at 0, and for nan
  if (size === Infinity) return plain;
  return y > -0.5 ? (y * z) / x : split;
}

// x^y log x, in halves since x^y alone may underflow; nan for x < 0, and 0 at (0, 0).
function powerByExponent(z, x, y) {
  const half = power(Math.abs(x), 0.5 * y);
  if (x < 0) return NaN;
  if (x === 0) return y < 0 ? -Math.abs(z) : y < 1 ? 0 * z : z;
  if (x === Infinity) return y < 0 ? 0 : z * x;
  return half <= 0 ? 0 : half * Math.log(x) * half;
}

// e^x / Σ e^x for each x: a rounding of z = log Σ e^x is in every term of the sum, so that it cancels.
function softmax(z, ...xs) {
  const terms = xs.map((x) => (x === Infinity ? 1 : Math.exp(x - z)));
  const share = 1 / fsum(...terms);
  return terms.map((term) => term * share);
}

// x / hypot(x, y), also where that over- or underflows; 0 at the origin.
const cosine = (x, y) => Math.sin(Math.atan2(x, Math.abs(y)));

// x / (x² + y²), also where the distance overflows; 0 at the origin.
function overDistance(x, y) {
  const distance = Math.hypot(x, y);
  if (distance === 0) return 0;
  return distance < Infinity ? cosine(x, y) / distance : (0.5 * cosine(x, y)) / Math.hypot(0.5 * x, 0.5 * y);
}

// 1 - x²: the product is accurate near 1, and the difference near 0.
const oneMinusSquare = (x) => (Math.abs(Math.abs(x) - 0.75) < 0.25 ? (1 - x) * (1 + x) : 1 - x * x);

// x density, and 0 where the density is 0, as at infinity: inf · 0 would be nan.
const times = (x, density) => (density <= 0 ? 0 : x * density);

// The derivative of what is x for x > 0 and has another slope on the left; at the kink the one of least size.
const bend = (x, left) => (x > 0 ? 1 : x < 0 ? left : clip(left, 0, 1) + 0 * x);

const larger = (x, y) => (x > y ? 1 : x < y ? 0 : x === y ? 0.5 : NaN);

// 1 for x from low to high, ends included, else 1 for a bound: for high if nothing is between them.
function clipPartials(z, x, low, high) {
  const unknown = nanOf(z) ? NaN : 0;
  const byX = (x < low || x > high || !(low < high) ? 0 : 1) + unknown;
  const byLow = (x < low && low <= high ? 1 : 0) + unknown;
  return [byX, byLow, 1 - byX - byLow];
}
