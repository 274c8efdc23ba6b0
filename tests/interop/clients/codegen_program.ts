/** A small program over the typed documents that graphql-codegen made. */
import {
  DryRunDocument,
  ExternalRefsDocument,
  OneTransferDocument,
  type TransferSet,
} from "./generated/graphql.ts";
import { report } from "./report.ts";
import { AskError, ask } from "./typed.ts";

/** The figure as its source gives it: decimals stay the strings that they are. */
function figure(measure: {
  amount?: string | null;
  lower?: string | null;
  upper?: string | null;
  unit: string;
}): string {
  const { amount, lower, upper, unit } = measure;
  return amount ? `${amount} ${unit}` : `${lower ?? ""}–${upper ?? ""} ${unit}`;
}

await report(async ({ trusted, trustedKey }) => {
  const known = await ask(trusted, ExternalRefsDocument, { refs: ["E1"] });
  const id = known.transfers.nodes[0]?.id ?? "";
  const { transfer } = await ask(trusted, OneTransferDocument, { id });
  if (!transfer) throw new Error(`no transfer ${id}`);
  const version: number = transfer.version;
  const day: string | null | undefined = transfer.occurred?.earliest;
  const said = transfer.claims.nodes.map(({ value }) => {
    switch (value?.__typename) {
      case "Measure":
        return figure(value);
      case "Money":
        return `${value.sum ?? value.least} ${value.currency}`;
      case "UncertainDate":
        return value.edtf;
      case "RecordValue":
        return value.record.id;
      case "CodeValue":
        return value.code;
      case "TextValue":
        return value.text;
      default:
        return "exists";
    }
  });

  const changes = async (set: TransferSet) => {
    const { commit } = await ask(
      trusted,
      DryRunDocument,
      {
        input: {
          reason: { code: "CLARIFICATION", note: "To see what would change." },
          operations: [{ reviseTransfer: { id, version, set } }],
          dryRun: true,
        },
      },
      trustedKey,
    );
    return commit.revisions.flatMap((revision) => revision.changes);
  };
  const tooMany = { id, claims: 1000 };
  const refused = await ask(trusted, OneTransferDocument, tooMany).catch((error) => error);

  return {
    id,
    version,
    day,
    held: transfer.quantity && figure(transfer.quantity),
    said,
    // Null takes the value away; what is absent or undefined stays.
    cleared: await changes({ occurred: null, quantity: undefined }),
    refused: refused instanceof AskError ? refused.codes : refused,
  };
});
