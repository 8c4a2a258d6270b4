// Tables that V8 and ICU bring along, and what depends on word size and byte order.
const date = "2024-05-06".replace(/(?<y>\d+)-(?<m>\d+)-(?<d>\d+)/u, "$<d>.$<m>.$<y>");
const word = /^\p{Lu}\p{Ll}+(?=ö)/u.exec("Äpfelöl")[0];
const number = new Intl.NumberFormat("de-DE").format(1234567.5);
const day = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", dateStyle: "long" }).format(new Date(0));
const view = new DataView(new ArrayBuffer(8));
view.setFloat64(0, Math.PI);
console.log([date, word, number, day, 2n ** 70n, view.getUint32(0).toString(16), Math.fround(0.1)].join(" | "));
