// Parts of V8 that depend on the processor: compiled code, WebAssembly, big numbers, byte order; and ICU.
function sieve(limit) {
  const composite = new Uint8Array(limit + 1);
  let count = 0;
  for (let i = 2; i <= limit; i++) {
    if (composite[i]) continue;
    count++;
    for (let j = i * i; j <= limit; j += i) composite[j] = 1;
  }
  return count;
}
let primes = 0;
for (let i = 0; i < 20; i++) primes += sieve(20_000);
console.log(primes);

let sum = 0;
for (let i = 1; i < 200_000; i++) sum += Math.sqrt(i) * (i & 1 ? 1 : -1);
console.log(sum.toFixed(9), Math.fround(0.1), Math.hypot(3, 4), 2 ** 53 + 2, (0.1 + 0.2).toString());

const module = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1,
  7, 0, 32, 0, 32, 1, 106, 11,
]);
const now = new WebAssembly.Instance(new WebAssembly.Module(module));
const later = await WebAssembly.instantiate(module);
console.log(now.exports.add(40, 2), later.instance.exports.add(2 ** 31 - 1, 1));

console.log(2n ** 100n, (-7n) / 2n, BigInt.asIntN(64, 2n ** 63n));
const view = new DataView(new ArrayBuffer(8));
view.setFloat64(0, Math.PI);
console.log(view.getUint32(0).toString(16), view.getUint32(0, true).toString(16));
console.log(new Float64Array([Math.PI])[0], new Int16Array([-2, 300])[1], Atomics.add(new Int32Array(1), 0, 5));

const depth = (() => {
  let calls = 0;
  const recurse = () => {
    calls++;
    recurse();
  };
  try {
    recurse();
  } catch (error) {
    return error instanceof RangeError && calls > 100;
  }
})();
console.log(depth, JSON.stringify({ a: [1, "ü", null] }), "straße".localeCompare("strasse", "de"));
console.log(new Intl.NumberFormat("de-DE").format(1234567.891), "İ".toLowerCase().length, "ﬁ".normalize("NFKC"));
console.log(new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", dateStyle: "long" }).format(new Date(0)));
console.log("ab12".replace(/(?<letters>\p{L}+)(?<digits>\d+)/u, "$<digits>$<letters>"), [3, 1, 2].sort());
