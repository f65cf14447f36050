import type { MeshWorld } from "#test/world/mesh-world.ts";
import type { PodShell } from "./shell.ts";

export const ways = ["HTTP", "TLS", "TCP", "UDP"] as const;
export type Way = (typeof ways)[number];

/** Types one attempt for each way out. @returns those that got an answer */
export async function reachOut({ world }: MeshWorld, pod: PodShell): Promise<readonly Way[]> {
  const { http, tls, tcp, udp } = world.outside.sites;
  const attempts: Readonly<Record<Way, string>> = {
    HTTP: `try http http://${http.name}/`,
    TLS: `try tls ${tls.target}`,
    TCP: `try tcp ${tcp.target}`,
    UDP: `try udp ${udp.target}`,
  };
  const answered: Way[] = [];
  for (const way of ways) if (await answers(pod, attempts[way])) answered.push(way);
  return answered;
}

/** The same for another account's Service. */
export async function reachInMesh(pod: PodShell): Promise<boolean> {
  const http = await answers(pod, "try http http://bookstore.bookstore/");
  return (await answers(pod, "try tcp bookstore.bookstore:81")) && http;
}

async function answers(pod: PodShell, line: string): Promise<boolean> {
  const { text, exitCode } = await pod.type(line);
  return exitCode === 0 && text.startsWith("answered");
}
