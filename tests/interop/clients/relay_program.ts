/** Relay's compiler and its store, without React: each request names a document by its id. */
// #region environment
import {
  Environment,
  type FetchFunction,
  Network,
  RecordSource,
  Store,
} from "relay-runtime";

export const newEnvironment = (url: string, key?: string) => {
  const ask: FetchFunction = async (request, variables) => {
    const answer = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json",
        ...(key && { Authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify({ id: request.id, variables }),
    });
    return answer.json();
  };
  return new Environment({ network: Network.create(ask), store: new Store(new RecordSource()) });
};
// #endregion
import {
  type ConcreteRequest,
  commitMutation,
  createOperationDescriptor,
  fetchQuery,
  getRequest,
  getSingularSelector,
  type ReaderFragment,
  type Variables,
} from "relay-runtime";
import { report } from "./report.ts";
import RecordLineRefetchQuery from "./relay/__generated__/RecordLineRefetchQuery.graphql.ts";
import RecordLine_record from "./relay/__generated__/RecordLine_record.graphql.ts";
import ReviseTransferMutation from "./relay/__generated__/ReviseTransferMutation.graphql.ts";
import ThenAndNowQuery from "./relay/__generated__/ThenAndNowQuery.graphql.ts";
import TransferCardRefetchQuery from "./relay/__generated__/TransferCardRefetchQuery.graphql.ts";
import TransferCard_transfer from "./relay/__generated__/TransferCard_transfer.graphql.ts";
import NextPageQuery from "./relay/__generated__/TransferListPaginationQuery.graphql.ts";
import TransferListQuery from "./relay/__generated__/TransferListQuery.graphql.ts";
import TransferList_query from "./relay/__generated__/TransferList_query.graphql.ts";

// Without babel-plugin-relay there are no `graphql` tags at run time: what the compiler wrote is
// imported instead. A bundler with the plugin does that by itself.
type Shown = any;

async function ask(environment: Environment, query: ConcreteRequest, variables: Variables) {
  const operation = createOperationDescriptor(getRequest(query), variables);
  environment.retain(operation);
  await fetchQuery(environment, query, variables).toPromise();
  return environment.lookup(operation.fragment).data as Shown;
}

function shown(environment: Environment, fragment: ReaderFragment, reference: Shown): Shown {
  const selector = getSingularSelector(fragment, reference);
  if (!selector) throw new Error(`no ${fragment.name}`);
  return environment.lookup(selector).data;
}

async function walk(environment: Environment): Promise<object> {
  const root = await ask(environment, TransferListQuery, { count: 4 });
  const list = () => shown(environment, TransferList_query, root).transfers;
  let asked = 1;
  while (list().pageInfo.hasNextPage) {
    const cursor: string = list().pageInfo.endCursor;
    await ask(environment, NextPageQuery, { count: 4, cursor });
    asked += 1;
  }
  const cards = list().edges.map((edge: Shown) =>
    shown(environment, TransferCard_transfer, edge.node),
  );
  return { asked, ids: cards.map((card: Shown) => card.id) };
}

async function thenAndNow(environment: Environment, id: string): Promise<object> {
  const { now, archive } = await ask(environment, ThenAndNowQuery, { id, position: 5 });
  const figure = (reference: Shown) => {
    const card = shown(environment, TransferCard_transfer, reference);
    const line = shown(environment, RecordLine_record, card);
    return { id: card.id, amount: card.quantity?.amount, version: line.version };
  };
  return { now: figure(now), then: figure(archive.then) };
}

async function refetch(environment: Environment, id: string): Promise<object> {
  const card = await ask(environment, TransferCardRefetchQuery, { id });
  const line = await ask(environment, RecordLineRefetchQuery, { id });
  return {
    amount: shown(environment, TransferCard_transfer, card.node).quantity?.amount,
    version: shown(environment, RecordLine_record, line.node).version,
  };
}

async function edit(environment: Environment, id: string, version: number): Promise<object> {
  const variables = {
    input: {
      reason: { code: "ENTRY_ERROR", note: "The report gives another figure." },
      operations: [
        { reviseTransfer: { id, version, set: { quantity: { amount: "27", unit: "head" } } } },
      ],
    },
  };
  const response = await new Promise<Shown>((onCompleted, onError) =>
    commitMutation(environment, {
      mutation: ReviseTransferMutation,
      variables,
      onCompleted,
      onError,
    }),
  );
  const source = environment.getStore().getSource();
  return { userErrors: response.commit.userErrors, version: source.get(id)?.["version"] };
}

await report(async ({ trusted, trustedKey }) => {
  const environment = newEnvironment(trusted, trustedKey);
  const walked = (await walk(environment)) as { ids: string[] };
  const id = walked.ids[1] ?? "";
  const beside = (await thenAndNow(environment, id)) as { now: { version: number } };
  return {
    id,
    walked,
    beside,
    refetched: await refetch(environment, `${id}@5`),
    edited: await edit(environment, id, beside.now.version),
    after: await thenAndNow(environment, id),
  };
});
