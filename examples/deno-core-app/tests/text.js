const text = "a\u00e4\u20ac\u{1f600}";
const bytes = new TextEncoder().encode(text);
console.log(bytes);
console.log(new TextDecoder().decode(bytes) === text, new TextDecoder().decode() === "");
console.log(new TextDecoder().decode(new Uint8Array([97, 255, 98])) === "a\ufffdb");
console.log(new Intl.NumberFormat("de-DE").format(1234567.5), "\u00c4".localeCompare("Z", "de"));
