// One request, answered by this program itself.
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
  return new Response(`${request.method} ${new URL(request.url).pathname} ${(await request.text()).length}`);
});
const answer = await fetch(`http://127.0.0.1:${server.addr.port}/here`, { method: "POST", body: "x".repeat(100_000) });
console.log(answer.status, await answer.text());
await server.shutdown();
