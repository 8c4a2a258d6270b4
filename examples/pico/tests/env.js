// Environment variables.
console.log(Pico.env.get("PICO_TEST_GREETING"), Pico.env.has("PICO_TEST_GREETING"));
console.log(Pico.env.get("PICO_TEST_NOT_SET"), Pico.env.has("PICO_TEST_NOT_SET"));
console.log(Pico.env.get(""), Pico.env.get("A=B"));
console.log(Pico.env.toObject().PICO_TEST_GREETING);
