import { injectedVolumeNames } from "#lib/envoy/injected-containers.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { labels, sidecar } from "#lib/mesh/names.ts";
import { plainConfigPrefix } from "#lib/mesh/sidecar-config-name.ts";
import { Cel, cel } from "../cel.ts";
import { ordinaryNamespaces } from "../injection/policy.ts";
import type { Parameters } from "../parameters.ts";
import { denyingBinding, namespacedRule, validatingPolicy } from "./admission.ts";

const name = "osm-sidecar-guard";
const ours = [sidecar.captureContainer, sidecar.container];
/** What leads to Envoy's user, or changes the pod's network, in a container that is added to a running pod. */
const dangerous = ["NET_ADMIN", "NET_RAW", "SETUID", "SETGID", "SYS_ADMIN", "ALL"];
/** Leads into processes that can be seen: only where the pod shares them is Envoy's among those. `kubectl debug` asks for it. */
const tracing = "SYS_PTRACE";

/**
 * Keeps people with the right to edit pods away from what injection has put into them: the images of the two containers
 * are the only part of those that a running pod lets anybody change, and exec, attach and ephemeral containers are the
 * ways into it. At its creation a pod gets both rendered anew, whatever it brings. An ephemeral container starts while init
 * containers still run, or fail for ever: not before the capture stands.
 *
 * A pod keeps its sidecar when its namespace leaves the mesh, and is known by that in any namespace. Who enters a container
 * names the pod and does not show it: there the namespace's label has to say it, the mesh's or the one that stays behind
 * when `osm namespace remove` leaves pods with a sidecar.
 *
 * A container that is added without asking for any of this may still have capabilities by default; such a pod is outside
 * the guarantee, like one that was created so.
 */
export function sidecarGuardPolicy({ meshName }: Parameters): KubeObject {
  return validatingPolicy(name, {
    matchConstraints: {
      resourceRules: [
        namespacedRule(["UPDATE"], ["pods", "pods/ephemeralcontainers"]),
        namespacedRule(["CONNECT"], ["pods/exec", "pods/attach"]),
      ],
    },
    variables: [
      { name: "subresource", expression: `request.?subResource.orValue("")` },
      { name: "isMember", expression: hasLabel(labels.monitoredBy, meshName).text },
      {
        name: "hasSidecar",
        // Of a pod that runs neither names nor kinds of these can be changed.
        expression: cel`
            oldObject.spec.?initContainers.orValue([]).exists(c,
                c.name == ${sidecar.container} && c.?restartPolicy.orValue("") == "Always")
              && oldObject.spec.?volumes.orValue([]).exists(v, v.name == ${sidecar.volume}
                && v.?configMap.?name.orValue("").startsWith(${plainConfigPrefix}))`.text,
      },
      {
        name: "added",
        // Of those that were there before nothing can be changed.
        expression: cel`
            variables.subresource != "ephemeralcontainers" || !(variables.isMember || variables.hasSidecar) ? [] :
              object.spec.?ephemeralContainers.orValue([]).filter(c,
                !oldObject.spec.?ephemeralContainers.orValue([]).exists(o, o.name == c.name))`.text,
      },
      {
        name: "captured",
        // The kubelet's own word; nobody else writes a pod's status.
        expression: cel`
            !oldObject.spec.?initContainers.orValue([]).exists(c, c.name == ${sidecar.captureContainer})
              || oldObject.?status.?initContainerStatuses.orValue([]).exists(s,
                s.name == ${sidecar.captureContainer} && s.ready)`.text,
      },
    ],
    validations: [
      {
        expression: cel`
            request.operation != "UPDATE" || variables.subresource != ""
              || ${images("object")} == ${images("oldObject")} || !(variables.isMember || variables.hasSidecar)`.text,
        message: `containers ${ours.join(" and ")} are the mesh's: their images stay as they are; osm restart --outdated brings new ones`,
        reason: "Forbidden",
      },
      {
        expression: cel`
            request.operation != "CONNECT" || !(object.?container.orValue("") in ${ours})
              || !(variables.isMember || ${hasLabel(labels.leftMesh, meshName)})`.text,
        message: `containers ${ours.join(" and ")} are the mesh's: nobody enters them; kubectl logs works`,
        reason: "Forbidden",
      },
      {
        expression: "size(variables.added) == 0 || variables.captured",
        message: `${name}: an ephemeral container only after ${sidecar.captureContainer} has finished: the kubelet does not wait for that, and nothing of the pod is captured before`,
        reason: "Forbidden",
      },
      refused(
        `c.?volumeMounts.orValue([]).exists(m, m.name in ${literalList(injectedVolumeNames)})`,
        `must not mount ${injectedVolumeNames.join(" or ")}, which are the sidecar's`,
      ),
      refused(`c.?targetContainerName.orValue("") in ${literalList(ours)}`, `must not target ${ours.join(" or ")}`),
      refused("c.?securityContext.?privileged.orValue(false)", "must not be privileged"),
      refused(addsOneOf(dangerous), `must add none of ${dangerous.join(", ")}`),
      refused(
        `(object.spec.?shareProcessNamespace.orValue(false) || object.spec.?hostPID.orValue(false)) && ${addsOneOf([tracing])}`,
        `must not add ${tracing} where its processes are shared, the sidecar's among them`,
      ),
      refused(
        cel`
            c.?securityContext.?runAsUser.orValue(object.spec.?securityContext.?runAsUser.orValue(0)) == ${sidecar.uid}`
          .text,
        `must not run as uid ${sidecar.uid}, which is the sidecar's`,
      ),
    ],
  });
}

export function sidecarGuardBinding(parameters: Parameters): KubeObject {
  return denyingBinding(name, ordinaryNamespaces(parameters));
}

function hasLabel(label: string, value: string): Cel {
  return cel`(namespaceObject.metadata.?labels[?${label}].orValue("") == ${value})`;
}

function images(object: "object" | "oldObject"): Cel {
  return cel`
    ${new Cel(object)}.spec.?initContainers.orValue([]).filter(c, c.name in ${ours}).map(c, c.image)`;
}

/** An ephemeral container `c` for which the condition holds. */
function refused(condition: string, rule: string) {
  const offenders = `variables.added.filter(c, ${condition}).map(c, c.name)`;
  return {
    expression: `size(${offenders}) == 0`,
    message: `${name}: an ephemeral container of a mesh pod ${rule}`,
    messageExpression: cel`${`${name}: ephemeral container `} + ${new Cel(offenders)}.join(", ") + ${` ${rule}`}`.text,
    reason: "Forbidden",
  };
}

/** CEL: whether container `c` adds one of them, by whichever name. */
function addsOneOf(capabilities: readonly string[]): string {
  const added = "c.?securityContext.?capabilities.?add.orValue([])";
  return `${added}.exists(n, n.upperAscii().replace("CAP_", "") in ${literalList(capabilities)})`;
}

function literalList(values: readonly string[]): string {
  return cel`${[...values]}`.text;
}
