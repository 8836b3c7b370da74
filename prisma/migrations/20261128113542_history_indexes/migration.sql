-- CreateIndex
CREATE INDEX "fills_account_id_kind_seq_idx" ON "fills"("account_id", "kind", "seq");

-- CreateIndex
CREATE INDEX "ledger_entries_account_id_instrument_seq_idx" ON "ledger_entries"("account_id", "instrument", "seq");

-- CreateIndex
CREATE INDEX "ledger_entries_account_id_kind_seq_idx" ON "ledger_entries"("account_id", "kind", "seq");

-- CreateIndex
CREATE INDEX "risk_alerts_account_id_acknowledged_at_seq_idx" ON "risk_alerts"("account_id", "acknowledged_at", "seq");
