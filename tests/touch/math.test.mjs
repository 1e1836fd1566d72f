import assert from "node:assert/strict";
import { test } from "node:test";
import { close, golden, touch } from "./harness.mjs";

for (const { how, queries, keys, values, scores, weights, output } of golden.heads)
  test(`attention ${JSON.stringify({ ...how, mask: !!how.mask })}`, () => {
    const head = touch.attention(queries, keys, values, how);
    close(head.scores, scores, 1e-12);
    close(head.weights, weights, 1e-12);
    close(head.output, output, 1e-12);
  });

test("entropy and the size of the Jacobian", () => {
  close(golden.rows.map(touch.entropy), golden.entropies, 1e-12);
  close(golden.rows.map(touch.jacobian), golden.jacobians, 1e-12);
});

for (const [map, colours] of Object.entries(golden.colours))
  test(`colours of ${map}`, () => {
    assert.deepEqual(golden.places.map((place) => touch.colour(map, place)), colours);
  });

test("ink on colours", () => {
  assert.deepEqual(golden.papers.map(touch.inkOn), golden.inks);
});

test("numbers as the book writes them", () => {
  const written = [-1.005, -0.001, 0, 2, -Infinity, Infinity, NaN].map((x) => touch.fmt(x));
  assert.deepEqual(written, ["−1.00", "0.00", "0.00", "2.00", "−∞", "∞", "NaN"]);
  assert.equal(touch.fmt(-3, 0), "−3");
});
