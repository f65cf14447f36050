import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type InjectingMesh, meshOfCluster, meshOfFile } from "#lib/cli/inject/mesh.ts";
import { injectSources } from "#lib/cli/inject/render.ts";
import { readSources } from "#lib/cli/inject/sources.ts";
import { program } from "#lib/cli/main.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { annotations, labels } from "#lib/mesh/names.ts";

const meshInjection = `
apiVersion: egress.openservicemesh.io/v1alpha1
kind: MeshInjection
metadata: {name: osm-config, namespace: osm-system}
spec: {images: {sidecar: "registry/osm-egress/sidecar:7"}, excludedPorts: [5432]}
`;
const app = "containers: [{name: app, image: x}]";

function pod(name: string, wish?: string, spec = app): string {
  const its = wish === undefined ? "" : `, annotations: {${annotations.injection}: ${wish}}`;
  return `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}${its}}\nspec: {${spec}}\n`;
}

/** Members `shop` (enabled), `quiet` (disabled) and `typo`; and `outside`, which is none. */
const mesh: InjectingMesh = {
  place: { meshName: "osm", osmNamespace: "osm-system" },
  injection: { images: { sidecar: "sidecar:1" } },
  namespace: async (name) => {
    const wish = { shop: "enabled", quiet: "disabled", typo: "enabeld", outside: "" }[name];
    if (wish === undefined) return undefined;
    const its = { annotations: { [annotations.injection]: wish } };
    return { name, ...its, labels: wish === "" ? {} : { [labels.monitoredBy]: "osm" } };
  },
  limitDefaults: async () => ({ limits: {}, requests: {} }),
};

const inject = (text: string, namespace = "shop") => injectSources([{ name: "app.yaml", text }], mesh, namespace);
const problems = (text: string, namespace = "shop") =>
  inject(text, namespace).then(
    () => "none",
    (error: unknown) => (error as Error).message,
  );

describe("who is injected", () => {
  test.each([
    // namespace, the pod's annotation, note
    ["shop", undefined, "injected"],
    ["shop", "disabled", "not injected: disabled by its own annotation"],
    ["quiet", undefined, "not injected: disabled by its namespace's annotation"],
    ["quiet", "enabled", "injected"],
    ["outside", "enabled", "not injected: namespace outside is not in mesh osm"],
    ["typo", "enabled", "injected"],
  ])("namespace %s, pod %j: %s", async (namespace, wish, note) => {
    const { text, notes } = await inject(pod("web", wish), namespace);
    expect(notes).toEqual([`Pod web: ${note}`]);
    expect(text.includes("osm-init")).toBe(note === "injected");
  });

  test("an object's own namespace counts more than the command's", async () => {
    const { notes } = await inject(pod("web").replace("name: web", "name: web, namespace: quiet"));
    expect(notes).toEqual(["Pod quiet/web: not injected: disabled by its namespace's annotation"]);
  });

  test("what makes pods and is of no kind that is known is told of, and nothing else is", async () => {
    const rollout = `apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec: {template: {spec: {${app}}}}\n`;
    const other = rollout.replace("argoproj.io", "example.com").replace("template", "pattern");
    const { text, notes } = await inject(`${rollout}---\n${other}`);
    expect(notes).toEqual(["Rollout web: not injected: osm does not know this kind"]);
    const podTemplate = `apiVersion: v1\nkind: PodTemplate\nmetadata: {name: web}\ntemplate: {spec: {${app}}}\n`;
    expect((await inject(podTemplate)).notes).toEqual(["PodTemplate web: not injected: osm does not know this kind"]);
    expect(text).toBe(`---\n${rollout}---\n${other}`);
  });
});

describe("what else is in the stream", () => {
  test("documents without an injected pod are as they were, to the byte; the order is the same", async () => {
    const config = "# note\nkind:   ConfigMap\ndata: {a: 'yes', mode: 0644}\n";
    const block = "kind: ConfigMap\ndata:\n  text: |+\n    kept\n\n\n";
    const { text } = await inject(
      `${config}--- # next\n${pod("web")}---\n${block}---\n${pod("off", "disabled")}---\n\n---\n# the end`,
    );
    const parts = text.split("---\n");
    expect(parts.length).toBe(6);
    expect([parts[0], parts[1], parts[3], parts[4], parts[5]]).toEqual([
      "",
      config,
      block,
      pod("off", "disabled"),
      "# the end\n",
    ]);
    expect(parts[2]).toContain("name: osm-init");
  });

  test("JSON is taken too", async () => {
    const { notes } = await inject(
      '{\n\t"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},\n\t"spec": {"containers": [{"name": "a"}]}\n}\n',
    );
    expect(notes).toEqual(["Pod web: injected"]);
  });

  test("a JSON stream is read as kubectl reads it: its objects are documents", async () => {
    const json = (name: string) =>
      `{"apiVersion": "v1",\n "kind": "Pod", "metadata": {"name": "${name}"},\n "spec": {"containers": [{"name": "}}}\\"{"}]}}`;
    const { text, notes } = await inject(`${json("a")}\n${json("b")}${json("c")}\n`);
    expect(notes).toEqual(["a", "b", "c"].map((name) => `Pod ${name}: injected`));
    expect(text.split("---\n").length).toBe(4);
    const left = `{"kind": "A"}\n\n{"kind": "B", "x": {}}\n`;
    expect((await inject(left)).text).toBe(`---\n{"kind": "A"}\n---\n{"kind": "B", "x": {}}\n`);
    expect(await problems(`${json("a")}\n\n${json("")}\n{"kind": "Pod"}`)).toContain(
      "document 3, Pod without a name: spec",
    );
    expect(await problems(`${json("a")}\n{kind: B}`)).toContain("document 1: line 4: ");
  });

  test("flow style that is no JSON is one document", async () => {
    expect((await inject("{a: '{', b: {}}\n")).text).toBe("---\n{a: '{', b: {}}\n");
  });

  test("an integer that is beyond JavaScript's is printed as it was", async () => {
    const most = "activeDeadlineSeconds: 9223372036854775807, terminationGracePeriodSeconds: 0x7fffffffffffffff";
    const { text } = await inject(pod("web", undefined, `${app}, ${most}, priority: 0644`));
    expect(text).toContain("activeDeadlineSeconds: 9223372036854775807\n");
    expect(text).toContain("terminationGracePeriodSeconds: 9223372036854775807\n");
    expect(text).toContain("priority: 420\n");
    const limits = "resources: {limits: {cpu: 1, memory: 9007199254740993}}";
    const large = await inject(pod("web", undefined, `containers: [{name: app, image: x, ${limits}}]`));
    expect(large.text).toContain("memory: 9007199254740993\n");
  });

  test("a line of blanks keeps them", async () => {
    const env = String.raw`env: [{name: a, value: " \n"}, {name: b, value: "a\n\t\nb\n"}, {name: c, value: "a\nb\n"}]`;
    const { text } = await inject(pod("web", undefined, `containers: [{name: app, image: x, ${env}}]`));
    expect(text).toContain(String.raw`value: "\ \n"`);
    expect(text).toContain(String.raw`value: "a\n\t\nb\n"`);
    expect(text).toContain("value: |\n");
  });

  test("a namespace of the stream counts, as it will be once it is applied", async () => {
    const space = (name: string, wish: string, label = "osm") =>
      `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: {${labels.monitoredBy}: ${label}}, annotations: {${annotations.injection}: ${wish}}}\n`;
    const notes = async (text: string, namespace: string) => (await inject(text, namespace)).notes;
    expect(await notes(`${pod("web")}---\n${space("new", "enabled")}`, "new")).toEqual(["Pod web: injected"]);
    expect(await notes(`${space("shop", "disabled")}---\n${pod("web")}`, "shop")).toEqual([
      "Pod web: not injected: disabled by its namespace's annotation",
    ]);
    expect(await notes(`${space("outside", "enabled", "mine")}---\n${pod("web")}`, "outside")).toEqual([
      "Pod web: not injected: namespace outside is not in mesh osm",
    ]);
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${space("new", "enabled").trim().replaceAll("\n", "\n  ")}\n`;
    expect(await notes(`${list}---\n${pod("web")}`, "new")).toEqual(["Pod web: injected"]);
    const bare = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    expect(await notes(`${bare}---\n${pod("web")}`, "shop")).toEqual(["Pod web: injected"]);
  });

  test("an empty input has an empty output", async () => {
    expect(await inject("\n---\n---\n")).toEqual({ text: "", notes: [] });
  });
});

describe("what is wrong is named by file, document and field, and nothing is printed", () => {
  const field = `metadata.annotations["${annotations.injection}"]`;

  test.each<[string, string, string, string]>([
    ["an unknown wish", pod("web", "enabeld"), "shop", `Pod web: ${field}: "enabeld" must be enabled or disabled`],
    [
      "a wish that YAML takes for a boolean",
      pod("web", "yes"),
      "shop",
      `Pod web: ${field}: Invalid input: expected string, received boolean`,
    ],
    [
      "the namespace's",
      pod("web"),
      "typo",
      `Pod web: annotation ${annotations.injection} of namespace typo: "enabeld" must be enabled or disabled`,
    ],
    [
      "no such namespace",
      pod("web"),
      "nowhere",
      "Pod web: namespace nowhere does not exist: create it, then osm namespace add it",
    ],
    [
      "a container of our name",
      pod("web", undefined, "containers: [{name: envoy}]"),
      "shop",
      "Pod web: spec.containers has envoy, which is the name of one of the sidecar's",
    ],
    [
      "a probe of another host",
      pod(
        "web",
        undefined,
        "containers: [{name: app, image: x, livenessProbe: {httpGet: {host: example.com, port: 80}}}]",
      ),
      "shop",
      "Pod web: spec.containers[0].livenessProbe.httpGet.host must not be there: the kubelet would ask this host from the node's network, past the capture; without it, it asks the pod",
    ],
    [
      "name servers of its own",
      pod("web", undefined, `${app}, dnsConfig: {nameservers: [8.8.8.8]}`),
      "shop",
      "Pod web: spec.dnsConfig.nameservers has 8.8.8.8: name servers of its own would open UDP to them; use dnsPolicy ClusterFirst",
    ],
    [
      "no containers",
      pod("web", undefined, "containers: []"),
      "shop",
      "Pod web: spec.containers: Too small: expected array to have >=1 items",
    ],
    [
      "no template",
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {}\n",
      "shop",
      "Deployment web: spec.template: Invalid input: expected object, received undefined",
    ],
    [
      "deep in a list",
      `apiVersion: v1\nkind: List\nitems:\n- apiVersion: batch/v1\n  kind: CronJob\n  metadata: {name: nightly}\n  spec: {jobTemplate: {spec: {template: {metadata: {annotations: {${annotations.injection}: "on"}}, spec: {${app}}}}}}\n`,
      "shop",
      `CronJob nightly: items[0].spec.jobTemplate.spec.template.${field}: "on" must be enabled or disabled`,
    ],
  ])("%s", async (_what, text, namespace, problem) => {
    expect(await problems(`kind: ConfigMap\n---\n${text}`, namespace)).toBe(`app.yaml, document 2, ${problem}`);
  });

  test.each([
    ["no YAML", "kind: Pod\n a: [", "line 3: Nested mappings are not allowed"],
    ["a directive, which kubectl refuses too", "%YAML 1.1\n---\nkind: A\n", "line 4: a directive: kubectl takes none"],
    ["a key twice", "kind: Pod\nkind: Pod\n", "line 4: Map keys must be unique"],
    [
      "two documents in one",
      "kind: A\n--- {kind: B}\n",
      "line 4: another document begins: put --- on a line of its own",
    ],
  ])("%s, with its line", async (_what, text, problem) => {
    expect(await problems(`kind: ConfigMap\n---\n${text}`)).toContain(`app.yaml, document 2: ${problem}`);
  });

  test("all of it at once", async () => {
    const text = `${pod("a", "on")}---\n${pod("b", "off-ish")}---\n${pod("c")}`;
    expect((await problems(text)).split("\n").length).toBe(2);
  });
});

describe("sources", () => {
  let directory = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "osm-inject-"));
    mkdirSync(join(directory, "tree/b.yaml"), { recursive: true });
    mkdirSync(join(directory, "empty"));
    for (const file of [
      "tree/a.yml",
      "tree/b.yaml/z.json",
      "tree/b.yaml/y.txt",
      "tree/c.yaml",
      "tree/README.md",
      "tree/d.YAML",
    ]) {
      writeFileSync(join(directory, file), `# ${file}\n`);
    }
    writeFileSync(join(directory, "mesh"), `# ours\n---${meshInjection}`);
    writeFileSync(
      join(directory, "list.json"),
      JSON.stringify({
        kind: "List",
        items: [{ apiVersion: "egress.openservicemesh.io/v1alpha1", kind: "MeshInjection", spec: {} }],
      }),
    );
    writeFileSync(join(directory, "app"), pod("web"));
  });
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const read = async (...names: readonly string[]) => {
    const sources = await readSources(
      names.map((name) => (name === "-" ? name : join(directory, name))),
      async () => "from the pipe",
    );
    return sources.map(({ name, text }) => [name.replace(`${directory}/`, ""), text.trim()]);
  };

  test("a directory's, with all below it, by name; a file that is named may be called anything", async () => {
    expect(await read("tree", "tree/README.md")).toEqual(
      ["tree/a.yml", "tree/b.yaml/z.json", "tree/c.yaml", "tree/README.md"].map((file) => [file, `# ${file}`]),
    );
  });

  test("standard input, once", async () => {
    expect(await read("-")).toEqual([["standard input", "from the pipe"]]);
    await expect(read("-", "-")).rejects.toThrow("standard input can be read once");
  });

  test("what cannot be read is named", async () => {
    await expect(read("nothing.yaml")).rejects.toThrow("nothing.yaml: there is no such file or directory");
    await expect(read("empty")).rejects.toThrow("empty: nothing in this directory ends in .json, .yaml, .yml");
    await expect(readSources(["https://x.example/a"], async () => "")).rejects.toThrow("addresses are not read");
  });

  describe("the command, without a cluster", () => {
    let out = "";
    let said = "";
    beforeEach(() => {
      out = "";
      said = "";
      vi.spyOn(process.stdout, "write").mockImplementation((text: unknown) => Boolean((out += String(text))) || true);
      vi.spyOn(process.stderr, "write").mockImplementation((text: unknown) => Boolean((said += String(text))) || true);
    });
    afterEach(() => {
      vi.restoreAllMocks();
    });
    const osm = (...args: readonly string[]) => program().parseAsync(["inject", ...args], { from: "user" });

    test("manifests on standard output, what became of them on standard error", async () => {
      const mine = join(directory, "mesh");
      await osm("-f", join(directory, "app"), "-f", join(directory, "tree"), "--mesh-injection", mine);
      expect(out).toContain("image: registry/osm-egress/sidecar:7");
      expect(out).toContain('- "5432"');
      expect(out.endsWith("---\n# tree/c.yaml\n")).toBe(true);
      expect(said).toMatch(
        /^.*mesh: this MeshInjection is not a cluster's: .*kubectl get meshinjection osm-config -n osm-system -o yaml\nPod web: injected\n$/,
      );
    });

    test("where no mesh may be, nothing is injected", async () => {
      const mine = join(directory, "mesh");
      await osm("-f", join(directory, "app"), "-n", "kube-system", "--mesh-injection", mine);
      expect(out).toBe(`---\n${pod("web")}`);
      expect(said).toContain("namespace kube-system is not in mesh osm");
    });
  });

  test("a cluster's MeshInjection has its Service range, be it none: nothing is to be told", async () => {
    const mine = join(directory, "mesh");
    const theirs = join(directory, "theirs");
    writeFileSync(theirs, meshInjection.replace("excludedPorts", "serviceRanges: [], excludedPorts"));
    expect((await meshOfFile(mine, "osm-system")).doubt).toContain("the Service range");
    expect(await meshOfFile(theirs, "osm-system")).not.toHaveProperty("doubt");
    writeFileSync(theirs, meshInjection.replace("excludedPorts", "serviceRanges: 10.0.0.0/8, excludedPorts"));
    await expect(meshOfFile(theirs, "osm-system")).rejects.toThrow("theirs: spec.serviceRanges: Invalid input");
  });

  test("a MeshInjection that is none is refused with the field", async () => {
    await expect(meshOfFile(join(directory, "app"), "osm-system")).rejects.toThrow(
      "app: there is no MeshInjection of egress.",
    );
    await expect(meshOfFile(join(directory, "list.json"), "osm-system")).rejects.toThrow(
      "list.json: spec.images: Invalid input",
    );
    await expect(meshOfFile(join(directory, "none"), "osm-system")).rejects.toThrow("none: ENOENT");
  });
});

describe("the cluster's mesh", () => {
  /** Answers by path, and counts. */
  function cluster(answers: Readonly<Record<string, object>>): KubeConnection & { readonly asked: string[] } {
    const asked: string[] = [];
    return {
      asked,
      server: "https://api",
      send: async ({ path }) => {
        asked.push(path);
        const found = answers[path];
        return { status: found ? 200 : 404, text: JSON.stringify(found ?? {}), serverTimeMs: undefined };
      },
      stream: () => {
        throw new Error("nothing is watched");
      },
    };
  }
  const injection = "/apis/egress.openservicemesh.io/v1alpha1/namespaces/osm-system/meshinjections/osm-config";

  test("its name, its image, its namespaces and their limits, each read once", async () => {
    const api = cluster({
      [injection]: { spec: { meshName: "mine", images: { sidecar: "s:3" } } },
      "/api/v1/namespaces/shop": { metadata: { name: "shop", labels: { a: "b" } } },
      "/api/v1/namespaces/shop/limitranges": {
        items: [
          {
            spec: {
              limits: [
                { type: "Pod", default: { cpu: "9" } },
                { type: "Container", default: { cpu: "1" } },
              ],
            },
          },
          { spec: { limits: [{ type: "Container", default: { memory: "1Gi" }, defaultRequest: { cpu: "10m" } }] } },
        ],
      },
    });
    const mine = await meshOfCluster(api, "osm-system");
    expect(mine.place).toEqual({ meshName: "mine", osmNamespace: "osm-system" });
    expect(mine.injection.images.sidecar).toBe("s:3");
    expect(await mine.namespace("shop")).toEqual({ name: "shop", labels: { a: "b" } });
    expect(await mine.namespace("gone")).toBeUndefined();
    const limits = { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "10m" } };
    expect(await Promise.all([mine.limitDefaults("shop"), mine.limitDefaults("shop")])).toEqual([limits, limits]);
    expect(api.asked.length).toBe(4);
  });

  test("without one, the command says so", async () => {
    const bare = cluster({ "/version": { gitVersion: "v1.36.1" } });
    await expect(meshOfCluster(bare, "osm-system")).rejects.toThrow("no mesh is installed in namespace osm-system");
  });
});
