// A second isolate, started from the same snapshot, on a thread of its own.
const worker = new Worker(new URL("./lib/worker.js", import.meta.url), { type: "module" });
worker.postMessage({ numbers: [1, 2, 3] });
worker.onmessage = ({ data }) => {
  console.log(data.sum, data.isolated);
  worker.terminate();
};
