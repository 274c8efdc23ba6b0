import { graphql } from "relay-runtime";

/** What one source says: the value is a union. */
export const claim = graphql`
  fragment ClaimLine_claim on Claim {
    field
    stance
    value {
      __typename
      ... on Measure {
        amount
        unit
      }
      ... on UncertainDate {
        edtf
      }
      ... on RecordValue {
        record {
          id
          ...RecordLine_record
        }
      }
      ... on CodeValue {
        code
      }
      ... on TextValue {
        text
      }
    }
  }
`;
