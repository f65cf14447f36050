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

  test("run again in the same network, it lets the name servers through that it found the first time, and no other", async () => {
    const rules = "iptables-save | grep -v '^#'";
    const again = "echo nameserver 192.0.2.1 >/etc/resolv.conf; capture '' '' | grep -o 'name servers: .*'";
    const resolvConf = "nameserver 10.96.0.10\nnameserver 10.0.0.2\n";
    const { stdout } = await inNamespace(`capture '' '' >/dev/null; ${rules}; echo -- ; ${again}; ${again}; ${rules}`, {
      resolvConf,
    });
    const [first, second] = stdout.split("--\n");
    const said = "name servers: 10.96.0.10 10.0.0.2\n";
    expect(first).toContain("-d 10.0.0.2/32 -p udp");
    expect(second).toBe(`${said}${said}${first}`);
  });

  test("a chain of our name that nothing leads to counts for nothing", async () => {
    const before = "iptables -N PROXY_REFUSE; iptables -A PROXY_REFUSE -d 192.0.2.1 -p udp --dport 53 -j RETURN";
    const { stdout } = await inNamespace(`${before}; capture '' '' >/dev/null; iptables -S PROXY_REFUSE`);
    expect(stdout.match(/-d (\S+) -p udp/g)).toEqual(["-d 10.96.0.10/32 -p udp"]);
  });

  test("UDP is allowed only where it is asked for, over IPv4, and not to the sidecar", async () => {
    const rules = async (allowUdp: string) => {
      const commands = `capture "" "" ${allowUdp} >/dev/null; iptables -S PROXY_REFUSE; ip6tables -S PROXY_REFUSE`;
      return (await inNamespace(commands)).stdout.trim().split("\n");
    };
    const refused = await rules("false");
    expect(await rules("")).toEqual(refused);
    const allowed = await rules("true");
    expect(allowed.filter((rule) => !refused.includes(rule))).toEqual(["-A PROXY_REFUSE -p udp -j RETURN"]);
    expect(allowed.indexOf("-A PROXY_REFUSE -p udp -j RETURN")).toBeGreaterThan(
      allowed.findIndex((rule) => rule.includes("--uid-owner 1500")),
    );
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
    ["", "", "yes"],
  ])("arguments %j %j %j: it fails", async (ranges, ports, allowUdp = "") => {
    const { exitCode, stderr } = await inNamespace(`capture '${ranges}' '${ports}' '${allowUdp}'`);
    expect([exitCode, stderr.includes("capture: ")]).toEqual([1, true]);
  });

  test.each(["iptables", "iptables-restore", "ip6tables-restore"])("a broken %s: it fails", async (program) => {
    writeFileSync(join(directory, program), "#!/bin/sh\nexit 4\n", { mode: 0o755 });
    const outcome = await inNamespace(`capture "" ""`, { path: directory });
    rmSync(join(directory, program));
    // Of iptables itself it is only asked what stands: unable to tell, it could let through what is not to be.
    expect(outcome.exitCode).toBe(1);
  });

  test("without a resolv.conf it fails", async () => {
    const { exitCode } = await inNamespace("umount /etc/resolv.conf; mount -t tmpfs none /etc; capture '' ''");
    expect(exitCode).not.toBe(0);
  });
});
