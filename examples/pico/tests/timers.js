// The order in which things happen. All that is compared was set in one turn of the loop, or one after the other, so
// that a slow machine changes nothing.
const order = [];
const note = (name) => () => order.push(name);
setTimeout(note("timeout 20"), 20);
setTimeout(note("timeout 10 first"), 10);
setTimeout(note("timeout 10 second"), 10);
setTimeout(note("timeout 0"));
setTimeout((...args) => order.push(`arguments ${args}`), 1, "a", "b");
const cancelled = setTimeout(note("never"), 5);
clearTimeout(cancelled);
clearTimeout(cancelled);
clearTimeout(undefined);
clearInterval(12345);
queueMicrotask(note("microtask"));
Promise.resolve().then(note("promise"));
order.push("synchronous");

setTimeout(() => {
  order.push("outer");
  queueMicrotask(note("microtask of outer"));
}, 15);
setTimeout(note("after outer"), 15);

function countTicks() {
  let ticks = 0;
  const interval = setInterval(() => {
    order.push(`tick ${++ticks}`);
    setTimeout(note(`after tick ${ticks}`), 0);
    if (ticks < 3) return;
    clearInterval(interval);
    setTimeout(finish, 1);
  }, 2);
}
setTimeout(countTicks, 30);

function finish() {
  for (const entry of order) console.log(entry);
  try {
    setTimeout("code");
  } catch (error) {
    console.log(error.name, error.message);
  }
}
