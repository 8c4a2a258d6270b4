// Nothing runs if an import has no counterpart.
import { nothing } from "./lib/counter.js";
console.log("never", nothing);
