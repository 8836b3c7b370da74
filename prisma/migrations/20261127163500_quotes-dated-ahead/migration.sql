-- AlterTable
ALTER TABLE "index_quotes" ADD COLUMN     "dated_ahead" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "mark_prices" ADD COLUMN     "dated_ahead" BOOLEAN NOT NULL DEFAULT false;
