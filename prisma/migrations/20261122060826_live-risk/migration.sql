-- CreateEnum
CREATE TYPE "OutboxKind" AS ENUM ('CHANGED', 'INTEREST_STARTED', 'AUTO_EXCHANGED', 'RATIO_SCHEDULED');

-- AlterTable
ALTER TABLE "accounts" ADD COLUMN     "changed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;

-- AlterTable
ALTER TABLE "collateral_ratios" ADD COLUMN     "applied_at" TIMESTAMPTZ(3),
ADD COLUMN     "cancel_reason" TEXT,
ADD COLUMN     "cancelled_by" TEXT,
ADD COLUMN     "impact" TEXT;

-- AlterTable
ALTER TABLE "index_prices" ADD COLUMN     "round" BIGINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "index_quotes" ADD COLUMN     "round" BIGINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "mark_prices" ADD COLUMN     "round" BIGINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "risk_alerts" ADD COLUMN     "entries" BIGINT[] DEFAULT ARRAY[]::BIGINT[],
ADD COLUMN     "round" BIGINT NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "price_rounds" (
    "seq" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "taken" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "price_rounds_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "price_changes" (
    "symbol" TEXT NOT NULL,
    "round" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "price" DECIMAL(48,18) NOT NULL,
    "priced_at" TIMESTAMPTZ(3) NOT NULL,
    "stale" BOOLEAN NOT NULL,

    CONSTRAINT "price_changes_pkey" PRIMARY KEY ("symbol","round")
);

-- CreateTable
CREATE TABLE "account_versions" (
    "account_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "collateral_mode" "CollateralMode" NOT NULL,
    "position_mode" "PositionMode" NOT NULL,

    CONSTRAINT "account_versions_pkey" PRIMARY KEY ("account_id","version")
);

-- CreateTable
CREATE TABLE "position_versions" (
    "account_id" UUID NOT NULL,
    "instrument" TEXT NOT NULL,
    "side" "PositionSide" NOT NULL,
    "version" INTEGER NOT NULL,
    "size" DECIMAL(48,18) NOT NULL,
    "cost" DECIMAL(90,36) NOT NULL,
    "isolated_margin" DECIMAL(48,18) NOT NULL,

    CONSTRAINT "position_versions_pkey" PRIMARY KEY ("account_id","instrument","side","version")
);

-- CreateTable
CREATE TABLE "setting_versions" (
    "account_id" UUID NOT NULL,
    "instrument" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "leverage" INTEGER NOT NULL,
    "margin_mode" "MarginMode" NOT NULL,

    CONSTRAINT "setting_versions_pkey" PRIMARY KEY ("account_id","instrument","version")
);

-- CreateTable
CREATE TABLE "alert_states" (
    "account_id" UUID NOT NULL,
    "level" TEXT NOT NULL,
    "status" "MarginStatus" NOT NULL,
    "fired" UUID[] DEFAULT ARRAY[]::UUID[],

    CONSTRAINT "alert_states_pkey" PRIMARY KEY ("account_id","level")
);

-- CreateTable
CREATE TABLE "outbox" (
    "seq" BIGSERIAL NOT NULL,
    "account_id" UUID NOT NULL,
    "kind" "OutboxKind" NOT NULL,
    "ratio_id" UUID,
    "effective_at" TIMESTAMPTZ(3),
    "entries" BIGINT[] DEFAULT ARRAY[]::BIGINT[],
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "duty" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "term" BIGINT NOT NULL DEFAULT 0,
    "taken_round" BIGINT NOT NULL DEFAULT 0,
    "done_round" BIGINT NOT NULL DEFAULT 0,
    "last_alert" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "duty_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "price_rounds_at_seq_idx" ON "price_rounds"("at", "seq");

-- CreateIndex
CREATE INDEX "price_changes_at_idx" ON "price_changes"("at");

-- CreateIndex
CREATE INDEX "account_versions_account_id_at_idx" ON "account_versions"("account_id", "at");

-- CreateIndex
CREATE INDEX "risk_alerts_rule_id_idx" ON "risk_alerts"("rule_id");

-- AddForeignKey
ALTER TABLE "account_versions" ADD CONSTRAINT "account_versions_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "alert_states" ADD CONSTRAINT "alert_states_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;


-- What stands now is all that is known of the past: the versions begin here.
INSERT INTO "account_versions" ("account_id", "version", "at", "collateral_mode", "position_mode")
SELECT "id", "version", "changed_at", "collateral_mode", "position_mode" FROM "accounts";
INSERT INTO "position_versions" ("account_id", "instrument", "side", "version", "size", "cost", "isolated_margin")
SELECT "account_id", "instrument", "side", "version", "size", "cost", "isolated_margin"
FROM "positions" JOIN "accounts" ON "accounts"."id" = "account_id";
INSERT INTO "setting_versions" ("account_id", "instrument", "version", "leverage", "margin_mode")
SELECT "account_id", "instrument", "version", "leverage", "margin_mode"
FROM "instrument_settings" JOIN "accounts" ON "accounts"."id" = "account_id";

-- The one row.
INSERT INTO "duty" ("id") VALUES (1);

-- What was in force already has taken effect.
UPDATE "collateral_ratios" SET "applied_at" = "effective_from" WHERE "effective_from" <= CURRENT_TIMESTAMP;

-- The audit is added to and never changed, whoever asks.
CREATE FUNCTION "refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused.', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit_entries"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
