/** What GraphiQL opens with: three operations that work as they are, with what the demo fills in. */

export const ACCOUNT_EXPLAINED = `# Account, explained: each number with what it
# was made of, down to the document that a
# collateral ratio comes from.
query AccountExplained {
  accounts(first: 10) {
    nodes {
      name
      venue { name }
      chain { name }
      margin {
        status
        marginRatio
        marginBalance
        maintenanceMargin
        collateralValue
        unrealizedPnl
        collateral {
          asset { symbol }
          quantity
          indexPrice
          value
          collateralValue
          tiers { floor cap ratio value collateralValue }
          collateralRatio { version effectiveFrom source reason }
        }
      }
      positions {
        instrument { symbol }
        side
        size
        entryPrice
        markPrice
        notional
        unrealizedPnl
        maintenanceMargin
      }
    }
  }
}
`;

export const LIVE_RATIOS = `# Live ratios: each account as it is, then again
# whenever its ratio has moved by minChange, or
# its status has changed.
subscription LiveRatios($ids: [ID!]!) {
  marginRatioChanged(accountIds: $ids, minChange: "0.001") {
    account { name }
    previousStatus
    cause
    sequence
    margin {
      status
      marginRatio
      marginBalance
      maintenanceMargin
      asOf
    }
  }
}
`;

export const CHANGE_A_RATIO = `# Change a ratio, as an admin: run RatioToChange,
# then ChangeRatio, and see on the live page what
# becomes of "LISTA at a tenth".
# Every change is a new version. For another one,
# expect the next version, with another key.
# A cut takes a day's notice (effectiveFrom), or
# force, which the audit keeps.
query RatioToChange {
  collateralRatios(venue: "ASTER", chain: "BNB_CHAIN", asset: "LISTA") {
    version
    status
    effectiveFrom
    tiers { floor cap ratio }
    reason
    source
  }
}

mutation ChangeRatio($input: ChangeCollateralRatioInput!) {
  changeCollateralRatio(input: $input) {
    collateralRatio {
      version
      status
      effectiveFrom
      tiers { floor cap ratio }
      reason
      changedBy
    }
    errors { code message field }
  }
}
`;

/** What the variables are filled in with; needs a token. */
export const START = `query Start {
  accounts(first: 100) { nodes { id } }
  collateralRatios(venue: "ASTER", chain: "BNB_CHAIN", asset: "LISTA") { version tiers { ratio } }
}`;

/** The variables of ChangeRatio: to half of what the published table says, or back to it. */
export function ratioChange(ratios) {
  const [inForce] = ratios;
  const halved = inForce?.tiers[0]?.ratio === '0.05';
  return {
    input: {
      venue: 'ASTER',
      chain: 'BNB_CHAIN',
      asset: 'LISTA',
      ratio: halved ? '0.1' : '0.05',
      expectedVersion: inForce?.version ?? 0,
      force: !halved,
      reason: halved ? 'The market is deep again.' : 'The market has become thin.',
      idempotencyKey: `graphiql-${Date.now()}-${Math.random().toString(36).slice(2, 10)}`,
    },
  };
}
