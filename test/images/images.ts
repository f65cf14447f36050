import { chmod, chown, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type BuiltImage, ensureImage } from "#deploy/images/build.ts";
import type { Tree } from "#deploy/images/tree.ts";
import { cached, digestOfFiles, type Progress } from "../../tools/setup/cache.ts";
import { run } from "../../tools/setup/command.ts";
import { ensureGo } from "../../tools/setup/go.ts";

/** What test pods run: a shell with busybox's tools, and `probe`, which by the name `try` speaks to people. */
export const testAppImage = "osm-egress/test-app:test";
/** The same, run as the sidecar's user unless the pod says another. */
export const sidecarUserImage = "osm-egress/test-app-1500:test";
export const pauseImage = "osm-egress/pause:test";

const source = join(import.meta.dirname, "probe");

/** Path of the static test program; see its own comment for what it can do. */
export async function ensureProbe(progress: Progress = () => undefined): Promise<string> {
  const files = (await readdir(source)).sort().map((name) => join(source, name));
  const directory = await cached(
    "probe",
    await digestOfFiles(files),
    async (draft) => {
      progress("compiling the test program");
      await run(
        [await ensureGo(progress), "build", "-trimpath", "-ldflags", "-s -w", "-o", join(draft, "probe"), "."],
        {
          cwd: source,
          env: { CGO_ENABLED: "0" },
          timeoutMs: 10 * 60_000,
        },
      );
    },
    progress,
  );
  return join(directory, "probe");
}

const applets =
  "sh cat cut date echo env false grep head hostname httpd id ip kill ls mkdir nc netstat nslookup ping printf ps sed seq sleep su tail timeout touch tr true wc wget";

async function fillTestApp(tree: Tree, probe: string): Promise<void> {
  await tree.file("/bin/busybox", "/bin/busybox", 0o755);
  for (const name of applets.split(" ")) await tree.link(`/bin/${name}`, "busybox");
  await tree.file("/bin/probe", probe, 0o755);
  await tree.link("/bin/try", "probe");
  // The same with the setuid bit, of the sidecar's user.
  await tree.file("/bin/probe-1500", probe);
  await chown(join(tree.root, "/bin/probe-1500"), 1500, 1500);
  await chmod(join(tree.root, "/bin/probe-1500"), 0o4755);
  await tree.text(
    "/etc/passwd",
    "root:x:0:0:root:/:/bin/sh\nosm:x:1500:1500:osm:/:/bin/sh\napp:x:1000:1000:app:/:/bin/sh\n",
  );
  await tree.text("/etc/group", "root:x:0:\nosm:x:1500:\napp:x:1000:\n");
  await tree.text("/www/index.html", "hello from the mesh\n");
  await tree.directory("/tmp", { uid: 0, mode: 0o1777 });
}

/** Not in every cluster. */
export async function ensureSidecarUserImage(progress?: Progress): Promise<BuiltImage> {
  const probe = await ensureProbe(progress);
  const inputs = [probe, "/bin/busybox", import.meta.filename];
  return ensureImage(
    { reference: sidecarUserImage, command: ["/bin/probe", "server"], user: "1500:1500" },
    [{ inputs, fill: (tree) => fillTestApp(tree, probe) }],
    progress,
  );
}

export async function ensureTestImages(progress?: Progress): Promise<readonly BuiltImage[]> {
  const probe = await ensureProbe(progress);
  const inputs = [probe, "/bin/busybox", import.meta.filename];
  return Promise.all([
    ensureImage(
      { reference: testAppImage, command: ["/bin/probe", "server"] },
      [{ inputs, fill: (tree) => fillTestApp(tree, probe) }],
      progress,
    ),
    ensureImage(
      { reference: pauseImage, entrypoint: ["/pause", "pause"], user: "65535:65535" },
      [{ inputs: [probe], fill: (tree) => tree.file("/pause", probe, 0o755) }],
      progress,
    ),
  ]);
}
