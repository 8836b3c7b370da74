-- AlterTable
ALTER TABLE "margin_policies" ADD COLUMN "liquidation_ratio" JSONB NOT NULL DEFAULT '{"numerator":"1","denominator":"1"}';
ALTER TABLE "margin_policies" ADD CONSTRAINT "margin_policies_liquidation_ratio_check" CHECK (
  coalesce(("liquidation_ratio" ->> 'numerator')::numeric, 0) > 0
  AND coalesce(("liquidation_ratio" ->> 'numerator')::numeric <= ("liquidation_ratio" ->> 'denominator')::numeric, false));
