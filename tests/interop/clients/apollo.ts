/** Apollo Client 4 over the everyday documents. */
import { createHash } from "node:crypto";
// #region client
import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";
import { possibleTypes } from "./generated/schema-facts.ts";

// Each filter and order is a list of its own; `first` and `after` are pages of it.
const transfers = relayStylePagination(["filter", "orderBy"]);

export const newCache = () =>
  new InMemoryCache({
    possibleTypes,
    typePolicies: {
      Query: { fields: { transfers } },
      // An archive has no id: its arguments tell one from another, and what two documents ask of
      // the same one belongs together.
      Archive: { merge: true, fields: { transfers } },
    },
  });

export const newClient = (url: string, key?: string) =>
  new ApolloClient({
    link: new HttpLink({
      uri: `${url}/graphql`,
      ...(key && { headers: { Authorization: `Bearer ${key}` } }),
    }),
    cache: newCache(),
  });
// #endregion
// #region errors
import { CombinedGraphQLErrors } from "@apollo/client/errors";

/** The codes of a request that was refused; what is no GraphQL answer is thrown on. */
export function codes(error: unknown): string[] {
  if (!CombinedGraphQLErrors.is(error)) throw error;
  return error.errors.map((one) => String(one.extensions?.code));
}
// #endregion
// #region persisted
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { generatePersistedQueryIdsFromManifest } from "@apollo/persisted-query-lists";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Automatic: the hash alone, by GET; the document once, when the server does not know it. */
export const automatic = () => new PersistedQueryLink({ sha256, useGETForHashedQueries: true });

/** By a manifest that the server has too: never a document. */
export const fromManifest = () =>
  new PersistedQueryLink({
    ...generatePersistedQueryIdsFromManifest({
      loadManifest: async () =>
        (await import("./generated/persisted-query-manifest.json", { with: { type: "json" } }))
          .default,
    }),
    useGETForHashedQueries: true,
  });
// #endregion
import type { ApolloLink } from "@apollo/client";
import {
  ActorsDocument,
  DryRunDocument,
  ExternalRefsDocument,
  RecordThenDocument,
  RefetchDocument,
  ReviseACountDocument,
  ThenAndNowDocument,
  TransfersBetweenDocument,
} from "./generated/graphql.ts";
import { notingFetch, report } from "./report.ts";

async function horses(client: ApolloClient): Promise<{ id: string; version: number }> {
  const { data } = await client.query({
    query: ExternalRefsDocument,
    variables: { refs: ["E1"] },
    fetchPolicy: "no-cache",
  });
  const found = data?.transfers.nodes[0];
  if (!found) throw new Error("no transfer E1");
  return found;
}

const held = (client: ApolloClient) =>
  client.cache.extract() as Record<string, { version?: number; quantity?: { amount?: string } }>;

async function archiveBesidePresent(url: string): Promise<object> {
  const client = newClient(url);
  const { id } = await horses(client);
  const variables = { id, position: 5 };
  // #region archive
  const { data } = await client.query({ query: ThenAndNowDocument, variables });
  const now = data?.now?.quantity?.amount; //           cached as Transfer:transfer_…
  const then = data?.archive.then?.quantity?.amount; // cached as Transfer:transfer_…@5
  // #endregion
  await client.query({ query: RecordThenDocument, variables });
  const again = await client.query({
    query: ThenAndNowDocument,
    variables,
    fetchPolicy: "cache-only",
  });
  return {
    id,
    now,
    then,
    again: [again.data?.now?.quantity?.amount, again.data?.archive.then?.quantity?.amount],
    cached: Object.fromEntries(
      Object.entries(held(client))
        .filter(([key]) => key.startsWith(`Transfer:${id}`))
        .map(([key, value]) => [key, value.quantity?.amount]),
    ),
  };
}

async function pages(url: string): Promise<object> {
  const client = newClient(url);
  const variables = { first: 4 };
  // #region pages
  const query = TransfersBetweenDocument;
  const list = client.watchQuery({ query, variables });
  list.subscribe(() => {}); // in React, useQuery does this and gives you fetchMore
  let { data } = await client.query({ query, variables });
  let asked = 1;
  while (data?.transfers.pageInfo.hasNextPage) {
    const after = data.transfers.pageInfo.endCursor;
    ({ data } = await list.fetchMore({ variables: { after } }));
    asked += 1;
  }
  const all = client.readQuery({ query, variables })?.transfers; // every page, as one list
  // #endregion
  return { asked, total: all?.totalCount, ids: all?.edges.map((edge) => edge.node.id) };
}

async function persisted(url: string, link: () => ApolloLink): Promise<string[]> {
  const notes: string[] = [];
  const http = new HttpLink({ uri: `${url}/graphql`, fetch: notingFetch(notes) });
  for (const _ of [1, 2]) {
    const client = new ApolloClient({ link: link().concat(http), cache: newCache() });
    const { data } = await client.query({ query: ActorsDocument, variables: { first: 1 } });
    if (!data?.actors.nodes.length) throw new Error("no actors");
  }
  return notes;
}

async function errors(url: string, key: string): Promise<object> {
  const reader = newClient(url);
  const editor = newClient(url, key);
  const { id, version } = await horses(reader);
  const reason = { code: "CLARIFICATION", note: "To see what is refused." } as const;
  const revise = (basedOn: number) => ({
    reason,
    operations: [
      {
        reviseTransfer: {
          id,
          version: basedOn,
          set: { quantity: { amount: "25", unit: "head" } },
        },
      },
    ],
  });
  const refused = async (work: Promise<unknown>) => work.then(() => ["none"], codes);
  // #region edit
  const { data } = await editor.mutate({
    mutation: ReviseACountDocument,
    variables: { input: revise(version - 1) },
  });
  const stale = data?.commit.userErrors[0]; // what an editor can act on: not an exception
  // #endregion
  // #region dry-run
  const dry = await editor.mutate({
    mutation: DryRunDocument,
    variables: { input: { ...revise(version), dryRun: true } },
    fetchPolicy: "no-cache", // it did not happen, so no cache should hold it
  });
  // #endregion
  return {
    version,
    stale: { code: stale?.code, current: stale?.current },
    dryRun: dry.data?.commit.records,
    cached: held(editor)[`Transfer:${id}`],
    forbidden: await refused(
      reader.mutate({ mutation: ReviseACountDocument, variables: { input: revise(version) } }),
    ),
    unauthenticated: await refused(
      newClient(url, "ck_demo_mistyped").query({ query: ActorsDocument, variables: {} }),
    ),
    tooMuch: await refused(reader.query({ query: ActorsDocument, variables: { first: 1000 } })),
  };
}

async function refetch(url: string): Promise<object> {
  const client = newClient(url);
  const { id } = await horses(client);
  const ids = [id, `${id}@5`, `${id}@1`];
  const { data } = await client.query({ query: RefetchDocument, variables: { ids } });
  return { ids, got: data?.nodes.map((node) => node?.id ?? null) };
}

await report(async ({ url, trusted, key }) => ({
  archive: await archiveBesidePresent(url),
  pages: await pages(url),
  automatic: await persisted(url, automatic),
  manifest: await persisted(trusted, fromManifest),
  untrusted: await persisted(trusted, automatic).then(() => ["none"], codes),
  errors: await errors(url, key),
  refetch: await refetch(url),
}));
