// An error in a timer ends the program; so later timers do not run.
setTimeout(() => console.log("never"), 60_000);
setTimeout(function tick() {
  console.log("tick");
  null.property;
}, 1);
