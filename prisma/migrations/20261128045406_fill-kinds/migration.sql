-- CreateEnum
CREATE TYPE "FillKind" AS ENUM ('TRADE', 'LIQUIDATION', 'ADL', 'SETTLEMENT');

-- AlterTable
ALTER TABLE "fills" ADD COLUMN     "kind" "FillKind" NOT NULL DEFAULT 'TRADE';
