/** Typed documents and nothing but fetch: each document goes by its hash. */
// #region typed
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";

export class AskError extends Error {
  readonly codes: string[];

  constructor(errors: { message: string; extensions?: { code?: string } }[]) {
    super(errors.map((one) => one.message).join("\n"));
    this.codes = errors.map((one) => one.extensions?.code ?? "");
  }
}

export async function ask<Data, Variables>(
  url: string,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  key?: string,
): Promise<Data> {
  const { hash } = (document as unknown as { __meta__: { hash: string } }).__meta__;
  const answer = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/graphql-response+json",
      ...(key && { Authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({ documentId: hash, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new AskError(errors);
  return data;
}
// #endregion
