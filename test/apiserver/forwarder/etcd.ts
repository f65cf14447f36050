import { request } from "undici";

/** Throws away every revision but the newest, as etcd's own compaction does in time. */
export async function compact(etcdUrl: string): Promise<void> {
  const { header } = (await call(etcdUrl, "/v3/kv/range", { key: Buffer.from("x").toString("base64") })) as {
    header: { revision: string };
  };
  await call(etcdUrl, "/v3/kv/compaction", { revision: header.revision, physical: true });
}

/** Stores an object past the API server, as another version of it would have. @param key  `/registry/pods/shop/web` */
export async function store(etcdUrl: string, key: string, object: object): Promise<void> {
  const text = (value: string) => Buffer.from(value).toString("base64");
  await call(etcdUrl, "/v3/kv/put", { key: text(key), value: text(JSON.stringify(object)) });
}

async function call(etcdUrl: string, path: string, body: object): Promise<unknown> {
  const response = await request(etcdUrl + path, { method: "POST", body: JSON.stringify(body) });
  const text = await response.body.text();
  if (response.statusCode !== 200) throw new Error(`etcd ${path}: ${response.statusCode} ${text}`);
  return JSON.parse(text);
}
