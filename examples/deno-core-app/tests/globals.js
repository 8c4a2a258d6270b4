console.log(typeof Deno, typeof App, Object.isFrozen(App), Object.isFrozen(App.build));
console.log(Object.keys(App.build), App.build.version);
console.log(Object.keys(App));
console.log(Object.getOwnPropertyDescriptor(globalThis, "App").enumerable);
