import { graphql } from "relay-runtime";

export const query = graphql`
  query TransferListQuery($count: Int!) {
    ...TransferList_query @arguments(count: $count)
  }
`;

/** A list that grows page by page, in the connection that Relay's store keeps under its key. */
export const list = graphql`
  fragment TransferList_query on Query
  @refetchable(queryName: "TransferListPaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 5 }, cursor: { type: "String" }) {
    transfers(first: $count, after: $cursor, orderBy: OCCURRED_DESC)
      @connection(key: "TransferList_transfers", filters: ["orderBy"]) {
      edges {
        node {
          id
          ...TransferCard_transfer
        }
      }
    }
  }
`;
