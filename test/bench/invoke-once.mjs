// One cold start: loads a handler, calls it once, ends. As plain JavaScript, or stripping types would be measured too.
const [, , file, event] = process.argv;
const { handler } = await import(file);
const context = { awsRequestId: crypto.randomUUID(), functionName: "cold", getRemainingTimeInMillis: () => 60_000 };
await handler(JSON.parse(event), context).catch(() => undefined);
process.exit(0);
