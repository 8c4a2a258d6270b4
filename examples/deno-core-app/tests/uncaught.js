import { fail } from "./lib/fails.js";

console.log("before");
fail("too much");
