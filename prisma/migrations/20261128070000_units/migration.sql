-- A venue values everything in its unit; an instrument is settled in an asset of its own; a quote says what it is in.
ALTER TABLE "venues" ADD COLUMN "unit" TEXT NOT NULL DEFAULT 'USDT',
  ADD COLUMN "single_asset" TEXT NOT NULL DEFAULT 'USDT';

ALTER TABLE "instruments" ADD COLUMN "settlement_asset" TEXT;
UPDATE "instruments" SET "settlement_asset" = "quote_asset";
ALTER TABLE "instruments" ALTER COLUMN "settlement_asset" SET NOT NULL;

ALTER TABLE "index_quotes" ADD COLUMN "unit" TEXT NOT NULL DEFAULT 'USDT';
ALTER TABLE "index_quotes" DROP CONSTRAINT "index_quotes_pkey",
  ADD CONSTRAINT "index_quotes_pkey" PRIMARY KEY ("asset_symbol", "unit", "source");

ALTER TABLE "index_prices" ADD COLUMN "unit" TEXT NOT NULL DEFAULT 'USDT';
ALTER TABLE "index_prices" DROP CONSTRAINT "index_prices_pkey",
  ADD CONSTRAINT "index_prices_pkey" PRIMARY KEY ("asset_symbol", "unit");

ALTER TABLE "venues" ADD CONSTRAINT "venues_unit_fkey"
  FOREIGN KEY ("unit") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "venues" ADD CONSTRAINT "venues_single_asset_fkey"
  FOREIGN KEY ("single_asset") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "instruments" ADD CONSTRAINT "instruments_settlement_asset_fkey"
  FOREIGN KEY ("settlement_asset") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;
