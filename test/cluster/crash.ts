/** Starts a world with a server in it, prints its record, and waits to be killed: for the tests of what that leaves. */
import { startWorld } from "./world.ts";

const world = await startWorld();
await world.run(["sh", "-c", "mkdir -p /run/kept && mount -t tmpfs tmpfs /run/kept"]);
await world.spawn("sleep", ["sh", "-c", `exec sleep 86400 # ${world.directory}/`]);
console.log(JSON.stringify(world.record));
setInterval(() => undefined, 60_000);
