import type { Json } from "./canonical-json.ts";
import { typed } from "./typed-config.ts";

/** One JSON line on stdout per refused connection: who wanted to go where, and which chain said no. */
export const accessLog: Json = {
  name: "envoy.access_loggers.stdout",
  typed_config: typed("envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", {
    log_format: {
      json_format: {
        time: "%START_TIME%",
        chain: "%FILTER_CHAIN_NAME%",
        source: "%DOWNSTREAM_REMOTE_ADDRESS%",
        destination: "%DOWNSTREAM_LOCAL_ADDRESS%",
        flags: "%RESPONSE_FLAGS%",
      },
    },
  }),
};
