-- CreateEnum
CREATE TYPE "ExchangeOrder" AS ENUM ('PRO_RATA', 'HIGHEST_RATIO_FIRST');

-- AlterEnum
ALTER TYPE "LedgerKind" ADD VALUE 'EXCHANGE_COST';

-- AlterTable
ALTER TABLE "margin_policies" ADD COLUMN     "exchange_order" "ExchangeOrder" NOT NULL DEFAULT 'PRO_RATA',
ADD COLUMN     "exchange_rates" JSONB NOT NULL DEFAULT '[]';
