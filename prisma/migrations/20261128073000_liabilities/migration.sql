-- CreateEnum
CREATE TYPE "PnlCounts" AS ENUM ('IN_FULL', 'AS_EQUITY');

-- AlterTable
ALTER TABLE "margin_policies" ADD COLUMN "pnl_counts" "PnlCounts" NOT NULL DEFAULT 'IN_FULL',
  ADD COLUMN "liabilities" JSONB NOT NULL DEFAULT '[]';
