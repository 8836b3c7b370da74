-- CreateEnum
CREATE TYPE "CollateralMode" AS ENUM ('SINGLE_ASSET', 'MULTI_ASSET');

-- CreateEnum
CREATE TYPE "PositionMode" AS ENUM ('ONE_WAY', 'HEDGE');

-- CreateEnum
CREATE TYPE "MarginMode" AS ENUM ('CROSS', 'ISOLATED');

-- CreateEnum
CREATE TYPE "PositionSide" AS ENUM ('LONG', 'SHORT');

-- CreateEnum
CREATE TYPE "TradeSide" AS ENUM ('BUY', 'SELL');

-- CreateEnum
CREATE TYPE "TierUnit" AS ENUM ('QUOTE_VALUE', 'QUANTITY');

-- CreateEnum
CREATE TYPE "MaintenanceMethod" AS ENUM ('PROGRESSIVE', 'FLAT');

-- CreateEnum
CREATE TYPE "MarginStatus" AS ENUM ('NO_EXPOSURE', 'HEALTHY', 'WARNING', 'MARGIN_CALL', 'LIQUIDATION', 'UNPRICED');

-- CreateEnum
CREATE TYPE "LedgerKind" AS ENUM ('DEPOSIT', 'WITHDRAWAL', 'REALIZED_PNL', 'FEE', 'FUNDING', 'INTEREST', 'AUTO_EXCHANGE', 'MARGIN_ADJUSTMENT', 'LIQUIDATION_FEE', 'INSURANCE', 'EARN', 'ADJUSTMENT');

-- CreateEnum
CREATE TYPE "RiskAlertKind" AS ENUM ('STATUS_CHANGED', 'RULE_FIRED', 'COLLATERAL_RATIO_SCHEDULED', 'INTEREST_STARTED', 'AUTO_EXCHANGED');

-- CreateTable
CREATE TABLE "chains" (
    "code" TEXT NOT NULL,
    "name" TEXT NOT NULL,

    CONSTRAINT "chains_pkey" PRIMARY KEY ("code")
);

-- CreateTable
CREATE TABLE "venues" (
    "code" TEXT NOT NULL,
    "name" TEXT NOT NULL,

    CONSTRAINT "venues_pkey" PRIMARY KEY ("code")
);

-- CreateTable
CREATE TABLE "venue_chains" (
    "venue_code" TEXT NOT NULL,
    "chain_code" TEXT NOT NULL,

    CONSTRAINT "venue_chains_pkey" PRIMARY KEY ("venue_code","chain_code")
);

-- CreateTable
CREATE TABLE "assets" (
    "symbol" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "priced_as" TEXT,
    "transferable" BOOLEAN NOT NULL DEFAULT true,
    "convertible" BOOLEAN NOT NULL DEFAULT true,

    CONSTRAINT "assets_pkey" PRIMARY KEY ("symbol")
);

-- CreateTable
CREATE TABLE "instruments" (
    "venue_code" TEXT NOT NULL,
    "symbol" TEXT NOT NULL,
    "base_asset" TEXT NOT NULL,
    "quote_asset" TEXT NOT NULL,
    "max_leverage" DECIMAL(48,18) NOT NULL,

    CONSTRAINT "instruments_pkey" PRIMARY KEY ("venue_code","symbol")
);

-- CreateTable
CREATE TABLE "maintenance_schedules" (
    "venue_code" TEXT NOT NULL,
    "instrument" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "effective_from" TIMESTAMPTZ(3) NOT NULL,
    "reason" TEXT NOT NULL,
    "source" TEXT,
    "changed_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "maintenance_schedules_pkey" PRIMARY KEY ("venue_code","instrument","version")
);

-- CreateTable
CREATE TABLE "maintenance_tiers" (
    "venue_code" TEXT NOT NULL,
    "instrument" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "tier" INTEGER NOT NULL,
    "floor" DECIMAL(48,18) NOT NULL,
    "cap" DECIMAL(48,18),
    "maintenance_rate" DECIMAL(48,18) NOT NULL,
    "maintenance_amount" DECIMAL(90,36) NOT NULL,
    "max_leverage" DECIMAL(48,18) NOT NULL,

    CONSTRAINT "maintenance_tiers_pkey" PRIMARY KEY ("venue_code","instrument","version","tier")
);

-- CreateTable
CREATE TABLE "margin_policies" (
    "venue_code" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "effective_from" TIMESTAMPTZ(3) NOT NULL,
    "liquidates_at_equality" BOOLEAN NOT NULL,
    "maintenance_method" "MaintenanceMethod" NOT NULL,
    "liquidation_fee_rate" DECIMAL(48,18) NOT NULL,
    "warning_ratio" DECIMAL(48,18) NOT NULL,
    "margin_call_ratio" DECIMAL(48,18) NOT NULL,
    "isolated_in_multi_asset" BOOLEAN NOT NULL,
    "debt_margin_rate" DECIMAL(48,18) NOT NULL,
    "guard_max_step" DECIMAL(48,18) NOT NULL,
    "guard_min_notice_hours" INTEGER NOT NULL,
    "reason" TEXT NOT NULL,
    "source" TEXT,
    "changed_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "margin_policies_pkey" PRIMARY KEY ("venue_code","version")
);

-- CreateTable
CREATE TABLE "interest_rules" (
    "venue_code" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "asset_symbol" TEXT NOT NULL,
    "hourly_rate" DECIMAL(48,18) NOT NULL,
    "free_threshold" DECIMAL(48,18) NOT NULL,

    CONSTRAINT "interest_rules_pkey" PRIMARY KEY ("venue_code","version","asset_symbol")
);

-- CreateTable
CREATE TABLE "auto_exchange_thresholds" (
    "venue_code" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "asset_symbol" TEXT NOT NULL,
    "balance" DECIMAL(48,18) NOT NULL,

    CONSTRAINT "auto_exchange_thresholds_pkey" PRIMARY KEY ("venue_code","version","asset_symbol")
);

-- CreateTable
CREATE TABLE "collateral_ratios" (
    "id" UUID NOT NULL,
    "ratio_key" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "venue_code" TEXT NOT NULL,
    "chain_code" TEXT,
    "asset_symbol" TEXT NOT NULL,
    "tier_unit" "TierUnit" NOT NULL,
    "user_cap" DECIMAL(48,18),
    "platform_cap" DECIMAL(48,18),
    "effective_from" TIMESTAMPTZ(3) NOT NULL,
    "cancelled_at" TIMESTAMPTZ(3),
    "reason" TEXT NOT NULL,
    "source" TEXT,
    "changed_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "collateral_ratios_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "collateral_tiers" (
    "ratio_id" UUID NOT NULL,
    "floor" DECIMAL(48,18) NOT NULL,
    "cap" DECIMAL(48,18),
    "ratio" DECIMAL(48,18) NOT NULL,

    CONSTRAINT "collateral_tiers_pkey" PRIMARY KEY ("ratio_id","floor")
);

-- CreateTable
CREATE TABLE "index_quotes" (
    "asset_symbol" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "price" DECIMAL(48,18) NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "index_quotes_pkey" PRIMARY KEY ("asset_symbol","source")
);

-- CreateTable
CREATE TABLE "index_prices" (
    "asset_symbol" TEXT NOT NULL,
    "price" DECIMAL(48,18) NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "index_prices_pkey" PRIMARY KEY ("asset_symbol")
);

-- CreateTable
CREATE TABLE "mark_prices" (
    "venue_code" TEXT NOT NULL,
    "instrument" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "price" DECIMAL(48,18) NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "mark_prices_pkey" PRIMARY KEY ("venue_code","instrument")
);

-- CreateTable
CREATE TABLE "accounts" (
    "id" UUID NOT NULL,
    -- Text sorts by code point, whatever the database's collation is.
    "name" TEXT COLLATE "C" NOT NULL,
    "owner" TEXT NOT NULL,
    "venue_code" TEXT NOT NULL,
    "chain_code" TEXT,
    "collateral_mode" "CollateralMode" NOT NULL,
    "position_mode" "PositionMode" NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "opened_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "accounts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "balances" (
    "account_id" UUID NOT NULL,
    "asset_symbol" TEXT NOT NULL,
    "quantity" DECIMAL(48,18) NOT NULL,

    CONSTRAINT "balances_pkey" PRIMARY KEY ("account_id","asset_symbol")
);

-- CreateTable
CREATE TABLE "positions" (
    "account_id" UUID NOT NULL,
    "venue_code" TEXT NOT NULL,
    "instrument" TEXT NOT NULL,
    "side" "PositionSide" NOT NULL,
    "size" DECIMAL(48,18) NOT NULL,
    "cost" DECIMAL(90,36) NOT NULL,
    "isolated_margin" DECIMAL(48,18) NOT NULL DEFAULT 0,

    CONSTRAINT "positions_pkey" PRIMARY KEY ("account_id","instrument","side")
);

-- CreateTable
CREATE TABLE "instrument_settings" (
    "account_id" UUID NOT NULL,
    "venue_code" TEXT NOT NULL,
    "instrument" TEXT NOT NULL,
    "leverage" INTEGER NOT NULL,
    "margin_mode" "MarginMode" NOT NULL,

    CONSTRAINT "instrument_settings_pkey" PRIMARY KEY ("account_id","instrument")
);

-- CreateTable
CREATE TABLE "fills" (
    "seq" BIGSERIAL NOT NULL,
    "venue_code" TEXT NOT NULL,
    "fill_id" TEXT NOT NULL,
    "account_id" UUID NOT NULL,
    "instrument" TEXT NOT NULL,
    "side" "TradeSide" NOT NULL,
    "position_side" "PositionSide",
    "size" DECIMAL(48,18) NOT NULL,
    "price" DECIMAL(48,18) NOT NULL,
    "fee" DECIMAL(48,18) NOT NULL,
    "realized_pnl" DECIMAL(48,18) NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "fills_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "transfers" (
    "venue_code" TEXT NOT NULL,
    "transfer_id" TEXT NOT NULL,
    "account_id" UUID NOT NULL,
    "asset_symbol" TEXT NOT NULL,
    "quantity" DECIMAL(48,18) NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "transfers_pkey" PRIMARY KEY ("venue_code","transfer_id")
);

-- CreateTable
CREATE TABLE "ledger_entries" (
    "seq" BIGSERIAL NOT NULL,
    "account_id" UUID NOT NULL,
    "asset_symbol" TEXT NOT NULL,
    "quantity" DECIMAL(48,18) NOT NULL,
    "balance_after" DECIMAL(48,18) NOT NULL,
    "kind" "LedgerKind" NOT NULL,
    "reference" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "reported_at" TIMESTAMPTZ(3),

    CONSTRAINT "ledger_entries_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "alert_rules" (
    "id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "margin_ratio" DECIMAL(48,18) NOT NULL,
    "rearm_below" DECIMAL(48,18) NOT NULL,

    CONSTRAINT "alert_rules_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "risk_alerts" (
    "seq" BIGINT NOT NULL,
    "account_id" UUID NOT NULL,
    "kind" "RiskAlertKind" NOT NULL,
    "instrument" TEXT,
    "side" "PositionSide",
    "status" "MarginStatus" NOT NULL,
    "previous_status" "MarginStatus",
    "margin_ratio" DECIMAL(48,18),
    "margin_balance" DECIMAL(48,18) NOT NULL,
    "maintenance_margin" DECIMAL(48,18) NOT NULL,
    "rule_id" UUID,
    "ratio_id" UUID,
    "effective_at" TIMESTAMPTZ(3),
    "at" TIMESTAMPTZ(3) NOT NULL,
    "acknowledged_at" TIMESTAMPTZ(3),

    CONSTRAINT "risk_alerts_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "audit_entries" (
    "seq" BIGSERIAL NOT NULL,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "done" BOOLEAN NOT NULL,
    "subject" TEXT,
    "subject_key" TEXT NOT NULL,
    "before" TEXT,
    "after" TEXT,
    "reason" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "idempotency_keys" (
    "viewer" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "mutation" TEXT NOT NULL,
    "input_hash" TEXT NOT NULL,
    "result" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("viewer","key")
);

-- CreateIndex
CREATE INDEX "collateral_ratios_venue_code_chain_code_asset_symbol_idx" ON "collateral_ratios"("venue_code", "chain_code", "asset_symbol");

-- CreateIndex
CREATE UNIQUE INDEX "collateral_ratios_ratio_key_version_key" ON "collateral_ratios"("ratio_key", "version");

-- CreateIndex
CREATE INDEX "accounts_owner_id_idx" ON "accounts"("owner", "id");

-- CreateIndex
CREATE INDEX "accounts_name_id_idx" ON "accounts"("name", "id");

-- CreateIndex
CREATE INDEX "accounts_venue_code_chain_code_id_idx" ON "accounts"("venue_code", "chain_code", "id");

-- CreateIndex
CREATE INDEX "balances_asset_symbol_account_id_idx" ON "balances"("asset_symbol", "account_id");

-- CreateIndex
CREATE INDEX "positions_venue_code_instrument_idx" ON "positions"("venue_code", "instrument");

-- CreateIndex
CREATE INDEX "fills_account_id_seq_idx" ON "fills"("account_id", "seq");

-- CreateIndex
CREATE UNIQUE INDEX "fills_venue_code_fill_id_key" ON "fills"("venue_code", "fill_id");

-- CreateIndex
CREATE INDEX "transfers_account_id_idx" ON "transfers"("account_id");

-- CreateIndex
CREATE INDEX "ledger_entries_account_id_seq_idx" ON "ledger_entries"("account_id", "seq");

-- CreateIndex
CREATE INDEX "ledger_entries_account_id_asset_symbol_seq_idx" ON "ledger_entries"("account_id", "asset_symbol", "seq");

-- CreateIndex
CREATE INDEX "alert_rules_account_id_idx" ON "alert_rules"("account_id");

-- CreateIndex
CREATE INDEX "risk_alerts_account_id_seq_idx" ON "risk_alerts"("account_id", "seq");

-- CreateIndex
CREATE INDEX "audit_entries_subject_seq_idx" ON "audit_entries"("subject", "seq");

-- CreateIndex
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys"("created_at");

-- AddForeignKey
ALTER TABLE "venue_chains" ADD CONSTRAINT "venue_chains_venue_code_fkey" FOREIGN KEY ("venue_code") REFERENCES "venues"("code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "venue_chains" ADD CONSTRAINT "venue_chains_chain_code_fkey" FOREIGN KEY ("chain_code") REFERENCES "chains"("code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "assets" ADD CONSTRAINT "assets_priced_as_fkey" FOREIGN KEY ("priced_as") REFERENCES "assets"("symbol") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "instruments" ADD CONSTRAINT "instruments_venue_code_fkey" FOREIGN KEY ("venue_code") REFERENCES "venues"("code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "instruments" ADD CONSTRAINT "instruments_base_asset_fkey" FOREIGN KEY ("base_asset") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "instruments" ADD CONSTRAINT "instruments_quote_asset_fkey" FOREIGN KEY ("quote_asset") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "maintenance_schedules" ADD CONSTRAINT "maintenance_schedules_venue_code_instrument_fkey" FOREIGN KEY ("venue_code", "instrument") REFERENCES "instruments"("venue_code", "symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "maintenance_tiers" ADD CONSTRAINT "maintenance_tiers_venue_code_instrument_version_fkey" FOREIGN KEY ("venue_code", "instrument", "version") REFERENCES "maintenance_schedules"("venue_code", "instrument", "version") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "margin_policies" ADD CONSTRAINT "margin_policies_venue_code_fkey" FOREIGN KEY ("venue_code") REFERENCES "venues"("code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "interest_rules" ADD CONSTRAINT "interest_rules_venue_code_version_fkey" FOREIGN KEY ("venue_code", "version") REFERENCES "margin_policies"("venue_code", "version") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "interest_rules" ADD CONSTRAINT "interest_rules_asset_symbol_fkey" FOREIGN KEY ("asset_symbol") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "auto_exchange_thresholds" ADD CONSTRAINT "auto_exchange_thresholds_venue_code_version_fkey" FOREIGN KEY ("venue_code", "version") REFERENCES "margin_policies"("venue_code", "version") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "auto_exchange_thresholds" ADD CONSTRAINT "auto_exchange_thresholds_asset_symbol_fkey" FOREIGN KEY ("asset_symbol") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "collateral_ratios" ADD CONSTRAINT "collateral_ratios_venue_code_fkey" FOREIGN KEY ("venue_code") REFERENCES "venues"("code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "collateral_ratios" ADD CONSTRAINT "collateral_ratios_chain_code_fkey" FOREIGN KEY ("chain_code") REFERENCES "chains"("code") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "collateral_ratios" ADD CONSTRAINT "collateral_ratios_asset_symbol_fkey" FOREIGN KEY ("asset_symbol") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "collateral_tiers" ADD CONSTRAINT "collateral_tiers_ratio_id_fkey" FOREIGN KEY ("ratio_id") REFERENCES "collateral_ratios"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "index_quotes" ADD CONSTRAINT "index_quotes_asset_symbol_fkey" FOREIGN KEY ("asset_symbol") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "index_prices" ADD CONSTRAINT "index_prices_asset_symbol_fkey" FOREIGN KEY ("asset_symbol") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "mark_prices" ADD CONSTRAINT "mark_prices_venue_code_instrument_fkey" FOREIGN KEY ("venue_code", "instrument") REFERENCES "instruments"("venue_code", "symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "accounts" ADD CONSTRAINT "accounts_venue_code_fkey" FOREIGN KEY ("venue_code") REFERENCES "venues"("code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "accounts" ADD CONSTRAINT "accounts_chain_code_fkey" FOREIGN KEY ("chain_code") REFERENCES "chains"("code") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "balances" ADD CONSTRAINT "balances_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "balances" ADD CONSTRAINT "balances_asset_symbol_fkey" FOREIGN KEY ("asset_symbol") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "positions" ADD CONSTRAINT "positions_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "positions" ADD CONSTRAINT "positions_venue_code_instrument_fkey" FOREIGN KEY ("venue_code", "instrument") REFERENCES "instruments"("venue_code", "symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "instrument_settings" ADD CONSTRAINT "instrument_settings_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "instrument_settings" ADD CONSTRAINT "instrument_settings_venue_code_instrument_fkey" FOREIGN KEY ("venue_code", "instrument") REFERENCES "instruments"("venue_code", "symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "fills" ADD CONSTRAINT "fills_venue_code_fkey" FOREIGN KEY ("venue_code") REFERENCES "venues"("code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "fills" ADD CONSTRAINT "fills_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "fills" ADD CONSTRAINT "fills_venue_code_instrument_fkey" FOREIGN KEY ("venue_code", "instrument") REFERENCES "instruments"("venue_code", "symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "transfers" ADD CONSTRAINT "transfers_venue_code_fkey" FOREIGN KEY ("venue_code") REFERENCES "venues"("code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "transfers" ADD CONSTRAINT "transfers_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "transfers" ADD CONSTRAINT "transfers_asset_symbol_fkey" FOREIGN KEY ("asset_symbol") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ledger_entries" ADD CONSTRAINT "ledger_entries_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ledger_entries" ADD CONSTRAINT "ledger_entries_asset_symbol_fkey" FOREIGN KEY ("asset_symbol") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alert_rules" ADD CONSTRAINT "alert_rules_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "risk_alerts" ADD CONSTRAINT "risk_alerts_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "risk_alerts" ADD CONSTRAINT "risk_alerts_rule_id_fkey" FOREIGN KEY ("rule_id") REFERENCES "alert_rules"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "risk_alerts" ADD CONSTRAINT "risk_alerts_ratio_id_fkey" FOREIGN KEY ("ratio_id") REFERENCES "collateral_ratios"("id") ON DELETE SET NULL ON UPDATE CASCADE;
