-- AlterTable
ALTER TABLE "ledger_entries" ADD COLUMN     "fill_seq" BIGINT,
ADD COLUMN     "instrument" TEXT;

-- An entry on the balance may name an instrument. One on isolated margin still names both.
ALTER TABLE "reported_entries" DROP CONSTRAINT "reported_entries_check";
ALTER TABLE "reported_entries" ADD CONSTRAINT "reported_entries_check"
  CHECK ("quantity" <> 0 AND ("side" IS NULL OR "instrument" IS NOT NULL));
