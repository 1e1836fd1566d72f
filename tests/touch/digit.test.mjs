import assert from "node:assert/strict";
import { test } from "node:test";
import { runInThisContext } from "node:vm";
import { close, golden, touch } from "./harness.mjs";

runInThisContext(golden.script);
const all = await touch.parameters("digit");
const read = golden.images.map((image) => touch.readDigit(image, all, golden.config));

test("patches are cut as the chapter cuts them", () =>
  close(golden.images.map((image) => touch.patches(image, golden.config)), golden.patches, 0));
test("gelu is the exact one", () => close(touch.gelu([golden.x]), golden.gelu, 1e-12));
test("logits", () => close(read.map(({ logits }) => logits), golden.logits, 5e-6));
test("weights of all blocks and heads", () => close(read.map(({ weights }) => weights), golden.weights, 2e-6));
test("a head that is switched off", () => {
  const off = Array.from({ length: 5 }, (_, b) => [0, 1, 2, 3].map((h) => b === 1 && h === 1));
  close(golden.images.map((image) => touch.readDigit(image, all, golden.config, off).logits), golden.off, 5e-6);
});
test("an answer takes no more than 33 ms of the processor", () => {
  const times = golden.images.map((image) => {
    const start = process.cpuUsage();
    touch.readDigit(image, all, golden.config);
    return process.cpuUsage(start).user / 1000;
  });
  const median = times.sort((a, b) => a - b)[times.length >> 1];
  assert.ok(median < 33, `${median} ms`);
});
