import assert from "node:assert/strict";
import { test } from "node:test";
import { close, golden, touch } from "./harness.mjs";

const { queries, keys, values, mask, wrong } = golden;

for (const [name, output] of Object.entries(wrong)) {
  test(`output of ${name || "the right one"}`, () =>
    close(touch.broken(queries, keys, values, mask, name).output, output, 1e-12));
}

test("harm: sums of rows, distance from the right output, weight where nobody may look", () => {
  const found = touch.harm([[0.5, 0.5], [1, 0.5]], [[1], [2]], [[1], [5]], [[true, false], [true, true]]);
  assert.deepEqual(found, { sums: [1, 1.5], off: 3, leak: 0.5 });
});
