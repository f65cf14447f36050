import { describe, expect, test } from "vitest";
import { meshInjectionDefinition } from "#deploy/crds/mesh-injection.ts";
import { meshInjection } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import type { GuardObject } from "#lib/rollout/drift/guard-object.ts";
import { installedImage } from "#lib/rollout/drift/installed-image.ts";

const parameters = (sidecar: string) => ({ ...defaults, images: { ...defaults.images, sidecar } });
const writtenBy = (object: GuardObject, manager: string, field: object): GuardObject => {
  const managedFields = [{ manager, time: "2026-10-02T00:00:00Z", fieldsV1: { "f:spec": field } }];
  return { ...object, metadata: { ...object.metadata, managedFields } };
};
const definition = (image: string, manager = "osm-install") =>
  writtenBy(meshInjectionDefinition(parameters(image)), manager, { "f:versions": {} });
const injection = (image: string, manager = "osm-install") =>
  writtenBy(meshInjection(parameters(image)), manager, { "f:images": { "f:sidecar": {} } });

describe("the installed image", () => {
  test.each<readonly [string, GuardObject | undefined, GuardObject | undefined, string | undefined, boolean]>([
    // the definition's default, the MeshInjection's, the installed one, whether the MeshInjection was changed
    ["both places", definition("a"), injection("a"), "a", false],
    ["the MeshInjection is lost", definition("a"), undefined, "a", false],
    ["the definition is lost", undefined, injection("a"), "a", false],
    ["both are lost", undefined, undefined, undefined, false],
    ["somebody has changed the MeshInjection", definition("a"), injection("b", "kubectl"), "a", true],
    ["somebody has changed the definition", definition("b", "kubectl"), injection("a"), "a", false],
    ["somebody has changed both", definition("a", "kubectl"), injection("b", "kubectl"), "a", true],
    ["an installation has changed both", definition("a"), injection("b"), "a", true],
  ])("%s", (_what, of, used, wanted, isChanged) => {
    const image = installedImage(of, used);
    expect([image.wanted, image.instead !== undefined]).toEqual([wanted, isChanged]);
  });

  test("and when it was written", () => {
    expect(installedImage(definition("a"), injection("a")).writtenAtMs).toBe(Date.parse("2026-10-02T00:00:00Z"));
    expect(installedImage(definition("a"), meshInjection(parameters("a"))).writtenAtMs).toBeUndefined();
  });
});
