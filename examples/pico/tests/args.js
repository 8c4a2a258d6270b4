// Arguments are the program's alone.
console.log(Pico.args, Pico.args.length, Object.isFrozen(Pico.args));
