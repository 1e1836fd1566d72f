import assert from "node:assert/strict";
import { test } from "node:test";
import { close, golden, touch } from "./harness.mjs";

for (const { order, places, values, weights, output } of golden.read)
  test(`the order ${order}, places ${!!places}`, () => {
    const read = touch.readSentence(golden.head, order, places);
    close(read.values, values, 1e-12);
    close(read.weights, weights, 1e-12);
    close(read.output, output, 1e-12);
  });

test("a word moves, and the others keep their order", () => {
  const order = [3, 1, 2, 0];
  assert.deepEqual(touch.moved(order, 0, 3), [1, 2, 0, 3]);
  assert.deepEqual(touch.moved(order, 3, 1), [3, 0, 1, 2]);
  assert.deepEqual(order, [3, 1, 2, 0]);
});
