import { ensureSidecarImage } from "#deploy/images/build.ts";
import { ensureTestImages } from "#test/images/images.ts";
import type { Progress } from "./cache.ts";
import { ensureEnvoy } from "./envoy.ts";
import { ensureKubernetesBinary } from "./kubernetes-binary.ts";
import { ensureMinistack } from "./ministack.ts";

export interface Step {
  readonly title: string;
  /** Finds the part in the cache or makes it; safe beside other runs. */
  readonly ensure: (progress: Progress) => Promise<unknown>;
}

/** What a test world needs beyond apt packages, each step independent of the others; ./parts.json describes them. */
export const steps: readonly Step[] = [
  { title: "Kubernetes and etcd", ensure: ensureKubernetesBinary },
  {
    title: "Envoy and the sidecar's image",
    ensure: async (progress) => ensureSidecarImage(await ensureEnvoy(progress), progress),
  },
  { title: "Test images", ensure: ensureTestImages },
  { title: "AWS emulator", ensure: ensureMinistack },
];
