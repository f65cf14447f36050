import { forwarderName } from "../../mesh/names.ts";
import type { Finding } from "./finding.ts";
import { nothing, objectText, valueTexts } from "./finding-text.ts";
import { guardFindings, imageFindings } from "./guard-findings.ts";
import { podFindings } from "./pod-findings.ts";
import { installCommand, lookCommand, restartForwarderCommand } from "./repairs.ts";
import { lastSignMs, type Survey, type Unread } from "./survey.ts";

/** Six renewals that have not come, a restart of its pod or of the API server among them. */
export const forwarderSilenceMs = 3 * 60_000;

/**
 * What is not as installed and is for a person to put right: what could not be looked at, guards, the forwarder, pods, in
 * this order. Pure and total; as many findings as there are faults, so whoever stores them cuts.
 */
export function surveyFindings(survey: Survey): readonly Finding[] {
  const { place, guards, image, atMs } = survey;
  const now = new Date(atMs).toISOString();
  return [
    ...unreadFindings(survey, now),
    ...guards.flatMap((guard) => guardFindings(guard, place, now)),
    ...imageFindings(image, place, now),
    ...forwarderFindings(survey),
    ...podFindings(survey),
  ];
}

function forwarderFindings({ forwarder, forwarderSilentMs, place, atMs }: Survey): readonly Finding[] {
  if (!forwarder || forwarderSilentMs === undefined || forwarderSilentMs <= forwarderSilenceMs) return [];
  const { renewedAtMs } = forwarder;
  const time = (ms: number) => new Date(ms).toISOString();
  const lastSign = time(lastSignMs(forwarder, atMs));
  return [
    {
      object: objectText(`Lease ${place.osmNamespace}/${forwarderName}`),
      field: "spec.renewTime",
      wanted: `not older than ${forwarderSilenceMs / 60_000} min`,
      found: renewedAtMs === undefined ? nothing : time(renewedAtMs),
      since: { after: lastSign, before: lastSign },
      repair: restartForwarderCommand(place),
    },
  ];
}

/** One for all that the right is missing for, which has one cause, and one for all that did not answer. */
function unreadFindings({ unread, place }: Survey, now: string): readonly Finding[] {
  const finding = (some: readonly Unread[], repair: string): readonly Finding[] => {
    const [first] = some;
    if (!first) return [];
    return [
      {
        object: objectText(some.map(({ object }) => object).join(", ")),
        field: "",
        ...valueTexts("to be looked at", `could not be looked at: ${first.why}`),
        since: { before: now },
        repair,
      },
    ];
  };
  return [
    ...finding(
      unread.filter(({ isForbidden }) => isForbidden),
      installCommand(place),
    ),
    ...finding(
      unread.filter(({ isForbidden }) => !isForbidden),
      lookCommand(place),
    ),
  ];
}
