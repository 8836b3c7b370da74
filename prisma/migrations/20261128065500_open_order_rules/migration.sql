-- AlterTable
ALTER TABLE "margin_policies" ADD COLUMN "open_orders" JSONB NOT NULL DEFAULT '{"initial":"NONE","maintenance":"NONE","openLoss":"NONE"}';
ALTER TABLE "margin_policies" ADD CONSTRAINT "margin_policies_open_orders_check" CHECK (
  coalesce("open_orders" ->> 'initial' IN ('WORST_SIDE', 'NONE'), false)
  AND coalesce("open_orders" ->> 'maintenance' IN ('WORST_SIDE', 'NONE'), false)
  AND coalesce("open_orders" ->> 'openLoss' IN ('INITIAL', 'NONE'), false));
