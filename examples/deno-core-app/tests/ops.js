// Operations of each kind: with values, with strings, with buffers, fast, and behind promises.
console.log(App.crc32("123456789").toString(16), App.crc32(new Uint8Array()).toString(16));
console.log(App.isAscii("plain"), App.isAscii("gr\u00fcn"), App.isAscii("\u{1f600}"));

// Often enough for V8 to compile the loop and to call the operation directly.
let sum = 0;
const bytes = new Uint8Array([1, 2, 3]);
for (let index = 0; index < 200_000; index++) {
  bytes[0] = index;
  sum = (sum + App.crc32(bytes)) >>> 0;
}
console.log(sum);

const before = performance.now();
const slept = await Promise.all([30, 10, 20].map((milliseconds) => App.sleep(milliseconds).then(() => milliseconds)));
console.log(slept, performance.now() - before >= 29);

for (const wrong of [() => App.crc32(5), () => App.crc32()]) {
  try {
    console.log(wrong());
  } catch (error) {
    console.log(error.name);
  }
}
