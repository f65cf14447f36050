/** The switch in words. */
export function mode(egress: boolean): "on" | "off" {
  return egress ? "on" : "off";
}
