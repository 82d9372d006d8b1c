// The CLI loads a pack by `require`, with a TypeScript compiler of its own that knows no ES modules: a dynamic import goes past
// it, and Node itself runs the sources, as it runs index.ts.
module.exports = import("./pack.ts");
