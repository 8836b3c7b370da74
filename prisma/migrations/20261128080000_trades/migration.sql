-- CreateEnum
CREATE TYPE "TradePart" AS ENUM ('NONE', 'BUYER', 'SELLER');

-- Fills that are there are of no trade: a constant, so that no row is rewritten.
ALTER TABLE "fills" ADD COLUMN     "trade_part" "TradePart" NOT NULL DEFAULT 'NONE';

-- The ids of single fills stay unique; both sides of a trade have that of the trade.
CREATE UNIQUE INDEX "fills_venue_code_fill_id_trade_part_key" ON "fills"("venue_code", "fill_id", "trade_part");

-- DropIndex
DROP INDEX "fills_venue_code_fill_id_key";
