-- JSON that was kept as text. jsonb holds neither NUL nor half of a surrogate pair: such a text becomes a JSON string.
CREATE FUNCTION pg_temp."as_jsonb"("kept" text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  RETURN "kept"::jsonb;
EXCEPTION WHEN data_exception THEN
  RETURN to_jsonb("kept");
END $$;

ALTER TABLE "audit_entries"
  ALTER COLUMN "before" TYPE JSONB USING pg_temp."as_jsonb"("before"),
  ALTER COLUMN "after" TYPE JSONB USING pg_temp."as_jsonb"("after");
ALTER TABLE "collateral_ratios" ALTER COLUMN "impact" TYPE JSONB USING pg_temp."as_jsonb"("impact");

-- CreateIndex
CREATE INDEX "fills_account_id_instrument_seq_idx" ON "fills"("account_id", "instrument", "seq");

-- AddForeignKey
ALTER TABLE "position_versions" ADD CONSTRAINT "position_versions_account_id_instrument_side_fkey" FOREIGN KEY ("account_id", "instrument", "side") REFERENCES "positions"("account_id", "instrument", "side") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "setting_versions" ADD CONSTRAINT "setting_versions_account_id_instrument_fkey" FOREIGN KEY ("account_id", "instrument") REFERENCES "instrument_settings"("account_id", "instrument") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Numbers that no code writes.
ALTER TABLE "instruments" ADD CONSTRAINT "instruments_check" CHECK ("max_leverage" >= 1);
ALTER TABLE "accounts" ADD CONSTRAINT "accounts_check" CHECK ("version" >= 1);
ALTER TABLE "account_versions" ADD CONSTRAINT "account_versions_check" CHECK ("version" >= 1);
ALTER TABLE "positions" ADD CONSTRAINT "positions_check"
  CHECK ("size" >= 0 AND "cost" >= 0 AND "isolated_margin" >= 0);
ALTER TABLE "position_versions" ADD CONSTRAINT "position_versions_check"
  CHECK ("version" >= 1 AND "size" >= 0 AND "cost" >= 0 AND "isolated_margin" >= 0);
ALTER TABLE "instrument_settings" ADD CONSTRAINT "instrument_settings_check" CHECK ("leverage" >= 1);
ALTER TABLE "setting_versions" ADD CONSTRAINT "setting_versions_check" CHECK ("version" >= 1 AND "leverage" >= 1);
ALTER TABLE "fills" ADD CONSTRAINT "fills_check" CHECK ("size" > 0 AND "price" > 0);
ALTER TABLE "transfers" ADD CONSTRAINT "transfers_check" CHECK ("quantity" <> 0);
ALTER TABLE "reported_entries" ADD CONSTRAINT "reported_entries_check"
  CHECK ("quantity" <> 0 AND ("instrument" IS NULL) = ("side" IS NULL));
ALTER TABLE "ledger_entries" ADD CONSTRAINT "ledger_entries_check" CHECK ("quantity" <> 0);
ALTER TABLE "alert_rules" ADD CONSTRAINT "alert_rules_check"
  CHECK ("rearm_below" > 0 AND "rearm_below" <= "margin_ratio");
ALTER TABLE "index_quotes" ADD CONSTRAINT "index_quotes_check" CHECK ("price" > 0);
ALTER TABLE "index_prices" ADD CONSTRAINT "index_prices_check" CHECK ("price" > 0);
ALTER TABLE "mark_prices" ADD CONSTRAINT "mark_prices_check" CHECK ("price" > 0);
ALTER TABLE "price_changes" ADD CONSTRAINT "price_changes_check" CHECK ("round" >= 1 AND "price" > 0);
ALTER TABLE "price_rounds" ADD CONSTRAINT "price_rounds_check" CHECK ("seq" >= 1);
ALTER TABLE "duty" ADD CONSTRAINT "duty_check" CHECK ("id" = 1);
ALTER TABLE "collateral_ratios" ADD CONSTRAINT "collateral_ratios_check"
  CHECK ("version" >= 1 AND "user_cap" >= 0 AND "platform_cap" >= 0);
ALTER TABLE "collateral_tiers" ADD CONSTRAINT "collateral_tiers_check"
  CHECK ("floor" >= 0 AND "cap" > "floor" AND "ratio" BETWEEN 0 AND 1);
ALTER TABLE "maintenance_schedules" ADD CONSTRAINT "maintenance_schedules_check" CHECK ("version" >= 1);
ALTER TABLE "maintenance_tiers" ADD CONSTRAINT "maintenance_tiers_check"
  CHECK ("tier" >= 1 AND "floor" >= 0 AND "cap" > "floor" AND "maintenance_rate" > 0 AND "max_leverage" >= 1);
ALTER TABLE "margin_policies" ADD CONSTRAINT "margin_policies_check" CHECK (
  "version" >= 1 AND "guard_min_notice_hours" >= 0 AND "warning_ratio" >= 0 AND "warning_ratio" <= "margin_call_ratio"
  AND "margin_call_ratio" <= 1 AND "liquidation_fee_rate" BETWEEN 0 AND 1 AND "debt_margin_rate" BETWEEN 0 AND 1
  AND "guard_max_step" BETWEEN 0 AND 1);
ALTER TABLE "interest_rules" ADD CONSTRAINT "interest_rules_check"
  CHECK ("hourly_rate" BETWEEN 0 AND 1 AND "free_threshold" >= 0);
ALTER TABLE "auto_exchange_thresholds" ADD CONSTRAINT "auto_exchange_thresholds_check" CHECK ("balance" <= 0);

-- What has happened is added to and never changed, whoever asks.
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "ledger_entries"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "fills"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "transfers"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "reported_entries"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "account_versions"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "position_versions"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "setting_versions"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "collateral_tiers"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "maintenance_tiers"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "interest_rules"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "auto_exchange_thresholds"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE DELETE OR TRUNCATE ON "collateral_ratios"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE DELETE OR TRUNCATE ON "maintenance_schedules"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE DELETE OR TRUNCATE ON "margin_policies"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();

-- Of a version the columns that the trigger names are set once, from null; a table may lack some of them.
CREATE FUNCTION "set_once"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  "was" jsonb := to_jsonb(OLD);
  "is" jsonb := to_jsonb(NEW);
  "name" text;
BEGIN
  IF "was" - TG_ARGV::text[] <> "is" - TG_ARGV::text[] THEN
    RAISE EXCEPTION '% is append-only: UPDATE is refused.', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
  END IF;
  FOREACH "name" IN ARRAY TG_ARGV LOOP
    IF "was" ->> "name" IS NOT NULL AND "was" -> "name" <> "is" -> "name" THEN
      RAISE EXCEPTION '%.% is set once: it cannot be changed.', TG_TABLE_NAME, "name"
        USING ERRCODE = 'insufficient_privilege';
    END IF;
  END LOOP;
  RETURN NEW;
END $$;
CREATE TRIGGER "set_once" BEFORE UPDATE ON "collateral_ratios" FOR EACH ROW
EXECUTE FUNCTION "set_once"('applied_at', 'cancelled_at', 'cancelled_by', 'cancel_reason');
CREATE TRIGGER "set_once" BEFORE UPDATE ON "maintenance_schedules" FOR EACH ROW
EXECUTE FUNCTION "set_once"('applied_at', 'cancelled_at', 'cancelled_by', 'cancel_reason');
CREATE TRIGGER "set_once" BEFORE UPDATE ON "margin_policies" FOR EACH ROW
EXECUTE FUNCTION "set_once"('applied_at', 'cancelled_at', 'cancelled_by', 'cancel_reason');

-- Of past prices an instant may move back, and a batch become taken. Rows leave where the transaction thins the history.
CREATE FUNCTION "keep_price_history"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF current_setting('plimsoll.thinning', true) IS DISTINCT FROM 'on' THEN
      RAISE EXCEPTION '% is thinned by the leader alone: DELETE is refused.', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
  END IF;
  IF NEW."at" > OLD."at" OR to_jsonb(OLD) - '{at,taken}'::text[] <> to_jsonb(NEW) - '{at,taken}'::text[]
    OR (to_jsonb(OLD) -> 'taken' = 'true' AND to_jsonb(NEW) -> 'taken' = 'false')
  THEN
    RAISE EXCEPTION '% keeps what was published: UPDATE is refused.', TG_TABLE_NAME
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "price_history" BEFORE UPDATE OR DELETE ON "price_rounds"
FOR EACH ROW EXECUTE FUNCTION "keep_price_history"();
CREATE TRIGGER "price_history" BEFORE UPDATE OR DELETE ON "price_changes"
FOR EACH ROW EXECUTE FUNCTION "keep_price_history"();
CREATE TRIGGER "append_only" BEFORE TRUNCATE ON "price_rounds"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "append_only" BEFORE TRUNCATE ON "price_changes"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
