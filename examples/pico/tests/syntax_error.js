// Found before anything runs.
console.log("never");
const broken = [1, 2;
