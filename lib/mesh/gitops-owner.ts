/** Which object of which GitOps tool an object belongs to. */
export interface GitopsOwner {
  /** `Kustomization`, `HelmRelease` or `Application`. */
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

type Texts = Readonly<Record<string, string>>;

const fluxKinds = { Kustomization: "kustomize.toolkit.fluxcd.io", HelmRelease: "helm.toolkit.fluxcd.io" } as const;
/** Argo CD's two ways: the annotation `<application>:<group>/<kind>:<namespace>/<name>`, and before it a label. */
const argoAnnotation = "argocd.argoproj.io/tracking-id";
const argoLabels = ["argocd.argoproj.io/instance", "app.kubernetes.io/instance"];

/** Whoever says so in the labels and annotations that these tools put on what they apply. */
export function gitopsOwners(labels: Texts = {}, annotations: Texts = {}): readonly GitopsOwner[] {
  const flux = Object.entries(fluxKinds).flatMap(([kind, group]) => {
    const name = labels[`${group}/name`];
    const namespace = labels[`${group}/namespace`];
    return name === undefined ? [] : [{ kind, ...(namespace === undefined ? {} : { namespace }), name }];
  });
  const tracking = annotations[argoAnnotation]?.split(":")[0];
  const application = tracking ?? argoLabels.map((label) => labels[label]).find((name) => name !== undefined);
  return application === undefined ? flux : [...flux, applicationOf(application)];
}

/** An Application outside Argo CD's own namespace is told as `namespace_name`. */
function applicationOf(instance: string): GitopsOwner {
  const [, namespace, name] = /^([^_]+)_(.+)$/.exec(instance) ?? [];
  const kind = "Application";
  return namespace === undefined || name === undefined ? { kind, name: instance } : { kind, namespace, name };
}

/** `Kustomization flux-system/apps`, `Application web`. */
export function ownerText({ kind, namespace, name }: GitopsOwner): string {
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/** The same object, as far as both say where it is. */
export function isSameOwner(one: GitopsOwner, other: GitopsOwner): boolean {
  const sameNamespace =
    one.namespace === undefined || other.namespace === undefined || one.namespace === other.namespace;
  return one.kind === other.kind && one.name === other.name && sameNamespace;
}
