export interface AptPackage {
  readonly package: string;
  /** A shell command that succeeds where the package is not needed any more. */
  readonly check: string;
  readonly why: string;
}

export interface CachedPart {
  readonly part: string;
  readonly from: string;
  /** On disk, about. */
  readonly megabytes: number;
  readonly why: string;
}

export const parts: { readonly apt: readonly AptPackage[]; readonly cached: readonly CachedPart[] };
export function missingPackages(): readonly AptPackage[];
export function installPackages(names: readonly string[], onLine?: (line: string) => void): Promise<void>;
