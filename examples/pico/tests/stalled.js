// A program that waits for what cannot happen is told so.
console.log("waiting");
await new Promise(() => {});
