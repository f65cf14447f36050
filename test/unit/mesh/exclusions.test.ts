import { describe, expect, test } from "vitest";
import { overlap, parseCidrs, parsePorts } from "#lib/mesh/exclusions.ts";

describe("ranges", () => {
  test.each([
    ["", []],
    [" ", []],
    ["10.0.0.0/8", ["10.0.0.0/8"]],
    ["10.1.2.3/8", ["10.0.0.0/8"]],
    ["255.255.255.255/32", ["255.255.255.255/32"]],
    ["255.255.255.255/1", ["128.0.0.0/1"]],
    ["1.2.3.4/0", ["0.0.0.0/0"]],
    [" 10.0.0.0/8 , 192.168.1.1/32 ", ["10.0.0.0/8", "192.168.1.1/32"]],
    ["192.168.0.0/16,10.0.0.0/8,10.9.9.9/8", ["10.0.0.0/8", "192.168.0.0/16"]],
  ])("%j", (text, items) => expect(parseCidrs(text)).toEqual({ items }));

  test.each([
    [",", ""],
    ["10.0.0.0/8,", ""],
    ["10.0.0.0", "10.0.0.0"],
    ["10.0.0.0/33", "10.0.0.0/33"],
    ["10.0.0.256/32", "10.0.0.256/32"],
    ["10.0.0.0/08", "10.0.0.0/08"],
    ["010.0.0.0/8", "010.0.0.0/8"],
    ["10.0.0/8", "10.0.0/8"],
    ["10.0.0.0/-1", "10.0.0.0/-1"],
    ["fd00::/8", "fd00::/8"],
    ["10.0.0.0/8;11.0.0.0/8", "10.0.0.0/8;11.0.0.0/8"],
    ["10.0.0.0/8,x,y", "x"],
  ])("%j is none because of %j", (text, bad) => expect(parseCidrs(text)).toMatchObject({ bad }));
});

describe("ports", () => {
  test.each([
    ["", []],
    ["1", [1]],
    ["65535", [65_535]],
    ["443, 80,443", [80, 443]],
    ["9,10", [9, 10]],
  ])("%j", (text, items) => expect(parsePorts(text)).toEqual({ items }));

  test.each([
    [",", ""],
    ["0", "0"],
    ["65536", "65536"],
    ["080", "080"],
    ["-1", "-1"],
    ["80.0", "80.0"],
    ["1e3", "1e3"],
    ["80 81", "80 81"],
    ["80,,81", ""],
  ])("%j is none because of %j", (text, bad) => expect(parsePorts(text)).toMatchObject({ bad }));
});

test.each([
  [256, undefined],
  [257, "257 of them"],
])("of %i items", (count, bad) => {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const ports = numbers.join(",");
  const ranges = numbers.map((number) => `10.${number >> 8}.${number & 255}.0/24`).join(",");
  expect([parsePorts(ports), parseCidrs(ranges)].map((parsed) => ("bad" in parsed ? parsed.bad : undefined))).toEqual([
    bad,
    bad,
  ]);
  expect(parsePorts(`${ports},1,1`)).toEqual(parsePorts(ports));
});

describe("two ranges", () => {
  test.each([
    ["10.0.0.0/8", "10.0.0.0/8", true],
    ["10.0.0.0/8", "10.96.0.0/16", true],
    ["10.96.255.255/32", "10.96.0.0/16", true],
    ["10.97.0.0/32", "10.96.0.0/16", false],
    ["10.95.255.255/32", "10.96.0.0/16", false],
    ["0.0.0.0/0", "255.255.255.255/32", true],
    ["0.0.0.0/1", "128.0.0.0/1", false],
    ["192.0.2.0/25", "192.0.2.128/25", false],
    ["10.96.7.9/8", "10.1.0.0/16", true],
    ["fd00::/8", "fd00::/8", false],
  ])("%s and %s: %j", (one, other, common) => {
    expect([overlap(one, other), overlap(other, one)]).toEqual([common, common]);
  });
});
