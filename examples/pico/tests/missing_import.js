// Nothing runs if an import cannot be loaded.
import "./lib/missing.js";
console.log("never");
