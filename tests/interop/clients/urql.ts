/** urql over the everyday documents: GET, persisted documents, and its normalised cache. */
// #region client
import { Client, type Exchange, fetchExchange } from "@urql/core";
import { type CacheExchangeOpts, cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { introspection, withoutId } from "./generated/schema-facts.ts";

const cache: CacheExchangeOpts = {
  schema: introspection as NonNullable<CacheExchangeOpts["schema"]>,
  // What has no id is part of its parent.
  keys: Object.fromEntries(withoutId.map((name) => [name, () => null])),
  resolvers: { Query: { transfers: relayPagination() } },
};

export const newClient = (url: string, more: { key?: string; named?: Exchange } = {}) =>
  new Client({
    url: `${url}/graphql`,
    preferGetMethod: true, // so that a browser or a CDN can answer with its ETag
    exchanges: [cacheExchange(cache), ...(more.named ? [more.named] : []), fetchExchange],
    fetchOptions: more.key ? { headers: { Authorization: `Bearer ${more.key}` } } : {},
  });
// #endregion
// #region persisted
import { persistedExchange } from "@urql/exchange-persisted";

/** Automatic: the hash alone; the document once, when the server does not know it. */
export const automatic = () => persistedExchange({ preferGetForPersistedQueries: true });

/** By the hashes of graphql-codegen, which the server has too: never a document. */
export const fromCodegen = () =>
  persistedExchange({
    enforcePersistedQueries: true,
    enableForMutation: true,
    preferGetForPersistedQueries: true,
    generateHash: async (_, document) =>
      (document as unknown as { __meta__: { hash: string } }).__meta__.hash.replace("sha256:", ""),
  });
// #endregion
import {
  CitationsDocument,
  ExternalRefsDocument,
  ReviseACountDocument,
  ThenAndNowDocument,
  TransfersBetweenDocument,
} from "./generated/graphql.ts";
import { notingFetch, report } from "./report.ts";

async function horses(client: Client): Promise<{ id: string; version: number }> {
  const { data, error } = await client.query(ExternalRefsDocument, { refs: ["E1"] });
  const found = data?.transfers.nodes[0];
  if (!found) throw error ?? new Error("no transfer E1");
  return found;
}

async function archiveBesidePresent(url: string): Promise<object> {
  const client = newClient(url);
  const { id } = await horses(client);
  const variables = { id, position: 5 };
  const { data } = await client.query(ThenAndNowDocument, variables);
  const again = client.readQuery(ThenAndNowDocument, variables)?.data;
  const figures = (from: typeof data) => [
    from?.now?.quantity?.amount,
    from?.archive.then?.quantity?.amount,
  ];
  return { fresh: figures(data), again: figures(again ?? undefined) };
}

async function pages(url: string): Promise<object> {
  const client = newClient(url);
  // #region pages
  let variables: { first: number; after?: string | null } = { first: 4 };
  let { data, error } = await client.query(TransfersBetweenDocument, variables);
  let asked = 1;
  while (data?.transfers.pageInfo.hasNextPage) {
    variables = { first: 4, after: data.transfers.pageInfo.endCursor };
    ({ data, error } = await client.query(TransfersBetweenDocument, variables));
    asked += 1; // `data` has all the pages so far: the cache stitches them
  }
  // #endregion
  if (error) throw error;
  const ids = data?.transfers.edges.map((edge) => edge.node.id) ?? [];
  return { asked, total: data?.transfers.totalCount, ids };
}

async function requests(url: string, named?: () => Exchange): Promise<object> {
  const notes: string[] = [];
  const codes: unknown[] = [];
  for (const _ of [1, 2]) {
    const client = newClient(url, named ? { named: named() } : {});
    const { data, error } = await client.query(
      CitationsDocument,
      { first: 1 },
      { fetch: notingFetch(notes) },
    );
    if (!data) codes.push(...(error?.graphQLErrors.map((one) => one.extensions.code) ?? []));
  }
  return { notes, codes };
}

async function edits(url: string, key: string): Promise<object> {
  const client = newClient(url, { key });
  const { id, version } = await horses(client);
  // #region edit
  const { data, error } = await client.mutation(ReviseACountDocument, {
    input: {
      reason: { code: "ENTRY_ERROR", note: "The report gives another figure." },
      operations: [
        { reviseTransfer: { id, version: version - 1, set: { title: "Horses of 2024" } } },
      ],
    },
  });
  const refused = error?.graphQLErrors.map((one) => one.extensions.code); // a wrong request
  const stale = data?.commit.userErrors[0]; // what an editor can act on
  // #endregion
  const reader = await newClient(url).mutation(ReviseACountDocument, {
    input: { reason: { code: "OTHER", note: "Nothing." }, operations: [] },
  });
  return {
    version,
    refused: refused ?? [],
    stale: { code: stale?.code, current: stale?.current?.version },
    forbidden: reader.error?.graphQLErrors.map((one) => one.extensions.code),
  };
}

/** An edit by the hash of its document alone: an empty one, which is refused as an edit. */
async function namedEdit(url: string, key: string): Promise<unknown> {
  const client = newClient(url, { key, named: fromCodegen() });
  const { data, error } = await client.mutation(ReviseACountDocument, {
    input: { reason: { code: "OTHER", note: "Nothing." }, operations: [] },
  });
  return data?.commit.userErrors[0]?.code ?? error?.message;
}

await report(async ({ url, key, trusted, trustedKey }) => ({
  archive: await archiveBesidePresent(url),
  pages: await pages(url),
  plain: await requests(url),
  automatic: await requests(url, automatic),
  named: await requests(trusted, fromCodegen),
  untrusted: await requests(trusted),
  edits: await edits(url, key),
  namedEdit: await namedEdit(trusted, trustedKey),
}));
