// UTF-8 both ways.
const encoder = new TextEncoder();
const decoder = new TextDecoder();
console.log(encoder.encode("aä€😀"), encoder.encode(), encoder.encode("\ud800").length);
console.log(decoder.decode(new Uint8Array([97, 195, 164, 226, 130, 172, 240, 159, 152, 128])));
console.log(decoder.decode(new Uint8Array([0xef, 0xbb, 0xbf, 98])).length);
console.log(new TextDecoder("UTF-8", { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf, 98])).length);
console.log(decoder.decode(new Uint8Array([255, 65])), decoder.decode(), decoder.decode(new ArrayBuffer(1)).length);
console.log(decoder.decode(new DataView(new Uint8Array([1, 66, 67]).buffer, 1)));
for (const action of [
  () => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([255])),
  () => new TextDecoder("latin1"),
  () => decoder.decode("text"),
]) {
  try {
    action();
  } catch (error) {
    console.log(`${error.name}: ${error.message}`);
  }
}
