import { graphql } from "relay-runtime";

/** What a card shows. It asks for itself again by id: by `node`, whatever the id is of. */
export const transfer = graphql`
  fragment TransferCard_transfer on Transfer @refetchable(queryName: "TransferCardRefetchQuery") {
    id
    title
    quantity {
      amount
      lower
      upper
      unit
    }
    ...RecordLine_record
    claims(first: 2) {
      edges {
        node {
          id
          ...ClaimLine_claim
        }
      }
    }
  }
`;
