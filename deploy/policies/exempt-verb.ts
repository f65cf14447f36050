import { apiGroup, exempt, rolloutName } from "#lib/mesh/names.ts";
import { type Cel, cel } from "../cel.ts";
import type { Variable } from "../injection/variables.ts";
import type { Parameters } from "../parameters.ts";

/** Whether whoever asks has the verb: of nobody else is it known here who is behind the request. */
export function mayExempt({ osmNamespace }: Parameters): Variable {
  return {
    name: "mayExempt",
    expression: cel`
      authorizer.group(${apiGroup}).resource("egressrollouts").namespace(${osmNamespace}).name(${rolloutName})
        .check(${exempt.verb}).allowed()`.text,
  };
}

/** CEL: `USER lacks verb exempt on …`, for a message to go on with. */
export function lacking({ osmNamespace }: Parameters): Cel {
  const right = `verb ${exempt.verb} on egressrollouts.${apiGroup} ${rolloutName} in ${osmNamespace}`;
  return cel`request.userInfo.username + ${` lacks ${right} (ClusterRole ${exempt.role})`}`;
}
