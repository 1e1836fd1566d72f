import assert from "node:assert/strict";
import { test } from "node:test";
import { close, golden, touch } from "./harness.mjs";

test("shifted digits come back to their place", () => {
  assert.ok(golden.images.length > 290);
  close(golden.shifted.map(touch.prepared), golden.images, 0);
});
test("a digit drawn three times as large comes out as large as MNIST's", () => {
  const large = golden.images[0].flatMap((row) => {
    const wide = row.flatMap((ink) => [ink, ink, ink]);
    return [wide, wide, wide];
  });
  close(touch.prepared(large), golden.images[0], 1e-9);
});
test("no ink is no digit", () => assert.equal(touch.prepared([[0, 0], [0, 0]]), null));
test("a picture at another size keeps its mean", () => {
  const small = touch.resampled([[0, 4, 8], [4, 8, 12]], 1, 2);
  close(small, [[10 / 3, 26 / 3]], 1e-12);
});
