const seen = [];
setTimeout((...values) => seen.push("first", ...values), 5, "a", "b");
clearTimeout(setTimeout(() => seen.push("never"), 1));
let ticks = 0;
const ticking = setInterval(() => {
  seen.push(`tick ${++ticks}`);
  if (ticks === 3) {
    clearInterval(ticking);
    console.log(seen);
  }
}, 20);
queueMicrotask(() => console.log("microtask"));
console.log("synchronous");
try {
  setTimeout("text");
} catch (error) {
  console.log(String(error));
}
