export type ArrivalKind = "http" | "tls" | "tcp" | "udp";

/** One connection, or one UDP datagram, that reached the outside world. */
export interface Arrival {
  readonly kind: ArrivalKind;
  /** The address that the outside sees: a pod's own. */
  readonly from: string;
  readonly fromPort: number;
  /** This and the other times: ms since the epoch. */
  readonly openedAt: number;
  readonly lastByteAt: number;
  /** From the client. */
  readonly bytes: number;
  /** Of HTTP requests on it. */
  readonly paths: string[];
  readonly closedAt?: number;
  /** `end` for an orderly end by the client, else the error's code, e.g. `ECONNRESET`. */
  readonly closedBy?: string;
}
