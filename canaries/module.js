// A module that imports another, in a directory of its own, and one that is imported while it runs.
import { answer, live, raise } from "./lib/answer.js";

raise();
const later = await import("./lib/later.js");
console.log(answer, live, later.default("module"), import.meta.url.endsWith("/module.js"));
