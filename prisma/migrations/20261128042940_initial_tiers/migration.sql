-- AlterTable
ALTER TABLE "collateral_ratios" ADD COLUMN "initial_tiers" JSONB;
ALTER TABLE "collateral_ratios" ADD CONSTRAINT "collateral_ratios_initial_tiers_check"
  CHECK ("initial_tiers" IS NULL OR jsonb_typeof("initial_tiers") = 'array');
