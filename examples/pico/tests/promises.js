// Promises, async functions and iteration, and rejections that are handled after all.
const sleep = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));

console.log(await Promise.all([sleep(10, "a"), sleep(5, "b"), "c"]));
console.log(await Promise.race([sleep(200, "slow"), sleep(5, "fast")]));
console.log(await Promise.allSettled([Promise.reject(new Error("no")), 1]).then((all) => all.map((p) => p.status)));
console.log(await Promise.any([Promise.reject(1), sleep(5, "any")]));

async function* count(to) {
  for (let i = 1; i <= to; i++) yield await sleep(1, i);
}
for await (const number of count(3)) console.log(number);

const late = Promise.reject(new Error("handled in the same turn"));
queueMicrotask(() => late.catch((error) => console.log("caught:", error.message)));
await sleep(1);

try {
  await (async () => {
    await null;
    throw new TypeError("from async");
  })();
} catch (error) {
  console.log(error.name, error.message);
} finally {
  console.log("finally");
}
