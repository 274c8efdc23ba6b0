/** The audit suite of graphql-http: GraphQL over HTTP, check by check. */
import { serverAudits } from "graphql-http";
import { report } from "./report.ts";

await report(async ({ url }) => {
  const results = await Promise.all(
    serverAudits({ url: `${url}/graphql` }).map(async (audit) => audit.fn()),
  );
  const failures = results.filter((result) => result.status !== "ok");
  return {
    checks: results.length,
    failures: failures.map((one) => `${one.status}: ${one.id} ${one.name}: ${one.reason}`),
  };
});
