import type { CodegenConfig } from "@graphql-codegen/cli";
import { addTypenameSelectionDocumentTransform } from "@graphql-codegen/client-preset";

const config: CodegenConfig = {
  schema: "schema/schema.graphql",
  documents: ["schema/operations/*.graphql"],
  generates: {
    "generated/": {
      preset: "client",
      presetConfig: {
        fragmentMasking: false,
        persistedDocuments: { hashAlgorithm: "sha256" },
      },
      // Caches need `__typename` everywhere, and what is persisted has to be what is sent.
      documentTransforms: [addTypenameSelectionDocumentTransform],
      config: {
        strictScalars: true,
        scalars: {
          Date: "string", // 2024-08-25
          DateTime: "string", // RFC 3339, in UTC
          Decimal: "string", // exact: never parse it into a number to add it up
          EDTF: "string", // 2024-08~
          ID: "string",
          JSON: "unknown",
          Position: "number",
        },
        useTypeImports: true,
        importExtension: ".ts",
      },
    },
  },
};

export default config;
