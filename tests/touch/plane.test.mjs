import assert from "node:assert/strict";
import { test } from "node:test";
import { close, golden, touch } from "./harness.mjs";

const { points, others, degrees, hull } = golden;

test("angles", () => close(points.map((point, i) => touch.angle(point, others[i])), degrees, 1e-9));
test("no angle without a length", () => assert.ok(Number.isNaN(touch.angle([0, 0], [1, 0]))));
test("the hull's corners in order", () => close(touch.hull(points), hull, 0));
test("hulls of one and of two points", () => {
  assert.deepEqual(touch.hull([[1, 2]]), [[1, 2]]);
  assert.deepEqual(touch.hull([[1, 2], [0, 2]]), [[0, 2], [1, 2]]);
});
