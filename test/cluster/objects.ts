import { testAppImage } from "#test/images/images.ts";

/** A pod of the test app; without a command it serves HTTP on 8080 and TCP echo on 8081. */
export function testPod(name: string, namespace = "default", command?: readonly string[]): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: "app", image: testAppImage, ...(command ? { command } : {}) }],
    },
  };
}

/** The Service of {@link testPod}'s servers: HTTP on 80, TCP echo on 81. */
export function testService(name: string, namespace = "default", spec: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    spec: {
      selector: { app: name },
      ports: [
        { name: "http", port: 80, targetPort: 8080 },
        { name: "echo", port: 81, targetPort: 8081 },
      ],
      ...spec,
    },
  };
}

/** What `probe` prints, one JSON object a line. */
export interface ProbeLine {
  /** ms since the epoch. */
  readonly at: number;
  readonly event: string;
  readonly status?: number;
  readonly body?: string;
  readonly answer?: string;
  readonly subject?: string;
  readonly error?: string;
  readonly afterMs?: number;
  readonly sent?: number;
  readonly echoed?: number;
}

export function probeLines(output: string): readonly ProbeLine[] {
  const lines = output.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as ProbeLine);
}
