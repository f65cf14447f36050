// The start of a function's process, up to where it would ask for its first event: loads a handler, says so, ends.
const [, , file] = process.argv;
if (file) await import(file);
console.log("ready");
process.exit(0);
