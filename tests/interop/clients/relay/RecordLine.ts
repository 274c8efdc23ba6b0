import { graphql } from "relay-runtime";

/** One line under any record, of whichever kind: a fragment on the interface. */
export const record = graphql`
  fragment RecordLine_record on Record @refetchable(queryName: "RecordLineRefetchQuery") {
    id
    version
    state
    enteredAt
    changeset {
      id
      reason {
        code
        note
      }
    }
  }
`;
