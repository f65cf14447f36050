import type { Capture, ExplainedSidecar, Explanation } from "../rollout/explanation.ts";

/** What a person reads about one pod. */
export function explanationText(told: Explanation): string {
  const { pod, inMesh, meshMessage, injected, injectionMessage, sidecar, capture, guarantee } = told;
  const lines = [
    `Pod ${pod}`,
    row("in mesh", `${inMesh === undefined ? "unknown" : yesOrNo(inMesh)}: ${meshMessage}`),
    row("injected", `${yesOrNo(injected)}: ${injectionMessage}`),
    ...(sidecar ? [row("sidecar", sidecarText(sidecar)), row("version", sidecar.message)] : []),
    ...(capture ? [row("capture", captureText(capture))] : []),
    row("guarantee", `${guarantee.holds ? "inside" : "outside"}: ${guarantee.message}`),
  ];
  for (const { code, message, remedy } of guarantee.reasons) {
    lines.push("", `  ${code}: ${message}`, `  → ${remedy}`);
  }
  return lines.join("\n");
}

function row(head: string, text: string): string {
  return `  ${head.padEnd(11)}${text}`;
}

function yesOrNo(value: boolean): string {
  return value ? "yes" : "no";
}

function sidecarText({ image, installedImage }: ExplainedSidecar): string {
  return installedImage === undefined
    ? image
    : `${image}, while new pods get ${installedImage}: osm restart --outdated`;
}

function captureText({ excludedRanges, excludedPorts, allowsUdp }: Capture): string {
  const except = [
    ...(excludedRanges.length > 0 ? [`ranges ${excludedRanges.join(", ")}`] : []),
    ...(excludedPorts.length > 0 ? [`ports ${excludedPorts.join(", ")}`] : []),
  ];
  const tcp = except.length === 0 ? "all TCP" : `TCP but for ${except.join(" and ")}`;
  return `${tcp}; UDP ${allowsUdp ? "is open" : "closed but for its own name servers"}`;
}
