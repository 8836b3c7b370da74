/** The documents of an app with accounts and alerts on its screens, and of the venue that feeds it. */
import { gql } from '@apollo/client';

/** What the screen of an account shows; one fragment for queries and pushes, so that one replaces the other whole. */
const ACCOUNT = gql`
  fragment AccountOnScreen on Account {
    id
    name
    version
    status
    balances {
      asset {
        id
        symbol
      }
      quantity
    }
    margin {
      asOf
      status
      marginBalance
      maintenanceMargin
      marginRatio
    }
  }
`;
export const READ = gql`
  query Read($id: ID!) {
    account(id: $id) {
      ...AccountOnScreen
    }
  }
  ${ACCOUNT}
`;
export const WATCH = gql`
  subscription Watch($ids: [ID!]!) {
    marginRatioChanged(accountIds: $ids) {
      cause
      sequence
      account {
        ...AccountOnScreen
      }
    }
  }
  ${ACCOUNT}
`;
export const DEPOSIT = gql`
  mutation Deposit($input: RecordTransfersInput!) {
    recordTransfers(input: $input) {
      recorded
      accounts {
        ...AccountOnScreen
      }
      errors {
        code
      }
    }
  }
  ${ACCOUNT}
`;

export const WAYS = gql`
  query Ways($id: ID!) {
    node(id: $id) {
      ... on Account {
        ...AccountOnScreen
      }
    }
    accounts {
      edges {
        node {
          ...AccountOnScreen
        }
      }
    }
    viewer {
      subject
      accounts {
        nodes {
          ...AccountOnScreen
        }
      }
    }
  }
  ${ACCOUNT}
`;
export const LEDGER = gql`
  query Ledger($id: ID!, $after: String) {
    account(id: $id) {
      id
      ledger(first: 2, after: $after) {
        edges {
          cursor
          node {
            id
            quantity
          }
        }
        pageInfo {
          endCursor
          hasNextPage
          hasPreviousPage
          startCursor
        }
      }
    }
  }
`;
export const PUBLISH = gql`
  mutation Publish($input: PublishPricesInput!) {
    publishPrices(input: $input) {
      accepted
      errors {
        message
      }
    }
  }
`;
export const OPEN = gql`
  mutation Open($input: OpenAccountInput!) {
    openAccount(input: $input) {
      account {
        id
      }
    }
  }
`;
export const TRADE = gql`
  mutation Trade($input: RecordFillsInput!) {
    recordFills(input: $input) {
      recorded
    }
  }
`;

const ALERT = gql`
  fragment AlertOnScreen on RiskAlert {
    id
    kind
    status
    cursor
    account {
      id
    }
  }
`;
export const ALERTS = gql`
  subscription Alerts {
    riskAlerts {
      ...AlertOnScreen
    }
  }
  ${ALERT}
`;
export const RULE = gql`
  mutation Rule($input: SetAlertRuleInput!) {
    setAlertRule(input: $input) {
      rule {
        id
        marginRatio
      }
    }
  }
`;
export const LISTED = gql`
  query Listed {
    riskAlerts(kinds: [RULE_FIRED]) {
      edges {
        node {
          ...AlertOnScreen
        }
      }
    }
  }
  ${ALERT}
`;
