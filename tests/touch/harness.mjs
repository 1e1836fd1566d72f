// The script as it ships, run in Node, and the numbers that Python wrote: see conftest.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";

globalThis.HTMLElement = class {};
globalThis.customElements = { get: () => undefined, define: () => undefined };
runInThisContext(readFileSync(process.env.TOUCH_SCRIPT, "utf8"));

/** Every name that a module of the elements exports. */
export const touch = globalThis.bareattention;
export const golden = JSON.parse(readFileSync(process.env.TOUCH_GOLDEN, "utf8"));

/** Hold numbers, nested alike, against each other. */
export function close(got, wanted, tolerance) {
  const [a, b] = [got, wanted].map((numbers) => [numbers].flat(Infinity));
  assert.equal(a.length, b.length);
  a.forEach((x, i) => assert.ok(Math.abs(x - b[i]) <= tolerance, `${x} is not ${b[i]}`));
}
