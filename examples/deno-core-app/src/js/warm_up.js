// Runs before the snapshot is taken, which keeps the code that is compiled here.
App.inspect([1, "two", { three: 3n }, new Map([[4, new Set([5])]])]);
App.crc32(new TextEncoder().encode("warm"));
