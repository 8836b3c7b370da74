-- CreateIndex
CREATE INDEX "fills_account_id_recorded_at_idx" ON "fills"("account_id", "recorded_at");
