-- CreateEnum
CREATE TYPE "OrderSide" AS ENUM ('BOTH', 'LONG', 'SHORT');

-- CreateTable
CREATE TABLE "open_orders" (
    "account_id" UUID NOT NULL,
    "venue_code" TEXT NOT NULL,
    "instrument" TEXT NOT NULL,
    "side" "OrderSide" NOT NULL,
    "buy_size" DECIMAL(48,18) NOT NULL,
    "sell_size" DECIMAL(48,18) NOT NULL,
    "buy_notional" DECIMAL(48,18) NOT NULL,
    "sell_notional" DECIMAL(48,18) NOT NULL,
    "sequence" DECIMAL(48,18) NOT NULL,

    CONSTRAINT "open_orders_pkey" PRIMARY KEY ("account_id","instrument","side")
);

-- CreateTable
CREATE TABLE "open_order_versions" (
    "account_id" UUID NOT NULL,
    "instrument" TEXT NOT NULL,
    "side" "OrderSide" NOT NULL,
    "version" INTEGER NOT NULL,
    "buy_size" DECIMAL(48,18) NOT NULL,
    "sell_size" DECIMAL(48,18) NOT NULL,
    "buy_notional" DECIMAL(48,18) NOT NULL,
    "sell_notional" DECIMAL(48,18) NOT NULL,
    "sequence" DECIMAL(48,18) NOT NULL,

    CONSTRAINT "open_order_versions_pkey" PRIMARY KEY ("account_id","instrument","side","version")
);

-- AddForeignKey
ALTER TABLE "open_orders" ADD CONSTRAINT "open_orders_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "open_orders" ADD CONSTRAINT "open_orders_venue_code_instrument_fkey" FOREIGN KEY ("venue_code", "instrument") REFERENCES "instruments"("venue_code", "symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "open_order_versions" ADD CONSTRAINT "open_order_versions_account_id_instrument_side_fkey" FOREIGN KEY ("account_id", "instrument", "side") REFERENCES "open_orders"("account_id", "instrument", "side") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Numbers that no code writes.
ALTER TABLE "open_orders" ADD CONSTRAINT "open_orders_check"
  CHECK ("buy_size" >= 0 AND "sell_size" >= 0 AND "buy_notional" >= 0 AND "sell_notional" >= 0 AND "sequence" >= 0);
ALTER TABLE "open_order_versions" ADD CONSTRAINT "open_order_versions_check"
  CHECK ("version" >= 1 AND "buy_size" >= 0 AND "sell_size" >= 0 AND "buy_notional" >= 0 AND "sell_notional" >= 0
    AND "sequence" >= 0);

-- Versions of accounts are added to, and leave with the pruning of what is past the history.
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "open_order_versions"
FOR EACH STATEMENT EXECUTE FUNCTION "keep_versions"();
