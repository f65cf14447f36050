import type { SidecarAnswer } from "#lib/envoy/verification-query.ts";
import type { SidecarFile } from "#lib/mesh/names.ts";
import type { Answer, ObservedPod, Poke } from "#lib/rollout/observation.ts";
import type { Clock } from "./clock.ts";

type Files = Readonly<Partial<Record<SidecarFile, string>>>;

/** Seconds that Envoy leaves to idle connections of a chain that goes. */
const drainMs = 5_000;
const askTimeoutMs = 2_000;

/** A pod with its kubelet and its Envoy, as far as a pass can see them. */
export class ScriptedPod {
  readonly uid: string;
  terminating = false;
  sidecarStartedAtMs: number | undefined;
  poke: Poke | undefined;
  /** Does not answer (SIGSTOP), and takes nothing meanwhile. */
  stopped = false;
  /** Refuses every update. */
  rejecting = false;
  /** Pokes that the kubelet does not hear. */
  missedPokes = 0;
  /** From a poke to the files. */
  kubeletMs = 50;
  /** Connections to the outside, by how they behave when their chain goes. */
  idleConnections = 0;
  sendingConnections = 0;
  /** Connections that no drain ends. */
  stuckConnections = 0;
  pokes = 0;
  /** What takes it out of the guarantee. */
  outside: ObservedPod["outside"];
  #files: Files | undefined;
  #runs = "";
  #egress = false;
  #refusedUpdates = 0;
  #draining = 0;

  readonly namespace: string;
  readonly name: string;
  readonly account: string;
  readonly configMap: string;
  readonly #clock: Clock;
  /** The ConfigMap as the kubelet would read it now. */
  readonly #mounted: () => Files | undefined;

  constructor(
    place: { readonly namespace: string; readonly name: string; readonly account: string; readonly configMap: string },
    clock: Clock,
    mounted: () => Files | undefined,
  ) {
    this.namespace = place.namespace;
    this.name = place.name;
    this.account = place.account;
    this.configMap = place.configMap;
    this.uid = `uid-${place.namespace}-${place.name}`;
    this.#clock = clock;
    this.#mounted = mounted;
  }

  /** The container starts, or starts again; a pod whose ConfigMap is not there waits for it. */
  start(): void {
    const files = this.#mounted();
    this.#refusedUpdates = 0;
    this.#runs = "";
    if (files === undefined) {
      this.#clock.after(1_000, () => this.start());
      return;
    }
    this.sidecarStartedAtMs = this.#clock.nowMs();
    this.#files = files;
    this.#take();
  }

  hear(poke: Poke): void {
    this.poke = poke;
    this.pokes++;
    if (this.missedPokes > 0) {
      this.missedPokes--;
      return;
    }
    this.#clock.after(this.kubeletMs, () => this.look());
  }

  /** The kubelet looks at the volume; of a pod that is going it need not. */
  look(): void {
    const files = this.#mounted();
    if (files === undefined || this.sidecarStartedAtMs === undefined || this.terminating) return;
    this.#files = files;
    if (!this.stopped) this.#take();
  }

  goOn(): void {
    this.stopped = false;
    this.#take();
  }

  #take(): void {
    const version = versionOf(this.#files);
    if (version === this.#runs) return;
    if (this.rejecting) {
      this.#refusedUpdates++;
      return;
    }
    this.#runs = version;
    const egress = opensEgress(this.#files);
    if (this.#egress && !egress) this.drain();
    this.#egress = egress;
  }

  /** As when what let traffic out goes. */
  drain(): void {
    this.sendingConnections = 0;
    this.#draining++;
    this.#clock.after(drainMs, () => {
      this.#draining--;
      this.idleConnections = 0;
    });
  }

  async answer(): Promise<Answer> {
    if (this.stopped) {
      await this.#clock.sleep(askTimeoutMs);
      return { kind: "silent", why: "none within 2 s" };
    }
    const says: SidecarAnswer = {
      listeners: this.#runs,
      clusters: this.#runs,
      refusedUpdates: this.#refusedUpdates,
      draining: this.#draining,
      openEgress: this.idleConnections + this.sendingConnections + this.stuckConnections,
    };
    return { kind: "answered", says };
  }

  /** What its app can reach, whatever anybody believes. */
  get egress(): boolean {
    return this.#egress;
  }

  get runs(): string {
    return this.#runs;
  }

  get observed(): ObservedPod {
    const { namespace, name, uid, account, configMap, terminating, sidecarStartedAtMs, poke, outside } = this;
    const seen = { namespace, name, uid, account, configMap, terminating, sidecarStartedAtMs, poke };
    return { ...seen, ...(outside === undefined ? {} : { outside }) };
  }
}

function versionOf(files: Files | undefined): string {
  return (JSON.parse(files?.["lds.json"] ?? "{}") as { readonly version_info?: string }).version_info ?? "";
}

function opensEgress(files: Files | undefined): boolean {
  return files?.["lds.json"]?.includes(`"cluster":"passthrough-outbound"`) ?? false;
}
