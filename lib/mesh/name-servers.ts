import { overlap } from "./exclusions.ts";

/** Link-local, and yet no node's own: a cloud's resolver answers there (AWS .253, Google Cloud .254), and asks the world. */
export const cloudRange = "169.254.169.0/24";

/** Whether no question to this IPv4 name server leaves the node: on its loopback, or link-local like NodeLocal DNSCache. */
export function isOnNode(server: string): boolean {
  const isIn = (range: string) => overlap(range, `${server}/32`);
  return ["127.0.0.0/8", "169.254.0.0/16"].some(isIn) && !isIn(cloudRange);
}
