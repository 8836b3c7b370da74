-- Versions of policies and of maintenance tiers have what those of collateral ratios have. Rows that there are get an id
-- of their own: the default is computed row by row, and no row is updated.
ALTER TABLE "margin_policies"
  ADD COLUMN "id" UUID NOT NULL DEFAULT gen_random_uuid(),
  ADD COLUMN "applied_at" TIMESTAMPTZ(3),
  ADD COLUMN "cancelled_at" TIMESTAMPTZ(3),
  ADD COLUMN "cancelled_by" TEXT,
  ADD COLUMN "cancel_reason" TEXT,
  ADD COLUMN "impact" JSONB;
ALTER TABLE "margin_policies" ALTER COLUMN "id" DROP DEFAULT;
ALTER TABLE "maintenance_schedules"
  ADD COLUMN "id" UUID NOT NULL DEFAULT gen_random_uuid(),
  ADD COLUMN "applied_at" TIMESTAMPTZ(3),
  ADD COLUMN "cancelled_at" TIMESTAMPTZ(3),
  ADD COLUMN "cancelled_by" TEXT,
  ADD COLUMN "cancel_reason" TEXT,
  ADD COLUMN "impact" JSONB;
ALTER TABLE "maintenance_schedules" ALTER COLUMN "id" DROP DEFAULT;

-- CreateIndex
CREATE UNIQUE INDEX "margin_policies_id_key" ON "margin_policies"("id");

-- CreateIndex
CREATE UNIQUE INDEX "maintenance_schedules_id_key" ON "maintenance_schedules"("id");

-- What is in force already took effect at its instant, or when it was recorded if that was later.
UPDATE "margin_policies" SET "applied_at" = GREATEST("effective_from", "created_at") WHERE "effective_from" <= now();
UPDATE "maintenance_schedules" SET "applied_at" = GREATEST("effective_from", "created_at") WHERE "effective_from" <= now();
