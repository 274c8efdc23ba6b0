import { graphql } from "relay-runtime";

/** The same record twice: the id that an archive gives carries its position. */
export const query = graphql`
  query ThenAndNowQuery($id: ID!, $position: Position!) {
    now: transfer(id: $id) {
      id
      version
      ...TransferCard_transfer
    }
    archive(position: $position) {
      then: transfer(id: $id) {
        id
        version
        ...TransferCard_transfer
      }
    }
  }
`;
