// Real functions that Math lacks, or that differ there from C: the counterpart of autograd/ieee.py.  They give IEEE-754
// results everywhere and never throw.

const SQRT_HALF = Math.SQRT1_2;  // which is, to twice as many digits, the sum of
const [SQRT_HALF_HEAD, SQRT_HALF_TAIL] = [0.707106776535511, 4.651036507555142e-9];  // 27 bits and the rest
const INVERSE_SQRT_2PI = 0.3989422804014327;
const TWO_OVER_SQRT_PI = 1.1283791670955126;

const nanOf = (x) => Number.isNaN(x);

// C's pow: 1 to the power of anything is 1, and so is -1 to the power of ±inf, both of which are nan in JavaScript.
function power(x, y) {
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y;
}

const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const softplus = (x) => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x)));

// x sigmoid(x); far to the left the factors are split, so that the product underflows only once.
function silu(x) {
  if (!(x < -700)) return x * sigmoid(x);
  const half = Math.exp(0.5 * x);
  return half ? x * half * half : -0;
}

// exp(-c x²); x is split so that the square of its head is exact, else the error would grow with x².
function gauss(x, c = 1) {
  if (!(Math.abs(x) < 40)) return Math.exp(-c * x * x);
  const head = Math.floor(x * 1024) / 1024;
  return Math.exp(-c * head * head) * Math.exp(-c * (x - head) * (x + head));
}

// The error function: 2/√π x e^(-x²) Σ (2x²)ⁿ / (1·3·…·(2n+1)), a sum of positive terms, so that no digits cancel.
function erf(x) {
  if (Math.abs(x) > 2) return Math.sign(x) * (1 - erfc(Math.abs(x)));
  let [term, sum] = [1, 1];
  for (let n = 1; term > 1e-17 * sum; n += 1) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return TWO_OVER_SQRT_PI * x * gauss(x) * sum;
}

// 1 - erf(x), whose digits would cancel on the right; there by the continued fraction
// e^(-x²)/√π / (x + 1/2 / (x + 2/2 / (x + 3/2 / (x + …)))).
function erfc(x) {
  if (!(x > 1.25)) return nanOf(x) ? x : 1 - erf(x);
  let below = x;
  for (let n = 140; n > 0; n -= 1) below = x + n / 2 / below;
  return (TWO_OVER_SQRT_PI / 2) * gauss(x) / below;
}

// 2 half Φ(x) = half erfc(t) with t = -x / √2; in the left tail a rounding of t is made good, which would count there.
function timesNormalCdf(half, x) {
  const t = -x * SQRT_HALF;
  const tail = erfc(t);
  if (!(t > 1 && t < 27)) return half * tail;
  const head = Math.floor(x * 1024) / 1024;
  const lost = (-head * SQRT_HALF_HEAD - t) - (x - head) * SQRT_HALF_HEAD - x * SQRT_HALF_TAIL;
  return half * tail * (1 - lost * TWO_OVER_SQRT_PI * gauss(t) / tail);
}

const normalPdf = (x) => gauss(x, 0.5) * INVERSE_SQRT_2PI;
const normalCdf = (x) => timesNormalCdf(0.5, x);
const gelu = (x) => (x === -Infinity ? -0 : timesNormalCdf(0.5 * x, x));

const step = (x) => (x > 0 ? 1 : nanOf(x) ? x : 0);
const sign = (x) => (x > 0 ? 1 : x < 0 ? -1 : x);
const floor = (x) => Math.floor(x) + 0;  // whole numbers have no -0 in Python
const round = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)) + 0;  // ties to even
const maximum = (x, y) => (x > y || nanOf(x) ? x : y);
const minimum = (x, y) => (x < y || nanOf(x) ? x : y);
const clip = (x, low, high) => minimum(maximum(x, low), high);

function logaddexp(x, y) {
  return x === y ? x + Math.LN2 : maximum(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)));
}

function logsumexp(...xs) {
  const largest = xs.reduce((x, y) => maximum(x, y), -Infinity);
  if (!Number.isFinite(largest)) return largest;
  return largest + Math.log1p(fsum(-1, ...xs.map((x) => Math.exp(x - largest))));
}

// The sum, rounded once: every float is a whole multiple of 2⁻¹⁰⁷⁴, and whole numbers are added without an error.
function fsum(...terms) {
  if (!terms.every(Number.isFinite)) return terms.filter((x) => !Number.isFinite(x)).reduce((x, y) => x + y);
  const total = terms.reduce((sum, x) => sum + units(x), 0n);
  const size = total < 0n ? -total : total;
  const spare = Math.max(0, size.toString(2).length - 64);  // bits that are too small to count, but for ties
  const high = size >> BigInt(spare);
  const lost = size !== high << BigInt(spare) ? 1n : 0n;
  const found = Number(high | lost) * 2 ** (spare - 1074);
  return total < 0n ? -found : found;
}

// A float as a multiple of 2⁻¹⁰⁷⁴, from its bits: sign, exponent, and mantissa, which has a 1 in front unless it is tiny.
function units(x) {
  const bits = new BigUint64Array(new Float64Array([x]).buffer)[0];
  const exponent = (bits >> 52n) & 2047n;
  const mantissa = bits & 0xfffffffffffffn;
  const size = exponent ? (mantissa | (1n << 52n)) << (exponent - 1n) : mantissa;
  return bits >> 63n ? -size : size;
}

// For each factor the product of all the other ones, without a division: zeros do no harm.
function others(xs) {
  const before = [1], after = [1];
  for (let i = 1; i < xs.length; i += 1) {
    before.push(before.at(-1) * xs[i - 1]);
    after.push(after.at(-1) * xs.at(-i));
  }
  return xs.map((_, i) => before[i] * after.at(-1 - i));
}
