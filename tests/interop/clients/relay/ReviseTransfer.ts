import { graphql } from "relay-runtime";

/** An edit. The records come back with their ids, so the store shows the new version at once. */
export const mutation = graphql`
  mutation ReviseTransferMutation($input: CommitInput!) {
    commit(input: $input) {
      changeset {
        id
        position
      }
      records {
        id
        version
        ... on Transfer {
          quantity {
            amount
            unit
          }
        }
      }
      userErrors {
        code
        message
        path
        current {
          id
          version
        }
      }
    }
  }
`;
