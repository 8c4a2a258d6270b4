// An error that nobody catches, with the way to it.
import { fail } from "./lib/fails.js";

function outer(callback) {
  console.log("about to fail");
  callback();
}

outer(() => fail("reason"));
