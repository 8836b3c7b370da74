/** Exact decimal strings, shortened for people. `Intl` reads the strings digit by digit: nothing becomes a float. */
const fixed = (digits, roundingMode, style = 'decimal') =>
  new Intl.NumberFormat('en', {
    style,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    roundingMode,
  });

/** Rounded down, so that 80.0% is never shown before the margin call of 80%. */
const percent = fixed(1, 'floor', 'percent');
/** What there is, rounded down; what is required, rounded up. */
const held = fixed(2, 'floor');
const required = fixed(2, 'ceil');
const cents = fixed(2, 'halfEven');
const tenThousandths = fixed(4, 'halfEven');

export const formatRatio = (ratio) => percent.format(ratio);
export const formatHeld = (amount) => held.format(amount);
export const formatRequired = (amount) => required.format(amount);
export const formatPrice = (price) => (price.split('.')[0].length > 1 ? cents : tenThousandths).format(price);

export const STATUS_NAMES = {
  LIQUIDATION: 'Liquidation',
  MARGIN_CALL: 'Margin call',
  WARNING: 'Warning',
  UNPRICED: 'No price',
  HEALTHY: 'Healthy',
  NO_EXPOSURE: 'No exposure',
};

const instant = (options) => new Intl.DateTimeFormat('en-GB', { hourCycle: 'h23', ...options });
const minute = { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' };
const recorded = instant({ day: 'numeric', month: 'short', year: 'numeric', ...minute });
const recordedMinute = instant(minute);
const timeHere = instant({ hour: '2-digit', minute: '2-digit', second: '2-digit' });

export const formatRecorded = (date) => recorded.format(date);
export const formatRecordedMinute = (date) => recordedMinute.format(date);
export const formatTime = (date) => timeHere.format(date);
