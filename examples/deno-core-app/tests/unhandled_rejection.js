Promise.reject(new TypeError("nobody listens"));
await App.sleep(1);
console.log("not reached");
