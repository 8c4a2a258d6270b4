import { count, increment } from "./lib/counter.js";
import data from "./lib/data.json" with { type: "json" };

increment();
console.log(count, data);
const again = await import("./lib/counter.js");
console.log(again.increment(), count, Object.keys(again));
console.log(import.meta.main, import.meta.url.endsWith("/modules.js"));
try {
  await import("./lib/missing.js");
} catch (error) {
  console.log(error.constructor.name);
}
