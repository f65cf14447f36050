import { sidecar } from "#lib/mesh/names.ts";
import { addEphemeral, commanding, getsOut, outward, reachesFromElsewhere } from "./attempts.ts";
import { app, type Ground, must, plain, shop, shopPod } from "./ground.ts";
import type { Contained, Family, Refused } from "./ways.ts";

const byGuard = "Policy `osm-sidecar-guard`";
const stay = "their images stay as they are";
const nobodyEnters = "nobody enters them";
/** A pod of root's, whose containers share their processes. */
export const shared = "shared";
/** Where processes are shared; it may just be on its way back. */
const findEnvoy = `while envoy=$(ps | grep '[/]usr/local/bin/envoy' | sed 's/^ *//' | cut -d' ' -f1); [ -z "$envoy" ]; do sleep 1; done`;
const testApp = "osm-egress/test-app:test";

function swap(container: string): Refused {
  const patch = JSON.stringify({ spec: { initContainers: [{ name: container, image: testApp }] } });
  return commanding(
    `The image of \`${container}\` replaced in a running pod`,
    ["patch", "pod", plain, "--type=strategic", "-p", patch],
    stay,
    byGuard,
  );
}

/** Needs a right that `edit` has not. */
function joining(way: string, container: object, says: string): Refused {
  return {
    verdict: "refused",
    way: `An ephemeral container ${way}`,
    because: byGuard,
    says,
    attempt: ({ trudy }) => addEphemeral(trudy, plain, container),
  };
}

const withEditAlone: Refused = {
  verdict: "refused",
  way: "An ephemeral container, with `edit` alone",
  because: "RBAC: `edit` has no `pods/ephemeralcontainers`; the rows below are for those who have it too",
  says: "pods/ephemeralcontainers",
  attempt: ({ mallory }) => addEphemeral(mallory, plain, {}),
};

/** The kubelet starts ephemeral containers beside init containers, on whatever network there is by then. */
const early: Refused = {
  verdict: "refused",
  way: "An ephemeral container in a pod whose capture does not stand yet",
  because: `${byGuard}: only after \`${sidecar.captureContainer}\` has finished`,
  says: `only after ${sidecar.captureContainer} has finished`,
  async attempt({ mallory, trudy }) {
    await must(mallory(["create", "-f", "-"], shopPod("gated", { schedulingGates: [{ name: "example.com/wait" }] })));
    return addEphemeral(trudy, "gated", {});
  },
};

const copy: Contained = {
  verdict: "contained",
  way: "A copy of a pod with other images for both, by `kubectl debug --copy-to`",
  because: "A pod that brings both containers gets them rendered anew",
  async prepare({ mallory }) {
    await must(mallory(["wait", "--for=condition=Ready", "-n", shop, `pod/${plain}`, "--timeout=60s"]));
    const images = [sidecar.captureContainer, sidecar.container].map((name) => `${name}=${testApp}`);
    await must(
      mallory(["debug", plain, "-n", shop, "--copy-to=copy", `--set-image=${images.join(",")}`, "--keep-labels"]),
    );
  },
  attempt: async (ground) => ({
    got: (await foreignImages(ground, "copy")) || (await getsOut(ground, "copy", outward())),
    control: await reachesFromElsewhere(ground, outward()),
  }),
};

/** Whether the mesh's two containers have an image of somebody else's. */
export async function foreignImages({ admin }: Ground, pod: string): Promise<boolean> {
  const of = (name: string) =>
    must(admin(["get", "pod", name, "-n", shop, "-o", "jsonpath={.spec.initContainers[*].image}"]));
  return (await of(pod)) !== (await of(plain));
}

export const entering: Family = {
  title: "Into the sidecar of a running pod",
  attacks: [
    swap(sidecar.container),
    swap(sidecar.captureContainer),
    commanding("`kubectl exec` into it", ["exec", plain, "-c", sidecar.container, "--", "sh"], nobodyEnters, byGuard),
    commanding("`kubectl attach` to it", ["attach", plain, "-c", sidecar.container], nobodyEnters, byGuard),
    {
      verdict: "refused",
      way: "`kubectl exec` without a container's name, where an annotation makes the sidecar the default one",
      because: byGuard,
      says: nobodyEnters,
      async attempt({ mallory }) {
        const annotation = `kubectl.kubernetes.io/default-container=${sidecar.container}`;
        await must(mallory(["annotate", "pod", plain, "-n", shop, "--overwrite", annotation]));
        return mallory(["exec", plain, "-n", shop, "--", "sh"]);
      },
    },
    withEditAlone,
    joining("as user 1500", { securityContext: { runAsUser: sidecar.uid } }, `must not run as uid ${sidecar.uid}`),
    joining("with NET_ADMIN", { securityContext: { capabilities: { add: ["NET_ADMIN"] } } }, "must add none of"),
    joining("that is privileged", { securityContext: { privileged: true } }, "must not be privileged"),
    joining("in the sidecar's process space", { targetContainerName: sidecar.container }, "must not target"),
    joining(
      "with the volume of Envoy's admin socket",
      { volumeMounts: [{ name: "osm-sidecar-run", mountPath: "/there" }] },
      "must not mount",
    ),
    early,
    copy,
    commanding(
      "Another service account for a running pod",
      ["patch", "pod", plain, "--type=merge", "-p", JSON.stringify({ spec: { serviceAccountName: "other" } })],
      "pod updates may not change fields",
      "The API server: it is immutable",
    ),
    commanding(
      "The sidecar of a running pod starved",
      [
        "patch",
        "pod",
        plain,
        "--subresource=resize",
        "-p",
        JSON.stringify({
          spec: { initContainers: [{ name: sidecar.container, resources: { limits: { memory: "16Mi" } } }] },
        }),
      ],
      "pods/resize",
      "RBAC: `edit` has no `pods/resize`. Whoever has it can make a pod unreachable, not open: the capture stands without Envoy",
    ),
    {
      verdict: "contained",
      way: "Envoy killed by a container that shares its processes, and the time until it is back",
      because: "The capture stands without it",
      // Root, with what a container has by default: it may kill.
      pod: {
        name: shared,
        spec: () => ({ shareProcessNamespace: true, containers: [app({ securityContext: { runAsUser: 0 } })] }),
      },
      attempt: async (ground) => ({
        got: await getsOut(ground, shared, outward(), { before: `${findEnvoy}; kill -9 $envoy && ` }),
        control: await reachesFromElsewhere(ground, outward()),
      }),
    },
    {
      verdict: "contained",
      way: "Envoy's files and admin socket by `/proc/PID/root`, where processes are shared",
      because: "Another user's process is the kernel's to guard; it takes SYS_PTRACE, or to be user 1500",
      async attempt({ mallory }) {
        const list = async (process: string) => {
          const line = `${findEnvoy}; ls /proc/${process}/root/bin`;
          return (await mallory(["exec", "-n", shop, shared, "-c", "app", "--", "sh", "-c", line])).ok;
        };
        return { got: await list("$envoy"), control: await list("self") };
      },
    },
  ],
};
