import { clusterId } from "../events/fields.ts";
import { parseJson } from "../events/parse-json.ts";
import { hasToken, isSigned, type Keys } from "./authenticity.ts";
import { type Notification, type ParsedNotification, parseArgo, parseFlux } from "./notification.ts";

/** One call of the webhook, as it came in. */
export interface WebhookCall {
  readonly method: string;
  /** `/flux/<cluster>` or `/argocd/<cluster>`; of another account `/flux/<account>/<cluster>`. */
  readonly path: string;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface WebhookKeys {
  readonly flux: Keys;
  readonly argocd: Keys;
}

export interface WebhookPorts {
  /** Kept for minutes: whoever calls without a key causes no more calls than whoever has one. */
  keys(): Promise<WebhookKeys>;
  /** Tells the bus. @returns the event's own id */
  announce(cluster: string, notification: Notification): Promise<string>;
  nowMs(): number;
  /** Of what was refused, and why; never of a key or a body. */
  refused(why: string, fields: Readonly<Record<string, unknown>>): void;
}

export interface WebhookReply {
  readonly status: number;
  readonly message: string;
}

export const maxBodyBytes = 64 * 1024;
/** How old what is told may be; and how far the sender's clock may be ahead. */
export const freshMs = 5 * 60_000;
const aheadMs = 60_000;

type Sender = keyof WebhookKeys;

const parsers: Readonly<Record<Sender, (json: unknown) => ParsedNotification>> = { flux: parseFlux, argocd: parseArgo };

/**
 * Checks in the order of what they cost, and tells the bus only of what is authentic, fresh and well-formed. A replay
 * within the five minutes is a hint like any other: the pass that it wakes reads the live objects.
 *
 * @throws EgressError  when the keys cannot be read or the bus does not take the event; the sender tries again
 */
export async function receive(call: WebhookCall, ports: WebhookPorts): Promise<WebhookReply> {
  const refuse = (status: number, message: string, fields: Readonly<Record<string, unknown>> = {}): WebhookReply => {
    ports.refused(message, { status, ...fields });
    return { status, message };
  };
  if (call.method !== "POST") return refuse(405, "only POST");
  const place = placeOf(call.path);
  if (!place)
    return refuse(
      404,
      "the path is /flux/<cluster> or /argocd/<cluster>, with <account>/ before the cluster of another account",
    );
  if (call.body.length > maxBodyBytes) return refuse(413, `the body is larger than ${maxBodyBytes} bytes`);
  if (!(await isAuthentic(place.sender, call, ports))) return refuse(401, "not signed with a key that is valid here");

  const json = parseJson(call.body.toString("utf8"));
  if (json === undefined) return refuse(400, "the body is not JSON");
  const parsed = parsers[place.sender](json);
  if (parsed.kind === "malformed") {
    const { field, problem } = parsed;
    return refuse(400, `${field}: ${problem}`, { field });
  }
  const occurredAt = parsed.kind === "applied" ? parsed.notification.occurredAt : parsed.occurredAt;
  const ageMs = ports.nowMs() - Date.parse(occurredAt);
  if (ageMs > freshMs || ageMs < -aheadMs) return refuse(401, "timestamp: not of the last five minutes");
  if (parsed.kind === "nothing-applied") return { status: 202, message: "no revision was applied" };
  return { status: 202, message: await ports.announce(place.cluster, parsed.notification) };
}

function placeOf(path: string): { readonly sender: Sender; readonly cluster: string } | undefined {
  // The URL ends with a slash, and whoever pastes a path behind it may begin with another.
  const [, sender, cluster] = /^\/+(flux|argocd)\/(.+?)\/?$/.exec(path) ?? [];
  if (sender === undefined || !clusterId.safeParse(cluster).success) return undefined;
  return { sender: sender as Sender, cluster: cluster ?? "" };
}

/** What carries no signature at all needs no key to be refused. */
async function isAuthentic(sender: Sender, { headers, body }: WebhookCall, ports: WebhookPorts): Promise<boolean> {
  const header = sender === "flux" ? headers["x-signature"] : headers["authorization"];
  if (header === undefined) return false;
  const keys = await ports.keys();
  return sender === "flux" ? isSigned(body, header, keys.flux) : hasToken(header, keys.argocd);
}
