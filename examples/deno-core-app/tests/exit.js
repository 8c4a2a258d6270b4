console.log("before");
setTimeout(() => {
  App.exit(7);
  console.log("not reached");
}, 1);
await App.sleep(5_000);
