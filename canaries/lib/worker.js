globalThis.onmessage = ({ data }) => {
  const sum = data.numbers.reduce((a, b) => a + b, 0);
  postMessage({ sum, isolated: typeof window === "undefined" });
};
