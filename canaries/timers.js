// The event loop: microtasks before timers, a timer that is cancelled, promises that timers keep. Later timers are set
// after earlier ones, so that a machine that is slow in between changes nothing.
const seen = [];
const note = (name) => () => seen.push(name);
const after = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
setTimeout(note("timeout 0"), 0);
clearTimeout(setTimeout(note("never"), 5));
setTimeout(note("timeout 20"), 20);
const kept = after(30).then(() => "kept");
queueMicrotask(note("microtask"));
Promise.resolve().then(note("promise"));
seen.push("synchronous");
const results = await Promise.all([kept, ...[1, 2].map(async (value) => value * 2)]);
let ticks = 0;
await new Promise((resolve) => {
  const ticking = setInterval(() => {
    if (++ticks < 3) return;
    clearInterval(ticking);
    resolve();
  }, 1);
});
console.log([...seen, ...results, `${ticks} ticks`].join(", "));
