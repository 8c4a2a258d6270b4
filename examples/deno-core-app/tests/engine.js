// What V8 brings along, compiled code of its own for the target above all.
const bytes = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1,
  7, 0, 32, 0, 32, 1, 106, 11,
]);
const { instance } = await WebAssembly.instantiate(bytes);
console.log(instance.exports.add(40, 2));
console.log("2024-05-06".replace(/(?<y>\d+)-(?<m>\d+)-(?<d>\d+)/u, "$<d>.$<m>.$<y>"));
let product = 1;
for (let index = 0; index < 1_000_000; index++) product = (product * 31 + index) % 1_000_003;
console.log(product, (2n ** 100n).toString(36), [3, 1, 2].toSorted(), Math.fround(0.1));
console.log(new Date(0).toISOString());
