import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const script = join(import.meta.dirname, "../../deploy/images/sidecar/capture.sh");
const directory = mkdtempSync(join(tmpdir(), "osm-capture-"));

afterAll(() => rmSync(directory, { recursive: true }));

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Shell commands in a network namespace of their own, with this resolv.conf; `capture` runs the script with the image's shell.
 *
 * @param path  searched before the machine's own
 */
function inNamespace(commands: string, { resolvConf = "nameserver 10.96.0.10\n", path = "" } = {}): Promise<Outcome> {
  const file = join(directory, "resolv.conf");
  writeFileSync(file, resolvConf);
  const preamble = `set -e; mount --bind ${file} /etc/resolv.conf; capture() { PATH=${path}:$PATH busybox sh ${script} "$@"; };`;
  return new Promise((resolve) => {
    execFile("unshare", ["--net", "--mount", "sh", "-c", `${preamble} ${commands}`], (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const rulesOnly = "iptables-save | grep -v '^#'; ip6tables-save | grep -v '^#'";

describe("capture.sh", () => {
  test("a second run, and one after other arguments, leaves the rules of one run", async () => {
    const once = await inNamespace(`capture 10.0.0.0/8 6379 >/dev/null; ${rulesOnly}`);
    const again = await inNamespace(`for i in 1 2; do capture 10.0.0.0/8 6379 >/dev/null; done; ${rulesOnly}`);
    const changed = await inNamespace(`capture "" "" >/dev/null; capture 10.0.0.0/8 6379 >/dev/null; ${rulesOnly}`);
    expect(once.stdout).toContain("-A PROXY_OUTPUT -d 10.0.0.0/8 -j RETURN");
    expect(once.stdout).toContain("-A PROXY_OUTPUT -p tcp -m tcp --dport 6379 -j RETURN");
    expect(again).toEqual(once);
    expect(changed).toEqual(once);
  });

  test("rules that are there already stay, behind ours", async () => {
    const { stdout } = await inNamespace(
      `iptables -A OUTPUT -d 192.0.2.1 -j ACCEPT; capture "" "" >/dev/null; iptables -S OUTPUT`,
    );
    expect(stdout.trim().split("\n")).toEqual([
      "-P OUTPUT ACCEPT",
      "-A OUTPUT -j PROXY_REFUSE",
      "-A OUTPUT -d 192.0.2.1/32 -j ACCEPT",
    ]);
  });

  test("every IPv4 name server of the pod is let through, and nothing that only looks like one", async () => {
    const resolvConf =
      "search a.b\nnameserver 10.96.0.10\n#nameserver 192.0.2.1\nnameserver fd00::1\nnameserver 10.0.0.2\noptions ndots:5\n";
    const { stdout } = await inNamespace(`capture "" "" >/dev/null; iptables -S PROXY_REFUSE`, { resolvConf });
    expect(stdout.match(/-d (\S+) -p udp/g)).toEqual(["-d 10.96.0.10/32 -p udp", "-d 10.0.0.2/32 -p udp"]);
  });

  test.each([
    ["10.0.0.0/33", ""],
    ["300.0.0.0/8", ""],
    ["x", ""],
    ["$(id)", ""],
    ["::/0", ""],
    ["", "65536"],
    ["", "http"],
    ["", "1 2"],
  ])("arguments %j %j: it fails", async (ranges, ports) => {
    const { exitCode, stderr } = await inNamespace(`capture '${ranges}' '${ports}'`);
    expect([exitCode, stderr.includes("capture: ")]).toEqual([1, true]);
  });

  test.each(["iptables", "iptables-restore", "ip6tables-restore"])("a broken %s: it fails", async (program) => {
    writeFileSync(join(directory, program), "#!/bin/sh\nexit 4\n", { mode: 0o755 });
    const outcome = await inNamespace(`capture "" ""`, { path: directory });
    rmSync(join(directory, program));
    // iptables itself is only asked whether our rule is there: unable to tell, it is put in.
    expect(outcome.exitCode).toBe(program === "iptables" ? 0 : 1);
  });

  test("without a resolv.conf it fails", async () => {
    const { exitCode } = await inNamespace("umount /etc/resolv.conf; mount -t tmpfs none /etc; capture '' ''");
    expect(exitCode).not.toBe(0);
  });
});
