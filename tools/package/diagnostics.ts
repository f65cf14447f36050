import { RegoEngine, TemplateFile } from "@aws/cloudformation-validate";

/** W3030: a value that is none of those which the property takes; only warned of, because new ones come in between. */
const failing = new Set(["W3030"]);

/** What the validator finds that a deployment would stumble over, a line each. */
export function diagnosticsOf(templatePath: string): readonly string[] {
  const engine = new RegoEngine();
  try {
    const { diagnostics } = engine.validateStandard(new TemplateFile(templatePath));
    return diagnostics
      .filter(({ severity, ruleId }) => severity === "FATAL" || severity === "ERROR" || failing.has(ruleId))
      .map(({ severity, ruleId, message }) => `${severity} ${ruleId}: ${message}`);
  } finally {
    engine.free();
  }
}
