import { Buffer } from "node:buffer";
import { Agent, request } from "undici";
import { inject } from "vitest";
import type { IdentityName } from "./setup.ts";

export interface TextAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * POST of YAML as it stands, as a dry run: the API server reads it with the same library as kubectl.
 *
 * @param path  of the collection
 */
export async function createFromYaml(name: IdentityName, path: string, yaml: string): Promise<TextAnswer> {
  const { url, caData, tokens } = inject("apiServer");
  const dispatcher = new Agent({ connect: { ca: Buffer.from(caData, "base64").toString("utf8") } });
  try {
    const response = await request(`${url}${path}?dryRun=All`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${tokens[name]}`,
        "content-type": "application/yaml",
        accept: "application/json",
      },
      body: yaml,
      dispatcher,
    });
    return { status: response.statusCode, text: await response.body.text() };
  } finally {
    await dispatcher.close();
  }
}
