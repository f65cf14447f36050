import fc from "fast-check";
import type { JudgedContainer, JudgedPod } from "#lib/mesh/pod-guarantee.ts";
import { appContainer } from "./pods.ts";

type Security = NonNullable<JudgedContainer["securityContext"]>;

const users = fc.constantFrom(0, 1, 1000, 1499, 1500, 1501);
const added = fc.constantFrom(
  "NET_BIND_SERVICE",
  "cap_net_bind_service",
  "NET_ADMIN",
  "CAP_NET_RAW",
  "setuid",
  "SYS_PTRACE",
  "ALL",
);
const dropped = fc.constantFrom(
  "ALL",
  "all",
  "SETUID",
  "CAP_SETUID",
  "setgid",
  "SETGID",
  "NET_RAW",
  "CHOWN",
  // In upper case by Unicode it is another one.
  "ſETUID",
);

const anyCapabilities = fc.record(
  { add: fc.uniqueArray(added, { maxLength: 2 }), drop: fc.uniqueArray(dropped, { maxLength: 4 }) },
  { requiredKeys: [] },
);

const anySecurity = fc.record(
  {
    privileged: fc.boolean(),
    allowPrivilegeEscalation: fc.boolean(),
    runAsUser: users,
    capabilities: anyCapabilities,
  },
  { requiredKeys: [] },
);

const harmless: Security = { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };

/** Harmless with a difference as often as anything, so that both sides of every rule are met. */
const securities: fc.Arbitrary<Security | undefined> = fc
  .oneof(
    { weight: 6, arbitrary: fc.constant(harmless) },
    {
      weight: 4,
      arbitrary: fc
        .record({ runAsUser: users, capabilities: anyCapabilities }, { requiredKeys: [] })
        .map((it) => ({ ...harmless, ...it })),
    },
    {
      weight: 2,
      arbitrary: anyCapabilities.map((capabilities) => ({ allowPrivilegeEscalation: false, capabilities })),
    },
    { weight: 2, arbitrary: anySecurity },
    { weight: 1, arbitrary: fc.constant(undefined) },
  )
  .map((it: Security | undefined) => {
    if (!it?.privileged) return it;
    // The API server refuses both together.
    const { allowPrivilegeEscalation: _, ...rest } = it;
    return rest;
  });

function container(name: string): fc.Arbitrary<JudgedContainer & { readonly image: string }> {
  return securities.map((security) => ({ ...appContainer, name, ...(security ? { securityContext: security } : {}) }));
}

/** Specs that the API server itself takes, of pods that are to be injected. */
export const podSpecs: fc.Arbitrary<JudgedPod["spec"]> = fc.record(
  {
    containers: fc.oneof(
      { weight: 3, arbitrary: fc.tuple(container("app")) },
      { weight: 1, arbitrary: fc.tuple(container("app"), container("log")) },
    ),
    initContainers: fc.tuple(container("own")),
    securityContext: fc.record({ runAsUser: users }),
    hostNetwork: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  },
  { requiredKeys: ["containers"] },
);
