import { test } from "node:test";
import { runInThisContext } from "node:vm";
import { close, golden, touch } from "./harness.mjs";

runInThisContext(golden.script);
const all = await touch.parameters("cards");
const read = golden.asked.map((asked, i) =>
  touch.readCards(golden.left[i], golden.right[i], asked, all, golden.config));

test("looks", () => close(read.map(({ looks }) => looks), golden.looks, 2e-6));
test("logits", () => close(read.map(({ logits }) => logits), golden.logits, 5e-6));
